"""DingTalk: errors of the new API (string codes), of the old one (`errcode`), and of its organisation-wide grants."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("DingTalk", "钉钉")}
