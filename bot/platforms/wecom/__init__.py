"""WeCom (WeChat Work): `errcode` errors."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("WeCom", "企业微信")}
