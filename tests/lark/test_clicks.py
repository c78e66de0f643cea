"""Clicks on cards: answered in time, private things in private, also when something is slow, old, foreign or gone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bot.i18n import same
from bot.services.results import Clicked
from handlers.lark import app as door
from tests.lark.conftest import House, Open
from tests.lark.made import CHAT, GROUP, buttons, click, message, words
from tests.lark.platform import ALICE, BOB, BOT, OpenPlatform, until


async def card_of(house: House, event: dict[str, Any]) -> dict[str, Any]:
    """Ask, and return the answer with its card."""
    await house.deliver(event)
    name = event["event"]["message"]["message_id"]
    await until(lambda: house.lark.answers(name))
    (answer,) = house.lark.answers(name)
    value = next(iter(buttons(answer["content"]).values()))
    async with asyncio.timeout(5):
        while not (kept := await house.runtime.store.card(value["card"])) or not kept.message:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return answer


def pressed(answer: dict[str, Any], action: str, chat: str = CHAT, who: str = ALICE, message_id: str = "") -> dict[str, Any]:
    """A click on one of its buttons."""
    value = buttons(answer["content"]).get(action) or {**next(iter(buttons(answer["content"]).values())), "action": action}
    return click(value, message_id=message_id or answer["id"], chat=chat, who=who)


async def test_reauthorize_sends_the_link_to_the_clicker_alone(lark: OpenPlatform, open_house: Open) -> None:
    """The toast in both languages, the shared card redrawn without the link, the link in a card that only the clicker sees."""
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))
    said = await house.deliver(pressed(answer, "reauthorize", GROUP))
    await until(lambda: lark.alone)

    assert said["toast"]["i18n"] == {"en_us": "I have sent you a personal link.", "zh_cn": said["toast"]["i18n"]["zh_cn"]}
    assert said["card"]["type"] == "raw"
    assert said["card"]["data"]["schema"] == "2.0"
    assert "/consent/" not in json.dumps([said, lark.said])
    assert lark.alone[0]["open_id"] == ALICE
    assert "/consent/" in json.dumps(lark.alone[0]["card"]["i18n_elements"]["zh_cn"])


async def test_in_a_direct_chat_the_link_is_a_message(lark: OpenPlatform, open_house: Open) -> None:
    """Cards for one person exist in groups only; the platform's refusal is not shown to anybody."""
    house = await open_house()
    lark.p2p.add(CHAT)
    answer = await card_of(house, message())
    await house.deliver(pressed(answer, "reauthorize"))
    await until(lambda: [one for one in lark.said.values() if not one["reply_to"]])

    assert [one["chat"] for one in lark.said.values() if not one["reply_to"]] == [f"oc_p2p_{ALICE}"]


async def test_who_cannot_be_reached_is_told_without_the_link(lark: OpenPlatform, open_house: Open) -> None:
    """Outside the bot's range (230013): a sentence in the thread, never the link."""
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))
    lark.p2p.add(GROUP)
    lark.fail(r"POST /im/v1/messages$", 230013)
    await house.deliver(pressed(answer, "reauthorize", GROUP))
    await until(lambda: len(lark.answers()) == 2)

    assert "cannot reach you" in words(lark.answers()[-1]["content"])
    assert "/consent/" not in json.dumps(lark.said)


async def test_a_click_by_somebody_else_changes_nothing(lark: OpenPlatform, open_house: Open) -> None:
    """They are told whose card it is."""
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))
    said = await house.deliver(pressed(answer, "reauthorize", GROUP, BOB))

    assert "only they can use this button" in said["toast"]["content"]
    assert "card" not in said
    assert lark.alone == []


async def test_old_and_unknown_buttons_get_an_answer(lark: OpenPlatform, open_house: Open) -> None:
    """No dead buttons."""
    house = await open_house()
    gone = {"card": "gone", "action": "check", "index": 0}
    values = [(gone, "too old"), (json.dumps(gone), "too old"), ({"card": "gone"}, "older version"), ("what", "older"), (None, "older")]
    for value, said in values:
        answer = await house.deliver(click(value, message_id="om_1"))
        assert said in answer["toast"]["content"], value


async def test_a_click_counts_once(lark: OpenPlatform, open_house: Open) -> None:
    """Delivered again, to another process too, it causes nothing."""
    houses = [await open_house(), await open_house()]
    answer = await card_of(houses[0], message(chat=GROUP, mention=BOT))
    event = pressed(answer, "reauthorize", GROUP)
    said = [await houses[number % 2].deliver(event) for number in range(4)]
    await until(lambda: lark.alone)
    await asyncio.sleep(0.1)

    assert [bool(one) for one in said] == [True, False, False, False]
    assert len(lark.alone) == 1


async def test_a_slow_answer_comes_after_a_toast(lark: OpenPlatform, open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform waits three seconds; what would have been the toast is said privately when it is known."""
    monkeypatch.setattr(door, "ANSWER_SECONDS", 0.05)
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))

    async def slow(*_: object) -> Clicked:
        await asyncio.sleep(0.3)
        return Clicked(same("The administrator was asked."))

    monkeypatch.setattr(house.runtime.service, "click", slow)
    said = await house.deliver(pressed(answer, "ask_admin", GROUP))
    assert "I am on it" in said["toast"]["content"]
    await until(lambda: lark.alone)

    assert "The administrator was asked" in json.dumps(lark.alone)


async def test_a_click_that_breaks_is_answered(lark: OpenPlatform, open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens inside, the clicker gets a sentence."""
    house = await open_house()
    answer = await card_of(house, message())

    async def broken(*_: object) -> Clicked:
        raise RuntimeError("store on fire")

    monkeypatch.setattr(house.runtime.service, "click", broken)
    said = await house.deliver(pressed(answer, "check"))

    assert said["toast"]["type"] == "error"


async def test_details_are_for_the_asker_and_a_click_there_redraws_the_real_card(lark: OpenPlatform, open_house: Open) -> None:
    """The private copy is in the older card form: it is never replaced by a new one."""
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))
    await house.deliver(pressed(answer, "details", GROUP))
    await until(lambda: lark.alone)
    assert "20261121101112ABCDEF01234567890A" in json.dumps(lark.alone[0])
    said = await house.deliver(pressed(answer, "reauthorize", GROUP, message_id="om_alone"))
    await until(lambda: answer["redrawn"])

    assert "card" not in said


async def test_shared_answers_follow_their_card(lark: OpenPlatform, open_house: Open) -> None:
    """A copy for everybody stands in the thread, and is redrawn when the card changes."""
    house = await open_house()
    answer = await card_of(house, message(chat=GROUP, mention=BOT))
    await house.deliver(pressed(answer, "share", GROUP))
    await until(lambda: len(lark.answers(answer["id"])) == 1)
    (copy,) = lark.answers(answer["id"])
    async with asyncio.timeout(5):
        name = next(iter(buttons(answer["content"]).values()))["card"]
        while not (card := await house.runtime.store.card(name)) or not card.snapshot.get("shared"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    reply = await house.runtime.service.draw(card.id, "lark")
    assert reply is not None
    assert await house.runtime.outbox.voices["lark"].update(card, reply)

    assert copy["redrawn"] == 1
    lark.fail(r"PATCH", 230031)
    assert not await house.runtime.outbox.voices["lark"].update(card, reply)
