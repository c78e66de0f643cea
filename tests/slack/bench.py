"""What the Slack door costs beside a bare Bolt app that only acknowledges, in one process, for the same signed events.

The bare app is called without any server around it, and acknowledges in an eighth of a millisecond. Two figures: taking a question up (signature, limits, masking, its row in the store before the acknowledgement), and the whole answer until it is
posted and noted (the same, and reading, diagnosing, drawing, the card's rows). Slack's API is a function that says yes. Processor time is compared, so
that a busy machine changes nothing; both sides take turns.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import Response

from handlers.compose import build
from handlers.settings import load_settings
from handlers.slack.app import SlackDoor
from tests.slack.server import BOT_TOKEN, SECRET
from tests.slack.world import ERROR, said

TAKEN_LIMIT, ANSWERED_LIMIT = 16.0, 110.0
ROUNDS, EACH = 9, 40

Door = Callable[[Request], Awaitable[Response]]
_numbers = itertools.count(1)


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio of our processor time to a bare Bolt app's, limit)."""
    return asyncio.run(_measure())


async def _measure() -> list[tuple[str, float, float]]:
    with tempfile.TemporaryDirectory() as folder:
        runtime = build(_settings(Path(folder)), apps=[])
        door = SlackDoor(runtime)
        door.client.api_call = _yes  # type: ignore[method-assign,assignment]
        bare = AsyncSlackRequestHandler(_bare()).handle
        work = door.chat._work

        async def nothing(asking: Any) -> None:
            await door.chat.inbox.done(asking.job)

        door.chat._work = nothing  # type: ignore[method-assign,assignment]
        taken = await _ratio(bare, door.receive, door.queue.idle)
        door.chat._work = work  # type: ignore[method-assign]
        answered = await _ratio(bare, door.receive, door.queue.idle)
        await door.surface.close()
        await runtime.close()
    return [
        ("slack question kept and acknowledged / bare bolt", taken, TAKEN_LIMIT),
        ("slack question answered / bare bolt acknowledging", answered, ANSWERED_LIMIT),
    ]


async def _yes(method: str, **_: Any) -> Any:
    answers: dict[str, Any] = {
        "chat.postMessage": {"channel": "C1", "ts": f"1790000000.{next(_numbers):06d}"},
        "users.info": {"user": {"id": "U1", "locale": "en-US", "profile": {"display_name": "A"}}},
    }
    return SimpleNamespace(data={"ok": True, **answers.get(method, {})})


def _settings(folder: Path) -> Any:
    return load_settings(
        _env_file=None, store_url=f"sqlite:///{folder / 'bench.db'}", secret_key="k" * 40, slack_bot_token=BOT_TOKEN,
        slack_signing_secret=SECRET, slack_app_token="", practice=True, asks_per_minute=10_000, chat_asks_per_minute=100_000,
        queue_limit=100_000,
    )  # fmt: skip


def _bare() -> AsyncApp:
    """The least that answers an event: one listener that acknowledges."""

    async def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=BOT_TOKEN)

    app = AsyncApp(signing_secret=SECRET, authorize=authorize, process_before_response=True)

    @app.event("app_mention")
    async def answer(ack: Any) -> None:
        await ack()

    return app


async def _ratio(bare: Door, ours: Door, rest: Callable[[], Awaitable[None]]) -> float:
    """The median of the ratios of neighbouring rounds."""
    ratios = []
    for turn in range(ROUNDS + 1):
        # Each round brings questions that were not seen before: repeated ones would be dropped, which is cheaper.
        requests = [_signed(next(_numbers)) for _ in range(EACH)]
        theirs = await _time(bare, requests)
        own = await _time(ours, requests, rest)
        if turn:
            ratios.append(own / theirs)
    return round(statistics.median(ratios), 2)


async def _time(handle: Door, requests: list[dict[str, Any]], rest: Callable[[], Awaitable[None]] | None = None) -> float:
    begun = time.process_time()
    answers = await asyncio.gather(*(handle(Request(dict(one["scope"]), _body(one["body"]))) for one in requests))
    assert [answer.status_code for answer in answers] == [200] * len(requests)
    if rest is not None:
        await rest()
    return time.process_time() - begun


def _signed(number: int) -> dict[str, Any]:
    body = json.dumps(said(ERROR.replace("5f60718", f"{number:07x}"), user=f"U{number % 50}"))
    stamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body) or ""
    headers = {
        "content-type": "application/json", "content-length": str(len(body)), "host": "bot.example.com",
        "user-agent": "Slackbot 1.0", "accept": "application/json,*/*", "x-slack-signature": signature, "x-slack-request-timestamp": stamp,
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/slack/events", "query_string": b"", "http_version": "1.1", "scheme": "https",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    return {"scope": scope, "body": body.encode()}


def _body(raw: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


if __name__ == "__main__":
    os.chdir(tempfile.gettempdir())
    for what, ratio, limit in measure():
        print(f"{what}: {ratio} x (limit {limit})")
