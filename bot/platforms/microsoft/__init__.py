"""Microsoft: Entra ID (AADSTS…) and Microsoft Graph errors."""

from bot.model import Text

# Brand → what people call it; "" when the brand is not known.
TITLES = {"": Text("Microsoft", "微软")}
