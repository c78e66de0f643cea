"""User authorization as values: the code flow, tokens, and signed hand-offs. No network here; an edge sends."""
