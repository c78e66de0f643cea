"""GitHub: REST and GraphQL refusals, told apart mostly by their wording."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("GitHub", "GitHub")}
