"""Signed notifications to apps: what became of a consent. Kept in the store until delivered or a day old; never with a token inside.

    POST <notify_url>
    Content-Type: application/json
    X-Whyforbidden-Timestamp: 1795226400            seconds since 1970
    X-Whyforbidden-Nonce: …                         once per attempt
    X-Whyforbidden-Delivery: …                      the same for every attempt of one notification: deliver once
    X-Whyforbidden-Signature: v1=<hex HMAC-SHA256 of "timestamp.nonce.body", keyed with the app's app_key>

The app recomputes the signature over the raw body, compares in constant time (`verify` does both), refuses timestamps older than five
minutes, and answers 2xx. Anything else is tried again, more and more slowly. 410 Gone ends it at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import stamina
import structlog

from bot.model import App
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.oauth.signing import WINDOW, canonical, sign
from bot.ports import Clock, Http, Randomness

GIVE_UP = timedelta(hours=24)
_HOLD = timedelta(minutes=2)  # longer than all quick attempts at one notice take together
_FORBIDDEN = frozenset({"access_token", "refresh_token", "token", "secret", "app_secret", "verifier", "cookie", "ticket", "authorization"})

log = structlog.get_logger("whyforbidden.notify")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification that is not delivered yet. `body` is the JSON text that gets signed; `tries` counts rounds."""

    key: str
    platform: str
    app_id: str
    body: str = field(repr=False)
    created: datetime
    tries: int = 0


class Outbox(Protocol):
    """What is needed from the store."""

    async def put_notice(self, notice: Notice) -> bool: ...
    async def take_notices(self, now: datetime, until: datetime, limit: int = 20) -> Sequence[Notice]: ...
    async def notice_done(self, key: str) -> None: ...
    async def notice_later(self, key: str, due: datetime) -> None: ...


class Later(Exception):  # noqa: N818 (no error: the app is asked again)
    """The app did not take it this time."""


class Notifier:
    """Keeps notifications and delivers them. Any number of processes may deliver from one store: each notice is held by one at a time."""

    def __init__(self, outbox: Outbox, http: Http, clock: Clock, random: Randomness, apps: Sequence[App], *, quick_tries: int = 3) -> None:
        self._outbox = outbox
        self._http = http
        self._clock = clock
        self._random = random
        self._apps = {(app.platform, app.app_id): app for app in apps}
        self._quick_tries = quick_tries

    async def notify(self, app: App, key: str, body: Mapping[str, Any]) -> None:
        """Keep `body` for delivery; nothing when the app has no `notify_url`. The same `key` again changes nothing.

        Raises `ValueError` when a token or another secret stands in the body: that would be a mistake of ours.
        """
        if not (app.notify_url and app.app_key):
            return
        _no_secrets(body)
        await self._outbox.put_notice(Notice(key, app.platform, app.app_id, canonical(body), self._clock.now()))

    async def deliver_due(self) -> int:
        """One round over what is due; returns how many notices were delivered."""
        now = self._clock.now()
        notices = await self._outbox.take_notices(now, now + _HOLD)
        return sum(await asyncio.gather(*(self._deliver(notice) for notice in notices)))

    async def _deliver(self, notice: Notice) -> bool:
        app = self._apps.get((notice.platform, notice.app_id))
        if app is None or not app.notify_url or self._clock.now() - notice.created >= GIVE_UP:
            log.warning(
                "notice_given_up", app=notice.app_id, tries=notice.tries, why="too old" if app else "the app is not configured any more"
            )
            await self._outbox.notice_done(notice.key)
            return False
        try:
            async for attempt in stamina.retry_context(on=Later, attempts=self._quick_tries, timeout=20.0, wait_initial=0.2, wait_max=2.0):
                with attempt:
                    await self._post(app, notice)
        except Later as later:
            wait = min(timedelta(minutes=1) * 2 ** min(notice.tries - 1, 6), timedelta(hours=1))
            log.info("notice_later", app=notice.app_id, tries=notice.tries, why=str(later), seconds=wait.total_seconds())
            await self._outbox.notice_later(notice.key, self._clock.now() + wait)
            return False
        await self._outbox.notice_done(notice.key)
        return True

    async def _post(self, app: App, notice: Notice) -> None:
        body = notice.body
        timestamp, nonce = str(int(self._clock.now().timestamp())), self._random.token()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "x-whyforbidden-timestamp": timestamp,
            "x-whyforbidden-nonce": nonce,
            "x-whyforbidden-delivery": hashlib.sha256(notice.key.encode()).hexdigest()[:32],
            "x-whyforbidden-signature": sign(app.app_key, timestamp, nonce, body),
        }
        try:
            response: Response = await self._http.send(Request("POST", app.notify_url, headers=headers, json=json.loads(body)))
        except PlatformRefusal as refusal:
            raise Later(refusal.code) from None
        if response.status != 410 and not 200 <= response.status < 300:
            raise Later(f"HTTP {response.status}")


def verify(key: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Did the holder of `key` send this within the last five minutes? `headers` in lower case, `body` as it came.

    Also right for the signed answers of apps in handoff mode; whoever calls it has to refuse a nonce that was seen before.
    """
    timestamp, nonce = headers.get("x-whyforbidden-timestamp", ""), headers.get("x-whyforbidden-nonce", "")
    given = headers.get("x-whyforbidden-signature", "")
    if not key or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or len(nonce) < 16:
        return False
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return hmac.compare_digest(given.encode(), sign(key, timestamp, nonce, text).encode())


def _no_secrets(value: Any) -> None:
    if isinstance(value, Mapping):
        if wrong := _FORBIDDEN.intersection(str(name).lower() for name in value):
            raise ValueError(f"a notification may not carry {', '.join(sorted(wrong))}")
        for inner in value.values():
            _no_secrets(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _no_secrets(inner)
