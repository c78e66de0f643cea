"""DingTalk on loopback: the stream gateway with its websocket, the robot API, session addresses, files and cards, in a thread of its own.

Written after the open platform's pages on Stream mode, robots and interactive cards; it shares no code with the door.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

CLIENT_ID, SECRET, CORP = "dingabcdefghij0123", "secret-of-the-robot-0123456789", "ding0corp0"
MESSAGES, CARDS = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
TICKET_SECONDS = 90.0
HANG_SECONDS = 30.0
DENIED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"


@dataclass(frozen=True)
class Sent:
    """Something the robot said: `way` is hook, group, direct, card or redraw; `to` the chat, user or card."""

    way: str
    to: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """All that can be read in it."""
        return "\n".join(_strings(self.body))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inside for text in _strings(item)]


@dataclass
class Platform:
    """What a test sees and turns. `refuse` maps a path to answers (status, body) that are given first; `clock` moves the tickets' time."""

    base: str = ""
    sent: list[Sent] = field(default_factory=list)
    acks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    openings: list[Mapping[str, Any]] = field(default_factory=list)
    connected: int = 0
    tokens: list[str] = field(default_factory=list)
    refuse: dict[str, deque[tuple[int, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    trouble: Callable[[str], str] = lambda _: ""
    hook_times: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    _tickets: dict[str, float] = field(default_factory=dict)
    _sockets: list[tuple[web.WebSocketResponse, web.Request]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _loop: asyncio.AbstractEventLoop | None = None

    # ------------------------------------------------------------ what tests do

    def hook(self, chat: str) -> str:
        """The session address of a chat."""
        return f"{self.base}/robot/sendBySession?session={chat}"

    def push(self, topic: str, data: Mapping[str, Any], *, kind: str = "CALLBACK", socket: int = -1) -> str:
        """Send one frame to the newest connection (or another); returns its message id."""
        number = f"frame-{next(self._numbers)}"
        frame = {
            "specVersion": "1.0",
            "type": kind,
            "headers": {
                "appId": "a",
                "connectionId": "c",
                "contentType": "application/json",
                "messageId": number,
                "time": "1",
                "topic": topic,
            },
            "data": json.dumps(data),
        }
        self._in_loop(self._sockets[socket][0].send_str(json.dumps(frame)))
        return number

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def drop(self) -> None:
        """Cut the newest connection, without a word."""

        async def cut() -> None:
            transport = self._sockets.pop()[1].transport
            assert transport is not None
            transport.abort()

        self._in_loop(cut())

    def bid_farewell(self) -> None:
        """What DingTalk does before maintenance: it asks the client to come again."""
        self.push("disconnect", {"reason": "persistent connection is timeout"}, kind="SYSTEM")

    def said(self, *ways: str) -> list[Sent]:
        """What was sent by these ways, in order."""
        return [one for one in self.sent if not ways or one.way in ways]

    def _in_loop(self, work: Any) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    # ------------------------------------------------------------ the gateway

    async def open(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.openings.append(body)
        if (refused := self._refused(request)) is not None:
            return refused
        if (body.get("clientId"), body.get("clientSecret")) != (CLIENT_ID, SECRET):
            return web.json_response({"code": "authFailed", "message": "鉴权失败"}, status=401)
        ticket = f"ticket/{next(self._numbers)}=="
        self._tickets[ticket] = self.clock() + TICKET_SECONDS
        return web.json_response({"endpoint": self.base.replace("http", "ws") + "/connect", "ticket": ticket})

    async def connect(self, request: web.Request) -> web.StreamResponse:
        if self._tickets.pop(request.query.get("ticket", ""), 0.0) < self.clock():
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append((socket, request))
        self.connected += 1
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                ack = json.loads(frame.data)
                self.acks[ack["headers"]["messageId"]] = {**ack, "data": json.loads(ack["data"])}
        self._sockets = [one for one in self._sockets if one[0] is not socket]
        return socket

    # ------------------------------------------------------------ the API

    async def token(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (refused := self._refused(request)) is not None:
            return refused
        if (body.get("appKey"), body.get("appSecret")) != (CLIENT_ID, SECRET):
            return web.json_response({"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"}, status=400)
        self.tokens.append(f"robot-token-{next(self._numbers)}")
        return web.json_response({"accessToken": self.tokens[-1], "expireIn": 7200})

    async def api(self, request: web.Request) -> web.Response:
        if wrong := self.trouble(request.path):
            return await in_trouble(wrong)
        return await self._api(request)

    async def _api(self, request: web.Request) -> web.Response:  # noqa: PLR0911 - one for each call
        if (refused := self._refused(request)) is not None:
            return refused
        if not self.tokens or request.headers.get("x-acs-dingtalk-access-token") != self.tokens[-1]:
            return web.json_response({"code": "InvalidAuthentication", "message": "不合法的access_token", "requestid": "R"}, status=401)
        body = await request.json()
        match request.path.removeprefix("/v1.0/"):
            case "robot/oToMessages/batchSend":
                if len(body["msgParam"].encode()) > 15_000:
                    return web.json_response({"code": "param.too.long"}, status=400)
                missed = [user for user in body["userIds"] if user in self.strangers]
                self.sent += [
                    Sent("direct", user, {"msgKey": body["msgKey"], **json.loads(body["msgParam"])})
                    for user in body["userIds"]
                    if user not in missed
                ]
                return web.json_response({"processQueryKey": "p", "invalidStaffIdList": missed, "flowControlledStaffIdList": []})
            case "robot/groupMessages/send":
                self.sent.append(Sent("group", body["openConversationId"], {"msgKey": body["msgKey"], **json.loads(body["msgParam"])}))
                return web.json_response({"processQueryKey": "p"})
            case "robot/messageFiles/download":
                return web.json_response({"downloadUrl": f"{self.base}/file/{body['downloadCode']}"})
            case "card/instances/createAndDeliver":
                values = body["cardData"]["cardParamMap"]
                if any(not isinstance(value, str) or len(value.encode()) > 1024 for value in values.values()):
                    return web.json_response({"code": "param.error", "message": "cardParamMap"}, status=400)
                self.sent.append(Sent("card", body["outTrackId"], body))
                return web.json_response({"success": True, "result": {"outTrackId": body["outTrackId"]}})
            case "card/instances":
                self.sent.append(Sent("redraw", body["outTrackId"], body))
                return web.json_response({"success": True, "result": True})
            case _:
                return web.json_response({"code": "InvalidAction.NotFound"}, status=404)

    async def session(self, request: web.Request) -> web.Response:
        if wrong := self.trouble(request.path):
            return await in_trouble(wrong)
        if (refused := self._refused(request)) is not None:
            return refused
        self.hook_times.append(time.monotonic())
        self.sent.append(Sent("hook", request.query["session"], await request.json()))
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["code"]])

    def _refused(self, request: web.Request) -> web.Response | None:
        waiting = self.refuse.get(request.path)
        if not waiting:
            return None
        status, body = waiting.popleft()
        return (
            web.Response(text=body, status=status, content_type="text/html")
            if isinstance(body, str)
            else web.json_response(body, status=status)
        )


async def in_trouble(kind: str) -> web.Response:
    """An answer of a platform that is not well: `429`, `500`, `html`, or `hang` (none for a long time)."""
    if kind == "429":
        return web.json_response({"code": "Throttling.qpslimit", "message": "too fast"}, status=429, headers={"Retry-After": "1"})
    if kind == "500":
        return web.json_response({"code": "ServiceUnavailable", "message": "try again"}, status=503)
    if kind == "html":
        return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
    await asyncio.sleep(HANG_SECONDS)
    return web.Response(status=504)


@contextmanager
def running() -> Iterator[Platform]:
    """The platform, until the end of the block."""
    platform, ready, over = Platform(), threading.Event(), threading.Event()

    async def serve() -> None:
        platform._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=20_000_000)
        app.router.add_post("/v1.0/gateway/connections/open", platform.open)
        app.router.add_get("/connect", platform.connect)
        app.router.add_post("/v1.0/oauth2/accessToken", platform.token)
        app.router.add_post("/robot/sendBySession", platform.session)
        app.router.add_get("/file/{code}", platform.file)
        app.router.add_route("*", "/v1.0/{rest:.*}", platform.api)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        platform.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await asyncio.to_thread(over.wait)
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield platform
    finally:
        over.set()
        thread.join(5)
