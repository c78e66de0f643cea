"""Clicks in Slack: every button, in every state, by anybody, gets an answer; what is personal stays private."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.slack.server import Posted, SlackServer
from tests.slack.world import ERROR, Open, click, opened


async def card_in(door: Open, channel: str = "C1", **more: str) -> Posted:
    """A card that stands in a channel."""
    await door.says(ERROR, channel=channel, **more)
    await door.settle()
    return door.slack.in_channel(channel)[0]


async def test_re_authorize_whispers_a_personal_link(door: Open) -> None:
    """Only the asker sees it; the shared card says that it waits for them, without the link."""
    card = await card_in(door)
    await door.clicks(card, card.button("reauthorize"))
    await door.settle()

    whisper = door.slack.whispers[-1]
    assert re.search(r"http://127\.0\.0\.1:9/consent/[\w-]+\.[\w-]+", whisper.words)
    [now] = door.slack.in_channel("C1")
    assert "/consent/" not in now.words
    assert door.slack.count("chat.update") >= 1


async def test_somebody_else_gets_a_kind_no(door: Open) -> None:
    """The button is the asker's; nobody else gets a link, and only the clicker hears it."""
    card = await card_in(door)
    await door.clicks(card, card.button("reauthorize"), user="U2")
    await door.settle()

    assert "only they can use this button" in door.slack.whispers[-1].words
    assert all("/consent/" not in one.words for one in door.slack.whispers)


async def test_details_are_for_the_asker_and_unfolded(http_door: Open) -> None:
    """Slack cannot fold: the private message carries what the channel's card leaves out."""
    card = await card_in(http_door)
    await http_door.clicks(card, card.button("details"))
    await http_door.settle()

    whisper = http_door.slack.whispers[-1]
    assert "cli_a1b2c3d4e5f60718" in whisper.words
    assert "why_details_0" not in whisper.actions
    assert "2026030112000000000000000000000001" in whisper.words


async def test_the_support_bundle_is_a_block_to_copy(http_door: Open) -> None:
    """Letter by letter, in a code block."""
    await http_door.says(
        '{"code":1254290,"msg":"TooManyRequest","log_id":"2026030112000000000000000000000003"}', kind="message", channel="D1"
    )
    await http_door.settle()
    [card] = http_door.slack.in_channel("D1")
    await http_door.clicks(card, card.button("details"))
    await http_door.settle()
    details = http_door.slack.whispers[-1]
    await http_door.clicks(details, details.button("support"))
    await http_door.settle()

    assert "```" in http_door.slack.whispers[-1].words
    assert "2026030112000000000000000000000003" in http_door.slack.whispers[-1].words


async def test_a_private_answer_is_shared_in_its_brief_form(door: Open) -> None:
    """Ids stay with the asker; the copy follows the card."""
    await door.commands(ERROR)
    await door.settle()
    [answer] = door.slack.whispers
    await door.clicks(answer, answer.button("share"), channel="C1")
    await door.settle()

    [copy] = door.slack.in_channel("C1")
    assert "99991679" in copy.words
    assert "cli_a1b2c3d4e5f60718" not in copy.words
    await door.clicks(answer, answer.button("reauthorize"), channel="C1")
    await door.settle()
    [copy] = door.slack.in_channel("C1")
    assert "/consent/" not in copy.words
    assert door.slack.count("chat.update") >= 1


async def test_sharing_where_the_bot_is_no_member_goes_through_the_click(http_door: Open) -> None:
    """A response_url needs no membership."""
    await http_door.commands(ERROR, channel="C404")
    await http_door.settle()
    answer = http_door.slack.whispers[-1]
    await http_door.clicks(answer, answer.button("share"), channel="C404")
    await http_door.settle()

    [copy] = http_door.slack.in_channel("?")
    assert "cli_a1b2c3d4e5f60718" not in copy.words


async def test_a_private_card_is_redrawn_through_its_last_click(http_door: Open) -> None:
    """Ephemeral messages cannot be updated by the Web API."""
    await http_door.commands(ERROR)
    await http_door.settle()
    answer = http_door.slack.whispers[-1]
    await http_door.clicks(answer, answer.button("reauthorize"), channel="C1")
    await http_door.settle()

    assert http_door.slack.count("chat.update") == 0
    assert any("/consent/" in one.words for one in http_door.slack.whispers)


async def test_voting_and_muting_are_answered(http_door: Open) -> None:
    """By anybody who sees the card."""
    card = await card_in(http_door)
    for action, said in [("unhelpful", "Thank you"), ("mute", "Quiet for 30 days")]:
        await http_door.clicks(card, card.button(action), user="U2")
        await http_door.settle()
        assert said in http_door.slack.whispers[-1].words
        assert http_door.slack.whispers[-1].only_for


async def test_buttons_of_other_times_are_answered(http_door: Open) -> None:
    """Unknown, older, forged or of a card that is forgotten: one private sentence each, and never silence."""
    card = await card_in(http_door)
    card_id = _card_id(card)
    odd = [
        {"action_id": "old_button", "value": "whatever"},
        {"action_id": "why_dance_0", "value": json.dumps({"card": card_id, "action": "dance", "index": 0})},
        {"action_id": "why_check_0", "value": json.dumps({"card": "gone", "action": "check", "index": 0})},
        {"action_id": "why_reauthorize_9", "value": json.dumps({"card": card_id, "action": "reauthorize", "index": 9})},
        {"action_id": "x", "value": "{" * 500},
        {"action_id": "x"},
    ]
    for number, button in enumerate(odd, start=1):
        await http_door.clicks(card, button)
        await http_door.settle()
        assert len(http_door.slack.whispers) == number, button


async def test_a_link_button_is_only_acknowledged(http_door: Open) -> None:
    """Slack opens the page itself, and shows a warning sign unless the click is acknowledged."""
    card = await card_in(http_door)
    await http_door.clicks(
        card, {"action_id": "why_open_0", "url": "https://open.feishu.cn/app", "text": {"type": "plain_text", "text": "Open"}}
    )
    await http_door.settle()

    assert http_door.slack.whispers == []


async def test_after_a_restart_the_buttons_still_work(slack: SlackServer, tmp_path: Path) -> None:
    """A card's state lives in the store."""
    async with opened(slack, tmp_path) as first:
        card = await card_in(first)
    async with opened(slack, tmp_path) as second:
        await second.clicks(card, card.button("reauthorize"))
        await second.settle()

    assert "/consent/" in slack.whispers[-1].words


async def test_a_deleted_card_still_answers_its_click(http_door: Open) -> None:
    """The message vanished between the click and the answer."""
    card = await card_in(http_door)
    http_door.slack.messages.clear()
    await http_door.clicks(card, card.button("reauthorize"))
    await http_door.settle()

    assert "/consent/" in http_door.slack.whispers[-1].words


async def test_where_nothing_private_is_possible_the_direct_chat_is_used(http_door: Open) -> None:
    """No ephemeral message and no response_url: the link goes to the person directly."""
    card = await card_in(http_door)
    http_door.slack.members.discard("C1")
    payload = click(card.button("reauthorize"), "U1", "C1", card.ts, url=f"{http_door.slack.base}/nowhere")
    await http_door.give("interactive", payload)
    await http_door.settle()

    [direct] = http_door.slack.in_channel("D-U1")
    assert "/consent/" in direct.words


def _card_id(card: Posted) -> str:
    values = [one["value"] for block in card.blocks if block["type"] == "actions" for one in block["elements"] if "value" in one]
    return str(json.loads(values[0])["card"])
