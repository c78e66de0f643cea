"""Tell me when it works: it ends in every case, survives restarts, and speaks once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from bot.model import Place, Question
from bot.redact import redact
from bot.services.watch import MOST_LOOKS, MOST_OF_A_PERSON
from tests.consent_world import ALICE, NARROW, WIDE, Scene, teach

LOG_ID = "202308071603455425F5854702B4000DB9"
DIRECT = Place("slack", "T1", "D1")


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


def asked(text: str, number: int = 0) -> Question:
    return Question(redact(text).text, "slack", ALICE, replace(DIRECT, chat=f"D{number}"), "en", private=True, follows=True)


def paste(code: int = 99991679) -> str:
    return json.dumps({"code": code, "msg": f"required one of these privileges: [{WIDE}, {NARROW}]", "error": {"log_id": LOG_ID}})


async def watched(scene: Scene, text: str) -> str:
    """A paste, and the wish to be told; what the bot says to that."""
    await scene.service.answer(asked(text))
    found = await scene.service.reply(asked("tell me when it works"))
    assert found is not None and found.said is not None and found.reply is None
    return found.said.en


async def rounds(scene: Scene, count: int, seconds: float = 3_600) -> int:
    ended = 0
    for _ in range(count):
        scene.clock.go(seconds)
        ended += await scene.service.watch()
    return ended


async def test_it_tells_once_when_the_scope_is_in_effect(scene: Scene) -> None:
    """Enabled while the bot watches, and over a restart: one word, the card says it too, and then silence."""
    scene.platform.enabled = {"offline_access"}
    assert "I keep looking" in await watched(scene, paste())
    assert await rounds(scene, 3) == 0
    scene.restart()
    scene.platform.enabled = {NARROW, WIDE, "offline_access"}

    assert await rounds(scene, 5) == 1
    [(_, said)] = scene.voice.whispers
    assert "in effect now" in said
    assert len(scene.voice.shown) == 1


async def test_it_ends_by_itself(scene: Scene) -> None:
    """Nothing ever changes: after its time it says what is still missing, once."""
    scene.platform.enabled = {"offline_access"}
    await watched(scene, paste())

    assert await rounds(scene, MOST_LOOKS + 10) == 1
    [(_, said)] = scene.voice.whispers
    assert "the time is over" in said and "Still the likeliest" in said


async def test_two_processes_never_speak_twice(scene: Scene) -> None:
    """Both come to the same turn at the same time."""
    scene.platform.enabled = {"offline_access"}
    await watched(scene, paste())
    scene.platform.enabled = {NARROW, WIDE, "offline_access"}
    scene.clock.go(3_600)

    ended = await asyncio.gather(*(scene.service.watch() for _ in range(5)))
    assert sum(ended) == 1 and len(scene.voice.whispers) == 1


async def test_an_app_that_is_removed_ends_its_watch(scene: Scene) -> None:
    """There is nothing to look at any more, and that is said."""
    scene.platform.enabled = {"offline_access"}
    await watched(scene, paste())
    scene.restart(apps=())

    assert await rounds(scene, 2) == 1
    [(_, said)] = scene.voice.whispers
    assert "no longer configured" in said


async def test_what_cannot_be_looked_at_is_not_watched(scene: Scene) -> None:
    """A platform without such a look: the bot says so, instead of a promise that it cannot keep."""
    assert "cannot watch" in await watched(scene, '{"ok":false,"error":"not_in_channel"}')
    assert await rounds(scene, 2) == 0


async def test_a_person_has_a_few_watches(scene: Scene) -> None:
    """Bounded in number as well."""
    scene.platform.enabled = {"offline_access"}
    said = ""
    for number in range(MOST_OF_A_PERSON + 1):
        await scene.service.answer(asked(paste(), number))
        found = await scene.service.reply(asked("好了告诉我", number))
        assert found is not None and found.said is not None
        said = found.said.en

    assert "no more than that" in said


@pytest.fixture
def scene() -> Scene:
    return Scene()
