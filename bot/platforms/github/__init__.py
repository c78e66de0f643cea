"""GitHub: REST and GraphQL refusals, told apart mostly by their wording."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("GitHub", "GitHub")},
    parts=frozenset({"parse", "links"}),
)
