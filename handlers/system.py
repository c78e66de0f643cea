"""This machine: its clock, its threads, its randomness, its own addresses."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
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


_SPELLED = re.compile(r"[0-9a-fx.]{1,64}")


def is_local(host: str) -> bool:
    """Whether a host name is this machine's loopback, however it is spelled: `localhost.`, `127.1`, `0x7f000001`, `::ffff:127.0.0.1`."""
    name = _canonical(host)
    address = _address(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def leads_here(host: str) -> bool:
    """Whether a connection to that host ends at this machine: loopback, and the unspecified address, which systems take for it."""
    address = _address(_canonical(host))
    return is_local(host) or (address is not None and address.is_unspecified)


def _canonical(host: str) -> str:
    """One spelling: no brackets, no zone, no dot at the end, lower case, wide digits and dots made plain (as resolvers do)."""
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()
    return plain.strip("[]").partition("%")[0].removesuffix(".")


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """The address that a name spells; also the old forms with fewer parts, octal or hexadecimal ones (`inet_aton`)."""
    try:
        address = ip_address(name)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(name)) if _SPELLED.fullmatch(name) else None
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address
