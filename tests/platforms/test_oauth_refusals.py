"""Every vendor error becomes a `PlatformRefusal` with a code, somebody to blame, and whether trying again makes sense. No network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot import platforms
from bot.model import App
from bot.oauth.messages import PlatformRefusal, Response, Token

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "oauth_refusals.json").read_text(encoding="utf-8"))
CODE, VERIFIER, SECRET = "one-time-code-4711", "v" * 43, "secret-of-the-app-0815"


def _app(platform: str) -> App:
    return App(platform, "cli_0123456789abcdef", secret=SECRET)


def _answered(platform: str, response: Response) -> Token:
    oauth = platforms.oauth(platform)
    assert oauth is not None
    talk = oauth.exchange(_app(platform), code=CODE, verifier=VERIFIER, redirect_uri="https://bot.example/cb")
    next(talk)
    with pytest.raises(StopIteration) as done:
        talk.send(response)
    token: Token = done.value.value
    return token


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['platform']}-{row['code']}-{row['status']}")
def test_error_bodies_are_read_strictly(row: dict[str, Any]) -> None:
    """Code, blame and retryability as the table says, whatever types the fields have."""
    body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    response = Response(row["status"], {}, body.encode())
    if row.get("fine"):
        assert _answered(row["platform"], response).access_token
        return

    with pytest.raises(PlatformRefusal) as refused:
        _answered(row["platform"], response)

    got = refused.value
    assert (got.code, got.blame, got.retryable) == (row["code"], row["blame"], row.get("retryable", False))
    assert got.request_id == row.get("request_id", "")


@pytest.mark.parametrize("platform", ["lark", "dingtalk", "kuaishou", "slack"])
def test_what_we_sent_in_secret_never_comes_back_in_the_error(platform: str) -> None:
    """A platform that echoes secret and code in its message does not get them into our exceptions; control characters neither."""
    said = f"bad code {CODE}\x1b[31m secret {SECRET}\n"
    body = {
        "code": 29999 if platform == "lark" else "oddCode",
        "error": "odd_error",
        "error_description": said,
        "message": said,
        "result": 77,
        "error_msg": said,
        "ok": False,
        "needed": said,
    }

    with pytest.raises(PlatformRefusal) as refused:
        _answered(platform, Response(400, {}, json.dumps(body).encode()))

    text = str(refused.value) + repr(refused.value)
    assert CODE not in text
    assert SECRET not in text
    assert "\x1b" not in text
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("platform", ["lark", "dingtalk", "kuaishou", "slack"])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"code":{"a":1}}', b'{"access_token":null}'])
def test_nonsense_is_a_refusal_and_nothing_else(platform: str, body: bytes) -> None:
    """Whatever bytes come, with 200 or 500: a typed refusal, no other exception."""
    for status in (200, 400, 500):
        with pytest.raises(PlatformRefusal):
            _answered(platform, Response(status, {}, body))


@pytest.mark.parametrize("platform", ["lark", "dingtalk", "kuaishou", "slack"])
def test_requests_do_not_show_secrets_when_printed(platform: str) -> None:
    """`repr` of the request and of a token is fit for a log."""
    oauth = platforms.oauth(platform)
    assert oauth is not None
    request = next(oauth.exchange(_app(platform), code=CODE, verifier=VERIFIER, redirect_uri="https://bot.example/cb"))

    assert SECRET not in repr(request)
    assert CODE not in repr(request)
    assert SECRET not in repr(_app(platform))
    assert "eyJsecret" not in repr(Token("eyJsecret", refresh_token="eyJsecret"))


def test_kuaishou_marks_the_address_that_carries_its_secret() -> None:
    """GET with the secret in the query: `secret` is set, and the grant type is the shop's own `code`."""
    oauth = platforms.oauth("kuaishou")
    assert oauth is not None

    request = next(oauth.exchange(_app("kuaishou"), code=CODE, verifier="", redirect_uri=""))

    assert request.method == "GET"
    assert request.secret
    assert request.query == {"app_id": "cli_0123456789abcdef", "app_secret": SECRET, "grant_type": "code", "code": CODE}
    assert SECRET not in request.url
