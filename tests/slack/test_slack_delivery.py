"""Delivery: signed requests only, acknowledged at once, answered once, in order, within Slack's limits, through every kind of trouble."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.model import Question
from bot.services.results import Answer
from handlers.chat import supervise
from handlers.slack import app as door_module
from handlers.slack import socket
from tests.slack.server import APP_TOKEN, BOT_TOKEN, SECRET, SlackServer
from tests.slack.world import ERROR, Open, command, envelope, opened, said


def _error(number: int) -> str:
    """An error that differs from the others in what it needs."""
    return ERROR.replace("cli_a1b2c3d4e5f60718", f"cli_{number:016x}")


# ---------------------------------------------------------------- who may knock


async def test_a_challenge_is_answered_when_it_is_signed(http_door: Open) -> None:
    """The way Slack checks an address; an unsigned one, or one signed with another secret, gets nothing."""
    challenge = {"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd", "token": "wrong"}
    good = await http_door.deliver(challenge)
    bad = await http_door.deliver(challenge, secret="another-secret")

    assert good.status_code == 200
    assert "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd" in good.text
    assert bad.status_code == 401
    assert "3eZbrw1a" not in bad.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another-secret"},
        {"at": 1_500_000_000.0},
        {"at": time.time() + 3600},
        {"x_slack_signature": ""},
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_request_timestamp": "soon"},
    ],
    ids=["another secret", "long ago", "in the future", "unsigned", "another signature", "no time"],
)
async def test_what_is_not_signed_now_by_slack_is_refused(wrong: dict[str, Any], http_door: Open) -> None:
    """Other secret, old or future time, no signature, nonsense: nothing is done."""
    answer = await http_door.deliver(said(ERROR), **wrong)
    await http_door.settle()

    assert answer.status_code in (400, 401)
    assert http_door.slack.count("chat.postMessage") == 0


async def test_a_changed_body_is_refused(http_door: Open) -> None:
    """The signature is over the raw body."""
    body, stamp = json.dumps(said("99991679")), str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body) or ""
    headers = {"content-type": "application/json", "x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    assert http_door.http
    answer = await http_door.http.post(http_door.url, content=body.replace("99991679", "99991672"), headers=headers)

    assert answer.status_code == 401


@pytest.mark.parametrize("raw", ["{", "[" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "payload=%7B", ""])
async def test_unreadable_bodies_are_refused_and_nothing_breaks(raw: str, http_door: Open) -> None:
    """Signed or not, nonsense is a refusal, and the next question is answered."""
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = await http_door.post(raw, kind)
        assert answer.status_code in (200, 400, 401, 404)
    await http_door.says(ERROR)
    await http_door.settle()
    assert len(http_door.slack.in_channel("C1")) == 1


async def test_a_request_of_many_megabytes_is_not_read(http_door: Open) -> None:
    """The limit holds while the body comes in."""
    answer = await http_door.post("x" * (door_module.MOST_BYTES + 1), "application/json")

    assert answer.status_code == 413


async def test_a_replayed_command_is_answered_once(http_door: Open) -> None:
    """The same signed bytes within five minutes pass the signature; the second time nothing happens."""
    fields = {key: str(value) for key, value in command(ERROR, http_door.slack.response_url()).items()}
    for _ in range(3):
        assert (await http_door.form(fields)).status_code == 200
    await http_door.settle()

    assert len(http_door.slack.whispers) == 1


# ---------------------------------------------------------------- once, and in order


async def test_a_storm_of_redeliveries_to_two_processes_is_one_answer_each(slack: SlackServer, tmp_path: Path) -> None:
    """Eight messages, each delivered five times in any order to two doors over one store: eight answers."""
    bodies = [
        said(_error(number), user=f"U{number}", channel="C1" if number % 2 else "D1", kind="app_mention" if number % 2 else "message")
        for number in range(8)
    ]
    deliveries = [(body, retry) for body in bodies for retry in range(5)]
    random.Random(7).shuffle(deliveries)
    async with opened(slack, tmp_path) as one, opened(slack, tmp_path) as two:
        await asyncio.gather(
            *(random.Random(n).choice((one, two)).give("events_api", body, retry) for n, (body, retry) in enumerate(deliveries))
        )
        await one.settle()
        await two.settle()

    answered = sorted(posted.thread for posted in slack.messages.values())
    assert answered == sorted(body["event"]["ts"] for body in bodies)


async def test_a_click_delivered_twice_counts_once(http_door: Open) -> None:
    """Two taps are two clicks, but one tap is one."""
    await http_door.says(ERROR)
    await http_door.settle()
    [card] = http_door.slack.in_channel("C1")
    fixed = {"trigger_id": "trigger.fixed", "actions": [{**card.button("unhelpful"), "action_ts": "1.1"}]}
    for _ in range(3):
        await http_door.clicks(card, card.button("unhelpful"), **fixed)
    await http_door.settle()

    assert len(http_door.slack.whispers) == 1


async def test_within_a_thread_answers_come_in_the_order_of_the_questions(http_door: Open) -> None:
    """However long each takes."""
    codes = ["99991672", "99991679", "99991668", "99991663", "99991400"]
    for code in codes:
        await http_door.says(code, thread_ts="1770000000.000001")
    await http_door.settle()

    assert [next(code for code in codes if code in one.text) for one in http_door.slack.in_channel("C1")] == codes


# ---------------------------------------------------------------- not too much


async def test_everything_is_acknowledged_while_the_work_still_waits(http_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack gives three seconds; the answer may take longer."""
    gate = asyncio.Event()
    answer = http_door.runtime.service.command

    async def slow(question: Question) -> Answer:
        await gate.wait()
        return await answer(question)

    monkeypatch.setattr(http_door.runtime.service, "command", slow)
    begun = time.monotonic()
    await http_door.says(ERROR)
    await http_door.commands(ERROR)
    assert time.monotonic() - begun < 1
    gate.set()
    await http_door.settle()
    assert len(http_door.slack.in_channel("C1")) == 1


async def test_a_full_line_says_so(slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command hears it in its acknowledgement, a mention privately; what was taken is answered, and later there is room again."""
    async with opened(slack, tmp_path, queue_limit=2) as door:
        gate = asyncio.Event()
        answer = door.runtime.service.command

        async def slow(question: Question) -> Answer:
            await gate.wait()
            return await answer(question)

        monkeypatch.setattr(door.runtime.service, "command", slow)
        for number in range(2):
            await door.says(_error(number), user=f"U{number}")
        told = await door.commands(ERROR, user="U5")
        assert "busy" in told["text"]
        await door.says(ERROR, user="U6")
        await slack.until(lambda: any("busy" in one.words for one in slack.whispers))
        gate.set()
        await door.settle()
        assert len(slack.in_channel("C1")) == 2
        await door.commands("99991679", user="U5")
        await door.settle()
        assert "99991679" in slack.whispers[-1].words


async def test_one_person_has_a_pace(slack: SlackServer, tmp_path: Path) -> None:
    """More than the setting allows in a minute is refused, for that person only."""
    async with opened(slack, tmp_path, asks_per_minute=2) as door:
        replies = [await door.commands("99991679", user=user) for user in ("U1", "U1", "U1", "U2")]

        assert [bool(reply) for reply in replies] == [False, False, True, False]
        assert "2 questions in a minute" in replies[2]["text"]


async def test_retry_after_is_honoured(http_door: Open) -> None:
    """Slack says when to come back; then the message is there, once."""
    http_door.slack.busy["chat.postMessage"] = [1]
    begun = time.monotonic()
    await http_door.says(ERROR)
    await http_door.settle()

    assert time.monotonic() - begun >= 1
    assert len(http_door.slack.in_channel("C1")) == 1


# ---------------------------------------------------------------- trouble at Slack's side


async def test_a_revoked_token_is_logged_and_nothing_falls_over(http_door: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """The token is taken back while the bot runs; when it works again, so does the bot."""
    http_door.slack.valid_tokens.clear()
    await http_door.says(ERROR)
    await http_door.settle()
    assert "token_refused" in capsys.readouterr().out
    http_door.slack.valid_tokens.add(BOT_TOKEN)
    await http_door.says("99991672")
    await http_door.settle()

    assert len(http_door.slack.in_channel("C1")) == 1


@pytest.mark.parametrize("why", ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"])
async def test_taken_out_of_the_chat_the_answer_goes_to_the_asker(why: str, http_door: Open) -> None:
    """The question was put when the bot was still there."""
    http_door.slack.fail["chat.postMessage"] = [why]
    await http_door.says(ERROR)
    await http_door.settle()

    [card] = http_door.slack.in_channel("D-U1")
    assert "99991679" in card.words
    await http_door.clicks(card, card.button("reauthorize"))
    await http_door.settle()
    assert http_door.slack.in_channel("D-U1")[0].blocks != card.blocks


@pytest.mark.parametrize("why", ["message_not_found", "thread_not_found", "fatal_error", "cannot_reply_to_message"])
async def test_a_question_that_was_deleted_meanwhile_is_dropped(why: str, http_door: Open) -> None:
    """No answer, no crash, and the next question is answered."""
    http_door.slack.fail["chat.postMessage"] = [why]
    await http_door.says(ERROR)
    await http_door.settle()
    await http_door.says("99991672")
    await http_door.settle()

    assert len(http_door.slack.messages) == 1


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
async def test_being_taken_out_is_logged(kind: str, http_door: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator reads what to do; the event is acknowledged."""
    await http_door.give("events_api", envelope({"type": kind, "tokens": {"bot": ["U0BOT"]}}))

    assert "taken_out" in capsys.readouterr().out


async def test_refused_blocks_become_text(http_door: Open) -> None:
    """An answer without its looks is better than none."""
    http_door.slack.fail["chat.postMessage"] = ["msg_blocks_too_long"]
    await http_door.says(ERROR)
    await http_door.settle()

    [card] = http_door.slack.in_channel("C1")
    assert "99991679" in card.text
    assert card.blocks == []


async def test_without_users_read_people_are_still_answered(http_door: Open) -> None:
    """A scope that was left out costs the language, not the answer."""
    http_door.slack.scopes.discard("users:read")
    await http_door.says(ERROR)
    await http_door.settle()

    assert len(http_door.slack.in_channel("C1")) == 1


async def test_when_our_side_breaks_the_asker_hears_it(http_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, no traceback, and the door stays open."""

    async def broken(_question: Question) -> Answer:
        raise RuntimeError("the store burns")

    with monkeypatch.context() as patch:
        patch.setattr(http_door.runtime.service, "command", broken)
        await http_door.says(ERROR)
        await http_door.commands(ERROR)
        await http_door.settle()
    [told] = http_door.slack.in_channel("C1")
    assert "Something broke on our side" in told.words
    assert "burns" not in json.dumps([one.words for one in (told, *http_door.slack.whispers)])
    assert "Something broke" in http_door.slack.whispers[-1].words


# ---------------------------------------------------------------- Socket Mode


async def test_a_dropped_socket_comes_back_and_nothing_is_answered_twice(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack closes connections all day; what it delivers again afterwards was answered already."""
    monkeypatch.setattr(socket, "PING_SECONDS", 0.1)
    async with opened(slack, tmp_path, socket=True) as door:
        body = said(ERROR)
        await door.give("events_api", body)
        await door.settle()
        await slack.sockets[-1].close()
        await slack.until(lambda: len(slack.sockets) == 1 and not slack.sockets[0].closed)
        await door.give("events_api", body, retry=1)
        await door.give("events_api", said("99991672"))
        await door.settle()

        assert len(slack.in_channel("C1")) == 2


async def test_a_socket_that_slack_asks_to_renew_is_renewed(slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`disconnect` with `refresh_requested` is the ordinary end of a connection."""
    monkeypatch.setattr(socket, "PING_SECONDS", 0.1)
    async with opened(slack, tmp_path, socket=True) as door:
        first = slack.sockets[-1]
        await first.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
        await slack.until(lambda: any(one is not first for one in slack.sockets))
        await slack.until(lambda: first.closed or first not in slack.sockets)
        await door.says(ERROR)
        await door.settle()

        assert len(slack.in_channel("C1")) == 1


async def test_while_slack_does_not_let_it_in_the_door_keeps_trying(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a try, with the reason and the way to find out more; no traceback, and no token in it."""
    monkeypatch.setattr(supervise, "PAUSES", (0.01,))
    monkeypatch.setattr(supervise, "HUMAN", 0.01)
    slack.fail["apps.connections.open"] = ["invalid_auth", "internal_error"]
    async with opened(slack, tmp_path, socket=True) as door:
        await door.says(ERROR)
        await door.settle()

    shown = capsys.readouterr().out
    assert shown.count("not_connected") == 2
    assert "invalid_auth" in shown
    assert "Traceback" not in shown
    assert APP_TOKEN not in shown
    assert len(slack.in_channel("C1")) == 1
