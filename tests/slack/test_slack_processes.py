"""Two processes of the real server behind one address, over one store: however often Slack delivers, each message is answered once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
from slack_sdk.signature import SignatureVerifier

from tests.peers import free_port
from tests.slack.server import BOT_TOKEN, SECRET, SlackServer
from tests.slack.world import ERROR, command, said

ROOT = Path(__file__).parents[2]
MESSAGES, TIMES = 12, 5


@contextmanager
def serving(slack: SlackServer, folder: Path, count: int) -> Iterator[list[str]]:
    """`whyforbidden serve`, so many times, with settings from the environment alone; their addresses."""
    ports = [free_port() for _ in range(count)]
    given = {
        "WHYFORBIDDEN_SLACK_BOT_TOKEN": BOT_TOKEN,
        "WHYFORBIDDEN_SLACK_SIGNING_SECRET": SECRET,
        "WHYFORBIDDEN_SLACK_API_URL": f"{slack.base}/api/",
        "WHYFORBIDDEN_STORE_URL": f"sqlite:///{folder / 'store.db'}",
        "WHYFORBIDDEN_SECRET_KEY": "k" * 40,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    call = [sys.executable, "-c", "from handlers.cli import main; main()", "serve"]
    running = [
        subprocess.Popen(
            call, cwd=folder, env={**given, "WHYFORBIDDEN_PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for port in ports
    ]
    try:
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for one in running:
            one.terminate()
        for one in running:
            assert one.wait(15) == 0


async def ready(http: httpx.AsyncClient, url: str) -> None:
    """Until the server answers."""
    async with asyncio.timeout(40):
        while True:
            try:
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.1)


def signed(raw: str, kind: str) -> dict[str, str]:
    """Slack's headers for a body."""
    stamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=raw) or ""
    return {"content-type": kind, "x-slack-request-timestamp": stamp, "x-slack-signature": signature}


async def test_a_redelivery_storm_to_two_processes_is_one_answer_a_message(slack: SlackServer, tmp_path: Path) -> None:
    """Each event and each command five times, shuffled, to either process: acknowledged within a second, answered exactly once."""
    events = [said(ERROR.replace("5f60718", f"{n:07x}"), user=f"U{n}", channel="C1" if n % 2 else "C2") for n in range(MESSAGES)]
    commands = [{key: str(value) for key, value in command("99991679", slack.response_url(), f"U{n}").items()} for n in range(MESSAGES)]
    storm = [(json.dumps(body), "application/json") for body in events for _ in range(TIMES)]
    storm += [(urlencode(fields), "application/x-www-form-urlencoded") for fields in commands for _ in range(TIMES)]
    random.Random(5).shuffle(storm)
    slowest = 0.0

    with serving(slack, tmp_path, 2) as urls:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            await asyncio.gather(*(ready(http, url) for url in urls))

            async def deliver(number: int, raw: str, kind: str) -> None:
                nonlocal slowest
                begun = time.monotonic()
                answer = await http.post(f"{urls[number % 2]}/slack/events", content=raw, headers=signed(raw, kind))
                slowest = max(slowest, time.monotonic() - begun)
                assert answer.status_code == 200

            await asyncio.gather(*(deliver(number, *one) for number, one in enumerate(storm)))
        await slack.until(lambda: len(slack.messages) >= MESSAGES and len(slack.whispers) >= MESSAGES, 20)
        await asyncio.sleep(0.5)  # a second answer would come now

    assert sorted(one.thread for one in slack.messages.values()) == sorted(body["event"]["ts"] for body in events)
    assert len(slack.whispers) == MESSAGES
    assert slowest < 3
