"""Requests at a webhook that are not from the platform: counted, told to the doctor, and shut out for a while when one address sends many."""

from __future__ import annotations

import structlog
from starlette.requests import Request

from handlers.chat import metrics
from handlers.chat.last_seen import Seen
from handlers.chat.queue import Pace

MOST_A_MINUTE = 60

log = structlog.get_logger("whyforbidden.gate")


class Forged:
    """Keeps count for one door."""

    def __init__(self, door: str, seen: Seen) -> None:
        self._door = door
        self._seen = seen
        self._pace = Pace(MOST_A_MINUTE)
        self._told = Pace(1)

    def note(self, request: Request, reason: str) -> None:
        """One more. Logged once a minute an address: a flood must not fill the disk."""
        address = _address(request)
        metrics.FORGED.labels(self._door).inc()
        self._seen.note("forged")
        self._pace.allows(address)
        if self._told.allows(address):
            log.warning("request_refused", door=self._door, why=reason, advice="run `whyforbidden doctor`")

    def too_many(self, request: Request) -> bool:
        """Whether this address has sent so many forged ones that it is not listened to for a while. Only looks."""
        return self._pace.over(_address(request))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
