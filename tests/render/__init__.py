"""How a card looks, and the checkers of its forms."""
