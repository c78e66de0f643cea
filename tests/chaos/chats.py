"""The three platforms as they behave towards a bot that dies: they deliver again what was not acknowledged, to whichever connection is there."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx

from tests.chaos.fleet import Fleet
from tests.dingtalk import platform as dingtalk
from tests.lark import made
from tests.lark import platform as lark
from tests.lark.quick import encrypt
from tests.slack import server as slack
from tests.slack.test_slack_processes import signed
from tests.slack.world import ERROR, said

AGAIN_SECONDS = 0.4


class Chat(Protocol):
    """One platform with one way in. `settings` open the door."""

    settings: Mapping[str, str]

    async def deliver(self, fleet: Fleet, number: int) -> bool:
        """Deliver question `number` once, to somebody; whether it was acknowledged."""
        ...

    def answers(self, number: int) -> int:
        """How often it was answered."""
        ...

    def upset(self, share: float, dice: random.Random) -> None:
        """From now on so many calls of the platform's API go wrong."""
        ...


def _wrong(share: float, dice: random.Random, kinds: tuple[str, ...]) -> Any:
    def trouble(_call: str) -> str:
        return dice.choice(kinds) if dice.random() < share else ""

    return trouble


class SlackChat:
    """By requests, or by Socket Mode."""

    def __init__(self, platform: slack.SlackServer, *, socket: bool) -> None:
        self._platform = platform
        self._socket = socket
        self._events: dict[int, dict[str, Any]] = {}
        platform.scopes.add("channels:history")
        self.settings = {
            "SLACK_BOT_TOKEN": slack.BOT_TOKEN,
            "SLACK_API_URL": f"{platform.base}/api/",
            **({"SLACK_APP_TOKEN": slack.APP_TOKEN} if socket else {"SLACK_SIGNING_SECRET": slack.SECRET}),
        }

    async def deliver(self, fleet: Fleet, number: int) -> bool:
        event = self._events.setdefault(number, said(ERROR.replace("5f60718", f"{number:07x}"), user=f"U{number}"))
        if self._socket:
            if not self._platform.sockets:
                return False
            self._platform.sockets.append(self._platform.sockets.pop(random.randrange(len(self._platform.sockets))))
            try:
                await self._platform.send("events_api", event)
            except (TimeoutError, ConnectionError):
                return False
            return True
        raw = json.dumps(event)
        url = random.choice(fleet.servers).url + "/slack/events"
        return await _posted(url, raw.encode(), signed(raw, "application/json"))

    def answers(self, number: int) -> int:
        thread = self._events[number]["event"]["ts"]
        return sum(one.thread == thread for one in self._platform.messages.values())

    def upset(self, share: float, dice: random.Random) -> None:
        self._platform.trouble = _wrong(share, dice, ("429", "500", "html", "hang", "late"))


class LarkChat:
    """By webhook, or by the long connection."""

    def __init__(self, platform: lark.OpenPlatform, *, connected: bool) -> None:
        self._platform = platform
        self._connected = connected
        self._events: dict[int, dict[str, Any]] = {}
        self.settings = {
            "LARK_APP_ID": lark.APP_ID,
            "LARK_APP_SECRET": lark.SECRET,
            "LARK_DOMAIN": platform.base,
            **({} if connected else {"LARK_MODE": "webhook", "LARK_ENCRYPT_KEY": made.KEY, "LARK_VERIFICATION_TOKEN": made.TOKEN}),
        }

    async def deliver(self, fleet: Fleet, number: int) -> bool:
        known = self._events.setdefault(number, made.message(chat=f"oc_p2p_{number}", sender=f"ou_{number}"))
        event = made.again(known)
        if self._connected:
            if not self._platform.sockets:
                return False
            self._platform.sockets.append(self._platform.sockets.pop(random.randrange(len(self._platform.sockets))))
            try:
                ack = await self._platform.ack(await self._platform.push(event), 3)
            except (TimeoutError, RuntimeError):
                return False
            return bool(ack["code"] == 200)
        body = json.dumps({"encrypt": encrypt(event)}).encode()
        url = random.choice(fleet.servers).url + "/lark/events"
        return await _posted(url, body, {"content-type": "application/json", **made.signature(body)})

    def answers(self, number: int) -> int:
        return len(self._platform.answers(self._events[number]["event"]["message"]["message_id"]))

    def upset(self, share: float, dice: random.Random) -> None:
        self._platform.trouble = _wrong(share, dice, ("429", "500", "html", "hang", "late"))


class DingTalkChat:
    """By its stream. `template`: answers are interactive cards, which have a name of their own; else messages, which have none."""

    def __init__(self, platform: dingtalk.Platform, *, template: bool) -> None:
        self._platform = platform
        self.settings = {
            "DINGTALK_CLIENT_ID": dingtalk.CLIENT_ID,
            "DINGTALK_CLIENT_SECRET": dingtalk.SECRET,
            "DINGTALK_API_URL": platform.base,
            **({"DINGTALK_CARD_TEMPLATE": "chaos.schema"} if template else {}),
        }

    async def deliver(self, fleet: Fleet, number: int) -> bool:
        sockets = self._platform.connections
        if not sockets:
            return False
        chat = f"cid{number}=="
        data = {
            "conversationId": chat, "conversationType": "1", "chatbotCorpId": dingtalk.CORP, "chatbotUserId": "$:LWCP_v1:$robot",
            "msgId": f"msg{number}", "senderNick": "A", "senderId": f"$:LWCP_v1:$u{number}", "senderStaffId": f"u{number}",
            "senderCorpId": dingtalk.CORP, "sessionWebhook": self._platform.hook(chat), "robotCode": dingtalk.CLIENT_ID,
            "sessionWebhookExpiredTime": int((time.time() + 5400) * 1000), "msgtype": "text", "text": {"content": made.ERROR},
        }  # fmt: skip
        try:
            name = await asyncio.to_thread(self._platform.push, dingtalk.MESSAGES, data, socket=random.randrange(sockets))
            await lark.until(lambda: name in self._platform.acks, 3)
        except Exception:
            return False
        return bool(self._platform.acks[name]["code"] == 200)

    def answers(self, number: int) -> int:
        said = sum(one.to in (f"cid{number}==", f"u{number}") for one in self._platform.sent)
        space = f'IM_ROBOT.u{number}"'
        return said + len({one.to for one in self._platform.sent if one.way == "card" and space in json.dumps(one.body)})

    def upset(self, share: float, dice: random.Random) -> None:
        self._platform.trouble = _wrong(share, dice, ("429", "500", "html", "hang"))


async def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=3) as http:  # noqa: S501 - loopback
            return (await http.post(url, content=body, headers=dict(headers))).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def chat(name: str) -> AsyncIterator[Chat]:
    """A platform by the name of its way in."""
    if name.startswith("slack"):
        workspace = slack.SlackServer()
        runner = await workspace.start()
        try:
            yield SlackChat(workspace, socket=name == "slack-socket")
        finally:
            await runner.cleanup()
        assert [one for one in workspace.refused if "used_url" not in one] == []
    elif name.startswith("lark"):
        platform = lark.OpenPlatform()
        async with lark.listening(platform.app()) as base:
            platform.base = base
            yield LarkChat(platform, connected=name == "lark-connection")
            assert platform.wrong == []
    else:
        with dingtalk.running() as robot:
            yield DingTalkChat(robot, template=name == "dingtalk-cards")
