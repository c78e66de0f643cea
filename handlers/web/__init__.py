"""The web door: chat page, JSON API, consent pages, health and metrics. One FastAPI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import prometheus_client
import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.i18n import say
from handlers.web import api, chat, consent
from handlers.web.pages import origin_of, policy, problem
from handlers.web.state import Web, WebMessenger

__all__ = ["Web", "WebMessenger", "create_app"]

log = structlog.get_logger("web")

BODY_LIMIT = 8_000_000
TOO_LARGE = f"The request is larger than {BODY_LIMIT // 1_000_000} MB."
MOST_WRONG = 5  # fields that one refusal names
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
# The page that draws the OpenAPI document starts itself with an inline script.
DOCS_POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
Background = Callable[[], Awaitable[None]]


def create_app(
    web: Web, *, background: Iterable[Background] = (), extra: Iterable[tuple[str, Callable[[Request], Awaitable[Response]]]] = ()
) -> FastAPI:
    """The application. `background` are started with it and stopped with it; `extra` are POST paths of other doors (chat webhooks)."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_guarded(job)) for job in background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # The documentation page's script comes with the package: nothing is loaded from a CDN.
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        title="whyforbidden",
        summary="Why was my API call refused, and what do I click?",
        lifespan=lifespan,
    )
    app.state.public_origin = origin_of(web.settings.base_url)  # what browsers call us when a proxy stands in front
    registry = prometheus_client.CollectorRegistry()
    seconds = prometheus_client.Histogram(
        "whyforbidden_http_seconds", "Time to answer, by route and status", ["route", "status"], registry=registry
    )

    @app.middleware("http")
    async def around(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.perf_counter()
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > BODY_LIMIT:
            return JSONResponse({"error": TOO_LARGE}, 413, headers=HEADERS)
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", DOCS_POLICY if request.url.path == "/docs" else policy())
        route = request.scope.get("route")
        # The route's pattern, never the path: paths hold tickets.
        seconds.labels(getattr(route, "path", "other"), str(response.status_code)).observe(time.perf_counter() - begun)
        return response

    @app.exception_handler(AnyHTTPException)
    async def told(request: Request, error: AnyHTTPException) -> Response:
        if _wants_page(request):
            return problem(request, str(error.status_code), say("There is nothing at this address."), error.status_code)
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def misshapen(_: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"error": _wrong_fields(error)}, 422)

    @app.exception_handler(404)
    async def nowhere(request: Request, error: Exception) -> Response:
        detail = getattr(error, "detail", None)
        if _wants_page(request):
            return problem(request, "404", say("There is nothing at this address."), 404)
        return JSONResponse({"error": detail if detail and detail != "Not Found" else "There is nothing at this address."}, 404)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("request failed", route=getattr(request.scope.get("route"), "path", ""), kind=type(error).__name__, exc_info=error)
        sentence = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
        if _wants_page(request):
            return problem(request, "broken", sentence, 500)
        return JSONResponse({"error": sentence.en}, 500)

    app.add_middleware(Metered)
    app.include_router(api.router(web))
    app.include_router(consent.router(web))
    app.include_router(chat.router(web))
    app.mount("/static", StaticFiles(packages=[("templates", "web/static")]), name="static")

    @app.get("/healthz", include_in_schema=False)
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    async def ready() -> JSONResponse:
        try:
            await web.store.card("readyz")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the answer is the same
            log.error("store does not answer", kind=type(error).__name__)
            return JSONResponse({"ready": False, "store": "does not answer"}, 503)
        return JSONResponse({"ready": True})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        body = prometheus_client.generate_latest(registry) + prometheus_client.generate_latest(prometheus_client.REGISTRY)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, handler in extra:
        app.add_route(path, handler, methods=["POST"], include_in_schema=False)
    return app


class Metered:
    """Ends a request whose body grows beyond the limit while it is read: one sent in chunks tells no length beforehand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        read, answered = 0, False

        async def metered() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BODY_LIMIT:
                raise HTTPException(413, TOO_LARGE)
            return message

        async def refused(message: Message) -> None:
            # Whoever was reading made an answer of its own of the exception; ours says what it was about.
            nonlocal answered
            if read <= BODY_LIMIT:
                await send(message)
            elif not answered:
                answered = True
                await JSONResponse({"error": TOO_LARGE}, 413, headers={**HEADERS, "Connection": "close"})(scope, receive, send)

        await self._app(scope, *((metered, refused) if scope["type"] == "http" else (receive, send)))


async def _guarded(job: Background) -> None:
    try:
        await job()
    except Exception as error:
        log.error("background job stopped", job=getattr(job, "__name__", "job"), kind=type(error).__name__, exc_info=error)


def _wrong_fields(error: RequestValidationError) -> str:
    """Which fields are wrong, and how; never what was sent in them."""
    wrong = []
    for one in error.errors()[:MOST_WRONG]:
        place = [str(part) for part in one["loc"][1:] if one["type"] != "json_invalid"]
        wrong.append(f"field {'.'.join(place)[:80]}: {one['msg']}" if place else f"the body: {one['msg']}")
    return f"This request does not fit: {'; '.join(wrong)}."


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")
