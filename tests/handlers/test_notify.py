"""Notifications to apps: signed over the very bytes that arrive, delivered once, tried again, given up after a day, never with a token."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio

from bot.model import App
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.oauth.signing import sign
from handlers.http import HttpClient
from handlers.notify import Notifier, verify
from handlers.store import SqlStore, open_store
from handlers.system import SystemClock, SystemRandomness

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = "a" * 24
APP = App("lark", "cli_1", notify_url="https://app.example/hook", app_key=KEY)
BODY = {"type": "consent.granted", "scopes": ["docs:doc"], "name": '小明 \u2028 😀 "x"'}

Heard = tuple[int, list[tuple[dict[str, str], bytes]]]


@dataclass
class Clock:
    """Stands where it is put."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Server:
    """An app that answers with `statuses` in turn, then 200."""

    statuses: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise PlatformRefusal("timeout", blame="platform", retryable=True)
        return Response(status)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    await opened.close()


def notifier(store: SqlStore, server: Server, clock: Clock, app: App = APP) -> Notifier:
    return Notifier(store, server, clock, SystemRandomness(), [app], quick_tries=1)


@pytest.fixture
def listener() -> Iterator[Heard]:
    """A real HTTP server that writes down headers and raw body."""
    came: list[tuple[dict[str, str], bytes]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1], came
    server.shutdown()
    server.server_close()


async def test_the_signature_holds_over_the_raw_body_as_it_arrives(
    store: SqlStore, listener: tuple[int, list[tuple[dict[str, str], bytes]]]
) -> None:
    """Through the real HTTP client: what was signed and what is sent are the same bytes, whatever characters they hold."""
    port, came = listener
    app = replace(APP, notify_url=f"http://127.0.0.1:{port}/hook", practice=True)
    async with HttpClient(practice=True) as http:
        real = Notifier(store, http, SystemClock(), SystemRandomness(), [app])
        await real.notify(app, "k", BODY)
        assert await real.deliver_due() == 1

    ((headers, body),) = came
    now = datetime.now(UTC)
    assert json.loads(body) == BODY
    assert verify(KEY, headers, body, now)
    assert not verify("b" * 24, headers, body, now)
    assert not verify("", headers, body, now)
    assert not verify(KEY, headers, body + b" ", now)
    assert not verify(KEY, headers, b"\xff", now)
    assert not verify(KEY, headers, body, now + timedelta(minutes=6))
    assert not verify(KEY, headers, body, now - timedelta(minutes=6))
    for name in ("timestamp", "nonce", "signature"):
        assert not verify(KEY, {**headers, f"x-whyforbidden-{name}": "1" * 16}, body, now)
        assert not verify(KEY, {k: v for k, v in headers.items() if k != f"x-whyforbidden-{name}"}, body, now)


async def test_a_repeated_step_notifies_once(store: SqlStore) -> None:
    """The same key before and after delivery sends nothing more."""
    server = Server()
    out = notifier(store, server, Clock())
    await out.notify(APP, "k", BODY)
    await out.notify(APP, "k", BODY)
    assert await out.deliver_due() == 1
    await out.notify(APP, "k", BODY)

    assert await out.deliver_due() == 0
    assert len(server.requests) == 1


async def test_an_app_that_is_down_is_asked_again_more_and_more_slowly(store: SqlStore) -> None:
    """Every attempt has its own nonce and signature, and the same delivery id."""
    server, clock = Server([500, 0, 404]), Clock()
    out = notifier(store, server, clock)
    await out.notify(APP, "k", BODY)
    minutes = [minute for minute in range(10) if await _round(out, server, clock, minute)]

    assert minutes == [0, 1, 3, 7]
    assert len({request.headers["x-whyforbidden-nonce"] for request in server.requests}) == 4
    assert len({request.headers["x-whyforbidden-delivery"] for request in server.requests}) == 1


async def _round(out: Notifier, server: Server, clock: Clock, minute: int) -> bool:
    """Was the app asked in this minute?"""
    clock.at, before = NOW + timedelta(minutes=minute), len(server.requests)
    await out.deliver_due()
    return len(server.requests) > before


async def test_a_notification_is_given_up_after_a_day_or_when_the_app_says_gone(store: SqlStore) -> None:
    """410 ends it at once."""
    server, clock = Server([410]), Clock()
    out = notifier(store, server, clock)
    await out.notify(APP, "gone", BODY)
    await out.deliver_due()
    clock.at += timedelta(hours=2)
    assert await out.deliver_due() == 0
    assert len(server.requests) == 1
    server.statuses = [500] * 99
    await out.notify(APP, "down", BODY)
    await out.deliver_due()
    clock.at = NOW + timedelta(hours=26)
    asked = len(server.requests)

    assert await out.deliver_due() == 0
    assert len(server.requests) == asked
    clock.at = NOW + timedelta(hours=48)
    assert await store.take_notices(clock.at, clock.at) == []


async def test_a_restart_delivers_what_waited(store: SqlStore) -> None:
    """A new process finds the notice in the store, unless its app is not configured any more."""
    clock, server = Clock(), Server([500])
    await notifier(store, server, clock).notify(APP, "k", BODY)
    await notifier(store, server, clock).deliver_due()
    clock.at += timedelta(minutes=2)

    assert await notifier(store, server, clock).deliver_due() == 1
    await notifier(store, server, clock).notify(APP, "k2", BODY)
    assert await notifier(store, server, clock, replace(APP, app_id="other")).deliver_due() == 0
    assert len(server.requests) == 2


async def test_an_app_without_an_address_or_key_is_not_notified(store: SqlStore) -> None:
    """Nothing is kept for it either."""
    server = Server()
    out = notifier(store, server, Clock())
    await out.notify(replace(APP, notify_url=""), "a", BODY)
    await out.notify(replace(APP, app_key=""), "b", BODY)

    assert await out.deliver_due() == 0
    assert server.requests == []


@pytest.mark.parametrize("name", ["access_token", "Refresh_Token", "token", "secret", "ticket"])
async def test_a_secret_in_a_notification_is_a_mistake_of_ours(name: str, store: SqlStore) -> None:
    """It is refused before it is kept, however deep it stands."""
    with pytest.raises(ValueError, match="may not carry"):
        await notifier(store, Server(), Clock()).notify(APP, "k", {"grants": [{"inner": {name: "x"}}]})
    assert await store.take_notices(NOW + timedelta(days=1), NOW + timedelta(days=1)) == []


def test_the_signature_is_the_documented_one() -> None:
    """HMAC-SHA256 over `timestamp.nonce.body`; the expected value was made with the OpenSSL command line."""
    expected = "v1=77b77bc186051f5ce2721bc598e76bb031da7430499c3bb77deb6bacddba3175"

    assert sign("app-key-of-24-characters", "1795262400", "nonce-nonce-nonce", '{"a":1}') == expected
