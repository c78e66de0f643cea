"""What is known about codes and scopes."""
