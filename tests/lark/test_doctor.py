"""`whyforbidden doctor` for Feishu and Lark: every miss is named, with what to click; and the slash command's registration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handlers.http import HttpClient
from handlers.lark.doctor import checks, register_command
from handlers.lark.webhook import event_type
from handlers.settings import Settings, load_settings
from tests.lark.conftest import Open
from tests.lark.made import KEY, buttons, click, message
from tests.lark.platform import APP_ID, SECRET, OpenPlatform, until

ALL = {"im:message": 1, "im:message.p2p_msg:readonly": 1, "im:message.group_at_msg:readonly": 1}
EVENT = {"subscription_type": "websocket", "request_url": "", "subscribed_events": ["im.message.receive_v1"]}
CALLBACK = {"callback_type": "websocket", "request_url": "", "subscribed_callbacks": ["card.action.trigger"]}


def settings(lark: OpenPlatform, **more: Any) -> Settings:
    """Settings of a door."""
    return load_settings(
        **{
            "store_url": f"sqlite:///{Path.cwd() / 'store.db'}",
            "lark_app_id": APP_ID,
            "lark_app_secret": SECRET,
            "lark_domain": lark.base,
            **more,
        }
    )


async def seen(lark: OpenPlatform, **more: Any) -> dict[str, tuple[bool | None, str, str]]:
    """What the doctor says, by subject; misses win."""
    async with HttpClient() as http:
        found = await checks(settings(lark, **more), http)
    said: dict[str, tuple[bool | None, str, str]] = {}
    for one in sorted(found, key=lambda check: check.ok is not False):
        said.setdefault(one.about, (one.ok, one.says.en, one.url))
        assert one.says.zh
    return said


async def test_everything_is_connected(lark: OpenPlatform, open_house: Open) -> None:
    """Nothing to click: also what has arrived is told."""
    lark.scopes, uri = ALL, f"http://127.0.0.1:8080/consent/callback/lark/{APP_ID}"
    lark.application = {"redirect_urls": [uri], "event": EVENT, "callback": CALLBACK}
    house = await open_house()
    await house.deliver(message())
    await until(lark.answers)
    await house.deliver(click(next(iter(buttons(lark.answers()[0]["content"]).values())), message_id="om_1"))
    said = await seen(lark)

    assert {about: ok for about, (ok, _, _) in said.items() if ok is not True} == {}
    assert {"lark event", "lark clicks", "lark connection", "lark redirect"} <= set(said)


async def test_wrong_secret_first_and_nothing_else(lark: OpenPlatform) -> None:
    """Without credentials nothing more can be asked."""
    said = await seen(lark, lark_app_secret="wrong")

    assert list(said) == ["lark credentials"]
    assert said["lark credentials"][0] is False
    assert said["lark credentials"][2] == f"{lark.base}/app/{APP_ID}"


async def test_each_missing_scope_says_what_does_not_work_and_leads_to_its_page(lark: OpenPlatform) -> None:
    """Missing, and waiting for the administrator, are told apart."""
    lark.scopes = {"im:message": 1, "im:message.p2p_msg:readonly": 2}
    async with HttpClient() as http:
        found = [one for one in await checks(settings(lark, listen_channels="*"), http) if one.about == "lark scopes"]

    assert [("waits" in one.says.en, one.url.split("q=")[1].split("&")[0]) for one in found] == [
        (True, "im:message.p2p_msg:readonly"),
        (False, "im:message.group_at_msg:readonly"),
        (False, "im:message.group_msg"),
    ]


async def test_bot_version_subscriptions_and_connection_that_are_missing(lark: OpenPlatform) -> None:
    """The other misses, each by its own sentence."""
    lark.fail("GET /bot/v3/info", 11205, 200)
    lark.fail("GET /application/v6/scopes", 212100)
    lark.application = {
        "redirect_urls": [],
        "event": {**EVENT, "subscribed_events": []},
        "callback": {**CALLBACK, "callback_type": "webhook"},
    }
    lark.endpoint_code = 1000040350
    said = await seen(lark)

    assert "no bot yet" in said["lark bot"][1]
    assert "not installed" in said["lark scopes"][1]
    assert "im.message.receive_v1" in said["lark events"][1]
    assert "persistent connection" in said["lark clicks"][1]
    assert "Too many" in said["lark connection"][1]
    assert said["lark redirect"][2].endswith("/safe")


async def test_the_webhook_needs_an_address_and_a_key(lark: OpenPlatform) -> None:
    """Unreachable, unsigned, or sent elsewhere."""
    lark.scopes, there = ALL, "https://old.example.com/lark/events"
    lark.application = {"redirect_urls": [], "event": {**EVENT, "subscription_type": "webhook", "request_url": there}, "callback": CALLBACK}
    local = await seen(lark, lark_mode="webhook", lark_encrypt_key=KEY)
    unsigned = await seen(lark, lark_mode="webhook", lark_verification_token="t", public_url="https://bot.example.com")

    assert "cannot reach" in local["lark webhook"][1]
    assert "not signed" in unsigned["lark webhook"][1]
    assert there in unsigned["lark events"][1]
    assert "developer’s server" in unsigned["lark clicks"][1]


async def test_a_platform_that_does_not_answer_is_not_a_miss() -> None:
    """Could not be looked at: unknown, never wrong."""
    async with HttpClient() as http:
        found = await checks(load_settings(lark_app_id=APP_ID, lark_app_secret=SECRET, lark_domain="http://127.0.0.1:9"), http)

    assert [one.ok for one in found] == [None]


async def test_the_slash_command_is_registered_once_and_corrected_later(lark: OpenPlatform) -> None:
    """A second run changes the words, and makes no second command."""
    for _ in range(2):
        assert "registered" in (await register_command(settings(lark))).en
    (command,) = lark.commands
    assert command["command"] == "whyforbidden"
    assert set(command["description"]["i18n"]) == {"zh_cn", "en_us"}
    lark.fail("GET /application/v7", 99991672)
    assert "app_slash_command:write" in (await register_command(settings(lark))).en


@pytest.mark.parametrize("module", ["handlers.lark", "handlers.lark.doctor", "handlers.lark.surface", "handlers.lark.connection"])
def test_nothing_but_the_child_process_imports_the_sdk(module: str) -> None:
    """Neither the door nor its doctor pays for lark_oapi."""
    check = f"import sys, {module}; sys.exit('lark_oapi' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_odd_events_have_no_type() -> None:
    """1.0 events and nonsense."""
    assert [event_type(event) for event in ({}, {"header": None}, {"header": {"event_type": None}})] == ["", "", ""]
