"""Every acknowledged question is answered, once: while processes die at any moment, and while the chat's API is not well.

The suite runs a short form; `make chaos` the long one, on one process and on several, over SQLite and over PostgreSQL. Each prints its counts.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos import LONG
from tests.chaos.chats import AGAIN_SECONDS, Chat, chat
from tests.chaos.fleet import Fleet, fleet
from tests.peers import postgres_database

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

WAYS = ("slack-http", "slack-socket", "lark-webhook", "lark-connection", "dingtalk-cards", "dingtalk-messages")
PLACES = (("sqlite", 1), ("sqlite", 2), ("postgresql", 3))
ROUNDS = 20 if LONG else 2
A_SECOND = 6.0
TWICE = 0.2
"""The share of questions that are delivered again although they were acknowledged."""


@dataclass
class Count:
    """What became of the questions."""

    acknowledged: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)

    def told(self, way: str, where: str, killed: int, began: float) -> None:
        """One line for whoever runs this."""
        sys.stderr.write(
            f"\nchaos {way} {where}: {killed} kills, {len(self.acknowledged)} acknowledged, {len(self.lost)} lost, {len(self.doubled)} doubled, "
            f"{time.monotonic() - began:.0f} s\n"
        )


async def storm(platform: Chat, servers: Fleet, over: asyncio.Event, count: Count, dice: random.Random) -> None:
    """People ask, until it is over; each question is delivered until it is acknowledged."""
    asking: set[asyncio.Task[None]] = set()

    async def ask(number: int) -> None:
        while not await platform.deliver(servers, number):  # noqa: ASYNC110
            await asyncio.sleep(AGAIN_SECONDS)
        count.acknowledged.append(number)
        if dice.random() < TWICE:
            await platform.deliver(servers, number)

    number = 0
    while not over.is_set():
        number += 1
        asking.add(asyncio.create_task(ask(number)))
        await asyncio.sleep(dice.expovariate(A_SECOND))
    await asyncio.wait_for(asyncio.gather(*asking), 90)


async def settle(platform: Chat, count: Count, seconds: float) -> None:
    """Wait for the answers, and then for those that would be too many."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(platform.answers(number) == 0 for number in count.acknowledged):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    await asyncio.sleep(2.0)
    count.lost = [number for number in count.acknowledged if platform.answers(number) == 0]
    count.doubled = [number for number in count.acknowledged if platform.answers(number) > 1]


def store_of(kind: str, folder: Path, name: str) -> str:
    return f"sqlite:///{folder / 'store.db'}" if kind == "sqlite" else postgres_database(name)


def settings_of(platform: Chat, store: str) -> dict[str, str]:
    limits = {"ASKS_PER_MINUTE": "10000", "CHAT_ASKS_PER_MINUTE": "100000", "QUEUE_LIMIT": "1000", "LOG_FORMAT": "json"}
    return {**platform.settings, **limits, "STORE_URL": store, "SECRET_KEY": "k" * 40, "PRACTICE": "true"}


def places(way: str) -> list[tuple[str, int]]:
    """Everywhere in the long form; in the suite each way at one place."""
    return list(PLACES) if LONG else [PLACES[WAYS.index(way) % len(PLACES)]]


@pytest.mark.parametrize(("way", "where", "processes"), [(way, *place) for way in WAYS for place in places(way)])
async def test_processes_die_at_any_moment(way: str, where: str, processes: int, tmp_path: Path) -> None:
    """SIGKILL at random moments under load with redelivery: no acknowledged question is lost. Answered twice is none, but where the platform knows no
    name for an answer (DingTalk's messages): there a death between saying and noting it may repeat one."""
    began, dice, count, over = time.monotonic(), random.Random(f"{way}{where}{processes}"), Count(), asyncio.Event()
    async with (
        chat(way) as platform,
        fleet(tmp_path, settings_of(platform, store_of(where, tmp_path, f"chaos{processes}")), processes) as servers,
    ):
        asking = asyncio.create_task(storm(platform, servers, over, count, dice))
        for _ in range(ROUNDS):
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            victim = dice.choice(servers.servers)
            await servers.kill(victim)
            await servers.ready(victim)
        over.set()
        await asking
        await settle(platform, count, 60)
        count.told(way, f"{where} x {processes}", servers.killed, began)
        ended = await servers.stop()

    assert count.lost == []
    assert len(count.doubled) <= (servers.killed if way == "dingtalk-messages" else 0)
    assert ended == [0] * processes


@pytest.mark.parametrize("way", WAYS if LONG else ("slack-http", "lark-webhook", "dingtalk-messages"))
async def test_a_chat_api_that_is_not_well(way: str, tmp_path: Path) -> None:
    """A fifth of its calls is answered with 429, 500, a page, or not at all, or done and told too late: every question is answered, once."""
    began, dice, count, over = time.monotonic(), random.Random(way), Count(), asyncio.Event()
    async with chat(way) as platform, fleet(tmp_path, settings_of(platform, store_of("sqlite", tmp_path, "")), 1) as servers:
        platform.upset(0.2, dice)
        asking = asyncio.create_task(storm(platform, servers, over, count, dice))
        await asyncio.sleep(30.0 if LONG else 5.0)
        over.set()
        await asking
        await settle(platform, count, 120)
        count.told(way, "bad API", 0, began)

    assert count.lost == []
    assert count.doubled == []
