"""Troubles on demand, and the practice platform's own front door.

`POST /practice/faults` with `{"path", "kind", "times", "seconds"}` spoils the next `times` answers whose path starts with `path`;
`GET` lists what is waiting, `DELETE` forgets it. Kinds: `slow` (waits before the work), `late` (works, then waits with
the answer), `500`, `html`, `string_code`, `empty`, `429`, `redirect`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handlers.practice.world import Fault, World
from handlers.system import is_local

KINDS = ("slow", "late", "500", "html", "string_code", "empty", "429", "redirect")


class Gate:
    """Outermost layer: lets loopback names in only, spoils answers as asked, saves the snapshot after each request."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
        if not is_local(name):  # a page elsewhere must not reach us through a name that points here
            await Response("loopback only", 421)(scope, receive, send)
            return
        path = str(scope["path"])
        if not path.startswith("/practice"):
            self._world.seen.append(f"{scope['method']} {path}")
        fault = self._take(path)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and (spoiled := _spoiled(fault)) is not None:
            await spoiled(scope, receive, send)
        elif fault is not None and fault.kind == "string_code":
            await self._with_string_code(scope, receive, send)
        elif fault is not None and fault.kind == "late":

            async def later(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await asyncio.sleep(fault.seconds)
                await send(message)

            await self._app(scope, receive, later)
        else:
            with contextlib.suppress(ClientDisconnect):  # whoever lost patience is told nothing
                await self._app(scope, receive, send)
        self._world.save()

    def _take(self, path: str) -> Fault | None:
        for fault in self._world.faults:
            if path.startswith(fault.path) and not path.startswith("/practice"):
                fault.times -= 1
                if fault.times <= 0:
                    self._world.faults.remove(fault)
                return fault
        return None

    async def _with_string_code(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As one third party saw it on Lark: the numeric `code` comes as a string."""
        start: Message = {}
        body = b""

        async def hold(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, hold)
        try:
            data: Any = json.loads(body)
            data["code"] = str(data["code"])
            body = json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, TypeError, KeyError):
            pass  # nothing to spoil in this answer
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})


def _spoiled(fault: Fault) -> Response | None:
    match fault.kind:
        case "500":
            return JSONResponse(
                {"code": 20050, "error": "server_error", "error_description": "practice fault", "msg": "internal error"}, 500
            )
        case "html":
            return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, media_type="text/html")
        case "empty":
            return Response(b"", 200, media_type="application/json")
        case "429":
            headers = {
                "x-ogw-ratelimit-limit": "50",
                "x-ogw-ratelimit-reset": str(int(fault.seconds)),
                "retry-after": str(int(fault.seconds)),
            }
            return JSONResponse({"code": 99991400, "msg": "request trigger frequency limit"}, 429, headers)
        case "redirect":
            return Response(b"", 302, {"location": "http://127.0.0.1:9/elsewhere"})
    return None


async def control(request: Request) -> Response:
    """The control endpoint. JSON only, so that no form of a foreign page can reach it."""
    world: World = request.app.state.world
    if request.method == "DELETE":
        world.faults.clear()
    elif request.method == "POST":
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return JSONResponse({"error": "application/json only"}, 415)
        try:
            data = await request.json()
            fault = Fault(str(data["path"]), str(data["kind"]), int(data.get("times", 1)), float(data.get("seconds", 2)))
        except (ValueError, TypeError, KeyError, AttributeError):
            return JSONResponse({"error": "path and kind are needed"}, 400)
        if fault.kind not in KINDS or not fault.path.startswith("/"):
            return JSONResponse({"error": f"kind is one of {', '.join(KINDS)}"}, 400)
        world.faults.append(fault)
    return JSONResponse({"faults": [{"path": f.path, "kind": f.kind, "times": f.times, "seconds": f.seconds} for f in world.faults]})
