"""What a stranger sends must not break anything: below 500, one sentence, every security header, one line in the log."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from bot.model import App
from bot.oauth.signing import canonical, sign
from handlers.log import configure
from handlers.web.guard import HEADERS
from tests.inbound import API_KEY, Answered, Inbound, lark_sealed, slack_headers

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
DEEP = b"[" * 200_000
HALF = b'{"a": "\\ud800", "header": {"token": "\\ud800", "create_time": "1"}, "challenge": "\\ud800", "type": "url_verification"}'
KEY = "an-app-key-of-more-than-24-characters"


@pytest.fixture
def inbound(tmp_path: Path) -> Inbound:
    """All routes."""
    return Inbound(str(tmp_path))


def refused(answer: Answered, *statuses: int) -> None:
    """A refusal as it has to be."""
    assert answer.status in (statuses or range(400, 500)), (answer.status, answer.body[:200])
    for name in HEADERS:
        assert answer.headers[name.lower()] == HEADERS[name]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    body = answer.body.decode()
    if answer.headers["content-type"].startswith("application/json"):
        said = json.loads(body)
        body = said.get("error") or said.get("msg")
    if found := re.search(r"<p>(.*?)</p>", body):
        body = found[1]
    assert body.endswith("."), body
    assert len(body) < 300
    assert "Traceback" not in body


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"5", b'"x"', b"{", DEEP, b"\xff\xfe", b'{"a": "\\ud800"}', b'{"enterprise": 5}', b'{"authorizations": [5]}']
)
@pytest.mark.parametrize("signed", [False, True])
async def test_hole_09_slack_events_in_json(body: bytes, signed: bool, inbound: Inbound) -> None:
    """Unsigned ones are refused before anything reads them; signed ones of an odd shape are refused, too."""
    answer = await inbound.send("POST", b"/slack/events", {**JSON, **(slack_headers(body) if signed else {})}, body)

    assert 400 <= answer.status < 500
    if not signed:
        refused(answer, 401)


@pytest.mark.parametrize(
    "body",
    [
        b"payload=[]",
        b"payload=null",
        b"payload=5",
        b"payload=" + DEEP,
        b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B%5D%7D",
        b"%ff=%00",
    ],
)
@pytest.mark.parametrize("signed", [False, True])
async def test_hole_09_slack_events_in_forms(body: bytes, signed: bool, inbound: Inbound) -> None:
    """The same for what clicks and commands are sent as."""
    answer = await inbound.send("POST", b"/slack/events", {**FORM, **(slack_headers(body) if signed else {})}, body)

    assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"x-slack-signature": "v0=é\u4f60"},
        {"x-slack-signature": "v0=\udcff", "x-slack-request-timestamp": "1"},
        {"x-slack-request-timestamp": "nan", "x-slack-signature": "v0=a"},
    ],
)
async def test_hole_09_slack_signatures_that_are_none(headers: dict[str, str], inbound: Inbound) -> None:
    """Not ASCII, not a number."""
    refused(await inbound.send("POST", b"/slack/events", {**JSON, **slack_headers(b"{}"), **headers}, b"{}"), 400, 401)


@pytest.mark.parametrize("body", [HALF, DEEP, b"[]", b"null", b"\xff", b'{"encrypt": 5}', b'{"encrypt": "\\ud800"}'])
@pytest.mark.parametrize("signed", [False, True])
async def test_hole_09_lark_events(body: bytes, signed: bool, inbound: Inbound) -> None:
    """A lone surrogate, brackets without end, what is no object; sealed with the right key or not."""
    headers, sealed = lark_sealed(body) if signed else ({}, body)
    answer = await inbound.send("POST", b"/lark/events", {**JSON, **headers}, sealed)

    if answer.status != 200:  # an address check with an odd challenge is answered
        refused(answer, 401)
    assert answer.status < 500


async def test_hole_09_lark_tokens_with_half_a_character(tmp_path: Path) -> None:
    """Compared with the configured token, without an encrypt key."""
    app = Inbound(str(tmp_path), lark_encrypt_key="", lark_verification_token="the-token")
    refused(await app.send("POST", b"/lark/events", JSON, HALF), 401)


@pytest.mark.parametrize(
    "path", [b"/v1/explain", b"/v1/reports", b"/v1/tokens", b"/v1/consents/x", b"/chat/person", b"/chat/cards/x/click"]
)
@pytest.mark.parametrize("body", [DEEP, b'{"text": "\\ud800"}', b'{"a": "\\ud800"}', b"\xff\xfe", b"", b"null"])
async def test_hole_09_json_bodies(path: bytes, body: bytes, inbound: Inbound) -> None:
    """Everything that takes JSON."""
    refused(await inbound.send("POST", path, {**JSON, "authorization": f"Bearer {API_KEY}"}, body))


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b; charset=no-such",
        "application/x-www-form-urlencoded; charset=no-such",
    ],
)
async def test_hole_09_forms(kind: str, inbound: Inbound) -> None:
    """Everything that takes a form."""
    for path in (b"/chat/messages", b"/consent/callback/lark/cli_a"):
        refused(
            await inbound.send(
                "POST", path, {"content-type": kind}, b"--b\r\nContent-Disposition: form-data; name*=no-such''x\r\n\r\n\xff\r\n--b--"
            )
        )


@pytest.mark.parametrize("origin", ["http://[bad", "http://[::1", "http://\udcff", "//", "x" * 10_000])
async def test_hole_09_origins_that_are_none(origin: str, inbound: Inbound) -> None:
    """On every kind of route."""
    for path in (b"/chat/messages", b"/v1/explain", b"/consent/x.y/start", b"/slack/events"):
        refused(await inbound.send("POST", path, {**JSON, "origin": origin}, b"{}"), 403)


async def test_hole_09_a_signed_hand_off_with_half_a_character(tmp_path: Path) -> None:
    """Wherever it stands, and although the app signed it, with the bytes that it has."""
    app = App("kuaishou", "ks1", name="App", mode="handoff", entry_url="https://app.example.com/", app_key=KEY)
    inbound = Inbound(str(tmp_path), apps=(app,))
    for body in ({"consent": "f1", "outcome": "granted", "account": {"id": "u1", "name": "\ud800"}}, {"consent": "f1", "\udfff": 1}):
        timestamp, nonce = "1700000000", "n" * 20
        try:
            signature = sign(KEY, timestamp, nonce, canonical(body))
        except UnicodeEncodeError:
            signature = "v1=" + "0" * 64
        sent = json.dumps({**body, "timestamp": timestamp, "nonce": nonce, "signature": signature}).encode()
        refused(await inbound.send("POST", b"/v1/consents/f1", JSON, sent), 422)
    for name in ("timestamp", "nonce", "signature"):
        refused(await inbound.send("POST", b"/v1/consents/f1", JSON, json.dumps({"consent": "f1", name: "\ud800"}).encode()), 422)


async def test_hole_09_what_breaks_inside_is_told_kindly_and_logged_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours: a sentence, all headers, one line with the traceback, and no path (it may hold a ticket)."""
    inbound = Inbound(str(tmp_path))
    configure("info", "json")

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(inbound.runtime.service), "confirm", broken)
    for accept in ("text/html", "application/json"):
        answer = await inbound.send("GET", b"/consent/" + b"t" * 22 + b"." + b"s" * 64, {"accept": accept})
        assert answer.status == 500
        assert b"Something broke on our side" in answer.body
        for name in HEADERS:
            assert answer.headers[name.lower()] == HEADERS[name]
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
        assert [line["event"] for line in lines] == ["request_failed"]
        assert "RuntimeError: a bug" in lines[0]["exception"]
        assert "s" * 64 not in json.dumps(lines)
    logging.getLogger().handlers[:] = []


async def test_hole_09_a_refusal_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With the route's pattern and the reason."""
    inbound = Inbound(str(tmp_path))
    configure("info", "json")
    capfd.readouterr()
    await inbound.send("POST", b"/v1/explain", {**JSON, "origin": "https://evil.example"}, b"{}")

    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert (line["event"], line["status"], line["why"]) == ("request_refused", 403, "foreign_origin")
    logging.getLogger().handlers[:] = []
