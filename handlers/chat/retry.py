"""One way to repeat a call to a chat platform, the same for every door.

Quick repetitions first, within seconds: what failed because of the network, a server error, an answer that is no JSON, or haste (then after the time
that the platform names). What still fails goes back to its box and is tried in rounds that grow further apart; after the last one it is a dead letter.
Whatever is refused for another reason is never repeated.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import stamina

from bot.oauth.messages import PlatformRefusal

T = TypeVar("T")

TRIES, SECONDS = 4, 20.0
LONGEST_WAIT = 30.0  # seconds that somebody waits inside a call; longer waits are rounds of the box
ROUNDS = tuple(timedelta(seconds=pause) for pause in (3, 10, 30, 120, 600, 1800))
"""Pauses before the second and each further round; a job whose rounds are over is a dead letter."""


async def insist(call: Callable[[], Awaitable[T]], *, tries: int = TRIES, seconds: float = SECONDS) -> T:
    """Call until it works or is refused. Raises `PlatformRefusal`, the last one."""
    try:
        return await call()  # almost always; making a retrying context costs more than all else here
    except PlatformRefusal as refusal:
        pause = _worth(refusal)
        if pause is False or tries < 2:
            raise
    await asyncio.sleep(random.uniform(0.2, 0.5) if pause is True else pause)  # noqa: S311 - spreads replicas
    async for attempt in stamina.retry_context(
        on=_worth, attempts=tries - 1, timeout=seconds, wait_initial=0.6, wait_max=5.0, wait_jitter=0.5
    ):
        with attempt:
            return await call()
    raise AssertionError("unreachable: the last try returns or raises")


def _worth(error: Exception) -> bool | float:
    """Whether to repeat, or in how many seconds."""
    if not isinstance(error, PlatformRefusal) or not error.retryable:
        return False
    if error.retry_after is None:
        return True
    return False if error.retry_after > LONGEST_WAIT else error.retry_after + random.uniform(0.0, 0.3)  # noqa: S311 - spreads replicas


def round_after(tries: int, refusal: PlatformRefusal) -> timedelta | None:
    """How long a job rests after its `tries`-th round; None when that was the last."""
    if not refusal.retryable or tries > len(ROUNDS):
        return None
    told = timedelta(seconds=min(refusal.retry_after or 0.0, 3600.0))
    return max(ROUNDS[max(tries, 1) - 1], told) * random.uniform(1.0, 1.3)  # noqa: S311


def lost(code: str, message: str = "") -> PlatformRefusal:
    """No answer, or one that nobody can read: it may have been done."""
    return PlatformRefusal(code, message, blame="platform", retryable=True)


def wait_of(headers: object) -> float | None:
    """The seconds that an answer tells to wait (`Retry-After`, Lark's `x-ogw-ratelimit-reset`), when it tells."""
    get = getattr(headers, "get", None)
    for name in ("x-ogw-ratelimit-reset", "retry-after", "Retry-After"):
        try:
            value = get(name) if get else None
            if value is not None:
                return max(0.0, float(value))
        except (TypeError, ValueError):
            continue
    return None
