"""Kuaishou: the shop platform (Kwaixiaodian) and the general open platform."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {
    "": Text("Kuaishou", "快手"),
    "shop": Text("Kuaishou shop", "快手小店"),
    "general": Text("Kuaishou open platform", "快手开放平台"),
}
