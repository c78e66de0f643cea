"""The Slack door's own cost: a signed slash command through our route, beside the same command through a bare Bolt app, in one process.

Both run in turns within the same loop, so that a busy machine slows both alike. The diagnosis itself is left out: our worker does nothing.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
from tests.slack.world import ERROR, command

LIMIT = 2.0
ROUNDS, EACH = 15, 60

Door = Callable[[Request], Awaitable[Response]]


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio of our time to a bare Bolt app's, limit)."""
    return asyncio.run(_measure())


async def _measure() -> list[tuple[str, float, float]]:
    with tempfile.TemporaryDirectory() as folder:
        runtime = build(_settings(Path(folder)), apps=[])
        door = SlackDoor(runtime)

        async def nothing(_asked: object) -> None:
            return

        door.desk.answer = nothing  # type: ignore[method-assign]
        bare = AsyncSlackRequestHandler(_bare()).handle
        ratio = await _ratio(bare, door.receive, door)
        await runtime.close()
    return [("slack door / bare bolt, signed slash command", ratio, LIMIT)]


def _settings(folder: Path) -> Any:
    return load_settings(
        _env_file=None, store_url=f"sqlite:///{folder / 'bench.db'}", secret_key="k" * 40, slack_bot_token=BOT_TOKEN,
        slack_signing_secret=SECRET, slack_app_token="", practice=True, asks_per_minute=10_000, queue_limit=100_000,
    )  # fmt: skip


def _bare() -> AsyncApp:
    """The least that answers a command: one listener that acknowledges."""

    async def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=BOT_TOKEN)

    app = AsyncApp(signing_secret=SECRET, authorize=authorize, process_before_response=True)

    @app.command("/whyforbidden")
    async def answer(ack: Any) -> None:
        await ack()

    return app


async def _ratio(bare: Door, ours: Door, door: SlackDoor) -> float:
    """The median of the ratios of neighbouring rounds."""
    requests = [_signed(number) for number in range(EACH)]
    await _time(bare, requests)
    ratios = []
    for turn in range(ROUNDS + 1):
        # Each round brings commands that were not seen before: repeated ones would be dropped, which is cheaper.
        fresh = [_signed(EACH * (turn + 1) + number) for number in range(EACH)]
        theirs = await _time(bare, fresh)
        own = await _time(ours, fresh, door.line.idle)
        if turn:
            ratios.append(own / theirs)
    return round(statistics.median(ratios), 2)


async def _time(handle: Door, requests: list[dict[str, Any]], rest: Callable[[], Awaitable[None]] | None = None) -> float:
    begun = time.perf_counter()
    for scope in requests:
        answer = await handle(Request(scope["scope"], _body(scope["body"])))
        assert answer.status_code == 200
    if rest is not None:
        await rest()
    return time.perf_counter() - begun


def _signed(number: int) -> dict[str, Any]:
    fields = {key: str(value) for key, value in command(ERROR, "https://hooks.slack.com/commands/x").items()}
    body = urlencode(fields | {"trigger_id": f"trigger.{number}", "user_id": f"U{number % 50}"})
    stamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body) or ""
    headers = {
        "content-type": "application/x-www-form-urlencoded", "content-length": str(len(body)), "host": "bot.example.com",
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
