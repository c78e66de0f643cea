"""This machine: its clock, its threads, its randomness, its own addresses."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TypeVar

T = TypeVar("T")


class SystemClock:
    """The `Timer` port."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    async def until(self, moment: datetime) -> None:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class SystemWorkers:
    """The `Workers` port: threads beside the loop. Heavy work has its own, so that it never takes them all, and none are the store's."""

    def __init__(self, each: int = 2) -> None:
        self._light = ThreadPoolExecutor(each, "light")
        self._heavy = ThreadPoolExecutor(each, "heavy")

    async def run(self, work: Callable[[], T], *, heavy: bool = False) -> T:
        """In a thread, while the loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._heavy if heavy else self._light, work)

    def close(self) -> None:
        """Begin nothing more."""
        for pool in (self._light, self._heavy):
            pool.shutdown(wait=False, cancel_futures=True)


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
