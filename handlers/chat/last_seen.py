"""What has arrived at a chat door lately, kept for `whyforbidden doctor`: platforms tell little about whether events or clicks are on."""

from __future__ import annotations

import asyncio
from datetime import datetime
from time import monotonic

from bot.ports import Clock, Report, Store

_TENANT = "doctor"
_PAUSE = 3600.0


class Seen:
    """Notes at most once an hour a kind, beside the work."""

    def __init__(self, surface: str, store: Store, clock: Clock) -> None:
        self._surface = surface
        self._store = store
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, kind: str) -> None:
        """Something of this kind came."""
        if self._noted.get(kind, -_PAUSE) + _PAUSE > monotonic():
            return
        self._noted[kind] = monotonic()
        task = asyncio.ensure_future(self._keep(kind))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, kind: str) -> None:
        report = Report((_key(self._surface, kind),), self._surface, {}, self._clock.now(), "door", _TENANT)
        await self._store.remember([report])


async def last_seen(store: Store, surface: str, kind: str) -> datetime | None:
    """When something of this kind came last, within an hour's precision; None when it never did (or long ago)."""
    report = await store.recall((_key(surface, kind),), _TENANT)
    return report.seen if report else None


def _key(surface: str, kind: str) -> str:
    return f"door:{surface}:{kind}"
