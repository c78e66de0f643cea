"""Connections that are kept up: each is opened anew whenever it ends, at a fresh address, after a pause that grows and is never the same twice.

What is known about each door (up, down and why, since when) is told at `/readyz`, in the metrics and to the doctor.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Literal

import prometheus_client
import structlog

from handlers.store import DoorReport

State = Literal["starting", "up", "down"]

PAUSES = (0.5, 1.0, 2.0, 4.0, 7.0)  # the last one stays: a door is back within ten seconds of its platform
HUMAN = 60.0  # seconds between tries while somebody has to change something (a wrong token)
STABLE_SECONDS = 30.0

log = structlog.get_logger("whyforbidden.doors")

_UP = prometheus_client.Gauge("whyforbidden_door_up", "1 while a chat door hears its platform", ["door"])
_RESTARTS = prometheus_client.Counter("whyforbidden_door_restarts", "Connections of a chat door that ended and were opened anew", ["door"])


class Ended(Exception):  # noqa: N818 (what a connection comes to, no error of ours)
    """A connection ended or could not be opened. `human`: trying again will not help until somebody changes something."""

    def __init__(self, reason: str, *, human: bool = False, again_in: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason[:200]
        self.human = human
        self.again_in = again_in


@dataclass(slots=True)
class Status:
    """What is known about one door. `since` is a monotonic time in seconds."""

    state: State = "starting"
    reason: str = ""
    since: float = field(default_factory=monotonic)
    restarts: int = 0


class Watch:
    """The doors of this process."""

    def __init__(self) -> None:
        self._doors: dict[str, Status] = {}

    def up(self, door: str) -> None:
        """It hears its platform."""
        self._set(door, "up", "")

    def down(self, door: str, reason: str) -> None:
        """It does not, and why."""
        self._doors.setdefault(door, Status()).restarts += 1
        _RESTARTS.labels(door).inc()
        self._set(door, "down", reason)

    def starting(self, door: str) -> None:
        """It is configured and not there yet."""
        self._set(door, "starting", "")

    def _set(self, door: str, state: State, reason: str) -> None:
        known = self._doors.setdefault(door, Status())
        if known.state != state:
            known.since = monotonic()
        known.state, known.reason = state, reason
        _UP.labels(door).set(state == "up")

    @property
    def doors(self) -> Mapping[str, Status]:
        """Door → what is known about it."""
        return self._doors

    def reports(self, process: str, now: datetime) -> list[DoorReport]:
        """What the store keeps of it."""
        at = monotonic()
        return [
            DoorReport(door, process, one.state, one.reason, now - timedelta(seconds=at - one.since), now)
            for door, one in self._doors.items()
        ]

    def told(self) -> Mapping[str, Mapping[str, object]]:
        """What `/readyz` tells."""
        at = monotonic()
        return {
            door: {"state": one.state, "why": one.reason, "seconds": round(at - one.since), "restarts": one.restarts}
            for door, one in self._doors.items()
        }

    @property
    def all_up(self) -> bool:
        """Whether every door hears its platform."""
        return all(one.state == "up" for one in self._doors.values())


async def keep_up(door: str, watch: Watch, connect: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
    """Until cancelled: connect, again and again. `connect` calls what it is given once the connection stands, and returns or raises at its end."""
    failures = 0
    watch.starting(door)
    while True:
        began = monotonic()
        try:
            await connect(lambda: watch.up(door))
            ended = Ended("the connection ended")
        except Ended as end:
            ended = end
        except Exception as error:
            log.error("door_broke", door=door, kind=type(error).__name__, exc_info=error)
            ended = Ended(type(error).__name__)
        failures = 0 if monotonic() - began > STABLE_SECONDS else failures + 1
        pause = pause_after(failures, ended)
        watch.down(door, ended.reason)
        advice = "run `whyforbidden doctor`" if ended.human else ""
        log.warning("not_connected", door=door, why=ended.reason, again_in_seconds=round(pause, 1), advice=advice)
        await asyncio.sleep(pause)


def pause_after(failures: int, ended: Ended) -> float:
    """Seconds until the next try."""
    pause = HUMAN if ended.human else PAUSES[min(max(failures, 1), len(PAUSES)) - 1]
    return max(pause * random.uniform(0.6, 1.2), ended.again_in or 0.0)  # noqa: S311 - so that replicas do not come all at once
