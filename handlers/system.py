"""This machine: its clock, its randomness, its own addresses."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from ipaddress import ip_address


class SystemClock:
    """The `Timer` port."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    async def until(self, moment: datetime) -> None:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class SystemRandomness:
    """The `Randomness` port."""

    def token(self) -> str:
        """384 random bits: 64 characters of the URL-safe alphabet, which fits a PKCE verifier as well."""
        return secrets.token_urlsafe(48)


def is_local(host: str) -> bool:
    """Whether a host name is this machine itself: `localhost` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
