"""A door per test, wired as in production, against DingTalk on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from handlers.compose import Runtime, build
from handlers.dingtalk.app import DingTalkDoor
from handlers.practice import Practice
from handlers.practice import running as practising
from handlers.settings import Settings
from tests.dingtalk.platform import CARDS, CLIENT_ID, CORP, MESSAGES, SECRET, Platform, Sent, running

GROUP, DIRECT = "cidGroup00000000000000==", "cidDirect0000000000000=="


@pytest.fixture
def dingtalk() -> Iterator[Platform]:
    """The platform."""
    with running() as platform:
        yield platform


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """The apps whose users may be asked for a consent."""
    with practising() as one:
        yield one


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy is for the world outside."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


async def until(seen: Callable[[], Any], seconds: float = 8.0) -> Any:
    """Wait until something is there; its value."""
    end = time.monotonic() + seconds
    while not (value := seen()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)
    return value


@dataclass
class Scene:
    """An open door, and people who write to it."""

    platform: Platform
    runtime: Runtime
    door: DingTalkDoor
    people: dict[str, str] = field(default_factory=lambda: {"alice": "manager01", "bob": "worker02"})

    def message(self, said: str = "", *, who: str = "alice", group: bool = False, msg_id: str = "", **more: Any) -> dict[str, Any]:
        """A payload as DingTalk sends it."""
        chat = GROUP if group else DIRECT
        return {
            "conversationId": chat,
            "conversationType": "2" if group else "1",
            "chatbotCorpId": CORP,
            "chatbotUserId": "$:LWCP_v1:$robot",
            "msgId": msg_id or f"msg{time.monotonic_ns()}",
            "senderNick": who.title(),
            "senderId": f"$:LWCP_v1:${who}",
            "senderStaffId": self.people.get(who, ""),
            "senderCorpId": CORP,
            "sessionWebhook": self.platform.hook(chat),
            "sessionWebhookExpiredTime": int((time.time() + 5400) * 1000),
            "createAt": int(time.time() * 1000),
            "isInAtList": group,
            "robotCode": CLIENT_ID,
            "msgtype": "text",
            "text": {"content": said},
        } | more

    async def ask(self, said: str = "", *, answers: int = 1, **more: Any) -> list[Sent]:
        """Say something to the bot; what it said then."""
        before = len(self.platform.sent)
        self.platform.push(MESSAGES, self.message(said, **more))
        await until(lambda: len(self.platform.sent) >= before + answers)
        return self.platform.sent[before:]

    async def press(self, card: str, action: str, *, who: str = "alice", params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Click a button of an interactive card; what the acknowledgement brought back."""
        content = {"cardPrivateData": {"actionIds": [action], "params": params or {}}}
        number = self.platform.push(
            CARDS,
            {
                "type": "actionCallback", "outTrackId": card, "corpId": CORP, "userId": self.people[who], "userIdType": 1,
                "spaceType": "im", "spaceId": f"dtv1.card//IM_GROUP.{GROUP}", "content": json.dumps(content), "extension": "{}",
            },
        )  # fmt: skip
        ack = await until(lambda: self.platform.acks.get(number))
        assert ack["code"] == 200
        return dict(ack["data"]["response"])


Opened = Callable[..., Any]


def settings_for(platform: Platform, folder: Path, **more: Any) -> Settings:
    """A door's settings."""
    given = {
        "store_url": f"sqlite:///{folder / 'why.db'}",
        "practice": True,
        "dingtalk_client_id": CLIENT_ID,
        "dingtalk_client_secret": SECRET,
        "dingtalk_api_url": platform.base,
        "asks_per_minute": 1000,
    }
    return Settings(**(given | more))


@pytest.fixture
def opened(dingtalk: Platform, practice: Practice, tmp_path: Path) -> Opened:
    """`async with opened() as scene`: a connected door; settings may be changed."""

    @asynccontextmanager
    async def open_one(**more: Any) -> AsyncIterator[Scene]:
        runtime = build(settings_for(dingtalk, tmp_path, **more), apps=practice.apps)
        door = DingTalkDoor(runtime)
        before = dingtalk.connected
        task = asyncio.create_task(door.run())
        try:
            await until(lambda: dingtalk.connected > before)
            yield Scene(dingtalk, runtime, door)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await runtime.close()

    return open_one
