"""Google: Cloud and Workspace API refusals, and OAuth errors."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("Google", "Google")}
