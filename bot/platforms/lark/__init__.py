"""Feishu and Lark (one platform, two brands): Open API errors, consent and document permissions."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("Feishu / Lark", "飞书 / Lark"), "feishu": Text("Feishu", "飞书"), "lark": Text("Lark", "Lark")},
    parts=frozenset({"parse", "links", "advice", "oauth", "checks"}),
)
