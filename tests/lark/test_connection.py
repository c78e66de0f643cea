"""The real lark_oapi client, in its own process, against a gateway of the tests' own. One process serves all tests: its import takes seconds."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handlers.chat import supervise
from handlers.lark import connection as module
from handlers.lark.connection import Connection
from handlers.lark.sdk import hide
from tests.lark.conftest import House, house
from tests.lark.made import ERROR, GROUP, again, buttons, click, message, words
from tests.lark.platform import APP_ID, BOT, SECRET, TICKET, OpenPlatform, listening, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connected(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A process of ours with its long connection up."""
    lark = OpenPlatform()
    async with listening(lark.app()) as base:
        lark.base = base
        async with house(tmp_path_factory.mktemp("ws"), lark, lark_mode="ws", lark_encrypt_key="", lark_verification_token="") as one:
            await until(lambda: lark.sockets, 40)
            yield one
        await until(lambda: not lark.sockets, 5)  # it said goodbye
    assert lark.wrong == []


async def test_a_message_over_the_connection_is_acknowledged_and_answered(connected: House) -> None:
    """Acknowledged at once, answered in the thread; a second delivery is acknowledged and not answered."""
    lark, event = connected.lark, message()
    for one in (event, again(event)):
        assert (await lark.ack(await lark.push(one)))["code"] == 200
    name = event["event"]["message"]["message_id"]
    await until(lambda: lark.answers(name))
    await asyncio.sleep(0.1)

    (answer,) = lark.answers(name)
    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_a_message_in_several_parts_is_put_together(connected: House) -> None:
    """Long messages arrive in pieces."""
    lark, event = connected.lark, message(ERROR + " x" * 20_000, chat="oc_p2p_long")
    assert (await lark.ack(await lark.push(event, parts=3)))["code"] == 200
    await until(lambda: lark.answers(event["event"]["message"]["message_id"]))


async def test_unknown_events_are_acknowledged(connected: House) -> None:
    """An unregistered type would be refused by the SDK's own dispatcher, and sent again and again."""
    event = message()
    event["header"]["event_type"] = "something.new_v9"

    assert (await connected.lark.ack(await connected.lark.push(event)))["code"] == 200


async def test_a_click_is_answered_in_its_acknowledgement(connected: House) -> None:
    """The toast and the redrawn card travel back through the process."""
    lark, event = connected.lark, message(chat=GROUP, mention=BOT)
    await lark.push(event)
    name = event["event"]["message"]["message_id"]
    await until(lambda: lark.answers(name))
    (answer,) = lark.answers(name)
    await asyncio.sleep(0.2)
    ack = await lark.ack(await lark.push(click(buttons(answer["content"])["reauthorize"], message_id=answer["id"], chat=GROUP)))
    said = json.loads(base64.b64decode(ack["data"]))

    assert ack["code"] == 200
    assert said["toast"]["content"] == "I have sent you a personal link."
    assert said["card"]["data"]["schema"] == "2.0"


async def test_a_slow_click_holds_up_nothing(connected: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one click waits for its two seconds, another event is acknowledged at once."""
    lark = connected.lark

    async def slow(*_: object) -> Any:
        await asyncio.sleep(2.2)

    monkeypatch.setattr(connected.runtime.service, "click", slow)
    waiting = await lark.push(click({"card": "c", "action": "check", "index": 0}, message_id="om_1"))
    started = time.monotonic()
    await lark.ack(await lark.push(message("help", chat="oc_p2p_quick")))
    quick = time.monotonic() - started
    ack = await lark.ack(waiting)

    assert quick < 1
    assert time.monotonic() - started < 3
    assert "I am on it" in json.loads(base64.b64decode(ack["data"]))["toast"]["content"]


async def test_the_connection_comes_back_and_no_ticket_is_logged(connected: House, capfd: pytest.CaptureFixture[str]) -> None:
    """Dropped by the platform: the SDK reconnects, and the next message is answered. Nothing secret reaches any output."""
    lark = connected.lark
    before = lark.connects
    await lark.sockets[-1].close(1011)
    await until(lambda: lark.connects > before, 10)
    event = message("help", chat="oc_p2p_back")
    assert (await lark.ack(await lark.push(event)))["code"] == 200
    await until(lambda: lark.answers(event["event"]["message"]["message_id"]))

    shown = "".join(capfd.readouterr())
    assert TICKET not in shown
    assert SECRET not in shown


async def test_without_room_the_platform_is_asked_to_come_again(connected: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in line nor in the line of apologies: not acknowledged, so it is sent again later."""
    lark, event = connected.lark, message("help", chat="oc_p2p_full")
    with monkeypatch.context() as patch:
        patch.setattr("handlers.chat.queue.Queue.put", lambda *_, **__: False)
        patch.setattr("handlers.chat.queue.Queue.full", True)
        refused = await lark.ack(await lark.push(event))
    accepted = await lark.ack(await lark.push(again(event)))
    await until(lambda: lark.answers(event["event"]["message"]["message_id"]))

    assert (refused["code"], accepted["code"]) == (500, 200)
    assert "Paste an error" in words(lark.answers(event["event"]["message"]["message_id"])[0]["content"])


async def test_a_process_that_dies_is_started_again(connected: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed from outside; this process never loaded the SDK itself."""
    lark = connected.lark
    children = [int(one) for one in _children() if "sdk.py" in _command(int(one))]
    assert len(children) == 1
    before = lark.connects
    os.kill(children[0], signal.SIGKILL)
    await until(lambda: lark.connects > before, 40)

    assert not [name for name in sys.modules if name == "lark_oapi"]


def _children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(encoding="ascii").split()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")


async def test_a_wrong_secret_is_one_clear_line(
    connected: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform's refusal ends the process; the door says what to do and tries again later."""
    monkeypatch.setattr(supervise, "HUMAN", 60.0)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.log, "error", lambda event, **more: said.append({"event": event, **more}))
    one = Connection(APP_ID, "wrong", connected.lark.base, _taken, _nothing, supervise.Watch())
    task = asyncio.create_task(one.run())
    await until(lambda: said, 40)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    ended = next(row for row in said if row["event"] == "connection_ended")
    assert ended["code"] == 514
    assert "secret is wrong" in ended["advice"]


async def _taken(_: object) -> bool:
    return True


async def _nothing(_: object) -> dict[str, Any]:
    return {}


async def test_what_stands_behind_an_address_is_hidden() -> None:
    """Whatever the SDK writes."""
    assert (
        hide("connected to wss://x.feishu.cn/ws/v2?ticket=t&device_id=1 [conn_id=1]")
        == "connected to wss://x.feishu.cn/ws/v2?… [conn_id=1]"
    )
