"""What a card says."""
