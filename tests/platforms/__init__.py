"""What each platform brings."""
