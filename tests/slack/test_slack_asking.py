"""Asking in Slack: every way to put a question, over real sockets, and what comes back where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.slack.server import BOT, BOT_ID, SlackServer
from tests.slack.world import ERROR, Open, edited, opened, said, shortcut, submitted

OTHER = '{"code":99991672,"msg":"Access denied. One of the following scopes is required: [contact:user.base:readonly]","log_id":"2026030112000000000000000000000002"}'


async def test_a_mention_is_answered_in_its_thread(door: Open) -> None:
    """The card stands below the message that named the bot, once, and hides the app's id from the channel."""
    ts = await door.says(ERROR)
    await door.settle()

    [card] = door.slack.in_channel("C1")
    assert card.thread == ts
    assert "99991679" in card.words
    assert "cli_a1b2c3d4e5f60718" not in card.words


async def test_a_mention_within_a_thread_is_answered_there(http_door: Open) -> None:
    """Not below itself: one thread stays one thread."""
    await http_door.says(ERROR, thread_ts="1770000000.000009")
    await http_door.settle()

    assert [one.thread for one in http_door.slack.in_channel("C1")] == ["1770000000.000009"]


async def test_a_direct_message_needs_no_mention_and_shows_everything(door: Open) -> None:
    """There only the asker reads."""
    await door.says(ERROR, kind="message", channel="D1")
    await door.settle()

    [card] = door.slack.in_channel("D1")
    assert "docx:document:readonly" in card.words
    assert "why_reauthorize_0" in card.actions


async def test_a_command_is_answered_privately(door: Open) -> None:
    """Acknowledged with nothing; the answer is only for the asker and can be shared."""
    assert not await door.commands(ERROR)
    await door.settle()

    [answer] = door.slack.whispers
    assert "99991679" in answer.words
    assert "why_share_0" in answer.actions
    assert door.slack.messages == {}


@pytest.mark.parametrize(
    ("text", "said_back"),
    [
        ("99991679", "99991679"),
        ("`99991679`", "99991679"),
        ("20241104162326ED0F9B5D2C8A7E31F4A0", "20241104162326ED0F9B5D2C8A7E31F4A0"),
        ("help", "and I say what is missing, who can fix it"),
        ("grants", "You have no consent here"),
        ("mute", "I have answered nothing in this chat yet"),
        ("mute all", "Quiet here from now on"),
        ("how is the weather?", "No error found"),
    ],
)
async def test_what_may_stand_behind_the_command(text: str, said_back: str, http_door: Open) -> None:
    """Codes, request ids, and the few words that every door knows."""
    await http_door.commands(text)
    await http_door.settle()

    [answer] = http_door.slack.whispers
    assert said_back in answer.words


async def test_a_document_link_that_slack_wrapped_is_a_document_link(http_door: Open) -> None:
    """`<url>` and `<url|label>` are Slack's way of writing."""
    await http_door.commands("<https://example.feishu.cn/docx/AbCdEfGhIjKlMnOpQrStUvWxYzA|the plan>")
    await http_door.settle()

    [answer] = http_door.slack.whispers
    assert answer.words


async def test_nothing_behind_the_command_opens_a_window_whose_paste_is_answered(door: Open) -> None:
    """The answer appears where the command was typed, only for the asker, by the command's own response_url."""
    await door.commands("")
    await door.settle()
    [view] = door.slack.views
    assert not await door.give("interactive", submitted(view, ERROR))
    await door.settle()

    [answer] = door.slack.whispers
    assert "99991679" in answer.words


async def test_an_empty_window_says_so_in_the_window(http_door: Open) -> None:
    """Slack shows the sentence below the field."""
    await http_door.commands("")
    await http_door.settle()
    answer = await http_door.give("interactive", submitted(http_door.slack.views[0], "  "))

    assert answer["response_action"] == "errors"
    assert "no text" in answer["errors"]["why_paste"]


async def test_the_shortcut_explains_anybodys_message_privately(door: Open) -> None:
    """Alerting bots post errors as attachments; the channel hears nothing."""
    alert = {"bot_id": "B9", "text": "", "attachments": [{"title": "Nightly job", "text": ERROR.replace("&", "&amp;")}]}
    await door.give("interactive", shortcut(alert, door.slack.response_url()))
    await door.settle()

    [answer] = door.slack.whispers
    assert "99991679" in answer.words
    assert door.slack.messages == {}


async def test_a_snippet_is_read_together_with_the_message(door: Open) -> None:
    """Slack makes long pastes into files."""
    file = door.slack.add_file("error.json", ERROR.encode())
    await door.says("what is this?", kind="message", channel="D1", subtype="file_share", files=[file])
    await door.settle()

    [card] = door.slack.in_channel("D1")
    assert "99991679" in card.words


@pytest.mark.parametrize(
    ("about", "content", "said_back"),
    [
        ({"mode": "hosted", "mimetype": "image/png", "name": "screen.png"}, b"\x89PNG", "text only"),
        ({"name": "big.log", "size": 900_000_000}, b"x", "larger than"),
        ({"name": "gone.log", "mode": "tombstone"}, b"x", "is gone"),
        ({"name": "secret.log", "url_private_download": "https://files.evil.example/x"}, b"x", "could not read"),
        ({"name": "long.log", "url_private_download": "https://files.evil.example/x", "preview": ERROR}, b"x", "only the beginning"),
    ],
)
async def test_a_file_that_cannot_be_read_is_said(about: dict[str, object], content: bytes, said_back: str, http_door: Open) -> None:
    """One sentence, and the token never leaves for another host."""
    name = str(about.get("name"))
    file = http_door.slack.add_file(name, content, **{key: value for key, value in about.items() if key != "name"})
    await http_door.says("", kind="message", channel="D1", subtype="file_share", files=[file])
    await http_door.settle()

    assert any(said_back in one.words and name in one.words for one in http_door.slack.in_channel("D1"))


async def test_without_the_right_token_a_login_page_is_no_error_text(http_door: Open) -> None:
    """Slack answers 200 with HTML; that page must not be explained."""
    file = http_door.slack.add_file("a.txt", b"<html>Sign in</html>")
    number = file["id"]
    http_door.slack.contents[number] = ("text/html", b"<html>Sign in</html>")
    await http_door.says("", kind="message", channel="D1", subtype="file_share", files=[file])
    await http_door.settle()

    [answer] = http_door.slack.in_channel("D1")
    assert "could not read the file a.txt" in answer.words


async def test_an_edited_message_is_answered_again_in_place(http_door: Open) -> None:
    """The same message of ours, now about the new text; and no second one."""
    body = said(ERROR, kind="message", channel="D1")
    await http_door.give("events_api", body)
    await http_door.settle()
    await http_door.give("events_api", edited(body, OTHER))
    await http_door.settle()

    [card] = http_door.slack.in_channel("D1")
    assert "99991672" in card.words
    assert http_door.slack.count("chat.postMessage") == 1
    await http_door.clicks(card, card.button("details"))
    await http_door.settle()
    assert "contact:user.base:readonly" in http_door.slack.whispers[-1].words


async def test_a_link_preview_is_no_edit(http_door: Open) -> None:
    """Slack changes the message for it; the text stays."""
    body = said(ERROR, kind="message", channel="D1")
    await http_door.give("events_api", body)
    await http_door.settle()
    await http_door.give("events_api", edited(body, body["event"]["text"]))
    await http_door.settle()

    assert http_door.slack.count("chat.update") == 0


async def test_where_it_listens_a_sure_error_is_answered_and_talk_is_not(slack: SlackServer, tmp_path: Path) -> None:
    """Only in the channels named in the settings, only when an error is recognised for sure."""
    async with opened(slack, tmp_path, listen_channels=("C1",)) as door:
        for text, channel in [(ERROR, "C1"), ("99991679 people came", "C1"), ("lunch at noon?", "C1"), (ERROR, "C2")]:
            await door.says(text, kind="message", channel=channel)
        await door.settle()

        assert len(slack.in_channel("C1")) == 1
        assert slack.in_channel("C2") == []


async def test_a_mention_where_it_listens_is_one_question(slack: SlackServer, tmp_path: Path) -> None:
    """Slack sends both events for one message."""
    async with opened(slack, tmp_path, listen_channels=("*",)) as door:
        body = said(ERROR)
        twin = json.loads(json.dumps(body))
        twin["event_id"], twin["event"]["type"], twin["event"]["channel_type"] = "EvTwin", "message", "channel"
        await door.give("events_api", twin)
        await door.give("events_api", body)
        await door.settle()

        assert len(slack.in_channel("C1")) == 1


async def test_after_mute_all_it_no_longer_speaks_up(slack: SlackServer, tmp_path: Path) -> None:
    """Asked, it still answers."""
    async with opened(slack, tmp_path, listen_channels=("C1",)) as door:
        await door.commands("mute all")
        await door.settle()
        await door.says(ERROR, kind="message")
        await door.settle()
        assert slack.in_channel("C1") == []
        await door.says(ERROR)
        await door.settle()
        assert len(slack.in_channel("C1")) == 1


async def test_the_same_error_again_points_to_the_card_that_stands(http_door: Open) -> None:
    """One card an app, scopes and chat; the second asker may use its buttons."""
    await http_door.says(ERROR)
    await http_door.settle()
    [card] = http_door.slack.in_channel("C1")
    await http_door.says(ERROR, user="U2")
    await http_door.settle()

    _, pointer = http_door.slack.in_channel("C1")
    assert "answered this in this chat already" in pointer.words
    assert card.ts.replace(".", "") in pointer.words
    await http_door.clicks(card, card.button("details"), user="U2")
    await http_door.settle()
    assert "cli_a1b2c3d4e5f60718" in http_door.slack.whispers[-1].words


async def test_a_card_that_was_deleted_is_made_anew(http_door: Open) -> None:
    """Pointing to a message that is gone would help nobody."""
    await http_door.says(ERROR)
    await http_door.settle()
    http_door.slack.messages.clear()
    await http_door.says(ERROR, user="U2")
    await http_door.settle()

    [card] = http_door.slack.in_channel("C1")
    assert "99991679" in card.words


async def test_a_private_answer_is_not_what_the_channel_is_pointed_to(http_door: Open) -> None:
    """Somebody asked by command before; the mention gets a card of its own, in its brief form."""
    await http_door.commands(ERROR)
    await http_door.settle()
    await http_door.says(ERROR, user="U2")
    await http_door.settle()

    [card] = http_door.slack.in_channel("C1")
    assert "cli_a1b2c3d4e5f60718" not in card.words


async def test_a_live_secret_is_told_to_its_poster_alone(http_door: Open) -> None:
    """The warning is private, and the secret is in nothing that was sent."""
    secret = "u-" + "aB3dE6gH9jK2mN5pQ8sT" * 2
    await http_door.says(ERROR.replace('"code"', f'"user_access_token":"{secret}","code"'))
    await http_door.settle()

    [whisper] = http_door.slack.whispers
    assert whisper.only_for == "U1"
    assert "Rotate it" in whisper.words
    assert all(secret not in json.dumps(form) for _, form in http_door.slack.calls)


async def test_people_are_answered_in_their_language(http_door: Open) -> None:
    """Slack knows it; it is asked once an hour a person."""
    http_door.slack.locales["U7"] = "zh-CN"
    await http_door.says(ERROR, user="U7")
    await http_door.settle()
    await http_door.commands(ERROR, user="U7", channel="C2")
    await http_door.settle()

    [card] = http_door.slack.in_channel("C1")
    assert "用户" in card.words
    assert http_door.slack.count("users.info") == 1


async def test_a_mention_alone_means_the_message_above_it(http_door: Open) -> None:
    """Where its history may be read; else the bot says what it can do."""
    http_door.slack.scopes.add("channels:history")
    http_door.slack._keep(http_door.slack._message({"channel": "C1", "text": ERROR}))
    [above] = http_door.slack.in_channel("C1")
    await http_door.says("", thread_ts=above.ts)
    await http_door.settle()
    assert "99991679" in http_door.slack.in_channel("C1")[-1].words

    http_door.slack.scopes.discard("channels:history")
    await http_door.says("", thread_ts="1770000000.000001", channel="C2")
    await http_door.settle()
    assert "and I say what is missing, who can fix it" in http_door.slack.in_channel("C2")[0].words


async def test_forty_thousand_characters_are_one_card(http_door: Open) -> None:
    """Slack's longest message; the card stays within Slack's limits."""
    await http_door.says(("noise & <more> noise\n" * 1900)[: 39_000 - len(ERROR)] + ERROR)
    await http_door.settle()

    [card] = http_door.slack.in_channel("C1")
    assert "99991679" in card.words


#: Everything that is nobody's question: what an event says beside being a message.
NOT_ASKED = [
    {"bot_id": "B9"},
    {"bot_id": BOT_ID, "user": BOT},
    {"user": BOT},
    {"user": None},
    {"subtype": "bot_message", "bot_id": "B9", "user": None},
    {"subtype": "channel_join"},
    {"subtype": "channel_leave"},
    {"subtype": "channel_topic"},
    {"subtype": "message_deleted", "hidden": True, "deleted_ts": "1.1", "previous_message": {"user": "U1", "text": ERROR}},
    {"subtype": "message_replied"},
    {"hidden": True},
    {"type": "reaction_added", "reaction": "eyes", "item": {"type": "message"}},
    {"type": "member_joined_channel"},
    {"text": ""},
    {"subtype": "message_changed", "message": {"user": "U1", "bot_id": "B9", "text": ERROR, "ts": "1.1", "edited": {"ts": "2.1"}}},
    {"subtype": "message_changed", "message": {"subtype": "tombstone", "user": "USLACKBOT", "text": "deleted", "ts": "1.1"}},
]


async def test_what_nobody_asked_is_not_answered(http_door: Open) -> None:
    """Bots, joins, deletions, reactions, silence: acknowledged and forgotten."""
    for more in NOT_ASKED:
        await http_door.says(ERROR, **({"kind": "message", "channel": "D1"} | more))
        await http_door.settle()

        assert http_door.slack.count("chat.postMessage") == 0, more
        assert http_door.slack.count("chat.update") == 0, more


async def test_only_an_image_is_told_that_text_is_needed(http_door: Open) -> None:
    """A screenshot is the most common way to ask for help."""
    file = http_door.slack.add_file("shot.png", b"\x89PNG", mode="hosted", mimetype="image/png")
    await http_door.says("", subtype="file_share", files=[file])
    await http_door.settle()

    [answer] = http_door.slack.in_channel("C1")
    assert "Paste the error as text" in answer.words


async def test_foreign_text_stays_inert(http_door: Open) -> None:
    """No mention, link or format of a paste works in the card."""
    paste = ERROR.replace("Unauthorized.", "&lt;!channel&gt; &lt;https://evil.example|click&gt; *bold* @here")
    await http_door.says(paste, kind="message", channel="D1")
    await http_door.settle()
    [card] = http_door.slack.in_channel("D1")
    await http_door.clicks(card, card.button("details"))
    await http_door.settle()

    everything = json.dumps([form for _, form in http_door.slack.calls])
    assert "<!channel>" not in everything
    assert "<https://evil.example" not in everything


@pytest.mark.parametrize("kind", ["app_mention", "message"])
async def test_a_reply_in_the_thread_changes_the_card(http_door: Open, kind: str) -> None:
    """With or without the bot's name: the card changes where it stands, a short word says so, and small talk gets nothing."""
    ts = await http_door.says(OTHER)
    await http_door.settle()
    [card] = http_door.slack.in_channel("C1")

    await http_door.says("I enabled it, still the same", kind=kind, thread_ts=ts)
    await http_door.says("thanks", kind=kind, thread_ts=ts)
    await http_door.settle()

    shown = http_door.slack.in_channel("C1")
    assert [one.ts for one in shown][:1] == [card.ts] and len(shown) == 2
    assert "It still fails." in shown[0].words and "It still fails." in shown[1].words
    assert shown[1].thread == ts


async def test_what_people_say_in_other_threads_is_not_even_kept(http_door: Open) -> None:
    """A thread without a card of ours is none of our business."""
    await http_door.says("I enabled it, still the same", kind="message", thread_ts="1770000000.000001")
    await http_door.settle()

    assert http_door.slack.messages == {}


async def test_a_direct_message_after_a_card_is_about_it(http_door: Open) -> None:
    """Claims change the card, thanks get a kind word, a new error gets a card of its own."""
    await http_door.says(OTHER, kind="message", channel="D1")
    await http_door.settle()
    for words in ("as the user", "谢谢", ERROR):
        await http_door.says(words, kind="message", channel="D1")
        await http_door.settle()

    first, word, kind, new = http_door.slack.in_channel("D1")
    assert "The call is made as a user." in first.words and "The call is made as a user." in word.words
    assert "You are welcome" in kind.words
    assert "99991679" in new.words
