"""The rows behind a door: an event is kept before it is acknowledged, and whoever is alive answers it.

A process holds the rows it works on by a lease that it prolongs while it lives. When it stops in good order it hands them back; when it is killed, the
lease runs out and another process (or the next one) takes them. Without a store, events are answered from memory, once, as long as this process lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from bot.oauth.messages import PlatformRefusal
from bot.ports import Clock
from handlers.chat.job import Job
from handlers.chat.retry import round_after
from handlers.store import Mailbox, StoreError

LEASE = timedelta(seconds=12)
RENEW_SECONDS = 3.0
LOOK_SECONDS = 1.0

log = structlog.get_logger("whyforbidden.inbox")


class Inbox:
    """One door's part of the inbox, for one process (`holder`)."""

    def __init__(self, door: str, box: Mailbox, clock: Clock, holder: str) -> None:
        self._door = door
        self._box = box
        self._clock = clock
        self._holder = holder
        self._held: set[str] = set()
        self._unclosed: dict[str, Callable[[], Awaitable[Any]]] = {}

    async def keep(self, kind: str, key: str, lane: str, body: dict[str, Any]) -> Job | None:
        """A new row, held by us; None when the event is known. Raises `StoreError`."""
        now = self._clock.now()
        job = Job(f"{self._door}:{key}", self._door, kind, lane, body, now)
        if not await self._box.put(job, holder=self._holder, until=now + LEASE):
            return None
        self._held.add(job.id)
        return job

    async def left(self, limit: int) -> Sequence[Job]:
        """Rows that nobody holds any more; ours from now on. Raises `StoreError`."""
        now = self._clock.now()
        jobs = await self._box.take([self._door], self._holder, now, now + LEASE, limit)
        self._held.update(job.id for job in jobs)
        return jobs

    async def renew(self) -> None:
        """Hold on to what is being worked on, and close what could not be closed before. Raises `StoreError`."""
        for job_id, closing in list(self._unclosed.items()):
            await closing()
            del self._unclosed[job_id]
        if self._held:
            await self._box.renew(self._holder, self._clock.now() + LEASE)

    async def still_ours(self, job: Job) -> bool:
        """False when this process stood still so long that somebody else answers. An unreachable store takes nothing away."""
        try:
            return await self._box.holds(job.id, self._holder, self._clock.now())
        except StoreError:
            return True

    async def done(self, job: Job) -> None:
        """Answered. A row that cannot be closed now is looked at again later, and found answered."""
        await self._close(job, lambda: self._box.done(job, self._holder, self._clock.now()))

    async def failed(self, job: Job, refusal: PlatformRefusal) -> bool:
        """It did not work: in a while again, else dead. True when it is given up."""
        pause = round_after(job.tries, refusal)
        if pause is None:
            log.error("given_up", door=self._door, kind=job.kind, tries=job.tries, why=refusal.code, advice="whyforbidden doctor --dead")
            await self.bury(job, refusal.code)
            return True
        log.warning(
            "tried_again_later", door=self._door, kind=job.kind, tries=job.tries, why=refusal.code, seconds=round(pause.total_seconds())
        )
        due, code = self._clock.now() + pause, refusal.code
        await self._close(job, lambda: self._box.later(job, self._holder, due, code))
        return False

    async def bury(self, job: Job, reason: str) -> None:
        """A dead letter."""
        await self._close(job, lambda: self._box.dead(job, self._holder, self._clock.now(), reason))

    async def recall(self, key: str) -> None:
        """The question was taken back by its author."""
        try:
            await self._box.drop(f"{self._door}:{key}", self._clock.now())
        except StoreError as error:
            log.warning("not_recalled", why=str(error))

    async def release(self) -> int:
        """Hand back what is held; how much that was."""
        self._held.clear()
        try:
            return await self._box.release(self._holder, self._clock.now())
        except StoreError as error:
            log.warning("not_handed_back", why=str(error))
            return 0

    async def _close(self, job: Job, closing: Callable[[], Awaitable[Any]]) -> None:
        if job.kept:
            try:
                await asyncio.shield(asyncio.ensure_future(closing()))
            except StoreError as error:
                log.warning("row_left_open", door=self._door, why=str(error))
                self._unclosed[job.id] = closing
            self._held.discard(job.id)


def unkept(door: str, kind: str, key: str, lane: str, clock: Clock) -> Job:
    """A job of which there is no row: the store did not answer."""
    return Job(f"{door}:{key}", door, kind, lane, {}, clock.now(), kept=False)
