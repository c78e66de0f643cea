"""Coverage-guided runs against hostile text."""
