"""Shapes and words, without any socket."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from bot.card import CardView, view
from bot.model import Button, Locale, Reply, Text
from bot.render import render
from handlers.dingtalk.events import read_click, read_message
from handlers.dingtalk.layout import (
    MOST_PARAM,
    MOST_TEXT,
    TEXTS,
    WORDS,
    Word,
    card_values,
    is_personal,
    markdown,
    message,
    read_word,
    template,
    to_copy,
    with_mention,
    with_words,
)
from tests.fixtures import dingtalk_permission, lark_user_scope, lark_which_app

CARD = "k3J9xQ_aB-cdEfGhIjKlMn"


def buttons(card: CardView) -> list[Button]:
    """All that the card offers."""
    return [button for button in (card.primary, *card.quiet) if button is not None]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("consent", Word("reauthorize", 0, "")),
        ("/whyforbidden consent 2 #k3J9xQ", Word("reauthorize", 1, "k3J9xQ")),
        ("Consent ＃k3J9xQ ", Word("reauthorize", 0, "k3J9xQ")),
        ("重新授权", Word("reauthorize", 0, "")),
        ("whyforbidden 详情", Word("details", 0, "")),
        (f"reauthorize {CARD}", Word("reauthorize", 0, CARD)),
        (f"reauthorize {CARD} 1", Word("reauthorize", 1, CARD)),
        ("withdraw #k3J9xQ", Word("revoke", 0, "k3J9xQ")),
        ("mute #k3J9xQ", Word("mute", 0, "k3J9xQ")),
        ("mute", None),
        ("mute all", None),
        ("grants", None),
        ("revoke 2", None),
        ("consent is missing", None),
        ("99991679", None),
        ("", None),
        ("consent " * 40, None),
    ],
)
def test_words_that_are_buttons_are_told_from_everything_else(text: str, word: Word | None) -> None:
    """With or without the bot's name, an index, a card's id; what the commands already mean stays theirs."""
    assert read_word(text) == word


def test_only_questions_about_ones_own_consents_are_personal() -> None:
    """Answered in the direct chat."""
    assert [text for text in ("grants", "/whyforbidden revoke 1", "我的授权", "help", "mute", "grantsome", "99991679") if is_personal(text)] == [
        "grants", "/whyforbidden revoke 1", "我的授权",
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("private", [True, False])
def test_every_button_of_a_card_has_its_word(locale: Locale, private: bool) -> None:
    """Several apps have numbers; each word that is printed reads back as the button it stands for."""
    for diagnosis in (lark_user_scope(), lark_which_app(), dingtalk_permission()):
        card = view(diagnosis, audience="asker" if private else "channel")
        reply = render(card, "dingtalk", locale, card_id=CARD)
        body = with_words(message(reply), buttons(card), CARD, locale, private=private)
        text = body[body["msgtype"]]["text"]
        linked = [read_word(unquote(part.split(")")[0])) for part in text.split("content=")[1:]]

        assert {(word.action, word.index) for word in linked if word} == {(one.action, one.index) for one in buttons(card) if not one.url}
        assert all(word and CARD.startswith(word.ref) for word in linked)
        assert text.count(CARD) == 0
        assert len(text) <= MOST_TEXT


def test_a_long_card_makes_room_for_its_words() -> None:
    """Cut between paragraphs, in plain sight, never in the words."""
    offered = [Button(action, Text(action, action)) for action in WORDS]
    long = with_words(markdown("t", "\n\n".join(["word " * 40] * 30)), offered, CARD, "en", private=True)["markdown"]["text"]

    assert len(long) <= MOST_TEXT
    assert "…(shortened" in long and long.endswith("message.*")


@pytest.mark.parametrize("count", range(8))
def test_the_robot_api_gets_the_template_for_the_number_of_buttons(count: int) -> None:
    """One, two to five, or none; more become links in the text. The parameters are JSON text below the limit."""
    part: dict[str, object] = {"title": "t" * 300, "text": "字" * 9000}
    if count == 1:
        part |= {"singleTitle": "Open", "singleURL": "https://open.dingtalk.com/"}
    elif count:
        part |= {"btns": [{"title": f"B{n}", "actionURL": f"https://open.dingtalk.com/{n}"} for n in range(count)]}
    key, param = template({"msgtype": "actionCard" if count else "markdown", ("actionCard" if count else "markdown"): part})
    values = json.loads(param)

    assert key == {0: "sampleMarkdown", 1: "sampleActionCard"}.get(count, f"sampleActionCard{count}" if count <= 5 else "sampleMarkdown")
    assert len(param.encode()) <= MOST_PARAM and len(values["title"]) <= 100
    assert sum(f"https://open.dingtalk.com/{n}" in param for n in range(count)) == (count if count > 1 else 0)


def test_text_to_copy_is_no_markup() -> None:
    """Letter by letter."""
    key, param = template(to_copy(Text("Copy this:", ""), Text("a_b *c* [x](https://y)", ""), "en"))

    assert key == "sampleText"
    assert json.loads(param)["content"] == "Copy this:\n\na_b *c* [x](https://y)"


def test_only_a_harmless_user_id_is_mentioned() -> None:
    """An id that could be markup or everybody is not written."""
    body = markdown("t", "x")

    assert with_mention(body, "manager01")["at"] == {"atUserIds": ["manager01"], "isAtAll": False}
    assert with_mention(body, "all](x)") == body


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_a_cards_variables_keep_their_kilobyte(locale: Locale) -> None:
    """Whatever the length: every value is text of at most 1,000 bytes, and what is cut says so."""
    for text in ("short", "字" * 900, "\n\n".join(["词" * 500] * 20), "\n".join(["line " * 30] * 60)):
        reply = Reply("dingtalk", markdown("标题" * 400, text), "t")
        values = card_values(reply, view(lark_which_app()), locale)
        pieces = [values[f"text{number}"] for number in range(1, TEXTS + 1)]

        assert all(isinstance(value, str) and len(value.encode()) <= 1000 for value in values.values())
        assert all(len(key.encode()) <= 100 for key in values)
        shown = "".join(pieces).replace("\n", "")
        assert shown == text.replace("\n", "") or pieces[-1].endswith(("see details)", "见详情）"))
        assert (values["show_reauthorize"], values["show_reauthorize_2"]) == ("true", "true")


@pytest.mark.parametrize(
    ("content", "pressed"),
    [
        ('{"cardPrivateData":{"actionIds":["check"],"params":{}}}', ("check", 0)),
        ({"cardPrivateData": {"actionIds": ["reauthorize_2"]}}, ("reauthorize", 1)),
        ({"cardPrivateData": {"actionIds": ["ask_admin"], "params": {"index": "1"}}}, ("ask_admin", 1)),
        ({"cardPrivateData": {"actionIds": ["button1"], "params": {"action": "mute"}}}, ("mute", 0)),
        ({"cardPrivateData": {"actionIds": ["<script>"]}}, ("", 0)),
        ("", ("", 0)),
        ("[" * 100_000, ("", 0)),
        ({"cardPrivateData": {"actionIds": "check"}}, ("", 0)),
        (None, ("", 0)),
    ],
)
def test_a_click_is_read_whatever_it_holds(content: object, pressed: tuple[str, int]) -> None:
    """The button's id, or its parameter; nonsense is a button that nobody knows."""
    found = read_click({"outTrackId": CARD, "userId": "u", "corpId": "c", "spaceId": "dtv1.card//IM_GROUP.cid=", "content": content}, "m")

    assert found is not None
    assert (found.card, found.chat, found.action, found.index) == (CARD, "cid=", *pressed)


@pytest.mark.parametrize(
    ("group", "text", "read"),
    [
        (True, " @why @Bob   99991679 ", "99991679"),
        (True, "\u2005help", "help"),
        (False, "@channel 99991679", "@channel 99991679"),
        (True, "@why", ""),
    ],
)
def test_mentions_in_front_are_no_part_of_the_question(group: bool, text: str, read: str) -> None:
    """Only in groups, where one has to mention the bot."""
    asked = read_message({"msgId": "1", "conversationId": "c", "conversationType": "2" if group else "1", "senderId": "s", "msgtype": "text",
                          "text": {"content": text}})  # fmt: skip

    assert asked is not None
    assert (asked.text, asked.private, asked.reachable, asked.strange) == (read, not group, False, False)
