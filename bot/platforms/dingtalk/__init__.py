"""DingTalk: errors of the new API (string codes), of the old one (`errcode`), and of its organisation-wide grants."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("DingTalk", "钉钉")},
    parts=frozenset({"parse", "links", "advice", "oauth", "checks"}),
)
