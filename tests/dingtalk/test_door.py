"""The real stream client against a gateway on loopback: questions, words, files, storms, broken sockets, foreign addresses."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from bot.model import Place, Question
from handlers.compose import build
from handlers.dingtalk.app import DingTalkDoor
from handlers.practice import Practice
from tests.dingtalk.conftest import DIRECT, GROUP, Opened, settings_for, until
from tests.dingtalk.platform import CLIENT_ID, CORP, MESSAGES, SECRET, Platform
from tests.practice import visit

PLACE = Place("dingtalk", CORP, GROUP)

DATA = Path(__file__).parent.parent / "data"
OURS = re.compile(
    r"dtmd://dingtalkclient/sendMessage\?content=[\w%-]+$|https://(open\.(feishu|larksuite)\.(cn|com)|www\.feishu\.cn)/|http://127\.0\.0\.1:\d+/"
)
HOSTILE = json.loads((DATA / "hostile.json").read_text(encoding="utf-8"))


def lark_paste(practice: Practice) -> str:
    """An error of a configured app: the user's consent is missing."""
    app = practice.app("lark", "feishu").app_id
    return (DATA / "doors_lark_consent.txt").read_text(encoding="utf-8").replace("APP_ID", app)


async def test_a_direct_message_is_answered_in_full_at_its_own_address(opened: Opened, practice: Practice) -> None:
    """The asker sees what is missing, and by which words the rest can be had."""
    async with opened() as scene:
        (answer,) = await scene.ask(lark_paste(practice))

    assert (answer.way, answer.to) == ("hook", DIRECT)
    assert answer.body["msgtype"] in ("markdown", "actionCard")
    assert "99991679" in answer.text and "sheets:spreadsheet" in answer.text
    assert "dtmd://dingtalkclient/sendMessage?content=consent%20%23" in answer.text
    assert scene.platform.openings[0]["clientId"] == CLIENT_ID
    assert {(one["type"], one["topic"]) for one in scene.platform.openings[0]["subscriptions"]} == {
        ("CALLBACK", "/v1.0/im/bot/messages/get"),
        ("CALLBACK", "/v1.0/card/instances/callback"),
    }


async def test_a_group_sees_the_class_and_the_personal_link_goes_to_the_asker_alone(opened: Opened, practice: Practice) -> None:
    """In a group neither the app's id nor any personal link appears; the word brings the link into the direct chat."""
    async with opened() as scene:
        (answer,) = await scene.ask(lark_paste(practice), group=True)
        link, told = sorted(await scene.ask("@why consent", group=True, answers=2), key=lambda one: one.way)

    assert answer.to == GROUP and "@manager01" in answer.text
    assert practice.app("lark", "feishu").app_id not in answer.text
    assert (link.way, link.to, link.body["msgKey"]) == ("direct", "manager01", "sampleActionCard")
    assert "/consent/" in link.body["singleURL"]
    assert (told.way, told.to) == ("hook", GROUP)
    assert not [one for one in scene.platform.said("hook", "group") if "/consent/" in one.text]


async def test_words_belong_to_who_asked_and_to_the_card_that_they_name(opened: Opened, practice: Practice) -> None:
    """Another person's word gets a sentence, no link; a word with a card's id means that card, whatever came after."""
    async with opened() as scene:
        (answer,) = await scene.ask(lark_paste(practice), group=True)
        ref = re.search(r"content=consent%20%23([\w-]+)", answer.text)[1]  # type: ignore[index]
        await scene.ask("1254045", group=True)
        (refused,) = await scene.ask(f"consent #{ref}", who="bob", group=True)
        (none,) = await scene.ask("consent", who="bob", group=True)
        sent = await scene.ask(f"/whyforbidden consent #{ref}", group=True, answers=2)

    assert "Alice" in refused.text and "/consent/" not in refused.text
    assert "no card of yours" in none.text
    assert [one for one in sent if one.way == "direct" and "/consent/" in one.text]


async def test_every_word_that_is_offered_has_an_answer(opened: Opened, practice: Practice) -> None:
    """All words of a direct card, one after the other: nothing stays silent."""
    async with opened() as scene:
        (answer,) = await scene.ask(lark_paste(practice))
        offered = re.findall(r"content=([\w-]+)%20%23([\w-]+)", answer.text)
        said = {word: (await scene.ask(f"{word} #{ref}"))[0].text for word, ref in offered}
        after = (await scene.ask("check"))[0].text

    assert {"consent", "details", "unhelpful"} <= set(said)
    assert "/consent/" in said["consent"]
    assert "99991679" in said["details"]
    assert after


async def test_somebody_from_outside_learns_how_to_get_the_link(opened: Opened, practice: Practice) -> None:
    """Without a user id the robot cannot write first: the group is told a word to send in a direct chat, and it works there."""
    async with opened() as scene:
        await scene.ask(lark_paste(practice), who="carol", group=True)
        (told,) = await scene.ask("consent", who="carol", group=True)
        word = told.body["text"]["content"].rsplit("\n", 1)[-1]
        (link,) = await scene.ask(word, who="carol")

    assert "/consent/" not in told.text
    assert (link.way, link.to) == ("hook", DIRECT) and "/consent/" in link.text


async def test_grants_asked_for_in_a_group_are_told_directly(opened: Opened) -> None:
    """Whose consents are kept is nobody else's business."""
    async with opened() as scene:
        sent = await scene.ask("/whyforbidden grants", group=True, answers=2)

    assert sorted((one.way, one.to) for one in sent) == [("direct", "manager01"), ("hook", GROUP)]
    assert "no consent here" in next(one.text for one in sent if one.way == "direct")


KINDS: list[tuple[dict[str, Any], str]] = [
    ({"text": {"content": "   "}}, "Paste an error"),
    ({"msgtype": "picture", "content": {"downloadCode": "x"}}, "text only"),
    ({"msgtype": "audio", "content": {"recognition": "error", "downloadCode": "x"}}, "text only"),
    ({"msgtype": "interactiveCard", "content": {}}, "text only"),
    ({"msgtype": "richText", "content": {"richText": [{"type": "picture", "downloadCode": "x"}]}}, "text only"),
    ({"msgtype": "richText", "content": {"richText": [{"text": '{"code":'}, {"text": '1254045,"msg":"x"}'}]}}, "1254045"),
    ({"msgtype": "file", "content": {"fileName": "a.zip", "downloadCode": "good"}}, "a.zip"),
    ({"msgtype": "file", "content": {"fileName": "error.log", "downloadCode": "good"}}, "99991672"),
    ({"msgtype": "file", "content": {"fileName": "big.log", "downloadCode": "big"}}, "larger than 1 MB"),
    ({"msgtype": "file", "content": {"fileName": "b.txt", "downloadCode": "binary"}}, "text only"),
]


async def test_each_kind_of_message_has_its_answer(opened: Opened) -> None:
    """Text of every kind is read, files within their limit; what holds no text is told so."""
    async with opened(max_upload=1_000_000) as scene:
        scene.platform.files |= {
            "good": '{"code":99991672,"msg":"Access denied. One of the following scopes is required: [im:chat]"}'.encode("utf-16"),
            "big": b"x" * 1_000_001,
            "binary": b"\x00\x01\x02",
        }
        answers = [(await scene.ask(**given))[0].text for given, _ in KINDS]

    assert [said for (_, said), answer in zip(KINDS, answers, strict=True) if said not in answer] == []


async def test_the_bot_itself_and_nameless_payloads_are_no_questions(opened: Opened) -> None:
    """Acknowledged, and nothing more."""
    async with opened() as scene:
        own = scene.message("99991672") | {"senderId": "$:LWCP_v1:$robot", "senderStaffId": ""}
        frames = [scene.platform.push(MESSAGES, data) for data in (own, {}, {"msgId": "m"}, {"conversationId": 1, "msgId": []})]
        await until(lambda: all(frame in scene.platform.acks for frame in frames))
        await asyncio.sleep(0.1)

    assert [scene.platform.acks[frame]["code"] for frame in frames] == [200] * 4
    assert not scene.platform.sent


async def test_foreign_text_stays_inert(opened: Opened) -> None:
    """No link, mention or card of a paste works: the only links are our own, the only mention is the asker."""
    async with opened() as scene:
        for text in HOSTILE:
            (answer,) = await scene.ask('{"code": 99991672, "msg": ' + json.dumps(text) + "} " + text, group=True)
            drawn = answer.text.replace("@manager01\n\n", "", 1)

            assert answer.body.get("at", {"atUserIds": ["manager01"], "isAtAll": False}) == {"atUserIds": ["manager01"], "isAtAll": False}
            assert not [url for url in re.findall(r"\]\(([^)]*)\)", drawn) if not OURS.match(url)]
            assert "@" not in drawn
            assert not re.search(r"evil\.(example|com)|<[a-z/!@]", drawn)


async def test_forty_thousand_characters_are_read(opened: Opened) -> None:
    """The error at the end of a long log is found, and the answer keeps the platform's limits."""
    async with opened() as scene:
        line = "2026-01-01 12:00:00 INFO worker: all is well, nothing to see here\n"
        (answer,) = await scene.ask(line * (40_000 // len(line)) + '{"code":99991672,"msg":"Access denied"}')

    part = answer.body[answer.body["msgtype"]]
    assert "99991672" in part["text"] and len(part["text"]) <= 5_000 and len(part["title"]) <= 300


async def test_a_storm_of_redeliveries_yields_one_answer_each(opened: Opened, practice: Practice) -> None:
    """Every message five times, shuffled, over two connections of two processes' doors that share a store."""
    async with opened() as scene, opened() as twin:
        codes = ["1254043", "99991672", "99991663", "99991400", "1254045", "230002"]
        storm = [scene.message(code, msg_id=f"storm-{code}", group=True) for code in codes for _ in range(5)]
        random.Random(7).shuffle(storm)
        frames = [scene.platform.push(MESSAGES, data, socket=number % 2) for number, data in enumerate(storm)]
        await until(lambda: all(frame in scene.platform.acks for frame in frames) and len(scene.platform.sent) >= len(codes))
        await asyncio.gather(scene.door.queue.idle(), twin.door.queue.idle())

    assert len(scene.platform.sent) == len(codes)
    assert all(sum(code in one.text for one in scene.platform.sent) == 1 for code in codes)


async def test_answers_in_one_chat_come_in_order(opened: Opened) -> None:
    """Ten questions at once, ten answers in the same order."""
    async with opened() as scene:
        codes = ["60011", "99991672", "99991663", "99991400", "1254045", "230002", "1254043", "99991668", "1254302", "99991679"]
        for code in codes:
            scene.platform.push(MESSAGES, scene.message(code))
        await until(lambda: len(scene.platform.sent) >= len(codes))

    found = [next(code for code in codes if code in one.text) for one in scene.platform.sent]
    assert found == codes


async def test_a_dropped_socket_is_opened_again_with_a_new_ticket(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut without a word and a gateway that is down for a while, then asked to leave in good order: each time a new connection answers."""
    monkeypatch.setattr("handlers.chat.supervise.PAUSES", (0.05,))
    async with opened() as scene:
        ping = scene.platform.push("ping", {"opaque": "abc"}, kind="SYSTEM")
        await until(lambda: ping in scene.platform.acks)
        scene.platform.refuse["/v1.0/gateway/connections/open"] = deque([(503, "<html>down</html>"), (200, {"endpoint": ""})])
        scene.platform.drop()
        await until(lambda: scene.platform.connected == 2)
        (first,) = await scene.ask("1254045")
        scene.platform.bid_farewell()
        await until(lambda: scene.platform.connected == 3)
        (second,) = await scene.ask("99991672")

    assert scene.platform.acks[ping]["data"] == {"opaque": "abc"}
    assert "1254045" in first.text and "99991672" in second.text
    assert len(scene.platform.openings) == 5


async def test_secrets_of_the_connection_are_not_logged(
    opened: Opened, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the ticket nor the secret nor a message is in any log line."""
    caplog.set_level("DEBUG")
    async with opened() as scene:
        await scene.ask("1254045 my-private-words")
        scene.platform.push("/unknown/topic", {"text": "my-private-words"})
        await asyncio.sleep(0.05)

    out = caplog.text + "".join(capfd.readouterr())
    assert "ticket/" not in out and "ticket%2F" not in out and SECRET not in out and "my-private-words" not in out


FOREIGN = [
    "https://evil.example/robot/sendBySession?session=1",
    "https://oapi.dingtalk.com.evil.example/robot/sendBySession",
    "https://oapi.dingtalk.com@evil.example/robot",
    "http://oapi.dingtalk.com/robot/sendBySession",
    "http://127.0.0.1:9/robot/sendBySession",
    "file:///etc/passwd",
    "https://[",
]


async def test_a_foreign_session_address_is_never_called(opened: Opened) -> None:
    """It comes with a message, so it is no authority: the answer goes by the API instead."""
    async with opened() as scene:
        assert scene.door.api.may_reply("https://oapi.dingtalk.com/robot/sendBySession?session=1")
        assert not [url for url in FOREIGN if scene.door.api.may_reply(url)]
        answers = [(await scene.ask("1254045", sessionWebhook=url))[0] for url in FOREIGN]

    assert [(one.way, one.to) for one in answers] == [("direct", "manager01")] * len(FOREIGN)


async def test_after_its_life_the_address_is_left_and_the_api_speaks(opened: Opened) -> None:
    """Groups by groupMessages, people by oToMessages."""
    async with opened() as scene:
        (group,) = await scene.ask("1254045", group=True, sessionWebhookExpiredTime=1000)
        (direct,) = await scene.ask("1254045", sessionWebhookExpiredTime=1000)

    assert (group.way, group.to) == ("group", GROUP)
    assert (direct.way, direct.to) == ("direct", "manager01")


async def test_twenty_a_minute_at_one_address_and_the_rest_by_the_api(opened: Opened) -> None:
    """DingTalk blocks a robot that sends more; nobody goes unanswered."""
    async with opened() as scene:
        for number in range(25):
            scene.platform.push(MESSAGES, scene.message(f"help {number}", group=True))
        await until(lambda: len(scene.platform.sent) >= 25)

    assert len(scene.platform.said("hook")) == 20
    assert len(scene.platform.said("group")) == 5


async def test_too_fast_is_waited_out_and_an_old_token_replaced(opened: Opened) -> None:
    """Status 1111 with its wait, a QPS refusal, and a token that is refused while running: the answer still comes, once."""
    async with opened() as scene:
        path = "/v1.0/robot/groupMessages/send"
        scene.platform.refuse["/robot/sendBySession"] = deque([(200, {"errcode": 410100, "errmsg": "发送速度太快"})])
        scene.platform.refuse[path] = deque([(403, {"status": 1111, "wait": 0, "source": "x5", "punish": "deny"})])
        (first,) = await scene.ask("1254045", group=True)
        scene.platform.tokens.append("another")  # and no longer the robot's
        (second,) = await scene.ask("99991672", group=True)

    assert first.way == second.way == "group"
    assert len(scene.platform.tokens) == 3


async def test_a_full_line_says_so(opened: Opened) -> None:
    """Once a chat, and what was taken is still answered."""
    async with opened(queue_limit=2) as scene:
        gate, command = asyncio.Event(), scene.runtime.service.command

        async def slow(question: Question) -> Any:
            await gate.wait()
            return await command(question)

        scene.runtime.service.command = slow  # type: ignore[method-assign]
        for number in range(8):
            scene.platform.push(MESSAGES, scene.message(f"help {number}"))
        await until(lambda: [one for one in scene.platform.sent if "I am busy" in one.text])
        gate.set()
        await until(lambda: len(scene.platform.sent) >= 3)
        await scene.door.queue.idle()

    assert ["I am busy" in one.text for one in scene.platform.sent] == [True, False, False]


async def test_more_than_a_person_may_ask_in_a_minute(opened: Opened) -> None:
    """Said once, then silence for this person until the minute is over."""
    async with opened(asks_per_minute=2) as scene:
        for number in range(5):
            scene.platform.push(MESSAGES, scene.message(f"help {number}"))
        await until(lambda: len(scene.platform.sent) >= 3)
        await scene.door.queue.idle()

    assert sum("questions in a minute" in one.text for one in scene.platform.sent) == 1
    assert len(scene.platform.sent) == 3


async def test_out_of_the_group_meanwhile(opened: Opened) -> None:
    """The robot was removed from the group: the answer reaches the asker."""
    async with opened() as scene:
        gone = (400, {"code": "robot.not.in.group", "message": "robot 不存在"})
        scene.platform.refuse["/robot/sendBySession"] = deque([(200, {"errcode": 300001, "errmsg": "session 不存在"})])
        scene.platform.refuse["/v1.0/robot/groupMessages/send"] = deque([gone])
        (answer,) = await scene.ask("1254045", group=True)

    assert (answer.way, answer.to) == ("direct", "manager01")


async def test_a_secret_in_a_paste_is_told_to_its_owner_alone(opened: Opened) -> None:
    """The group sees the answer with the secret masked; the warning goes to the poster."""
    async with opened() as scene:
        secret = "u-" + "7fGhT9kLmN2pQrStUvWxYzAbCdEf"
        sent = await scene.ask('{"code":1254045,"msg":"FieldNameNotFound"} Authorization: Bearer ' + secret, group=True, answers=2)

    assert {one.way for one in sent} == {"hook", "direct"}
    assert "Rotate" in next(one.text for one in sent if one.way == "direct")
    assert secret not in "".join(one.text for one in sent)


async def test_the_proof_of_a_consent_is_told_in_the_group_once(opened: Opened, practice: Practice) -> None:
    """The whole loop: the word, the link, the platform's page, the proof. A message cannot be changed, so one short message tells it."""
    async with opened() as scene:
        await scene.ask(lark_paste(practice), group=True)
        link = next(one for one in await scene.ask("consent", group=True, answers=2) if one.way == "direct")
        service, ticket = scene.runtime.service, link.body["singleURL"].split("/consent/")[1]
        started = await service.start(ticket)
        seen = await asyncio.to_thread(visit, started.url)
        await service.finish("lark", practice.app("lark", "feishu").app_id, seen.query, started.cookie)
        await service.resume()
        news = await until(lambda: [one for one in scene.platform.said("hook") if "✅" in one.text])
        await scene.runtime.outbox.idle()
        card = next(card for card in await scene.runtime.store.cards_in(PLACE, 10) if card.flow_id)
        reply = await service.draw(card.id, "dingtalk")
        assert reply is not None
        for _ in range(2):
            assert await scene.door.messenger.update(card, reply)
        told = [one for one in scene.platform.said("hook", "group") if "✅" in one.text]

    assert told == news and len(news) == 1 and news[0].to == GROUP
    assert "Proven" in news[0].text and "Solved" in news[0].text
    assert practice.app("lark", "feishu").app_id not in news[0].text


async def test_a_link_that_is_taken_back_is_told_too(opened: Opened, practice: Practice) -> None:
    """By the one who got it, with a word that names the card."""
    async with opened() as scene:
        await scene.ask(lark_paste(practice), group=True)
        await scene.ask("consent", group=True, answers=2)
        card = next(card for card in await scene.runtime.store.cards_in(PLACE, 10) if card.flow_id)
        sent = await scene.ask(f"withdraw #{card.id[:6]}", group=True, answers=2)

    assert len([one for one in sent if "⛔" in one.text and "Withdrawn" in one.text]) == 1


def test_the_door_opens_without_its_sdk(dingtalk: Platform, tmp_path: Path) -> None:
    """Only the connection's thread loads it; the voice is there at once."""
    from handlers.dingtalk import open_door

    runtime = build(settings_for(dingtalk, tmp_path), apps=())
    door = open_door(runtime)

    assert door.name == "DingTalk" and door.run is not None and not door.routes
    assert "dingtalk" in runtime.messengers


async def test_wrong_credentials_do_not_stop_the_rest(dingtalk: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The door keeps trying and says where to look; closing it takes no longer than usual."""
    runtime = build(settings_for(dingtalk, tmp_path, dingtalk_client_secret="wrong"), apps=())
    task = asyncio.create_task(DingTalkDoor(runtime).run())
    await until(lambda: dingtalk.openings)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=4)
    await runtime.close()

    assert task in done
    assert dingtalk.connected == 0


@pytest.mark.parametrize("group", [True, False])
async def test_a_message_after_a_card_is_about_it(opened: Opened, practice: Practice, group: bool) -> None:
    """DingTalk's messages cannot change: the card is told anew with what is new on top; thanks get a word only directly."""
    async with opened() as scene:
        await scene.ask(lark_paste(practice), group=group)
        (again,) = await scene.ask("还是报错", group=group)
        if not group:
            (kind,) = await scene.ask("谢谢", group=group)
            assert "不客气" in kind.text or "You are welcome" in kind.text

    assert "It still fails." in again.text or "还是报错。" in again.text
    assert "99991679" in again.text
