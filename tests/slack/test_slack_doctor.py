"""The doctor for the Slack door: each miss is found and says what to click."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.oauth.messages import PlatformRefusal, Request, Response
from handlers.doctor import Check
from handlers.http import HttpClient
from handlers.slack.doctor import LISTENING, NEEDED, checks
from tests.slack.server import SCOPES, SlackServer
from tests.slack.world import ERROR, opened, settings_for

MANIFEST = Path(__file__).parents[2] / "docs" / "slack-manifest.yaml"


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """The real way out, on this machine only."""
    async with HttpClient(practice=True) as client:
        yield client


async def look(slack: SlackServer, folder: Path, http: Any, **more: Any) -> dict[str, Check]:
    """All checks by name."""
    return {check.about: check for check in await checks(settings_for(slack, folder, **more), http)}


async def test_a_whole_door_is_found_whole(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Token, scopes and Socket Mode; and what has arrived."""
    async with opened(slack, tmp_path, socket=True) as door:
        await door.says(ERROR)
        await door.settle()
    found = await look(slack, tmp_path, http, socket=True)

    assert [found[name].ok for name in ("slack bot token", "slack scopes", "slack socket mode", "slack event")] == [True] * 4
    assert found["slack click"].ok is None
    assert found["slack click"].url == "https://api.slack.com/apps/A0APP"


@pytest.mark.parametrize("missing", sorted(SCOPES))
async def test_each_missing_scope_is_named(missing: str, slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """With the page where it is added."""
    slack.scopes.discard(missing)
    check = (await look(slack, tmp_path, http))["slack scopes"]

    assert check.ok is False
    assert missing in check.says.en
    assert check.url.startswith("https://api.slack.com/apps")


async def test_scopes_that_are_not_needed_are_named_too(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Least privilege is worth a word."""
    slack.scopes.add("admin")
    check = (await look(slack, tmp_path, http))["slack scopes"]

    assert check.ok is True
    assert "admin" in check.says.en


async def test_listening_needs_history(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Only when the settings ask for it."""
    check = (await look(slack, tmp_path, http, listen_channels=("C1",)))["slack scopes"]

    assert "channels:history" in check.says.en


async def test_a_refused_token_says_where_a_new_one_is(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Revoked while running is the most common."""
    slack.valid_tokens.clear()
    check = (await look(slack, tmp_path, http))["slack bot token"]

    assert check.ok is False
    assert "token_revoked" in check.says.en


async def test_a_refused_app_token_is_told_apart(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Two tokens, two places."""
    slack.fail["apps.connections.open"] = ["not_allowed_token_type"]
    check = (await look(slack, tmp_path, http, socket=True))["slack socket mode"]

    assert check.ok is False
    assert "connections:write" in check.says.en


class Outside:
    """A web in which Slack cannot be reached and our own address answers as told."""

    def __init__(self, status: int | None) -> None:
        self.status = status

    async def send(self, request: Request) -> Response:
        if self.status is None or "/slack/events" not in request.url:
            raise PlatformRefusal("unreachable", blame="platform", retryable=True)
        return Response(self.status)


@pytest.mark.parametrize(("status", "ok"), [(401, True), (404, False), (None, False)])
async def test_our_own_address_is_knocked_at(status: int | None, ok: bool, slack: SlackServer, tmp_path: Path) -> None:
    """Without a signature our door refuses: that is how it is recognised."""
    found = await look(slack, tmp_path, Outside(status), public_url="https://bot.example.com", slack_signing_secret="0123456789abcdef" * 2)

    assert found["slack request URL"].ok is ok
    assert found["slack signing secret"].ok is True
    assert found["slack bot token"].ok is None


async def test_http_needs_https_and_a_secret_that_looks_like_one(slack: SlackServer, tmp_path: Path, http: HttpClient) -> None:
    """Both are named with what to do."""
    found = await look(slack, tmp_path, http)

    assert found["slack request URL"].ok is False
    assert "Socket Mode" in found["slack request URL"].says.en
    assert found["slack signing secret"].ok is False


def test_the_manifest_asks_for_exactly_what_is_needed() -> None:
    """Manifest, doctor and the local Slack of the tests name the same scopes; each line carries its reason."""
    text = MANIFEST.read_text(encoding="utf-8")
    manifest = yaml.safe_load(text)

    assert set(manifest["oauth_config"]["scopes"]["bot"]) == set(NEEDED) == SCOPES
    assert all(
        re.search(rf"- {re.escape(scope)} # \S", text) for scope in (*NEEDED, *manifest["settings"]["event_subscriptions"]["bot_events"])
    )
    assert all(f"- {scope} # reads" in text for scope in LISTENING)


def test_the_manifest_keeps_slacks_limits() -> None:
    """Name 35, description 140, command 32, display name 80; Socket Mode, and no address that would have to be changed."""
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    [command], [shortcut] = manifest["features"]["slash_commands"], manifest["features"]["shortcuts"]

    assert len(manifest["display_information"]["name"]) <= 35
    assert len(manifest["display_information"]["description"]) <= 140
    assert (command["command"], command["should_escape"]) == ("/whyforbidden", False)
    assert len(shortcut["name"]) <= 24
    assert shortcut["type"] == "message"
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
