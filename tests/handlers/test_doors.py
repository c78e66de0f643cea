"""One behaviour, three accents: the same pastes through every door, over its real SDK and real sockets, and the same diagnosis at each.

What a door posted is compared with what the renderer draws for the card that it stored, and the card's diagnoses with those that the
command line printed; the command line is compared with the file (`tests/data/doors.json`).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.model import Place
from bot.ports import Card
from bot.render.json_api import as_json
from bot.services import card_snapshot
from handlers.compose import Runtime, build
from handlers.dingtalk.app import DingTalkDoor

DATA = json.loads((Path(__file__).parents[1] / "data" / "doors.json").read_text(encoding="utf-8"))
PASTES: Mapping[str, str] = {row["name"]: row["text"] for row in DATA}
EXPECTED: Mapping[str, Any] = {row["name"]: row["expect"] for row in DATA}
SAME = ("platform", "codes", "cause", "who_fixes", "recommended_scopes")

Asks = Callable[[str, int], Awaitable["Arrived"]]


@dataclass(frozen=True)
class Arrived:
    """What came of a paste: the diagnoses as data, what the door posted, and what the renderer draws for the same card."""

    diagnoses: list[dict[str, Any]]
    posted: str = ""
    drawn: str = ""


def summary(diagnoses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must be the same everywhere."""
    return [{name: one[name] for name in SAME} for one in diagnoses]


async def arrived(runtime: Runtime, place: Place, posted: Any, shown: Callable[[Any], Any] = lambda body: body) -> Arrived:
    """Compare with the newest card of a chat. `shown` takes from a body what the door posts unchanged."""
    card: Card = (await runtime.store.cards_in(place, 1))[-1]
    reply = await runtime.service.draw(card.id, place.surface)
    assert reply is not None
    found = card_snapshot.diagnoses(card.snapshot, runtime.apps, runtime.clock.now())
    return Arrived([as_json(one) for one in found], _plain(posted), _plain(shown(reply.body)))


def _plain(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, sort_keys=True)


# ---------------------------------------------------------------- the doors


@pytest.fixture(scope="module")
def printed() -> Mapping[str, list[dict[str, Any]]]:
    """What the command line says about every paste."""
    asked = "\n".join(json.dumps({"id": name, "text": text}) for name, text in PASTES.items())
    command = [str(Path(sys.executable).with_name("whyforbidden")), "explain", "--batch"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["id"]: row["diagnoses"] for row in rows}


@asynccontextmanager
async def slack(folder: Path) -> AsyncIterator[Asks]:
    """Bolt over Socket Mode; Slack's entities on the way in."""
    from tests.slack.server import TEAM, SlackServer
    from tests.slack.world import opened

    server = SlackServer()
    runner = await server.start()
    async with opened(server, folder, socket=True) as door:

        async def ask(text: str, number: int) -> Arrived:
            chat = f"D{number + 1}"
            server.members.add(chat)
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            await door.says(escaped, kind="message", channel=chat)
            await door.settle()
            (posted,) = server.in_channel(chat)
            return await arrived(door.runtime, Place("slack", TEAM, chat), posted.blocks, lambda body: body["blocks"])

        yield ask
    await runner.cleanup()
    assert server.refused == []


@asynccontextmanager
async def lark(folder: Path) -> AsyncIterator[Asks]:
    """The SDK's dispatcher behind the webhook, encrypted and signed."""
    from tests.lark.conftest import house
    from tests.lark.made import message
    from tests.lark.platform import ALICE, TENANT, OpenPlatform, listening, until

    platform = OpenPlatform()
    async with listening(platform.app()) as base:
        platform.base = base
        async with house(folder, platform) as home:

            async def ask(text: str, number: int) -> Arrived:
                chat = f"oc_p2p_{number}"
                event = message(text, chat=chat, sender=ALICE)
                await home.deliver(event)
                said = event["event"]["message"]["message_id"]
                await until(lambda: platform.answers(said))
                (posted,) = platform.answers(said)
                return await arrived(home.runtime, Place("lark", TENANT, chat), posted["content"])

            yield ask
    assert platform.wrong == []


@asynccontextmanager
async def dingtalk(folder: Path) -> AsyncIterator[Asks]:
    """The stream client; the words below the card are the door's own."""
    from tests.dingtalk.conftest import Scene, settings_for, until
    from tests.dingtalk.platform import CORP, running

    with running() as platform:
        runtime = build(settings_for(platform, folder), apps=())
        door = DingTalkDoor(runtime)
        task = asyncio.create_task(door.run())
        await until(lambda: platform.connected)
        scene = Scene(platform, runtime, door)

        async def ask(text: str, number: int) -> Arrived:
            chat = f"cid{number}=="
            (sent,) = await scene.ask(text, conversationId=chat, sessionWebhook=platform.hook(chat))
            kind = sent.body["msgtype"]
            posted = sent.body[kind]["text"].split("\n\n---\n\n")[0]
            return await arrived(runtime, Place("dingtalk", CORP, chat), posted, lambda body: body[kind]["text"])

        yield ask
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runtime.close()


@asynccontextmanager
async def web(folder: Path) -> AsyncIterator[Asks]:
    """The JSON API."""
    from handlers.serve import web_app
    from handlers.settings import Settings
    from tests.lark.platform import listening

    runtime = build(Settings(store_url=f"sqlite:///{folder / 'why.db'}", practice=True), apps=())
    async with listening(web_app(runtime)) as base, httpx.AsyncClient(base_url=base, trust_env=False) as client:

        async def ask(text: str, number: int) -> Arrived:
            answer = await client.post("/v1/explain", json={"text": text})
            assert answer.status_code == 200, answer.text
            return Arrived(answer.json()["diagnoses"])

        yield ask
    await runtime.close()


DOORS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Asks]]] = {"slack": slack, "lark": lark, "dingtalk": dingtalk, "web": web}


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("name", PASTES)
def test_the_command_line_says_what_the_file_expects(printed: Mapping[str, list[dict[str, Any]]], name: str) -> None:
    """Platform, codes, cause, who must act, and the scopes to ask for."""
    assert summary(printed[name]) == EXPECTED[name]


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_brings_the_same_diagnosis(
    door: str, printed: Mapping[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each paste in a chat of its own: the same answer as on the command line, and what stands in the chat is what the renderer draws."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    async with DOORS[door](tmp_path) as ask:
        came = {name: await ask(text, number) for number, (name, text) in enumerate(PASTES.items())}

    assert {name: summary(one.diagnoses) for name, one in came.items()} == {name: summary(found) for name, found in printed.items()}
    assert {name: one.posted for name, one in came.items()} == {name: one.drawn for name, one in came.items()}
