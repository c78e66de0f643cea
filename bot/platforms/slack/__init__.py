"""Slack: Web API and OAuth errors, which are words instead of numbers."""

from bot.model import Text
from bot.platforms.api import Platform

PLATFORM = Platform(
    titles={"": Text("Slack", "Slack")},
    parts=frozenset({"parse", "links", "advice", "oauth", "checks"}),
)
