"""The web door takes no more than the chat doors do: questions, queue, bodies, streams and slow senders have limits, each with its sentence."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from handlers.settings import load_settings
from handlers.web.addresses import Hosts
from handlers.web.connection import HEADER_BYTES, PatientProtocol
from handlers.web.guard import Bounds, Guard
from handlers.web.limits import PEOPLE_AN_ADDRESS, STREAMS, STREAMS_A_VISITOR, Limits, TooMuch
from tests.security.conftest import Surfer, newcomer
from tests.web.conftest import KEY, Site, served


def limits(**settings: object) -> Limits:
    return Limits(load_settings(**settings))


def test_hole_08_questions_a_minute(tmp_path: Path) -> None:
    """The visitor's third question within a minute is told to wait; others go on."""
    with served(tmp_path, asks_per_minute=2) as site:
        one, other = newcomer(site), newcomer(site)
        answers = [one.send("POST", "/chat/messages", files={"text": (None, "99991679")}) for _ in range(3)]
        theirs = other.send("POST", "/chat/messages", files={"text": (None, "99991679")})

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"].startswith("More than 2 questions in a minute")
    assert answers[2].headers["retry-after"] == "60"
    assert theirs.status_code == 200


def test_hole_08_questions_a_minute_of_one_address() -> None:
    """Throwing the cookie away does not help: the address has a limit too, and so have new visitors."""
    some = limits(asks_per_minute=2)
    for number in range(2 * PEOPLE_AN_ADDRESS):
        some.asked(f"v{number}", "192.0.2.1")
        some.arrived("192.0.2.1")
    for once_more in (lambda: some.asked("new", "192.0.2.1"), lambda: some.arrived("192.0.2.1")):
        with pytest.raises(TooMuch) as refused:
            once_more()
        assert refused.value.status == 429
    some.asked("new", "192.0.2.2")


def test_hole_08_new_visitors_cost_no_row_beyond_the_limit(tmp_path: Path) -> None:
    """A robot that opens the page without cookies fills no store."""
    with served(tmp_path, asks_per_minute=1) as site:
        answers = [Surfer(site).send("GET", "/", headers={"Accept": "text/html"}) for _ in range(PEOPLE_AN_ADDRESS + 2)]

    assert [answer.status_code for answer in answers] == [200] * PEOPLE_AN_ADDRESS + [429] * 2
    assert "set-cookie" not in answers[-1].headers
    assert "too many new visitors" in answers[-1].text.lower()


def test_hole_08_the_queue() -> None:
    """What waits is counted, and the one too many is told so; afterwards there is room again."""
    some = limits(queue_limit=2)
    with some.in_line(), some.in_line():
        with pytest.raises(TooMuch) as refused, some.in_line():
            pass
        assert refused.value.status == 503
        assert "2 questions wait" in refused.value.sentence.en
    with some.in_line():
        pass


def test_hole_08_the_queue_over_http(tmp_path: Path) -> None:
    """While one question is answered and the line is one long, the next one is told, at the page and at the API."""
    with served(tmp_path, queue_limit=1) as site:
        surfer, begun, go_on = newcomer(site), threading.Event(), threading.Event()
        command = type(site.runtime.service).command

        async def slow(self: object, *args: object) -> object:
            begun.set()
            await asyncio.to_thread(go_on.wait, 20)
            return await command(self, *args)  # type: ignore[arg-type]

        with patch.object(type(site.runtime.service), "command", slow):
            first: list[httpx.Response] = []
            thread = threading.Thread(
                target=lambda: first.append(surfer.send("POST", "/chat/messages", files={"text": (None, "99991679")}))
            )
            thread.start()
            assert begun.wait(10)
            second = surfer.send("POST", "/chat/messages", files={"text": (None, "99991679")})
            third = surfer.send("POST", "/v1/explain", json={"text": "99991679"}, headers={"Authorization": f"Bearer {KEY}"})
            go_on.set()
            thread.join(20)

    assert [first[0].status_code, second.status_code, third.status_code] == [200, 503, 503]
    assert "questions wait already" in second.json()["error"]
    assert third.json()["error"] == second.json()["error"]


def test_hole_08_streams(site: Site) -> None:
    """One chat may be open in a few windows; one more is told so."""
    some = limits()
    some.may_listen(STREAMS_A_VISITOR - 1, STREAMS - 1)
    for mine, everybodys in ((STREAMS_A_VISITOR, STREAMS_A_VISITOR), (0, STREAMS)):
        with pytest.raises(TooMuch):
            some.may_listen(mine, everybodys)
    surfer = newcomer(site)
    cookie = {"Cookie": f"__Host-wf-session={surfer.session}"}
    open_ones = []
    try:
        for _ in range(STREAMS_A_VISITOR):
            client = httpx.Client(trust_env=False, timeout=20)
            stream = client.stream("GET", site.url + "/chat/events", headers=cookie)
            answer = stream.__enter__()
            lines = answer.iter_lines()
            open_ones.append((client, stream, lines))  # a forgotten iterator closes its stream
            assert answer.status_code == 200
            assert next(lines) == "retry: 2000"
        one_more = httpx.get(site.url + "/chat/events", headers=cookie, trust_env=False)
        assert one_more.status_code == 429
        assert "too many windows" in one_more.json()["error"]
    finally:
        for client, stream, _ in open_ones:
            stream.__exit__(None, None, None)
            client.close()


# ---------------------------------------------------------------- slow senders


def said(site: Site, first: bytes) -> tuple[bytes, float]:
    """What comes back when these bytes are sent and nothing more, and after how many seconds."""
    host, port = site.url.removeprefix("http://").split(":")
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        wire.sendall(first)
        got = b""
        # A refusal that leaves bytes of ours unread ends with a reset; what was said before it stands.
        with suppress(ConnectionResetError):
            while chunk := wire.recv(65536):
                got += chunk
    return got, time.monotonic() - begun


def test_hole_08_a_head_that_does_not_come(site: Site) -> None:
    """Half a head holds a connection for seconds only; a connection that asks nothing is closed."""
    with patch.object(PatientProtocol, "seconds", 0.5):
        got, seconds = said(site, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        nothing, _ = said(site, b"")

    assert got.startswith(b"HTTP/1.1 408 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2]) == {"error": "The request came too slowly. Send it again."}
    assert b"x-content-type-options: nosniff" in got
    assert seconds < 5
    assert nothing == b""


def test_hole_08_a_head_without_end(site: Site) -> None:
    """More headers than anybody needs are not kept."""
    got, _ = said(site, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Big: " + b"x" * HEADER_BYTES)

    assert got.startswith(b"HTTP/1.1 431 ")


def test_hole_08_too_many_connections(site: Site) -> None:
    """The one too many is told so, instead of using up the process's files."""
    with patch.object(PatientProtocol, "most_connections", 0):
        got, _ = said(site, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 503 ")
    assert b"too many connections" in got


@pytest.mark.parametrize("pace", ["stops", "drips"])
async def test_hole_08_a_body_that_does_not_come(pace: str) -> None:
    """A body that stops, and one that drips for ever, end with 408 and a sentence, whatever the reader makes of it."""
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60 if pace == "stops" else 0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def reader(scope: object, receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass

    guard = Guard(reader, Hosts("http://127.0.0.1:8080"), Bounds(1_000_000, pause=0.1, whole=0.3))  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "path": "/v1/explain", "raw_path": b"/v1/explain", "query_string": b"",
             "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1)}  # fmt: skip
    await asyncio.wait_for(guard(scope, receive, send), 5)  # type: ignore[arg-type]

    assert sent[0]["status"] == 408
    assert b"too slowly" in bytes(sent[1]["body"])  # type: ignore[arg-type]


async def test_hole_08_a_body_beyond_the_limit() -> None:
    """Told beforehand or not: 413, the limit is named, and no more than the limit was read."""
    read = 0

    async def receive() -> dict[str, object]:
        nonlocal read
        read += 100_000
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def reader(scope: object, receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass

    guard = Guard(reader, Hosts("http://127.0.0.1:8080"), Bounds(1_000_000))  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"",
             "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1)}  # fmt: skip
    await guard(scope, receive, send)  # type: ignore[arg-type]

    assert sent[0]["status"] == 413
    assert b"1 MB" in bytes(sent[1]["body"])  # type: ignore[arg-type]
    assert read <= 1_100_000
