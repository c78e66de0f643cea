"""Feishu and Lark (one platform, two brands): Open API errors, consent and document permissions."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("Feishu / Lark", "飞书 / Lark"), "feishu": Text("Feishu", "飞书"), "lark": Text("Lark", "Lark")}
