"""A Feishu/Lark open platform for tests: message API, application API and the gateway of the long connection, over real sockets.

It is as strict as the documents say the real one is: cards are checked field by field, a `uuid` sends once, tokens end, and more than five
messages a second in a chat are refused with the header that tells how long to wait.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.lark.frames import CONTROL, DATA, Frame, decode
from tests.render.lark_card import problems

APP_ID, SECRET = "cli_a1b2c3d4e5f60718", "secret-of-the-test-app-0123456789"
TENANT, BOT = "tenant_key_1", "ou_bot"
ALICE, BOB = "ou_alice", "ou_bob"
TICKET = "ticket-that-nobody-may-see"
_ids = itertools.count(1)
HANG_SECONDS = 30.0


class OpenPlatform:
    """One app, its messages, and what is to go wrong."""

    def __init__(self) -> None:
        self.base = ""
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.said: dict[str, dict[str, Any]] = {}
        self.uuids: dict[str, str] = {}
        self.alone: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.files: dict[str, bytes] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.faults: list[tuple[str, int, int, dict[str, str]]] = []
        self.p2p: set[str] = set()
        self.tokens = 0
        self.scopes: dict[str, int] = {}
        self.application: dict[str, Any] | None = None
        self.commands: list[dict[str, Any]] = []
        self.delay = 0.0
        self.trouble: Callable[[str], str] = lambda _: ""
        self.times: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=5))
        self.refusals = 0
        # the gateway
        self.sockets: list[WebSocket] = []
        self.acks: dict[str, dict[str, Any]] = {}
        self.connects = 0
        self.endpoint_code = 0

    # ------------------------------------------------------------ what tests ask

    def answers(self, message: str = "") -> list[dict[str, Any]]:
        """What was said in reply (to one message)."""
        return [one for one in self.said.values() if one["reply_to"] and message in ("", one["reply_to"])]

    def fail(self, path: str, code: int, status: int = 400, **headers: str) -> None:
        """The next call of this path (a regular expression, after the method) is refused."""
        self.faults.append((path, status, code, headers))

    # ------------------------------------------------------------ HTTP

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/callback/ws/endpoint", self.endpoint, methods=["POST"]),
                WebSocketRoute("/ws", self.socket),
                Route("/open-apis/auth/v3/tenant_access_token/internal", self.token, methods=["POST"]),
                Route("/open-apis/{path:path}", self.api, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
            ]
        )

    async def token(self, request: Request) -> Response:
        """The tenant access token; the same until somebody takes it back (`tokens += 1`)."""
        body = await request.json()
        if (body.get("app_id"), body.get("app_secret")) != (APP_ID, SECRET):
            return JSONResponse({"code": 10014, "msg": "app secret invalid"})
        return JSONResponse({"code": 0, "msg": "ok", "tenant_access_token": f"t-{self.tokens}", "expire": 7200})

    async def api(self, request: Request) -> Response:
        """Everything that needs the token."""
        path, body = "/" + request.path_params["path"], (await request.json() if await request.body() else {})
        self.calls.append((request.method, path, body))
        if self.delay:
            await asyncio.sleep(self.delay)
        wrong = self.trouble(f"{request.method} {path}")
        if wrong and wrong != "late":
            return await in_trouble(wrong)
        answer = await self._answered(request, path, body)
        if wrong == "late":
            await asyncio.sleep(HANG_SECONDS)
        return answer

    async def _answered(self, request: Request, path: str, body: dict[str, Any]) -> Response:
        for fault in self.faults:
            if re.search(fault[0], f"{request.method} {path}"):
                self.faults.remove(fault)
                return JSONResponse({"code": fault[2], "msg": "as the test wants"}, fault[1], headers=fault[3])
        if request.headers.get("authorization") != f"Bearer t-{self.tokens}":
            return JSONResponse({"code": 99991663, "msg": "Invalid access token for authorization."}, 400)
        for method, pattern, job in self._routes():
            if method == request.method and (found := re.fullmatch(pattern, path)):
                return await job(request, body, *found.groups())
        return JSONResponse({"code": 404, "msg": "404 page not found"}, 404)

    def _routes(self) -> list[tuple[str, str, Any]]:
        return [
            ("POST", r"/im/v1/messages/([^/]+)/reply", self.reply),
            ("POST", r"/im/v1/messages", self.send),
            ("PATCH", r"/im/v1/messages/([^/]+)", self.patch),
            ("GET", r"/im/v1/messages/([^/]+)", self.get),
            ("GET", r"/im/v1/messages/([^/]+)/resources/([^/]+)", self.resource),
            ("POST", r"/ephemeral/v1/send", self.ephemeral),
            ("GET", r"/bot/v3/info", self.info),
            ("GET", r"/application/v6/scopes", self.list_scopes),
            ("GET", r"/application/v6/applications/me", self.me),
            ("GET", r"/application/v7/app_slash_commands", self.list_commands),
            ("POST", r"/application/v7/app_slash_commands", self.create_command),
            ("PATCH", r"/application/v7/app_slash_commands/([^/]+)", self.patch_command),
        ]

    def _content(self, body: dict[str, Any]) -> str | None:
        """What is wrong with a message, as the platform would find it."""
        if len(json.dumps(body, ensure_ascii=False).encode()) > 30 * 1024:
            return "230025"
        if body.get("msg_type", "interactive") == "interactive" and (wrong := problems(json.loads(body["content"]))):
            self.wrong += wrong
            return "230099"
        return None

    def _too_fast(self, chat: str) -> Response | None:
        times = self.times[chat]
        if len(times) == 5 and time.monotonic() - times[0] < 1:
            self.refusals += 1
            return JSONResponse({"code": 230020, "msg": "rate"}, 429, headers={"x-ogw-ratelimit-reset": "1"})
        times.append(time.monotonic())
        return None

    def _post(self, body: dict[str, Any], chat: str, reply_to: str) -> Response:
        uuid = body.get("uuid", "")
        assert len(uuid) <= 50
        if uuid and uuid in self.uuids:
            message = self.uuids[uuid]
            return JSONResponse({"code": 0, "msg": "success", "data": {"message_id": message, "chat_id": self.said[message]["chat"]}})
        if refused := self._too_fast(chat):
            return refused
        if wrong := self._content(body):
            return JSONResponse({"code": int(wrong), "msg": "bad content"}, 400)
        message = f"om_bot_{next(_ids)}"
        self.said[message] = {
            "id": message,
            "chat": chat,
            "reply_to": reply_to,
            "kind": body["msg_type"],
            "content": json.loads(body["content"]),
            "in_thread": body.get("reply_in_thread"),
            "redrawn": 0,
        }
        if uuid:
            self.uuids[uuid] = message
        return JSONResponse({"code": 0, "msg": "success", "data": {"message_id": message, "chat_id": chat}})

    async def reply(self, request: Request, body: dict[str, Any], message: str) -> Response:
        """Reply to a message."""
        return self._post(body, f"of {message}", message)

    async def send(self, request: Request, body: dict[str, Any]) -> Response:
        """To a person or chat."""
        kind = request.query_params["receive_id_type"]
        to = body["receive_id"]
        assert {"ou_": "open_id", "oc_": "chat_id"}[to[:3]] == kind
        return self._post(body, f"oc_p2p_{to}" if kind == "open_id" else to, "")

    async def patch(self, request: Request, body: dict[str, Any], message: str) -> Response:
        """Redraw a card."""
        if message not in self.said:
            return JSONResponse({"code": 230001, "msg": "invalid message_id"}, 400)
        if wrong := self._content(body):
            return JSONResponse({"code": int(wrong), "msg": "bad content"}, 400)
        self.said[message]["content"] = json.loads(body["content"])
        self.said[message]["redrawn"] += 1
        return JSONResponse({"code": 0, "msg": "success", "data": {}})

    async def get(self, request: Request, body: dict[str, Any], message: str) -> Response:
        """A message with its children."""
        if message not in self.messages:
            return JSONResponse({"code": 230110, "msg": "The message is deleted."}, 400)
        return JSONResponse({"code": 0, "msg": "success", "data": {"items": self.messages[message]}})

    async def resource(self, request: Request, body: dict[str, Any], message: str, key: str) -> Response:
        """A file."""
        assert request.query_params["type"] == "file"
        if key not in self.files:
            return JSONResponse({"code": 234003, "msg": "File not in msg."}, 400)
        return Response(self.files[key], media_type="application/json", headers={"content-disposition": "attachment"})

    async def ephemeral(self, request: Request, body: dict[str, Any]) -> Response:
        """A card for one person, in the older form."""
        if body["chat_id"] in self.p2p:
            return JSONResponse({"code": 18053, "msg": "not a normal group"}, 400)
        self.wrong += small_problems(body["card"])
        self.alone.append(body)
        return JSONResponse({"code": 0, "msg": "ok", "data": {"message_id": f"om_alone_{next(_ids)}"}})

    async def info(self, request: Request, body: dict[str, Any]) -> Response:
        """The bot itself: no `data` around it."""
        return JSONResponse({"code": 0, "msg": "ok", "bot": {"activate_status": 2, "app_name": "whyforbidden", "open_id": BOT}})

    async def list_scopes(self, request: Request, body: dict[str, Any]) -> Response:
        """What the app has."""
        rows = [{"scope_name": name, "scope_type": "tenant", "grant_status": status} for name, status in self.scopes.items()]
        return JSONResponse({"code": 0, "msg": "success", "data": {"scopes": rows}})

    async def me(self, request: Request, body: dict[str, Any]) -> Response:
        """The app's own data, when it may see it."""
        if self.application is None:
            return JSONResponse({"code": 99991672, "msg": "Access denied."}, 400)
        return JSONResponse({"code": 0, "msg": "success", "data": {"app": self.application}})

    async def list_commands(self, request: Request, body: dict[str, Any]) -> Response:
        """The app's slash commands."""
        return JSONResponse({"code": 0, "msg": "success", "data": {"items": self.commands}})

    async def create_command(self, request: Request, body: dict[str, Any]) -> Response:
        """One more."""
        self.commands.append({**body, "command_id": f"c{next(_ids)}"})
        return JSONResponse({"code": 0, "msg": "success", "data": {"command_id": self.commands[-1]["command_id"]}})

    async def patch_command(self, request: Request, body: dict[str, Any], command: str) -> Response:
        """Another wording."""
        next(one for one in self.commands if one["command_id"] == command).update(body)
        return JSONResponse({"code": 0, "msg": "success", "data": {}})

    # ------------------------------------------------------------ the gateway

    async def endpoint(self, request: Request) -> Response:
        """Where to connect to."""
        body = await request.json()
        if self.endpoint_code:
            return JSONResponse({"code": self.endpoint_code, "msg": "no"})
        if (body.get("AppID"), body.get("AppSecret")) != (APP_ID, SECRET):
            return JSONResponse({"code": 514, "msg": "auth failed"})
        url = f"{self.base.replace('http', 'ws', 1)}/ws?device_id=d{next(_ids)}&service_id=1&ticket={TICKET}"
        config = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 0, "PingInterval": 120}
        return JSONResponse({"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": config}})

    async def socket(self, socket: WebSocket) -> None:
        """A connection: keeps what the client acknowledges."""
        assert parse_qs(socket.url.query)["ticket"] == [TICKET]
        await socket.accept()
        self.sockets.append(socket)
        self.connects += 1
        try:
            while True:
                frame = decode(await socket.receive_bytes())
                if frame.method == DATA:
                    self.acks[frame.headers["message_id"]] = json.loads(frame.payload)
                else:
                    await socket.send_bytes(Frame(CONTROL, {"type": "pong"}).encode())
        except WebSocketDisconnect:
            pass
        finally:
            if socket in self.sockets:
                self.sockets.remove(socket)

    async def push(self, event: dict[str, Any], *, parts: int = 1) -> str:
        """Send an event down the newest connection; the id under which it will be acknowledged."""
        name, raw = f"m{next(_ids)}", json.dumps(event).encode()
        size = -(-len(raw) // parts)
        for seq in range(parts):
            headers = {"type": "event", "message_id": name, "sum": str(parts), "seq": str(seq), "trace_id": "t"}
            await self.sockets[-1].send_bytes(Frame(DATA, headers, raw[seq * size : (seq + 1) * size]).encode())
        return name

    async def ack(self, name: str, seconds: float = 5) -> dict[str, Any]:
        """What the client acknowledged."""
        await until(lambda: name in self.acks, seconds)
        return self.acks[name]


async def in_trouble(kind: str) -> Response:
    """An answer of a platform that is not well: `429`, `500`, `html`, or `hang` (none for a long time). `late` is done, and told late."""
    if kind == "429":
        return JSONResponse({"code": 99991400, "msg": "request trigger frequency limit"}, 429, headers={"x-ogw-ratelimit-reset": "1"})
    if kind == "500":
        return JSONResponse({"code": 2200, "msg": "internal error"}, 500)
    if kind == "html":
        return Response("<html>Bad Gateway</html>", 502, media_type="text/html")
    await asyncio.sleep(HANG_SECONDS)
    return Response(status_code=504)


def small_problems(card: dict[str, Any]) -> list[str]:
    """What is wrong with a card in JSON 1.0, as far as we use it."""
    wrong = [f"unknown field {name}" for name in card if name not in ("config", "header", "i18n_elements")]
    for language, elements in card["i18n_elements"].items():
        if language not in ("zh_cn", "en_us"):
            wrong.append(f"language {language}")
        for element in elements:
            if element["tag"] not in ("markdown", "div", "hr", "action"):
                wrong.append(f"tag {element['tag']}")
            wrong += [f"button {b}" for b in element.get("actions", ()) if b["tag"] != "button" or not ("url" in b) ^ ("value" in b)]
    if not all(card["header"]["title"]["i18n"].get(language) for language in ("zh_cn", "en_us")):
        wrong.append("title in one language only")
    return wrong


async def until(true: Any, seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - anything may become true
            await asyncio.sleep(0.01)


class _Server(uvicorn.Server):
    """Stops at once, and leaves signals alone."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
        self.over = asyncio.Event()

    async def main_loop(self) -> None:
        """Without ticks."""
        await self.over.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not ours."""
        yield


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application in this loop, on loopback; yields its address."""
    server = _Server(app)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done(), 10)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.lifespan.shutdown()
        server.force_exit = True  # open connections are of nobody's interest any more
        server.over.set()
        await task
