"""Understanding pastes."""
