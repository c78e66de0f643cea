"""Slack: Web API and OAuth errors, which are words instead of numbers."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("Slack", "Slack")}
