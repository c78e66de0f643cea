"""Schema history (Alembic), shipped in the wheel and applied at start."""
