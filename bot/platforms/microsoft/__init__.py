"""Microsoft: Entra ID (AADSTS…) and Microsoft Graph errors."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("Microsoft", "微软")},
    parts=frozenset({"parse", "links"}),
)
