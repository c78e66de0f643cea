"""What has arrived at the door lately, kept for `whyforbidden doctor`: Slack's API does not tell whether events or clicks are switched on."""

from __future__ import annotations

import asyncio
from datetime import datetime
from time import monotonic

from bot.ports import Clock, Report, Store

KINDS = ("event", "command", "click", "shortcut")
_TENANT = "doctor"
_PAUSE = 3600.0


class Seen:
    """Notes at most once an hour a kind, beside the work."""

    def __init__(self, store: Store, clock: Clock) -> None:
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
        await self._store.remember([Report(_key(kind), "slack", {}, self._clock.now(), "door", _TENANT)])


async def last_seen(store: Store, kind: str) -> datetime | None:
    """When something of this kind came last, within an hour's precision; None when it never did (or long ago)."""
    report = await store.recall(_key(kind), _TENANT)
    return report.seen if report else None


def _key(kind: str) -> str:
    return f"door:slack:{kind}"
