"""What our webhook door costs beside the SDK's bare dispatcher, for the same encrypted and signed event, in the same run.

Both sides get a Starlette request and give a Starlette response. Our side does everything that the door does before it answers the platform
(size, signature, decryption, token, age, reading the message, duplicates, taking it in line); the work itself is left out on both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from handlers.lark.desk import Desk
from handlers.lark.webhook import Gate, route
from tests.lark.made import KEY, TOKEN, message, signature
from tests.lark.platform import APP_ID
from tests.lark.quick import encrypt

EVENTS = 300
ROUNDS = 7
Handler = Callable[[Request], Awaitable[Response]]


class _Nothing:
    """A line that drops what it takes, and a memory that keeps nothing."""

    def put(self, *_: object) -> bool:
        return True

    def note(self, _: str) -> None:
        return None


def _ours() -> Handler:
    settings = SimpleNamespace(queue_limit=200, asks_per_minute=30, listen_channels=())
    runtime: Any = SimpleNamespace(settings=settings, service=None, store=None, clock=None)
    desk = Desk(runtime, SimpleNamespace(app_id=APP_ID), None, _Nothing())  # type: ignore[arg-type]
    desk.line = _Nothing()  # type: ignore[assignment]

    async def clicked(_: object) -> dict[str, Any]:
        return {}

    return route(Gate(KEY, TOKEN, lambda: datetime.now(UTC)), desk.receive, clicked)


def _theirs() -> Handler:
    import lark_oapi
    from lark_oapi.core.model import RawRequest

    dispatcher = lark_oapi.EventDispatcherHandler.builder(KEY, TOKEN).register_p2_im_message_receive_v1(lambda _: None).build()

    async def events(request: Request) -> Response:
        raw = RawRequest()
        raw.uri, raw.body = request.url.path, await request.body()
        raw.headers = {name.title(): value for name, value in request.headers.items()}
        answer = dispatcher.do(raw)
        assert answer.status_code == 200, answer.content
        return Response(answer.content, answer.status_code, media_type="application/json")

    return events


def _requests() -> list[tuple[dict[str, Any], bytes]]:
    made = []
    for _ in range(EVENTS):
        body = json.dumps({"encrypt": encrypt(message())}).encode()
        headers = {**signature(body), "content-type": "application/json", "content-length": str(len(body))}
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/lark/events",
            "query_string": b"",
            "headers": pairs,
            "server": ("t", 80),
            "scheme": "http",
        }
        made.append((scope, body))
    return made


async def _round(handler: Handler, requests: list[tuple[dict[str, Any], bytes]]) -> float:
    """Seconds for all of them."""
    began = time.perf_counter()
    for scope, body in requests:

        async def receive(body: bytes = body) -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        answer = await handler(Request(dict(scope), receive))
        assert answer.status_code == 200
    return time.perf_counter() - began


def measure() -> list[tuple[str, float, float]]:
    """(name, ratio, limit); the best of several rounds in turn, so that a busy machine hurts both alike."""

    async def run() -> tuple[float, float]:
        theirs = _theirs()
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            requests = _requests()
            best[0] = min(best[0], await _round(_ours(), requests))
            best[1] = min(best[1], await _round(theirs, requests))
        return best[0], best[1]

    ours, theirs = asyncio.run(run())
    sys.stderr.write(f"lark webhook: ours {ours / EVENTS * 1e6:.0f} µs, bare dispatcher {theirs / EVENTS * 1e6:.0f} µs an event\n")
    return [("lark webhook door / bare lark dispatcher", ours / theirs, 2.0)]


if __name__ == "__main__":
    print(measure())
