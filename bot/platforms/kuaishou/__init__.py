"""Kuaishou: the shop platform (Kwaixiaodian) and the general open platform."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={
        "": Text("Kuaishou", "快手"),
        "shop": Text("Kuaishou shop", "快手小店"),
        "general": Text("Kuaishou open platform", "快手开放平台"),
    },
    parts=frozenset({"parse", "links", "advice", "oauth", "checks"}),
)
