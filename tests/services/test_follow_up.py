"""Replies under a card: told apart from new errors and from small talk, and what each changes in the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.model import Person, Place, Question
from bot.oauth.messages import PlatformRefusal
from bot.redact import redact
from bot.services import card_snapshot
from bot.services.results import Replied
from tests.consent_world import ALICE, PLACE, Scene, teach

LARK = json.dumps(
    {
        "code": 99991672,
        "msg": "Access denied. One of the following scopes is required: [docx:document:readonly]. 应用尚未开通所需的应用身份权限",
        "error": {"log_id": "202308071603455425F5854702B4000DB9"},
    }
)
SEEDS = Path(__file__).parent.parent / "samples" / "seeds"
KUAISHOU = (SEEDS / "kuaishou-plain.txt").read_text(encoding="utf-8")
SLACK = '{"ok":false,"error":"missing_scope","needed":"channels:history","provided":"chat:write"}'


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def asked(text: str, *, private: bool = True, under: tuple[str, ...] = (), direct: bool = True, person: Person = ALICE) -> Question:
    return Question(
        redact(text).text,
        "slack",
        person,
        Place("slack", "T1", "C1", "171.1"),
        "en",
        direct,
        private,
        under=under,
        follows=private and not under,
    )


async def reply(scene: Scene, text: str, paste: str = LARK, **more: object) -> Replied | None:
    """What a text brings under the card of a paste."""
    answer = await scene.service.answer(asked(paste))
    assert answer is not None
    return await scene.service.reply(asked(text, **more))  # type: ignore[arg-type]


#: text → what it is: a change of the card, a word only, a new question (None).
TABLE = {
    "I enabled it, still the same": "card",
    "still fails": "card",
    "same error": "card",
    "还是报错": "card",
    "已开通，依然不行": "card",
    "published": "card",
    "I published a new version": "card",
    "已发布": "card",
    "审批通过了": "card",
    "it is not published yet": "card",
    "版本还没发布": "card",
    "as the bot": "card",
    "as the user": "card",
    "用机器人身份调用的": "card",
    "用户身份": "card",
    "the app is cli_a1b2c3d4e5f60718": "card",
    "/open-apis/docx/v1/documents": "card",
    "I can't find it in the console": "card",
    "后台搜不到这个权限": "card",
    "check": "card",
    "check again please": "card",
    "再查一下": "card",
    "重新授权了还是报错": "card",
    "same with a fresh token": "card",
    "it worked until yesterday": "card",
    "偶尔才报错": "card",
    "still 99991672, nothing changed: same error": "card",
    "it works now, thanks!": "card",
    "好了": "card",
    "thanks, but still the same": "card",
    "who can approve this?": "word",
    "谁能审批": "word",
    "该找谁处理": "word",
    "thanks": "word",
    "谢谢": "word",
    "ok": "word",
    "哈哈": "word",
    "hello": "word",
    "the purple elephant sings": "word",
    "紫色的大象在唱歌": "word",
    '{"code":99991663,"msg":"Invalid access token for authorization. Please make a test attempt"}': None,
    '{"ok":false,"error":"not_in_channel"}': None,
    "now it says 99991679: Unauthorized. You do not have permission": None,
    "现在报 errcode: 60011, errmsg: no privilege to access/modify contact": None,
    "99991679": None,
    "not_in_channel": None,
    "help": None,
    "mute": None,
    "grants": None,
}


@pytest.mark.parametrize("text", TABLE)
async def test_a_reply_is_told_from_a_new_error_and_from_small_talk(scene: Scene, text: str) -> None:
    """Directly: what the card gains changes it, talk gets a word, an error of its own is left to a new card."""
    found = await reply(scene, text)

    kind = None if found is None else "card" if found.reply is not None else "word"
    assert kind == TABLE[text], found
    if found is not None:
        assert found.said is not None and found.said.en and found.said.zh


@pytest.mark.parametrize("text", ["thanks", "谢谢", "ok", "哈哈", "hello"])
async def test_small_talk_gets_no_answer_in_a_channel(scene: Scene, text: str) -> None:
    """Neither when the bot is named nor when it only overhears."""
    answer = await scene.service.answer(Question(redact(LARK).text, "slack", ALICE, PLACE, "en"))
    assert answer is not None
    await scene.service.posted(answer.card.id, PLACE)
    found = await scene.service.reply(asked(text, private=False, under=("171.1",)))

    assert found is not None and found.reply is None and found.said is None


async def test_what_nobody_said_to_the_bot_and_is_not_understood_is_left_alone(scene: Scene) -> None:
    """People talk in a thread; where the bot is named, it says that it did not understand."""
    answer = await scene.service.answer(Question(redact(LARK).text, "slack", ALICE, PLACE, "en"))
    assert answer is not None

    assert await scene.service.reply(asked("see you at lunch", private=False, under=("171.1",), direct=False)) is None
    named = await scene.service.reply(asked("see you at lunch", private=False, under=("171.1",)))
    assert named is not None and named.said is not None and named.reply is None


async def test_no_card_no_reply(scene: Scene) -> None:
    """Where no card stands, or it stands in another thread, a message is a question of its own."""
    assert await scene.service.reply(asked("still the same")) is None
    await scene.service.answer(asked(LARK))
    assert await scene.service.reply(asked("still the same", private=False, under=("999.9",))) is None


async def test_a_card_of_yesterday_is_not_meant_without_a_thread(scene: Scene) -> None:
    """After a day only a thread leads back to it; what is not understood is about it for half an hour."""
    await scene.service.answer(asked(LARK))
    scene.clock.go(3_600)
    assert await scene.service.reply(asked("the purple elephant sings")) is None
    assert await scene.service.reply(asked("still the same")) is not None
    scene.clock.go(24 * 3_600)
    assert await scene.service.reply(asked("still the same")) is None
    assert await scene.service.reply(asked("still the same", private=False, under=("171.1",))) is not None


async def test_the_api_that_kuaishou_asks_for_leads_to_a_consent(scene: Scene) -> None:
    """The error names no pack; the API does, and the card offers the consent for exactly it."""
    found = await reply(scene, "open.order.detail", KUAISHOU)

    assert found is not None and found.reply is not None
    (diagnosis,) = card_snapshot.diagnoses(found.card.snapshot, scene.service.context.apps, scene.clock.now())
    assert diagnosis.choice is not None and diagnosis.choice.recommended == ("merchant_order",)
    assert "merchant_order" in json.dumps(found.reply.body)


async def test_a_claim_changes_what_is_likeliest(scene: Scene) -> None:
    """Where nobody could look, what was said to be done already is no longer the first remedy."""
    answer = await scene.service.answer(asked(SLACK))
    assert answer is not None
    before = answer.diagnoses[0].remedies[0].id
    found = await scene.service.reply(asked("I added the scope and reinstalled the app, still the same"))
    assert found is not None
    now = card_snapshot.diagnoses(found.card.snapshot, scene.service.context.apps, scene.clock.now())[0]

    assert now.remedies[0].id != before
    assert found.said is not None and "Likeliest now" in found.said.en


async def test_a_look_weighs_more_than_a_claim(scene: Scene) -> None:
    """ "Published, still the same": the look shows that the scope works for users only, and the reply says so."""
    found = await reply(scene, "published, still the same")

    assert found is not None and found.said is not None
    assert "I looked again" in found.said.en and "user identity only" in found.said.en


async def test_ten_replies_at_once_are_all_kept(scene: Scene) -> None:
    """Replies race for one card; none is lost."""
    import asyncio

    await scene.service.answer(asked(LARK))
    said = ["published", "as the bot", "same with a fresh token", "it worked until yesterday", "I enabled it"] * 2
    await asyncio.gather(*(scene.service.reply(asked(text)) for text in said))
    (card,) = scene.store.cards.values()
    tried = set(card_snapshot.read_finding(card.snapshot["findings"][0]).surroundings.split("\n"))

    assert set(said) <= tried


async def test_the_channel_never_reads_what_only_the_asker_may(scene: Scene) -> None:
    """Neither the word in a thread nor the card there holds the app's id."""
    answer = await scene.service.answer(Question(redact(LARK).text, "slack", ALICE, PLACE, "en"))
    assert answer is not None
    found = await scene.service.reply(asked("the app is cli_a1b2c3d4e5f60718, still the same", private=False, under=("171.1",)))

    assert found is not None and found.said is not None and found.reply is not None
    for text in (found.said.en, json.dumps(found.reply.body)):
        assert "cli_a1b2c3d4e5f60718" not in text


async def test_a_look_that_fails_says_why(scene: Scene) -> None:
    """What was seen at the first look is not told as seen now."""
    await scene.service.answer(asked(LARK))
    scene.platform.faults.append(lambda _: PlatformRefusal("1254290", "too many requests", blame="rate"))
    found = await scene.service.reply(asked("published, still the same"))

    assert found is not None and found.said is not None
    assert "It could not be asked: 1254290" in found.said.en and "I looked again" not in found.said.en
