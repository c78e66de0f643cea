"""WeCom (WeChat Work): `errcode` errors."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("WeCom", "企业微信")},
    parts=frozenset({"parse", "links"}),
)
