"""The table of states and events."""
