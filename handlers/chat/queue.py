"""Waiting in line, the same at every chat door: in order within a lane, many lanes at once, never more than the limit.

What is in line was acknowledged to the platform already, so a full line says so before anything is taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

AT_ONCE = 32
_REMEMBERED = 5000

Job = Callable[[], Awaitable[None]]

log = structlog.get_logger("whyforbidden.queue")


class Queue:
    """Jobs done one after the other in each lane, urgent ones with turns of their own. A job that fails is logged and gone; the lane goes on."""

    def __init__(self, limit: int, at_once: int = AT_ONCE) -> None:
        self.limit = limit
        self.waiting = 0
        self._lanes: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(at_once)
        self._urgent_turns = asyncio.Semaphore(at_once)

    @property
    def room(self) -> int:
        """How many more may be put in."""
        return max(0, self.limit - self.waiting)

    @property
    def full(self) -> bool:
        """Whether nothing more may be put in."""
        return self.waiting >= self.limit

    def put(self, lane: str, job: Job, *, beyond: bool = False, urgent: bool = False) -> bool:
        """False when the queue is full: then nothing was taken. `beyond`: it was taken already, and counts beyond the limit. `urgent`: somebody waits
        for it, so it never waits for ordinary ones."""
        if self.full and not beyond:
            return False
        self.waiting += 1
        lane = f"!{lane}" if urgent else lane
        if lane in self._lanes:
            self._lanes[lane].append(job)
        else:
            self._lanes[lane] = deque([job])
            self.soon(self._walk(lane, self._urgent_turns if urgent else self._turns))
        return True

    def soon(self, work: Awaitable[None]) -> None:
        """Do something beside the queue."""
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _walk(self, lane: str, turns: asyncio.Semaphore) -> None:
        jobs = self._lanes[lane]
        try:
            while jobs:
                async with turns:
                    job = jobs.popleft()
                    try:
                        await self._guarded(job())
                    finally:
                        self.waiting -= 1
        finally:
            self.waiting -= len(jobs)
            del self._lanes[lane]

    @staticmethod
    async def _guarded(work: Awaitable[None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.error("job_failed", kind=type(error).__name__, exc_info=error)

    async def idle(self) -> None:
        """Until everything in it is done."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self, seconds: float) -> None:
        """Let what was acknowledged finish for a while, then stop."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Pace:
    """How many things somebody did within a minute, in this process."""

    def __init__(self, limit: int, seconds: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}

    def allows(self, who: str) -> bool:
        """Count one more; False when that is too many."""
        now = self._clock()
        times = self._seen.setdefault(who, deque())
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._limit:
            return False
        times.append(now)
        if len(self._seen) > _REMEMBERED:
            self._seen = {key: kept for key, kept in self._seen.items() if kept and kept[-1] > now - self._seconds}
        return True

    def over(self, who: str) -> bool:
        """Whether one more would be too many; it is not counted."""
        times = self._seen.get(who)
        return times is not None and len(times) >= self._limit and times[0] > self._clock() - self._seconds


class Recent:
    """Keys seen lately in this process: repeated deliveries need not even stand in line. The store has the last word."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._keys: dict[str, None] = {}

    def again(self, key: str) -> bool:
        """True when the key was seen before; it is remembered from now on."""
        if key in self._keys:
            return True
        self._keys[key] = None
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]
        return False

    def has(self, key: str) -> bool:
        """Without remembering it."""
        return key in self._keys

    def forget(self, key: str) -> None:
        """What was refused may come again."""
        self._keys.pop(key, None)
