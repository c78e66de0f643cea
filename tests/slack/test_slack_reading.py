"""Pure parts: Slack's writing undone, payloads read, the line in which work waits."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from handlers.chat.queue import Pace, Queue, Recent
from handlers.slack.blocks import modal
from handlers.slack.events import read_action, read_command, read_event, read_shortcut, read_view, tenant_of
from handlers.slack.files import is_text
from handlers.slack.markup import straight, unslack, words_of
from handlers.slack.messenger import ResponseUrls

#: (what Slack sends, what was typed)
WRITING = [
    ("plain", "plain"),
    ("a &amp; b &lt;c&gt; &amp;amp;", "a & b <c> &amp;"),
    ("<@U0BOT> help", "help"),
    ("hey <@U0BOT>, why? <@U2|bob> <@U3>", "hey , why? @bob @U3"),
    ("<#C1|general> <#C2>", "#general #C2"),
    ("<!here> <!channel|channel> <!subteam^S1|@team> <!date^1|{date}^x|today>", "@here @channel @team {date}^x|today"),
    ("<https://open.feishu.cn/app?a=1&amp;b=2>", "https://open.feishu.cn/app?a=1&b=2"),
    ('{"url":"<http://open.feishu.cn|open.feishu.cn>"}', '{"url":"open.feishu.cn"}'),
    ("<https://open.feishu.cn/x/|https://open.feishu.cn/x>", "https://open.feishu.cn/x (https://open.feishu.cn/x/)"),
    ("<https://open.feishu.cn/app/cli_1/auth|apply>", "apply (https://open.feishu.cn/app/cli_1/auth)"),
    ("<mailto:a@b.example|a@b.example>", "a@b.example"),
    ("if a < b then <html>", "if a < b then <html>"),
    ("{“code”: 99991679, “msg”: “it’s”}", '{"code": 99991679, "msg": "it\'s"}'),
    ('{"msg":"应用未获取“用户授权”权限"}', '{"msg":"应用未获取“用户授权”权限"}'),
    ('log "x" then {“code”:1,“msg”:“no”}', 'log "x" then {"code":1,"msg":"no"}'),
    ("`99991679`", "99991679"),
    ('```\n{"code":1}\n```', '{"code":1}'),
    ("`a` and `b`", "`a` and `b`"),
    ("a\xa0b", "a b"),
    ("", ""),
]


@pytest.mark.parametrize(("sent", "typed"), WRITING)
def test_what_was_typed_comes_back(sent: str, typed: str) -> None:
    """Entities, brackets, mentions, links, curly quotes, code marks."""
    assert unslack(sent, "U0BOT") == typed


@pytest.mark.parametrize("piece", ["<", "“", "&lt;", "`", "<@", "“a”:", ": “", "<a|"])
def test_undoing_takes_time_in_line_with_the_length(piece: str) -> None:
    """A hostile text must not hold up the door."""
    text = piece * (400_000 // len(piece))
    begun = time.perf_counter()
    unslack(text, "U0BOT")
    assert time.perf_counter() - begun < 2


def test_quotes_of_prose_beside_straight_ones_stay() -> None:
    """Only what stands for JSON's own quotes is changed."""
    assert straight('say "yes" or “no”') == 'say "yes" or “no”'


def test_words_are_found_in_blocks_and_attachments() -> None:
    """Bots put their text anywhere."""
    rich = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": '{"code":'}, {"type": "text", "text": "1}"}]}
        ],
    }
    assert words_of({"text": "", "blocks": [rich]}) == '{"code":1}'
    assert words_of({"text": " ", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]}) == "hello"
    attached = {"title": "Job", "text": "failed", "fields": [{"title": "code", "value": "99991679"}], "fallback": "not this"}
    assert words_of({"text": "see", "attachments": [attached, {"fallback": "only this"}]}) == "see\nJob\nfailed\ncode: 99991679\nonly this"


def test_deeply_nested_blocks_end_somewhere() -> None:
    """Slack never sends it; somebody may."""
    nested: object = "x"
    for _ in range(5000):
        nested = {"elements": [nested]}
    assert words_of({"blocks": [nested]}) == ""


@pytest.mark.parametrize(
    "body", [{}, {"event": None}, {"event": {"type": "message"}}, {"actions": "x", "user": []}, {"view": 1, "channel": "C1", "message": []}]
)
def test_odd_payloads_are_read_without_falling(body: dict[str, object]) -> None:
    """Whatever is missing is empty."""
    assert read_event(body) is None
    assert read_command(body).text == ""
    assert read_shortcut(body).text == ""
    assert read_view(body).text == ""
    pressed = read_action(body)
    assert pressed is None or pressed.button is None


def test_the_workspace_is_the_one_where_the_app_stands() -> None:
    """In shared channels and organisations several are named."""
    assert tenant_of({"team_id": "T2", "authorizations": [{"team_id": "T1"}]}) == "T1"
    assert tenant_of({"team_id": "T2", "authorizations": [{"team_id": None}]}) == "T2"
    assert tenant_of({"team": None, "user": {"id": "U1", "team_id": "T3"}}) == "T3"
    assert tenant_of({}) == ""


def test_the_window_fits_slacks_limits_in_both_languages() -> None:
    """24 letters for titles, 3,000 for what travels along."""
    for locale in ("en", "zh"):
        view = modal(locale, "C1", "https://hooks.slack.com/commands/" + "x" * 200)
        assert all(len(view[name]["text"]) <= 24 for name in ("title", "submit", "close"))
        assert len(view["private_metadata"]) <= 3000
        assert json.loads(view["private_metadata"])["channel"] == "C1"


@pytest.mark.parametrize(
    ("about", "readable"),
    [
        ({"mode": "snippet"}, True),
        ({"mimetype": "text/plain"}, True),
        ({"mimetype": "application/octet-stream", "name": "app.LOG"}, True),
        ({"mimetype": "image/png", "name": "x.png"}, False),
        ({"mimetype": "application/pdf", "name": "x.pdf"}, False),
        ({}, False),
    ],
)
def test_which_files_are_text(about: dict[str, str], readable: bool) -> None:
    """By what Slack says about them."""
    assert is_text(about) is readable


# ---------------------------------------------------------------- waiting


async def test_a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other() -> None:
    """One slow thread holds up nobody else."""
    line, done, gate = Queue(10), [], asyncio.Event()

    async def job(name: str) -> None:
        if name == "a1":
            await gate.wait()
        done.append(name)

    for name in ("a1", "a2", "b1"):
        assert line.put(name[0], lambda name=name: job(name))  # type: ignore[misc]
    await asyncio.sleep(0.01)
    assert done == ["b1"]
    gate.set()
    await line.idle()
    assert done == ["b1", "a1", "a2"]


async def test_a_full_line_takes_nothing_and_a_failing_job_leaves_its_place() -> None:
    """The count is right again after failures."""
    line = Queue(2)

    async def broken() -> None:
        raise ValueError("no")

    assert [line.put("a", broken) for _ in range(3)] == [True, True, False]
    await line.idle()
    assert line.waiting == 0
    assert line.put("a", broken)
    await line.idle()


async def test_closing_lets_work_finish_but_not_for_ever() -> None:
    """What was acknowledged is done if it takes moments; a stop takes seconds at most."""
    line, done = Queue(10), []

    async def takes(seconds: float) -> None:
        await asyncio.sleep(seconds)
        done.append(seconds)

    line.put("a", lambda: takes(0.01))
    line.put("b", lambda: takes(60))
    begun = time.monotonic()
    await line.close(0.1)
    assert done == [0.01]
    assert time.monotonic() - begun < 2


def test_the_pace_counts_within_its_time() -> None:
    """Two in the time, not three; later again."""
    pace = Pace(2, seconds=0.05)
    assert [pace.allows("U1"), pace.allows("U1"), pace.allows("U1"), pace.allows("U2")] == [True, True, False, True]
    time.sleep(0.06)
    assert pace.allows("U1")


def test_recent_keys_are_forgotten_when_there_are_many() -> None:
    """Memory stays small."""
    recent = Recent(2)
    assert [recent.again(key) for key in "abab"] == [False, False, True, True]
    assert not recent.again("c")
    assert not recent.again("a")


def test_a_response_url_is_used_five_times_at_most() -> None:
    """Slack refuses the sixth; the newest click opens five more."""
    urls = ResponseUrls()
    urls.keep("c1", "https://x", used=3)
    assert [urls.take("c1") for _ in range(3)] == ["https://x", "https://x", ""]
    urls.keep("c1", "https://y")
    assert urls.take("c1") == "https://y"
