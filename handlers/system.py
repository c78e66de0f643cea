"""The machine's own clock and randomness."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` port."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)


class SystemRandomness:
    """The `Randomness` port."""

    def token(self) -> str:
        """384 random bits: 64 characters of the URL-safe alphabet, which fits a PKCE verifier as well."""
        return secrets.token_urlsafe(48)
