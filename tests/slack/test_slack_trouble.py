"""What the door does when Slack, the store or this process is not well: nothing that was acknowledged is lost, nobody waits for Slack."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from handlers.chat import inbox as inbox_module
from handlers.chat import retry, supervise
from handlers.store import StoreError
from handlers.store.base import Base
from tests.practice import ALICE, PLACE, Practice, practice, put_card, ticket_of, visit
from tests.slack import server as platform
from tests.slack.server import SlackServer
from tests.slack.world import ERROR, Open, opened, said

__all__ = ["practice"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds and leases as in production, only shorter."""
    monkeypatch.setattr(retry, "ROUNDS", tuple(pause / 50 for pause in retry.ROUNDS[:2]))
    monkeypatch.setattr(inbox_module, "LEASE", inbox_module.LEASE / 10)
    monkeypatch.setattr("handlers.chat.door.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("handlers.chat.outbox.LOOK_SECONDS", 0.1)


async def test_the_word_payload_is_an_ordinary_word(http_door: Open) -> None:
    """In a command by HTTP: Bolt's own reading takes every form that holds it for an interaction."""
    await http_door.commands(f"payload={ERROR}")
    await http_door.commands("the payload was refused with 99991672")
    await http_door.settle()

    assert sorted("99991679" in one.words for one in http_door.slack.whispers) == [False, True]
    assert sorted("99991672" in one.words for one in http_door.slack.whispers) == [False, True]


async def test_a_name_that_does_not_come_holds_up_no_answer(http_door: Open) -> None:
    """`users.info` hangs: the answer is there within a second, and the name is written on the card when it comes."""
    gate = asyncio.Event()
    answered = http_door.slack._users_info

    http_door.slack.trouble = lambda method: "held" if method == "users.info" and not gate.is_set() else ""

    async def held(kind: str) -> web.Response:
        await gate.wait()
        return web.json_response({"ok": True, **answered({"user": "U1"})})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "in_trouble", held)
        begun = time.monotonic()
        await http_door.says(ERROR)
        await http_door.settle()
        assert time.monotonic() - begun < 2
        [card] = http_door.slack.in_channel("C1")
        gate.set()
        card_id = platform.json.loads(card.button("reauthorize" if "why_reauthorize_0" in card.actions else "mute")["value"])["card"]
        async with asyncio.timeout(5):
            while not ((kept := await http_door.runtime.store.card(card_id)) and kept.asker and kept.asker.name):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    assert kept.asker.name == "Name of U1"


async def test_a_consent_never_waits_for_slack(
    slack: SlackServer, tmp_path: Path, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack hangs: ten consents start and come back within a second each (on a machine that is busy itself: as fast as one with a Slack that is well)."""
    app = practice.app("lark", "feishu")
    monkeypatch.setattr(platform, "HANG_SECONDS", 60.0)
    async with opened(slack, tmp_path, apps=practice.apps) as door:
        door.client_timeout(2.0)
        service, tickets = door.runtime.service, []
        for number in range(12):
            person = replace(ALICE, user_id=f"U{number}")
            await put_card(service, app, person, f"card{number}")
            await service.posted(f"card{number}", replace(PLACE, message=f"17900000{number}.1"))
            tickets.append(await ticket_of(service, person, f"card{number}"))
        times: list[float] = []

        async def consent(ticket: str) -> None:
            begun = time.monotonic()
            started = await door.runtime.service.start(ticket)
            times.append(time.monotonic() - begun)
            seen = visit(started.url, "alice")
            begun = time.monotonic()
            await door.runtime.service.finish(app.platform, app.app_id, seen.query, started.cookie)
            times.append(time.monotonic() - begun)

        for ticket in tickets[:2]:
            await consent(ticket)
        calm, times[:] = max(times), []
        slack.trouble = lambda _: "hang"
        for ticket in tickets[2:]:
            await consent(ticket)
        slack.trouble = lambda _: ""
        await asyncio.wait_for(door.runtime.outbox.idle(), 60)

    assert statistics.quantiles(times, n=100, method="inclusive")[98] <= max(1.0, 4 * calm), times


async def test_a_page_instead_of_an_address_does_not_end_socket_mode(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`apps.connections.open` answers with a page of a proxy, then with an address that refuses: each try asks for a fresh one, and says what is wrong."""
    monkeypatch.setattr(supervise, "PAUSES", (0.05,))
    asked: list[str] = []

    def trouble(method: str) -> str:
        if method != "apps.connections.open":
            return ""
        asked.append(method)
        return "html" if len(asked) <= 2 else ""

    slack.trouble = trouble
    async with opened(slack, tmp_path, socket=True) as door:
        await slack.until(lambda: door.runtime.watch.all_up)
        known = door.runtime.watch.told()["slack"]
        await door.says(ERROR)
        await door.settle()

    assert len(slack.in_channel("C1")) == 1
    assert (known["state"], known["restarts"], len(asked)) == ("up", 2, 3)


async def test_a_socket_that_is_lost_is_told(slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no connection can be opened, the door is down, with the reason; afterwards it is up."""
    monkeypatch.setattr(supervise, "PAUSES", (0.1,))
    async with opened(slack, tmp_path, socket=True) as door:
        slack.trouble = lambda method: "html" if method == "apps.connections.open" else ""
        await slack.sockets[-1].close()
        await slack.until(lambda: door.runtime.watch.told()["slack"]["state"] == "down")
        await slack.until(lambda: "503" in str(door.runtime.watch.told()["slack"]["why"]))
        assert not door.runtime.watch.all_up
        slack.trouble = lambda _: ""
        await slack.until(lambda: door.runtime.watch.all_up)


@pytest.mark.parametrize("wrong", ["500", "html", "429"])
async def test_one_failed_call_loses_no_answer(wrong: str, http_door: Open) -> None:
    """A server's error, a page, haste: said once, a moment later."""
    failed: list[str] = []

    def trouble(method: str) -> str:
        if method == "chat.postMessage" and not failed:
            failed.append(method)
            return wrong
        return ""

    http_door.slack.trouble = trouble
    await http_door.says(ERROR)
    await http_door.settle()

    assert len(http_door.slack.in_channel("C1")) == 1


async def test_an_answer_that_was_said_but_not_confirmed_is_not_said_twice(http_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message carries a mark; where the bot may read the thread it finds it there."""
    http_door.slack.scopes.add("channels:history")
    monkeypatch.setattr(platform, "HANG_SECONDS", 2.0)
    http_door.client_timeout(0.3)
    late: list[str] = []

    def trouble(method: str) -> str:
        if method == "chat.postMessage" and not late:
            late.append(method)
            return "late"
        return ""

    http_door.slack.trouble = trouble
    await http_door.says(ERROR)
    await http_door.settle()

    assert len(http_door.slack.in_channel("C1")) == 1
    [card] = http_door.slack.in_channel("C1")
    assert (await http_door.runtime.store.card(platform.json.loads(card.button("mute")["value"])["card"])).message == card.ts  # type: ignore[union-attr]


async def test_what_cannot_be_delivered_is_a_dead_letter_and_the_asker_hears_it(quick: None, http_door: Open) -> None:
    """After the last round, with its reason; opened again, it is delivered."""
    down = True
    http_door.slack.trouble = lambda method: "500" if down and method == "chat.postMessage" else ""
    await http_door.says(ERROR)
    box = http_door.runtime.store.inbox
    async with asyncio.timeout(60):
        while not (dead := await box.letters()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert [(one.door, one.reason) for one in dead] == [("slack", "internal_error")]
    assert ERROR not in str(dead[0].body) or "secret" not in str(dead[0].body)
    await http_door.slack.until(lambda: any("could not deliver my answer" in one.words for one in http_door.slack.whispers), 10)
    down = False
    assert await box.revive(http_door.runtime.clock.now()) == 1
    await http_door.slack.until(lambda: len(http_door.slack.in_channel("C1")) == 1, 10)


async def test_a_question_that_a_dead_process_took_is_answered_by_another(quick: None, slack: SlackServer, tmp_path: Path) -> None:
    """The first process keeps it and dies before it answers; the second one takes it up."""
    async with opened(slack, tmp_path) as one:
        one.door.chat._work = _dies  # type: ignore[method-assign,assignment]
        await one.says(ERROR)
        one.door.chat.inbox.release = _nothing_released  # type: ignore[method-assign]
    assert slack.in_channel("C1") == []
    async with opened(slack, tmp_path):
        await slack.until(lambda: len(slack.in_channel("C1")) == 1, 10)


async def test_a_process_that_is_stopped_hands_back_what_it_did_not_finish(slack: SlackServer, tmp_path: Path) -> None:
    """At once, not after the lease."""
    async with opened(slack, tmp_path) as one:
        one.door.chat._work = _dies  # type: ignore[method-assign,assignment]
        await one.says(ERROR)
    began = time.monotonic()
    async with opened(slack, tmp_path):
        await slack.until(lambda: len(slack.in_channel("C1")) == 1, 10)

    assert time.monotonic() - began < inbox_module.LEASE.total_seconds() / 2


async def test_without_its_memory_it_still_explains(http_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store does not answer: the explanation goes out, without buttons that would do nothing, and says so."""

    def gone(*_: object) -> None:
        raise StoreError("The store did not answer (OperationalError).")

    with monkeypatch.context() as patch:
        patch.setattr(Base, "_run", gone)
        await http_door.says(ERROR)
        await asyncio.wait_for(http_door.door.queue.idle(), 10)
    [answer] = http_door.slack.in_channel("C1")

    assert "99991679" in answer.words
    assert "buttons of this card will not work" in answer.words
    assert not [one for one in answer.actions if not one.startswith("why_open")]


async def test_no_secret_of_a_question_is_kept(http_door: Open) -> None:
    """The row holds the masked text, and the address to answer at sealed."""
    from tests.slack.world import command

    held = asyncio.Event()

    async def waits(*_: object) -> None:
        await held.wait()

    http_door.door.chat._work = waits  # type: ignore[method-assign,assignment]
    secret = "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234"
    await http_door.form(
        {key: str(value) for key, value in command(f"Bearer {secret} {ERROR}", "https://hooks.slack.com/commands/T1/2/abc").items()}
    )
    rows = await http_door.runtime.store.inbox._read(lambda c: [str(row) for row in c.exec_driver_sql("SELECT body FROM inbox").all()])
    held.set()

    assert rows
    assert secret not in "".join(rows)
    assert "hooks.slack.com" not in "".join(rows)


async def test_a_flood_of_forged_requests_is_shut_out(http_door: Open) -> None:
    """One address with wrong signatures is not listened to for a while, and the doctor hears of it."""
    from handlers.chat.last_seen import last_seen

    statuses = [(await http_door.deliver(said(ERROR), secret="wrong")).status_code for _ in range(65)]
    await asyncio.sleep(0.1)

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert await last_seen(http_door.runtime.store, "slack", "forged") is not None


async def _dies(*_: object) -> None:
    await asyncio.sleep(3600)


async def _nothing_released() -> int:
    return 0
