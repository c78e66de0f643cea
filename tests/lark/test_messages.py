"""Messages become answers: in the thread, once, whatever form they come in."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from tests.lark.conftest import House, Open
from tests.lark.made import CHAT, ERROR, GROUP, again, menu, message, words
from tests.lark.platform import ALICE, BOB, BOT, OpenPlatform, until

NOT_FOUND = '{"code":1063005,"msg":"resource not found","error":{"log_id":"20261121101112ABCDEF01234567890B"}}'


async def one_answer(house: House, event: dict[str, Any]) -> dict[str, Any]:
    """Deliver a message, and return the only answer to it."""
    await house.deliver(event)
    said = event["event"]["message"]["message_id"]
    await until(lambda: house.lark.answers(said))
    (answer,) = house.lark.answers(said)
    return answer


async def silence(house: House, *events: dict[str, Any]) -> None:
    """Deliver messages, then one that is answered; the former are not."""
    for event in events:
        await house.deliver(event)
    await one_answer(house, message("help", chat="oc_p2p_somebody_else"))
    await asyncio.sleep(0.05)
    for event in events:
        assert house.lark.answers(event["event"]["message"]["message_id"]) == []


async def test_a_direct_message_is_answered_with_a_card_in_both_languages(lark: OpenPlatform, open_house: Open) -> None:
    """The card stands as a reply to the message, and is one that the platform accepts."""
    answer = await one_answer(await open_house(), message())

    assert answer["kind"] == "interactive"
    assert "99991679" in json.dumps(answer["content"]["header"])
    assert words(answer["content"]) != words(answer["content"], "zh_cn")
    assert answer["in_thread"] is False


async def test_in_a_group_the_bot_answers_in_a_thread_and_says_less(lark: OpenPlatform, open_house: Open) -> None:
    """Named with @, the bot answers in the message's thread; what only the asker needs stays out of a group."""
    answer = await one_answer(await open_house(), message(chat=GROUP, mention=BOT))

    assert answer["in_thread"] is True
    assert "20261121101112ABCDEF01234567890A" not in json.dumps(answer["content"])


async def test_a_group_without_threads_gets_a_plain_reply(lark: OpenPlatform, open_house: Open) -> None:
    """The platform refuses a thread there (230071): the answer comes anyway."""
    house = await open_house()
    lark.fail(r"POST .*/reply", 230071)
    answer = await one_answer(house, message(chat=GROUP, mention=BOT))

    assert answer["in_thread"] is False


FORMS = {
    "post": (
        "post",
        {"title": "It fails", "content": [[{"tag": "text", "text": "see "}], [{"tag": "code_block", "language": "JSON", "text": ERROR}]]},
    ),
    "wrapped post": ("post", {"zh_cn": {"title": "", "content": [[{"tag": "text", "text": ERROR}]]}}),
    "card": ("interactive", {"title": "alarm", "elements": [[{"tag": "text", "text": ERROR}]]}),
    "old card": ("interactive", {"elements": [{"tag": "div", "text": {"tag": "lark_md", "content": ERROR}}]}),
    "linked": ("text", {"text": "code 99991679 [https://open.feishu.cn/x](https://open.feishu.cn/x)"}),
    "command": ("text", {"text": f"/whyforbidden {ERROR}"}),
}


async def test_every_form_of_message_is_read(lark: OpenPlatform, open_house: Open) -> None:
    """Rich text with code, cards of other bots, the command as text."""
    house = await open_house()
    for form, (kind, said) in FORMS.items():
        answer = await one_answer(house, message(kind=kind, content=said, chat=f"oc_p2p_{form}"))
        assert "99991679" in json.dumps(answer["content"]["header"]), form


async def test_files_are_fetched_and_read(lark: OpenPlatform, open_house: Open) -> None:
    """A .json file that itself looks like an error of the platform is a file all the same."""
    house = await open_house()
    lark.files["file_1"] = ERROR.encode("utf-16")
    answer = await one_answer(house, message(kind="file", content={"file_key": "file_1", "file_name": "answer.JSON"}))

    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_a_file_that_cannot_be_read_says_why(lark: OpenPlatform, open_house: Open) -> None:
    """Wrong kind, too large, binary, gone: one sentence each."""
    house = await open_house(max_upload=1_000)
    lark.files |= {"big": b"x" * 1_500, "huge": b"x" * 20_000, "core": b"\x7fELF\x00\x01"}
    for key, name, said in (
        ("shot", "shot.png", "not a .txt, .log or .json"),
        ("big", "big.log", "more than 0 MB"),
        ("huge", "huge.log", "more than 0 MB"),
        ("core", "core.log", "is not text"),
        ("gone", "gone.log", "cannot fetch"),
    ):
        answer = await one_answer(house, message(kind="file", content={"file_key": key, "file_name": name}))
        assert said in words(answer["content"]).replace("`", ""), name


async def test_forwarded_messages_are_fetched(lark: OpenPlatform, open_house: Open) -> None:
    """A forwarded bundle holds no words itself; its children do."""
    house = await open_house()
    event = message(kind="merge_forward", content={"content": "Merged and Forwarded Message"})
    parent = event["event"]["message"]["message_id"]
    child = {"message_id": "om_c", "upper_message_id": parent, "msg_type": "text", "body": {"content": json.dumps({"text": ERROR})}}
    lark.messages[parent] = [{"message_id": parent, "msg_type": "merge_forward", "body": {"content": "x"}}, child]
    answer = await one_answer(house, event)

    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_naming_the_bot_below_a_message_means_that_message(lark: OpenPlatform, open_house: Open) -> None:
    """Somebody replies to an error with nothing but @whyforbidden."""
    house = await open_house()
    lark.messages["om_error"] = [
        {"message_id": "om_error", "msg_type": "text", "sender": {"id": BOB}, "body": {"content": json.dumps({"text": ERROR})}}
    ]
    answer = await one_answer(house, message("", chat=GROUP, mention=BOT, parent_id="om_error", root_id="om_error"))

    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_only_the_name_is_a_call_for_help_and_a_picture_needs_text(lark: OpenPlatform, open_house: Open) -> None:
    """No silence to somebody who asked."""
    house = await open_house()
    helped = await one_answer(house, message("", chat=GROUP, mention=BOT))
    assert "Paste an error" in words(helped["content"])
    picture = await one_answer(house, message(kind="image", content={"image_key": "img"}))
    assert "There is no text to explain" in words(picture["content"])


async def test_what_is_not_for_the_bot_is_left_alone(lark: OpenPlatform, open_house: Open) -> None:
    """Other people's talk, other people's names, other bots, other apps, joins, nonsense."""
    house = await open_house()
    foreign, bot = message(), message()
    foreign["header"]["app_id"] = "cli_another"
    bot["event"]["sender"]["sender_type"] = "app"
    await silence(house, message(chat=GROUP), message(chat=GROUP, mention=BOB), foreign, bot)
    for odd in ({"type": "im.chat.updated_v1"}, {"header": 1}, {"event": []}):
        event = message()
        event["header"] = {**event["header"], "event_type": "im.chat.member.bot.added_v1"}
        await house.deliver({**event, "event": odd})


async def test_a_channel_that_is_listened_to_is_answered_only_for_sure_errors(lark: OpenPlatform, open_house: Open) -> None:
    """Overheard talk stays unanswered, an overheard error does not; other channels are not listened to."""
    house = await open_house(listen_channels=(GROUP,))
    await silence(
        house, message("is it forbidden to bring dogs? 403 of them?", chat=GROUP, sender=BOB), message(chat=GROUP + "_other", sender=BOB)
    )
    answer = await one_answer(house, message(chat=GROUP, sender=BOB))

    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_a_recalled_message_is_not_answered(lark: OpenPlatform, open_house: Open) -> None:
    """Taken back before its turn came, or deleted while the answer was written: nothing is said, nothing breaks."""
    house = await open_house()
    event = message()
    recalled = {"message_id": event["event"]["message"]["message_id"]}
    await house.deliver({"schema": "2.0", "header": {**event["header"], "event_type": "im.message.recalled_v1"}, "event": recalled})
    await silence(house, event)
    event = message()
    lark.fail(f"POST .*/{event['event']['message']['message_id']}/reply", 230011)
    await silence(house, event)


async def test_the_same_error_again_updates_the_card_that_stands(lark: OpenPlatform, open_house: Open) -> None:
    """One card for one need in a chat; the second asker is told where it is."""
    house = await open_house()
    first = await one_answer(house, message(chat=GROUP, mention=BOT))
    second = await one_answer(house, message(chat=GROUP, mention=BOT, sender=BOB))

    assert "already" in words(second["content"])
    assert first["redrawn"] == 1


async def test_a_card_that_was_deleted_is_posted_anew(lark: OpenPlatform, open_house: Open) -> None:
    """Pointing to a card that is gone would help nobody."""
    house = await open_house()
    await one_answer(house, message())
    lark.said.clear()
    answer = await one_answer(house, message())

    assert "99991679" in json.dumps(answer["content"]["header"])


async def test_an_edited_message_is_answered_in_place(lark: OpenPlatform, open_house: Open) -> None:
    """The card under the message becomes the answer to what stands there now."""
    house = await open_house()
    event = message(NOT_FOUND)
    card = await one_answer(house, event)
    assert "1063005" in json.dumps(card["content"]["header"])
    edited = again(message(message_id=event["event"]["message"]["message_id"], update_time="9999999999999"))
    await house.deliver(edited)
    await until(lambda: card["redrawn"])

    assert "99991679" in json.dumps(card["content"]["header"])
    assert len(lark.answers()) == 1


async def test_a_pasted_secret_is_told_to_the_asker_alone(lark: OpenPlatform, open_house: Open) -> None:
    """In a group by a card that only they see; where the group does not allow that, directly."""
    house = await open_house()
    secret = "Authorization: Bearer t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234\n" + ERROR
    await one_answer(house, message(secret, chat=GROUP, mention=BOT))
    await until(lambda: lark.alone)
    assert lark.alone[0]["open_id"] == ALICE
    lark.p2p.add(GROUP + "_2")
    await one_answer(house, message(secret, chat=GROUP + "_2", mention=BOT))
    await until(lambda: [one for one in lark.said.values() if not one["reply_to"]])

    assert "t-g1044" not in json.dumps([lark.said, lark.alone])


async def test_where_the_bot_may_not_speak_the_asker_is_answered_directly(lark: OpenPlatform, open_house: Open) -> None:
    """Muted groups (230018) and groups that the bot was removed from (230002)."""
    house = await open_house()
    lark.fail(r"POST .*/reply", 230002)
    await house.deliver(message(chat=GROUP, mention=BOT))
    await until(lambda: lark.said)

    (answer,) = lark.said.values()
    assert answer["chat"] == f"oc_p2p_{ALICE}"


async def test_a_card_that_the_platform_cannot_draw_becomes_a_plain_line(lark: OpenPlatform, open_house: Open) -> None:
    """Never an error where an answer was asked for; and no `<at>` of a paste comes alive in it."""
    house = await open_house()
    lark.fail(r"POST .*/reply", 230099)
    answer = await one_answer(
        house, message('{"code":1,"msg":"<at user_id=\\"all\\"></at> Access denied 99991672 <at user_id=\\"all\\">x</at>"}')
    )

    assert answer["kind"] == "text"
    assert "<" not in answer["content"]["text"]


async def test_forty_thousand_letters_fit_into_a_card(lark: OpenPlatform, open_house: Open) -> None:
    """The platform refuses cards over 30 KB; ours never are."""
    answer = await one_answer(await open_house(), message(ERROR + " 权限不足<b>*_" * 3000))

    assert len(json.dumps(answer["content"], ensure_ascii=False).encode()) < 30_000


async def test_a_stale_token_a_busy_platform_and_a_lost_answer_are_survived(lark: OpenPlatform, open_house: Open) -> None:
    """Token withdrawn while running, rate limit with its reset header, an internal error: one answer all the same."""
    house = await open_house()
    await one_answer(house, message(NOT_FOUND))
    lark.tokens += 1
    lark.fail(r"POST .*/reply", 99991400, 429, **{"x-ogw-ratelimit-reset": "1"})
    lark.fail(r"POST .*/reply", 2200, 500)
    started = asyncio.get_running_loop().time()
    await one_answer(house, message())

    assert asyncio.get_running_loop().time() - started > 1
    assert len(lark.answers()) == 2


async def test_a_burst_in_one_chat_keeps_the_pace(lark: OpenPlatform, open_house: Open) -> None:
    """Five a second in a chat: twelve answers take two seconds and are never refused."""
    house = await open_house()
    events = [message("help", chat=GROUP, mention=BOT, root_id="om_root") for _ in range(8)]
    for event in events:
        await house.deliver(event)
    lark_chat = {"of " + event["event"]["message"]["message_id"] for event in events}
    await until(lambda: len(lark.answers()) == 8, 8)

    assert lark.refusals == 0
    assert [answer["reply_to"] for answer in lark.answers()] == [event["event"]["message"]["message_id"] for event in events]
    assert len(lark_chat) == 8


async def test_a_storm_of_redeliveries_gives_one_answer_each(lark: OpenPlatform, open_house: Open) -> None:
    """Every event five times, shuffled, half of them under another event id, to two processes with one store."""
    houses = [await open_house(), await open_house()]
    events = [message(NOT_FOUND.replace("0B", f"{n:02d}"), chat=f"oc_p2p_{n}", sender=f"ou_{n}") for n in range(12)]
    storm = [again(event) if turn % 2 else event for event in events for turn in range(5)]
    random.Random(7).shuffle(storm)
    await asyncio.gather(*(houses[number % 2].deliver(event) for number, event in enumerate(storm)))
    await until(lambda: len(lark.answers()) >= len(events))
    await asyncio.sleep(0.3)

    assert sorted(one["reply_to"] for one in lark.answers()) == sorted(event["event"]["message"]["message_id"] for event in events)


async def test_a_full_line_says_so_once(lark: OpenPlatform, open_house: Open) -> None:
    """What does not fit is refused with a sentence, and not answered later as well."""
    house = await open_house(queue_limit=1)
    lark.delay = 0.3
    first, second = message(NOT_FOUND), message(ERROR)
    for event in (first, second, second):
        await house.deliver(event)
    await until(lambda: len(lark.answers()) == 2)
    lark.delay = 0

    (busy,) = lark.answers(second["event"]["message"]["message_id"])
    assert "I am busy" in words(busy["content"])


async def test_too_many_questions_from_one_person(lark: OpenPlatform, open_house: Open) -> None:
    """The limit is said once, then the person is left unanswered until the minute is over."""
    house = await open_house(asks_per_minute=2)
    for _ in range(2):
        await one_answer(house, message("help"))
    slow = await one_answer(house, message("help"))
    assert "More than 2 questions" in words(slow["content"])
    event = message("help")
    await house.deliver(event)
    await one_answer(house, message("help", sender=BOB, chat="oc_p2p_bob"))

    assert lark.answers(event["event"]["message"]["message_id"]) == []


async def test_the_menu_answers_in_the_direct_chat(lark: OpenPlatform, open_house: Open) -> None:
    """An entry of the bot's menu; an unknown one is a call for help."""
    house = await open_house()
    chosen = menu("grants")
    await house.deliver(chosen)
    await house.deliver(chosen)
    await house.deliver(menu("something"))
    await until(lambda: len(lark.said) == 2)
    await asyncio.sleep(0.05)

    said = [words(one["content"]) for one in lark.said.values()]
    assert "You have no consent here" in said[0]
    assert "Paste an error" in said[1]
    assert {one["chat"] for one in lark.said.values()} == {f"oc_p2p_{ALICE}"}


async def test_questions_in_one_chat_are_answered_in_order(lark: OpenPlatform, open_house: Open) -> None:
    """Also when the platform is slow."""
    house = await open_house()
    lark.delay = 0.05
    events = [message(text, chat=CHAT) for text in ("help", "grants", NOT_FOUND, ERROR)]
    for event in events:
        await house.deliver(event)
    await until(lambda: len(lark.answers()) == 4)

    assert [one["reply_to"] for one in lark.answers()] == [event["event"]["message"]["message_id"] for event in events]


async def test_a_reply_in_the_thread_changes_the_card(lark: OpenPlatform, open_house: Open) -> None:
    """The card is redrawn in place with what is new, and a short word stands in the thread; thanks get nothing there."""
    house = await open_house()
    asked = message(chat=GROUP, mention=BOT)
    card = await one_answer(house, asked)
    mine = next(name for name, one in lark.said.items() if one is card)
    root = asked["event"]["message"]["message_id"]
    said = message("published, still the same", chat=GROUP, mention=BOT, root_id=root, parent_id=mine)
    await house.deliver(message("thanks", chat=GROUP, mention=BOT, root_id=root, parent_id=mine))
    word = await one_answer(house, said)

    assert "It still fails." in json.dumps(word["content"])
    await until(lambda: "It still fails." in json.dumps(card["content"]))
    assert len(lark.answers()) == 2


async def test_a_direct_message_after_a_card_is_about_it(lark: OpenPlatform, open_house: Open) -> None:
    """A claim changes the card; what is not understood is said; a new error gets a card of its own."""
    house = await open_house()
    card = await one_answer(house, message())
    word = await one_answer(house, message("用户身份"))
    puzzled = await one_answer(house, message("the purple elephant sings"))
    new = await one_answer(house, message(NOT_FOUND))

    assert "The call is made as a user." in json.dumps(word["content"])
    assert "The call is made as a user." in json.dumps(card["content"])
    assert "could not make sense" in json.dumps(puzzled["content"])
    assert "1063005" in json.dumps(new["content"])
