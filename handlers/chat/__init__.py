"""What every chat door does."""
