"""The outermost layer: what every request has to pass, and what every answer carries, errors included.

A request goes in here first. Its path, host, origin and size are looked at before anything reads it, and its body is measured and timed
while it comes. Every answer gets the security headers; whatever breaks inside becomes one sentence for the caller and one line in the log.
Plain ASGI instead of Starlette's middleware: the framework's own error page is made outside of those.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.i18n import say
from bot.model import Text
from handlers.web.addresses import Hosts, is_trick
from handlers.web.pages import locale_of, policy, problem

log = structlog.get_logger("web")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
# The page that draws the OpenAPI document starts itself with an inline script.
DOCS_POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Probes ask by address, not by name, and learn nothing but that the process lives.
PROBES = frozenset({"/healthz", "/readyz"})
HEAD = "whyforbidden.head"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a request may send, and for how long. Seconds and bytes."""

    body: int
    pause: float = 15.0
    whole: float = 120.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered. `code` is for the log and the page."""

    status: int
    code: str
    sentence: Text


class Guard:
    """The application, guarded. `seen` hears of every answer: route pattern, status, seconds."""

    def __init__(self, app: ASGIApp, hosts: Hosts, bounds: Bounds, seen: Any = None) -> None:
        self.inner = app
        self._hosts = hosts
        self._bounds = bounds
        self._seen = seen or (lambda *_: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (or the lifespan, which passes)."""
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        # HEAD is GET without a body; the server drops the body itself
        inner: Scope = {**scope, "method": "GET", HEAD: True} if scope["method"] == "HEAD" else {**scope}
        body = _Body(receive, self._bounds)
        answer = _Answer(inner, send, body)
        begun = time.perf_counter()
        error: Exception | None = None
        try:
            refusal = self._refused(Request(scope))
            if refusal is None:
                await self.inner(inner, body.receive, answer.send)
            else:
                body.refusal = refusal
        except Exception as broke:  # noqa: BLE001 - the last line of defence: whatever it is becomes one sentence and one log line
            error = broke
        await self._end(inner, answer, body, error, time.perf_counter() - begun)

    def _refused(self, request: Request) -> Refusal | None:
        """What can be said before anything is read."""
        raw, headers = request.scope.get("raw_path") or request.scope["path"].encode("utf-8", "replace"), request.headers
        if is_trick(raw.partition(b"?")[0]):
            return Refusal(400, "odd_path", say("This address is not one of ours."))
        if request.scope["path"] not in PROBES and not self._hosts.knows(headers.getlist("host")):
            return Refusal(
                421, "foreign_host", say("This server does not go by that name. Open it under its own address (WHYFORBIDDEN_PUBLIC_URL).")
            )
        if request.method not in READING and not self._hosts.ours(
            headers.get("origin"), headers.get("sec-fetch-site"), headers.get("host", "")
        ):
            return Refusal(403, "foreign_origin", say("This request did not come from our own page."))
        length = headers.get("content-length", "0")
        if length.isdigit() and (len(length) > 15 or int(length) > self._bounds.body):
            return too_large(self._bounds.body)
        return None

    async def _end(self, scope: Scope, answer: _Answer, body: _Body, error: Exception | None, seconds: float) -> None:
        request, route = Request(scope), getattr(scope.get("route"), "path", "other")
        refusal = body.refusal
        if error is not None and refusal is None:
            # The route's pattern, never the path: paths hold tickets.
            log.error("request_failed", route=route, kind=type(error).__name__, exc_info=error)
            refusal = Refusal(
                500, "broken", say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
            )
        if not answer.begun:
            refusal = refusal or Refusal(
                500, "no_answer", say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
            )
            await answer.tell(refusal)
        if answer.status >= 400 and error is None and answer.status != 404:
            log.info("request_refused", route=route, method=request.method, status=answer.status, why=refusal.code if refusal else "")
        self._seen(route, answer.status, seconds)


def too_large(limit: int) -> Refusal:
    """A body beyond the limit."""
    return Refusal(413, "too_large", say("The request is larger than {limit} MB.", limit=limit // 1_000_000))


class _Body:
    """A request's body, measured and timed while it comes: one sent in chunks tells no length beforehand, and a slow sender holds a place."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive = receive
        self._bounds = bounds
        self._read = 0
        self._until: float | None = None
        self._whole = False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """The next message. Whoever was reading makes an answer of its own of the exception; `_Answer` puts ours in its place."""
        if self._whole:
            return await self._receive()  # only a hang-up can follow
        now = time.monotonic()
        self._until = self._until or now + self._bounds.whole
        try:
            message = await asyncio.wait_for(self._receive(), min(self._bounds.pause, self._until - now))
        except TimeoutError:
            raise self._no(Refusal(408, "too_slow", say("The request came too slowly. Send it again."))) from None
        self._read += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._read > self._bounds.body:
            raise self._no(too_large(self._bounds.body))
        return message

    def _no(self, refusal: Refusal) -> HTTPException:
        self.refusal, self._whole = refusal, True
        return HTTPException(refusal.status, refusal.sentence.en)


class _Answer:
    """An answer on its way out: with our headers, without a body for HEAD, replaced where the body was refused."""

    def __init__(self, scope: Scope, send: Send, body: _Body) -> None:
        self._scope = scope
        self._send = send
        self._body = body
        self._replaced = False
        self.begun = False
        self.status = 0

    async def send(self, message: Message) -> None:
        """What the application sends."""
        if self._body.refusal is not None and not self.begun:
            await self.tell(self._body.refusal)
        elif not self._replaced:
            await self._out(message)

    async def tell(self, refusal: Refusal) -> None:
        """One sentence, in the form that the caller reads."""
        self._replaced = True
        request = Request(self._scope)
        response: Response = (
            problem(request, refusal.code, refusal.sentence, refusal.status)
            if wants_page(request)
            else JSONResponse({"error": refusal.sentence.in_(locale_of(request)), "code": refusal.code}, refusal.status)
        )
        if refusal.status in (408, 413):
            response.headers["Connection"] = "close"  # what is still to come is not read
        await response(self._scope, _nothing, self._out)

    async def _out(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", DOCS_POLICY if self._scope["path"] == "/docs" else policy())
        elif self._scope.get(HEAD) and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, who is told on a page."""
    return "text/html" in request.headers.get("accept", "") and request.headers.get("x-requested-with") is None
