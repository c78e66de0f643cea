"""What our webhook door costs beside the SDK's bare dispatcher, for the same encrypted and signed event, in the same run.

Both sides get a Starlette request and give a Starlette response. Our side does everything that the door does before it answers the platform
(size, signature, decryption, token, age, reading the message, duplicates, masking, its row in the store); the work itself is left out on both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from handlers.compose import build
from handlers.lark.app import LarkDoor
from handlers.settings import load_settings
from tests.lark.made import KEY, TOKEN, message, signature
from tests.lark.platform import APP_ID
from tests.lark.quick import encrypt

EVENTS = 100
ROUNDS = 7
LIMIT = 20.0
Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def _ours() -> AsyncIterator[tuple[Handler, Callable[[], Awaitable[None]]]]:
    """Our webhook over a store of its own, and how to wait until what it took is done. What happens after the acknowledgement is left out."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            _env_file=None, store_url=f"sqlite:///{folder}/bench.db", secret_key="k" * 40, practice=True, lark_app_id=APP_ID,
            lark_app_secret="s" * 20, lark_domain="http://127.0.0.1:9", lark_mode="webhook", lark_encrypt_key=KEY,
            lark_verification_token=TOKEN, asks_per_minute=10_000, chat_asks_per_minute=100_000, queue_limit=100_000,
        )  # fmt: skip
        runtime = build(settings, apps=[])
        door = LarkDoor(runtime)

        async def nothing(asking: Any) -> None:
            await door.chat.inbox.done(asking.job)

        door.chat._work = nothing  # type: ignore[method-assign,assignment]
        yield door.door().routes[0][1], door.queue.idle
        await runtime.close()


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


async def _round(
    handler: Handler, requests: list[tuple[dict[str, Any], bytes]], rest: Callable[[], Awaitable[None]] | None = None
) -> float:
    """Seconds of the processor for all of them, delivered at once."""

    async def deliver(scope: dict[str, Any], body: bytes) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        answer = await handler(Request(dict(scope), receive))
        assert answer.status_code == 200

    began = time.process_time()
    await asyncio.gather(*(deliver(scope, body) for scope, body in requests))
    if rest is not None:
        await rest()
    return time.process_time() - began


def measure() -> list[tuple[str, float, float]]:
    """(name, ratio, limit); the best of several rounds in turn, so that a busy machine hurts both alike."""

    async def run() -> tuple[float, float]:
        theirs = _theirs()
        best = [float("inf"), float("inf")]
        async with _ours() as (ours, rest):
            for _ in range(ROUNDS):
                requests = _requests()
                best[0] = min(best[0], await _round(ours, requests, rest))
                best[1] = min(best[1], await _round(theirs, requests))
        return best[0], best[1]

    ours, theirs = asyncio.run(run())
    sys.stderr.write(f"lark webhook: ours {ours / EVENTS * 1e6:.0f} µs, bare dispatcher {theirs / EVENTS * 1e6:.0f} µs an event\n")
    return [("lark question kept and acknowledged / bare lark dispatcher", ours / theirs, LIMIT)]


if __name__ == "__main__":
    print(measure())
