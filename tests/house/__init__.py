"""The house itself: rooms and walls, sizes, and the page that says where things go."""
