"""Eight processes, one store: each event, lease, flow version and refresh token is used once. On SQLite and on PostgreSQL.

The processes also start together on an empty store, so the migration is raced as well.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from bot.model import App, Person
from bot.oauth.messages import Token
from bot.oauth.tokens import seal
from handlers.http import HttpClient
from handlers.notify import Notice
from handlers.store import SqlStore, open_store
from handlers.system import SystemClock, SystemRandomness
from handlers.tokens import Broker, NoToken
from handlers.vault import FernetVault
from tests.peers import postgres_database

pytestmark = pytest.mark.chaos
PROCESSES = 8
ROUNDS = 12
KEY = "a key of more than thirty-two characters"
PEOPLE = [f"ou_{n}" for n in range(4)]


def feishu(port: int) -> App:
    return App("lark", "cli_1", brand="feishu", secret="s", hosts={"open": f"http://127.0.0.1:{port}"}, practice=True)


async def contest(store: SqlStore, me: str, barrier: Barrier) -> list[str]:
    """Try to win everything; returns what this process won."""
    won: list[str] = []
    now = datetime.now(UTC)
    for n in range(ROUNDS):
        # All at once: the barrier is what makes this a race.
        await asyncio.to_thread(barrier.wait, 60)
        won += [notice.key for notice in await store.take_notices(now, now + timedelta(minutes=10), limit=1)]
        if await store.claim(f"event{n}", now, 600):
            won.append(f"event{n}")
        if await store.lease(f"lease{n}", me, now + timedelta(minutes=10), now):
            won.append(f"lease{n}")
        if await store.save_flow(f"flow{n}", {"state": "started", "by": me}, state="started", version=0):
            won.append(f"flow{n}")
        if await store.bind_account(Person("slack", "T", f"U{n}"), "lark", me):
            won.append(f"account{n}")
        # Everybody offers to the same owner: in the end exactly one offer may be alive.
        await store.put_flow(f"offer{n}-{me}", {"state": "offered"}, state="offered", owner=f"owner{n}", supersede=True)
    return won


async def fetch(store: SqlStore, port: int) -> list[str]:
    """Ask the broker for every person's token, three times each at once."""
    http = HttpClient(practice=True)
    broker = Broker(store, http, FernetVault([KEY]), SystemClock(), SystemRandomness())

    async def one(subject: str) -> str:
        try:
            return (await broker.hand_out(feishu(port), subject)).access_token
        except NoToken as no:
            return f"{subject}: {no}"

    try:
        return list(await asyncio.gather(*(one(subject) for subject in PEOPLE for _ in range(3))))
    finally:
        await http.close()


def process(url: str, me: str, port: int, barrier: Barrier, results: Any) -> None:
    """One of the eight."""

    async def run() -> tuple[list[str], list[str]]:
        await asyncio.to_thread(barrier.wait, 60)
        store = open_store(url)
        await asyncio.to_thread(barrier.wait, 60)
        if me == "p0":
            await prepare(store)
        won = await contest(store, me, barrier)
        await asyncio.to_thread(barrier.wait, 60)
        tokens = await fetch(store, port)
        await store.close()
        return won, tokens

    try:
        results.put((me, *asyncio.run(run())))
    except BaseException as error:  # the parent has to hear of it, whatever it is
        barrier.abort()
        results.put((me, [f"failed: {error!r}"], []))


async def prepare(store: SqlStore) -> None:
    """Lay out what is raced for (the others wait at the first round's barrier)."""
    now = datetime.now(UTC)
    for n in range(ROUNDS):
        await store.put_flow(f"flow{n}", {"state": "offered"}, state="offered", owner=f"someone{n}", supersede=True)
        await store.put_notice(Notice(f"notice{n}", "lark", "cli_1", "{}", now))
    vault, then = FernetVault([KEY]), now - timedelta(hours=3)
    for subject in PEOPLE:
        token = Token("old", frozenset({"x"}), 7200, f"{subject}-r0", 604_800)
        await store.put_token(seal(vault, feishu(0), token, subject=subject, now=then))


class Endpoint(BaseHTTPRequestHandler):
    """A token endpoint where a refresh token works once, as Feishu documents it; it counts what it is asked."""

    seen: Counter[str]
    lock: threading.Lock

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        token = body["refresh_token"]
        with self.lock:
            self.seen[token] += 1
            first = self.seen[token] == 1
        subject = token.rsplit("-", 1)[0]
        answer: dict[str, object] = {"code": 20073, "error": "invalid_grant"}
        if first:
            answer = {"code": 0, "access_token": f"{subject}-a1", "refresh_token": f"{subject}-r1", "expires_in": 7200}
        raw = json.dumps(answer).encode()
        self.send_response(200 if first else 400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[tuple[int, Counter[str]]]:
    handler = type("Counted", (Endpoint,), {"seen": Counter(), "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_address[1], handler.seen  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_processes_use_everything_once(kind: str, tmp_path: Path, endpoint: tuple[int, Counter[str]]) -> None:
    """Nothing is won twice, nothing by nobody; every caller gets the one refreshed token."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else postgres_database("race")
    port, asked = endpoint
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warm", __name__])
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    runners = [context.Process(target=process, args=(url, f"p{n}", port, barrier, results)) for n in range(PROCESSES)]
    for runner in runners:
        runner.start()
    came = [results.get(timeout=90) for _ in runners]
    for runner in runners:
        runner.join(10)

    won = Counter(prize for _, prizes, _ in came for prize in prizes)
    prizes = ("event", "lease", "flow", "account", "notice")
    assert won == Counter(f"{prize}{n}" for prize in prizes for n in range(ROUNDS))
    tokens = Counter(token for _, _, tokens in came for token in tokens)
    assert tokens == Counter({f"{subject}-a1": 3 * PROCESSES for subject in PEOPLE})
    assert asked == Counter(f"{subject}-r0" for subject in PEOPLE)
    assert asyncio.run(alive(url)) == ROUNDS + ROUNDS


async def alive(url: str) -> int:
    """How many flows are still waiting: each raced one that was started, and one offer for each owner."""
    store = open_store(url)
    waiting = await store.flows_in(["offered", "started"])
    await store.close()
    return len(waiting)
