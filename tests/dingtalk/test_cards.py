"""Interactive cards: created, clicked, redrawn, each within DingTalk's limits and its two seconds."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from bot.model import Person, Place, Text
from bot.service import Clicked
from handlers.dingtalk.app import CLICK_SECONDS
from handlers.dingtalk.stream import ACK_SECONDS
from handlers.practice import Practice
from tests.dingtalk.conftest import GROUP, Opened, Scene, until
from tests.dingtalk.platform import CARDS
from tests.dingtalk.test_door import lark_paste

TEMPLATE = "0b6c1a2e-0000-4000-8000-000000000000.schema"


async def a_card(scene: Scene, practice: Practice, **more: Any) -> dict[str, Any]:
    """Ask, and see the card that was delivered."""
    (sent,) = await scene.ask(lark_paste(practice), **more)
    assert sent.way == "card"
    await scene.door.queue.idle()  # where it stands is noted
    return dict(sent.body)


async def test_the_answer_is_a_card_that_calls_back_by_stream(opened: Opened, practice: Practice) -> None:
    """Template, own id, space and variables as documented; in a group only what everybody may see."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        body = await a_card(scene, practice, group=True)
        values = body["cardData"]["cardParamMap"]
        card = await scene.runtime.store.card(body["outTrackId"])

    assert (body["cardTemplateId"], body["callbackType"]) == (TEMPLATE, "STREAM")
    assert body["openSpaceId"] == f"dtv1.card//IM_GROUP.{GROUP}"
    assert body["imGroupOpenDeliverModel"] == {"robotCode": "dingabcdefghij0123"}
    assert "99991679" in values["title"] and values["show_reauthorize"] == "true" and values["show_revoke"] == "false"
    assert practice.app("lark", "feishu").app_id not in str(values)
    assert card is not None and card.place.message == f"card:{card.id}"


async def test_in_a_direct_chat_the_card_goes_to_the_person(opened: Opened, practice: Practice) -> None:
    """The robot's space of this user."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        body = await a_card(scene, practice)

    assert body["openSpaceId"] == "dtv1.card//IM_ROBOT.manager01"
    assert body["imRobotOpenDeliverModel"]["spaceType"] == "IM_ROBOT"


async def test_a_click_on_re_authorize_sends_the_link_to_the_clicker_and_changes_the_card(opened: Opened, practice: Practice) -> None:
    """Answered within the frame's acknowledgement, in the documented shape; the link is in the direct message and nowhere else."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        body = await a_card(scene, practice, group=True)
        answer = await scene.press(body["outTrackId"], "reauthorize")
        (link,) = scene.platform.said("direct")

    assert answer["cardUpdateOptions"] == {"updateCardDataByKey": True, "updatePrivateDataByKey": True}
    assert answer["userPrivateData"]["cardParamMap"] == {"notice": "I have sent you a personal link."}
    assert "Waiting for Alice" in str(answer["cardData"]["cardParamMap"])
    assert "/consent/" in link.body["singleURL"] and link.to == "manager01"
    assert "/consent/" not in str(answer)


async def test_foreign_repeated_unknown_and_old_clicks_have_an_answer(opened: Opened, practice: Practice) -> None:
    """No dead buttons, and nobody gets somebody else's link."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        card = (await a_card(scene, practice, group=True))["outTrackId"]
        notices = {
            name: (await scene.press(key, action, who=who))["userPrivateData"]["cardParamMap"]["notice"]
            for name, key, action, who in [
                ("foreign", card, "reauthorize", "bob"),
                ("helpful", card, "helpful", "bob"),
                ("unknown", card, "explode", "alice"),
                ("old", "no-such-card-at-all-00", "check", "alice"),
            ]
        }
        nameless = scene.platform.push(CARDS, {"outTrackId": card, "content": ""})
        await until(lambda: nameless in scene.platform.acks)

    assert "Alice" in notices["foreign"]
    assert "Thank you" in notices["helpful"]
    assert "older version" in notices["unknown"]
    assert "too old" in notices["old"]
    assert scene.platform.acks[nameless] | {} and scene.platform.acks[nameless]["data"] == {"response": {}}
    assert not scene.platform.said("direct")


async def test_a_slow_click_is_acknowledged_in_time_and_drawn_afterwards(opened: Opened, practice: Practice) -> None:
    """DingTalk waits two seconds; a platform that is asked may take longer."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        card = (await a_card(scene, practice, group=True))["outTrackId"]

        gate = asyncio.Event()

        async def slow(card_id: str, action: str, person: Person, place: Place, index: int = 0) -> Clicked:
            await gate.wait()
            return Clicked(Text("Looked again; the card shows what I saw.", ""))

        scene.runtime.service.click = slow  # type: ignore[method-assign]
        answer = await scene.press(card, "check")
        before = scene.platform.said("redraw")
        gate.set()
        await until(lambda: scene.platform.said("redraw"))

    assert CLICK_SECONDS < ACK_SECONDS < 2.0
    assert not before
    assert answer["userPrivateData"]["cardParamMap"]["notice"] == "One moment, I am looking."
    assert scene.platform.said("redraw")[0].body["privateData"]["manager01"]["cardParamMap"]["notice"].startswith("Looked again")


async def test_the_same_need_again_redraws_the_card_and_points_to_it(opened: Opened, practice: Practice) -> None:
    """One card per need and chat: the second asker's question redraws it, and is told so."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        card = (await a_card(scene, practice, group=True))["outTrackId"]
        sent = await scene.ask(lark_paste(practice), who="bob", group=True, answers=2)
        notice = (await scene.press(card, "reauthorize", who="bob"))["userPrivateData"]["cardParamMap"]["notice"]

    assert [(one.way, one.to) for one in sent] == [("redraw", card), ("hook", GROUP)]
    assert "answered this in this chat already" in sent[1].text
    assert notice == "I have sent you a personal link."


async def test_a_refused_template_falls_back_to_a_message(opened: Opened, practice: Practice) -> None:
    """The answer comes all the same, with its words."""
    async with opened(dingtalk_card_template="nonsense") as scene:
        scene.platform.refuse["/v1.0/card/instances/createAndDeliver"] = deque(
            [(400, {"code": "param.templateId", "message": "模板不存在"})]
        )
        (sent,) = await scene.ask(lark_paste(practice), group=True)

    assert sent.way == "hook" and "dtmd://" in sent.text


async def test_a_new_state_redraws_the_card_where_it_stands(opened: Opened, practice: Practice) -> None:
    """The messenger changes the card itself; nothing is posted below it."""
    async with opened(dingtalk_card_template=TEMPLATE) as scene:
        card_id = (await a_card(scene, practice, group=True))["outTrackId"]
        await scene.press(card_id, "reauthorize")
        await scene.ask(f"withdraw #{card_id[:6]}", group=True, answers=2)
        (redrawn, *_) = scene.platform.said("redraw")

    assert redrawn.to == card_id
    assert "Withdrawn" in str(redrawn.body["cardData"])
    assert not [one for one in scene.platform.said("hook") if "⛔" in one.text]
