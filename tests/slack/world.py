"""The door between a local Slack and a store of its own, and what people do in Slack: writing, commanding, clicking."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import uvicorn
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.routing import Route

from bot.model import App
from handlers.compose import Runtime, build
from handlers.settings import Settings, load_settings
from handlers.slack.app import SlackDoor
from tests.slack.server import APP, APP_TOKEN, BOT, BOT_ID, BOT_TOKEN, SECRET, TEAM, Posted, SlackServer

ERROR = (Path(__file__).parent.parent / "data" / "slack_paste.json").read_text(encoding="utf-8").strip()
FEISHU = App(
    "lark",
    "cli_a1b2c3d4e5f60718",
    "Weekly report",
    "feishu",
    "secret-of-the-app",
    "http://127.0.0.1/consent/callback/lark/cli_a1b2c3d4e5f60718",
    practice=True,
)
_numbers = itertools.count(1)


def settings_for(slack: SlackServer, folder: Path, *, socket: bool = False, **more: Any) -> Settings:
    """What an operator would set; nothing comes from the machine's own environment."""
    given: dict[str, Any] = {
        "store_url": f"sqlite:///{folder / 'store.db'}",
        "slack_bot_token": BOT_TOKEN,
        "slack_signing_secret": "" if socket else SECRET,  # Socket Mode needs none
        "slack_app_token": APP_TOKEN if socket else "",
        "slack_api_url": f"{slack.base}/api/",
        "practice": True,
        "secret_key": "k" * 40,
        "public_url": "http://127.0.0.1:9",
    }
    return load_settings(**(given | more))


@dataclass
class Open:
    """An open door, reached as Slack reaches it."""

    slack: SlackServer
    runtime: Runtime
    door: SlackDoor
    url: str = ""
    http: httpx.AsyncClient | None = None

    # ------------------------------------------------------------ delivery

    async def deliver(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        """A signed JSON request (events)."""
        return await self.post(json.dumps(body), "application/json", **headers)

    async def form(self, fields: dict[str, str]) -> httpx.Response:
        """A signed form (commands, interactivity)."""
        return await self.post(urlencode(fields), "application/x-www-form-urlencoded")

    async def post(self, raw: str, kind: str, *, at: float | None = None, secret: str = SECRET, **headers: str) -> httpx.Response:
        assert self.http is not None
        stamp = str(int(at or time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=raw) or ""
        sent = {"content-type": kind, "x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(self.url, content=raw.encode(), headers=sent)

    async def give(self, kind: str, payload: dict[str, Any], retry: int = 0) -> Any:
        """Deliver by whichever way the door is open; returns the acknowledgement's payload."""
        if self.slack.sockets:
            return (await self.slack.send(kind, payload, retry)).get("payload")
        if kind == "events_api":
            extra = {"x_slack_retry_num": str(retry), "x_slack_retry_reason": "http_timeout"} if retry else {}
            answer = await self.deliver(payload, **extra)
        elif kind == "slash_commands":
            answer = await self.form({key: str(value) for key, value in payload.items()})
        else:
            answer = await self.form({"payload": json.dumps(payload)})
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else answer.text or None

    # ------------------------------------------------------------ people

    async def says(self, words: str, **more: Any) -> str:
        """Somebody writes a message; returns its ts."""
        body = said(words, **more)
        await self.give("events_api", body)
        return str(body["event"].get("ts", ""))

    async def commands(self, text: str, user: str = "U1", channel: str = "C1") -> Any:
        """Somebody types `/whyforbidden`."""
        return await self.give("slash_commands", command(text, self.slack.response_url(), user, channel))

    async def clicks(self, message: Posted, button: dict[str, Any], user: str = "U1", channel: str = "", **more: Any) -> Any:
        """Somebody clicks a button of a message."""
        payload = click(button, user, channel or message.channel, message.ts, url=self.slack.response_url(), thread=message.thread)
        payload["container"]["is_ephemeral"] = bool(message.only_for)
        return await self.give("interactive", payload | more)

    def client_timeout(self, seconds: float) -> None:
        """How long the door waits for Slack."""
        assert self.door.client.session is not None
        self.door.client.session._timeout = aiohttp.ClientTimeout(total=seconds)

    async def settle(self) -> None:
        """Until everything that was acknowledged is done."""
        await asyncio.wait_for(self.door.queue.idle(), 10)
        await asyncio.wait_for(self.runtime.outbox.idle(), 10)


def said(words: str, *, user: str = "U1", channel: str = "C1", kind: str = "app_mention", **more: Any) -> dict[str, Any]:
    """The envelope of a message. A mention gets its `<@bot>` in front."""
    number = next(_numbers)
    event: dict[str, Any] = {
        "type": kind, "user": user, "channel": channel, "ts": f"1780000000.{number:06d}",
        "text": f"<@{BOT}> {words}" if kind == "app_mention" else words,
    }  # fmt: skip
    if kind == "message":
        event["channel_type"] = "im" if channel.startswith("D") else "channel"
    event |= more
    event.setdefault("event_ts", event["ts"])
    return envelope({name: value for name, value in event.items() if value is not None})


def envelope(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "token": "x", "team_id": TEAM, "api_app_id": APP, "type": "event_callback", "event_id": f"Ev{next(_numbers)}", "event_time": 1,
        "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT, "is_bot": True}], "event": event,
    }  # fmt: skip


def edited(original: dict[str, Any], text: str) -> dict[str, Any]:
    """The event that tells of an edit."""
    before = original["event"]
    after = {**before, "text": text, "type": "message", "edited": {"user": before["user"], "ts": f"1785000000.{next(_numbers):06d}"}}
    return envelope(
        {
            "type": "message", "subtype": "message_changed", "hidden": True, "channel": before["channel"],
            "channel_type": "im" if before["channel"].startswith("D") else "channel",
            "message": after, "previous_message": {**before, "type": "message"}, "ts": "1786000000.000001", "event_ts": "1786000000.000001",
        }
    )  # fmt: skip


def command(text: str, response_url: str, user: str = "U1", channel: str = "C1") -> dict[str, Any]:
    return {
        "token": "x", "command": "/whyforbidden", "text": text, "response_url": response_url, "trigger_id": f"trigger.{next(_numbers)}",
        "user_id": user, "user_name": user.lower(), "team_id": TEAM, "team_domain": "team", "channel_id": channel, "channel_name": "general",
        "api_app_id": APP, "is_enterprise_install": "false",
    }  # fmt: skip


def click(button: dict[str, Any], user: str, channel: str, ts: str, *, url: str, thread: str = "") -> dict[str, Any]:
    number = next(_numbers)
    action = {key: value for key, value in button.items() if key in ("action_id", "value", "text", "url")}
    return {
        "type": "block_actions", "team": {"id": TEAM, "domain": "team"}, "user": {"id": user, "username": user.lower(), "team_id": TEAM},
        "api_app_id": APP, "token": "x", "trigger_id": f"trigger.{number}", "channel": {"id": channel, "name": "general"},
        "container": {"type": "message", "message_ts": ts, "channel_id": channel, **({"thread_ts": thread} if thread else {})},
        "message": {"type": "message", "ts": ts, "bot_id": BOT_ID}, "response_url": url,
        "actions": [{"type": "button", "block_id": "why_buttons", "action_ts": str(number), **action}],
    }  # fmt: skip


def shortcut(message: dict[str, Any], response_url: str, user: str = "U1", channel: str = "C1") -> dict[str, Any]:
    return {
        "type": "message_action", "callback_id": "why_forbidden", "trigger_id": f"trigger.{next(_numbers)}", "action_ts": "1.1",
        "team": {"id": TEAM, "domain": "team"}, "user": {"id": user, "username": user.lower(), "team_id": TEAM},
        "channel": {"id": channel, "name": "general"}, "message": {"type": "message", "ts": "1770000000.000001", **message},
        "message_ts": message.get("ts", "1770000000.000001"), "response_url": response_url, "token": "x",
    }  # fmt: skip


def submitted(view: dict[str, Any], text: str, user: str = "U1") -> dict[str, Any]:
    return {
        "type": "view_submission", "team": {"id": TEAM, "domain": "team"}, "user": {"id": user, "username": user.lower(), "team_id": TEAM},
        "api_app_id": APP, "token": "x", "trigger_id": f"trigger.{next(_numbers)}",
        "view": {**view, "state": {"values": {"why_paste": {"text": {"type": "plain_text_input", "value": text}}}}},
    }  # fmt: skip


class _Server(uvicorn.Server):
    """Stops when told, not at the next tick of a tenth of a second; nobody is in the middle of anything then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stop.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()


@asynccontextmanager
async def opened(
    slack: SlackServer, folder: Path, *, socket: bool = False, own_port: int = 0, apps: Sequence[App] = (FEISHU,), **more: Any
) -> AsyncIterator[Open]:
    """A door over real sockets: its route under uvicorn, or its own connection to the local Socket Mode server."""
    runtime = build(settings_for(slack, folder, socket=socket, **more), apps=apps)
    slack_door = SlackDoor(runtime)
    door = slack_door.door()
    world = Open(slack, runtime, slack_door)
    tasks = [asyncio.create_task(door.run())] if door.run else []
    server = None
    before = len(slack.sockets)
    try:
        if door.routes:
            app = Starlette(routes=[Route(path, handler, methods=["POST"]) for path, handler in door.routes])
            server = _Server(uvicorn.Config(app, port=own_port, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
            tasks.append(asyncio.create_task(server.serve()))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            world.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{door.routes[0][0]}"
            world.http = httpx.AsyncClient(trust_env=False, verify=False)  # noqa: S501 - loopback without TLS
        else:
            await slack.until(lambda: len(slack.sockets) > before)
        yield world
        if getattr(world.door.chat._work, "__name__", "") != "_dies":  # a test about a process that dies
            await world.settle()
    finally:
        if world.http:
            await world.http.aclose()
        if server:
            server.stop.set()
            await tasks.pop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runtime.close()
