"""Google: Cloud and Workspace API refusals, and OAuth errors."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("Google", "Google")},
    parts=frozenset({"parse", "links"}),
)
