"""Masking: secrets vanish, what helps stays, twice is once, and time is linear."""

from __future__ import annotations

import json
import time

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.redact import MASK, redact
from tests.cases import Row, hold, rows


def test_secrets_are_masked() -> None:
    """The secret is gone, the kind is named, the rest of the text is as it was; masked again it stays so; JSON keeps its keys."""

    def check(case: Row) -> None:
        text, secret, masked = case["text"], case["secret"], redact(case["text"])
        assert secret in text
        assert secret not in masked.text
        assert case["kind"] in masked.kinds
        assert masked.live is case["live"]
        assert redact(masked.text).text == masked.text
        assert [part for part in case.get("keeps", ()) if part not in masked.text] == []
        if text.startswith('{"'):
            assert list(json.loads(masked.text)) == list(json.loads(text))

    hold(rows("redact", "cases"), check)


def test_what_helps_survives() -> None:
    """Codes, log ids, scopes, app ids and sentences about tokens are no secrets."""

    def check(case: Row) -> None:
        assert redact(case["text"]).text == case["text"]

    hold(rows("redact", "kept"), check)


SECRET = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=24, max_size=60).filter(
    lambda each: any(s.isdigit() for s in each)
)
SHAPES = (
    '{{"access_token": "{0}"}}', "{{'app_secret': '{0}'}}", "client_secret={0}&x=1", "app-secret: {0}", "Authorization: Bearer {0}", "https://h.example/cb?code={0}&state=1",
    '{{\\"refresh_token\\":\\"{0}\\"}}', "x-acs-dingtalk-access-token: {0}", "Cookie: session={0}; a=b", "t-{0}", "xoxb-{0}", "--app-secret {0}", "密码：{0}", "my_token => '{0}'",
    "https://oapi.dingtalk.com/robot/send?access_token={0}", "url='https://x.example/?sign={0}'", "access_token%3D{0}%26a",
)  # fmt: skip


@given(SECRET, st.sampled_from(SHAPES), st.text(max_size=40), st.text(max_size=40))
def test_any_secret_vanishes(secret: str, shape: str, before: str, after: str) -> None:
    """Whatever stands around it, on lines of their own."""
    assume(secret not in before + after)
    text = f"{before}\n{shape.format(secret)}\n{after}"
    assert secret not in redact(text).text


@given(st.text(max_size=400))
def test_never_raises_and_settles(text: str) -> None:
    """Any text at all, lone surrogates and control characters included."""
    once = redact(text)
    assert redact(once.text).text == once.text


@given(
    st.lists(
        st.sampled_from(
            ['"', "\\", "'", "token", "=", ":", " ", "Bearer ", "abc123def456ghi7", "***", "u-", "\n", "{", "%3D", "code", "&"]
        ),
        max_size=30,
    )
)
def test_awkward_mixtures_settle(parts: list[str]) -> None:
    """The pieces of assignments in any order."""
    once = redact("".join(parts)).text
    assert redact(once).text == once


LOUD = [
    "{",
    '"',
    "\\",
    "[",
    "a=",
    "QUJD",
    "1234567890",
    "eyJ",
    "token=",
    "cookie: ",
    "bearer ",
    "-----BEGIN PRIVATE KEY-----",
    "a@",
    "t-",
    "xoxb-",
    "a.",
    '\\"',
    "%3D",
]


def test_no_input_is_much_slower_than_another() -> None:
    """Bounded time on hostile repetition: nothing costs more than fifty times the median."""
    spent = []
    for piece in LOUD:
        text = piece * (200_000 // len(piece))
        start = time.perf_counter()
        redact(text)
        spent.append(time.perf_counter() - start)
    assert max(spent) < 50 * max(sorted(spent)[len(spent) // 2], 0.004), dict(zip(LOUD, spent, strict=True))


def test_mask_is_what_the_docs_say() -> None:
    """Readers of masked texts rely on the sign."""
    assert MASK == "***"
