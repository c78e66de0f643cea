"""The device grant: off by default, in private only, the code shown, polled at the platform's pace, the account checked afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.model import Person, Place, Question
from bot.oauth.messages import Request, Response
from bot.redact import redact
from bot.services.consent_runner import binding
from tests.consent_world import ALICE, APP, NARROW, PLACE, Platform, Scene, Timeout, once, teach

DM = replace(PLACE, chat="D1")
DEVICE_CODE = "device-code-that-is-a-secret"


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


class DevicePlatform(Platform):
    """The device grant on top: `entered` is whose account entered the code (or `no`), `pace` what the platform insists on."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.entered, self.pace, self.last, self.polls, self.slow = "", 5.0, clock.now(), 0, False
        self.page = "https://accounts.feishu.cn/device"

    async def send(self, request: Request) -> Response:
        path, form = urlsplit(request.url).path, request.form or {}
        if path == "/oauth/v1/device_authorization":
            self.requests.append(request)
            answer = {"device_code": DEVICE_CODE, "user_code": "WDJB-MJHT", "verification_uri": self.page, "expires_in": 240, "interval": 5}
            return Response(200, {}, json.dumps(answer).encode())
        if form.get("device_code") and not self.faults:
            self.polls += 1
            too_fast = self.clock.now() - self.last < timedelta(seconds=self.pace)
            self.last = self.clock.now()
            assert form["device_code"] == DEVICE_CODE
            if too_fast or self.slow:
                self.slow, self.pace = False, self.pace + 5
                return Response(400, {}, b'{"error":"slow_down"}')
            if not self.entered:
                return Response(400, {}, b'{"error":"authorization_pending"}')
            if self.entered == "no":
                return Response(400, {}, b'{"error":"access_denied"}')
            self.accounts[self.entered].granted |= {NARROW}
            token = f"u-device-{'z' * 20}"
            self.tokens[token], self.scopes_of[token] = self.entered, {NARROW}
            return Response(200, {}, json.dumps({"code": 0, "access_token": token, "expires_in": 7200, "scope": NARROW}).encode())
        return await super().send(request)


class DeviceScene(Scene):
    """A private chat with a card in it, and the operator's switch on."""

    platform: DevicePlatform

    def __init__(self) -> None:
        super().__init__()
        self.platform = DevicePlatform(self.clock)
        self.restart(http=self.platform, device_flow=True)

    async def ask(self, *, private: bool = True, person: Person = ALICE, place: Place = DM) -> str:
        card = await self.card(person)
        self.store.cards["card"] = replace(card, place=place)
        answer = await self.service.command(Question(redact("device").text, "slack", person, place, "en", private=private))
        return answer.reply.fallback

    async def wait(self, seconds: float) -> None:
        self.clock.go(seconds)
        await self.service.resume()


async def test_a_code_in_private_ends_proven() -> None:
    """Shown in a direct message with app, scopes and a warning; entered elsewhere; polled at five seconds; proven."""
    scene = DeviceScene()

    said = await scene.ask()

    assert all(part in said for part in ("WDJB-MJHT", "accounts.feishu.cn", "Weekly report", NARROW, "somebody sent you"))
    assert DEVICE_CODE not in json.dumps(scene.store.flows) + said + json.dumps(scene.store.trail)
    await scene.wait(5)
    assert await scene.state() == "started"
    scene.platform.entered = "alice"
    await scene.wait(5)
    assert await scene.state() == "proven"
    assert len(scene.store.tokens) == 1


async def test_it_is_off_unless_switched_on() -> None:
    """Without the operator's switch there is no code, whatever anybody types."""
    scene = DeviceScene()
    scene.restart(device_flow=False)

    assert "WDJB" not in await scene.ask()
    assert scene.platform.requests == []


async def test_never_in_a_shared_chat() -> None:
    """A code in a channel is what phishers post."""
    scene = DeviceScene()

    assert "WDJB" not in await scene.ask(private=False, place=PLACE)
    assert scene.platform.requests == []


async def test_the_pace_is_the_platforms() -> None:
    """`slow_down` adds five seconds to this and all later waits; a time-out doubles the wait; nobody is asked sooner."""
    scene = DeviceScene()
    await scene.ask()
    before = scene.platform.polls
    for _ in range(4):
        await scene.wait(1)
    assert scene.platform.polls == before

    scene.platform.slow = True
    await scene.wait(1)
    assert scene.platform.polls == before + 1
    await scene.wait(9)
    assert scene.platform.polls == before + 1
    await scene.wait(1)
    assert scene.platform.polls == before + 2
    scene.platform.faults = [once("/oauth/token", Timeout())]
    await scene.wait(10)
    polls = scene.platform.polls
    await scene.wait(19)
    assert scene.platform.polls == polls
    await scene.wait(1)
    assert scene.platform.polls == polls + 1


async def test_somebody_elses_account_is_discarded() -> None:
    """The code was passed on and another account entered it: discarded, and the asker is told."""
    scene = DeviceScene()
    await scene.store.bind_account(ALICE, binding("lark", APP.app_id), "ou_alice")
    await scene.ask()
    scene.platform.entered = "mallory"

    await scene.wait(6)

    assert await scene.state() == "wrong_account"
    assert scene.store.tokens == {}


@pytest.mark.parametrize(("entered", "seconds", "state"), [("no", 6, "refused"), ("", 241, "expired")])
async def test_no_and_never(entered: str, seconds: float, state: str) -> None:
    """Declined on the other device, or never entered."""
    scene = DeviceScene()
    await scene.ask()
    scene.platform.entered = entered

    await scene.wait(seconds)

    assert await scene.state() == state


async def test_a_page_elsewhere_is_not_shown() -> None:
    """The address where one enters the code must be the platform's own."""
    scene = DeviceScene()
    scene.platform.page = "https://accounts.feishu.cn.evil.example/device"

    said = await scene.ask()

    assert "evil.example" not in said
    assert await scene.state() == "failed"
