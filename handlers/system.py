"""This machine: its clock, its threads, its randomness, its own addresses."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, cast

from bot.ports import WorkGivenUpError
from handlers import team_catalog

T = TypeVar("T")

LONGEST = 120.0
"""Seconds after which heavy work is given up. The largest text that is allowed takes a fourth of that on a slow machine."""

_NICE = 5  # so that short questions go first where processors are few


class SystemClock:
    """The `Timer` port."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    async def until(self, moment: datetime) -> None:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class SystemWorkers:
    """The `Workers` port: threads beside the loop for what is light; what is heavy gets a process of its own, of which few run at once.

    A thread would not do: Python runs one thread at a time, so that a log of megabytes would halve everybody else's speed for seconds.
    """

    def __init__(self, each: int = 2, longest: float = LONGEST) -> None:
        self._light = ThreadPoolExecutor(each, "light")
        self._heavy = ThreadPoolExecutor(each, "heavy")  # each waits for its process
        self._longest = longest

    async def run(self, work: Callable[[], T], *, heavy: bool = False) -> T:
        """In a thread or a process, while the loop goes on. Heavy work and its result have to be values that can be pickled."""
        if heavy:
            work = partial(_apart, work, self._longest)
        return await asyncio.get_running_loop().run_in_executor(self._heavy if heavy else self._light, work)

    def close(self) -> None:
        """Begin nothing more."""
        for pool in (self._light, self._heavy):
            pool.shutdown(wait=False, cancel_futures=True)


def _apart(work: Callable[[], T], longest: float) -> T:
    """Do the work in a new process. A fresh interpreter, because a fork would copy locks that other threads hold."""
    context = get_context("spawn")
    answers, answering = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, answering, team_catalog.used()), daemon=True)
    process.start()
    answering.close()  # ours; so that the end of the process ends the waiting
    try:
        if not answers.poll(longest):
            raise WorkGivenUpError(f"not done after {longest:.0f} s")
        fine, result = answers.recv()
    except EOFError:
        raise WorkGivenUpError("its process ended") from None
    finally:
        process.kill()
        process.join()
        answers.close()
    if fine:
        return cast("T", result)
    raise result


def _child(work: Callable[[], Any], answering: Connection, own_codes: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who ends us is our parent
    with suppress(OSError):
        os.nice(_NICE)
    try:
        if own_codes is not None:
            team_catalog.use(own_codes)
        answer = (True, work())
    except Exception as error:  # noqa: BLE001 (whatever it was, it is raised for the one who asked)
        answer = (False, error)
    with suppress(BrokenPipeError):
        answering.send(answer)


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
