"""The web door: chat page, JSON API, consent pages, health and metrics. One FastAPI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import prometheus_client
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as AnyHTTPException

from bot.i18n import same, say
from handlers.web import api, chat, consent
from handlers.web.guard import Bounds, Guard, wants_page
from handlers.web.limits import TooMuch
from handlers.web.pages import locale_of, problem
from handlers.web.state import Web, WebMessenger

__all__ = ["Web", "WebMessenger", "create_app"]

log = structlog.get_logger("web")

ROOM = 1_000_000  # bytes of a form beside the paste itself
SMALLEST_LIMIT = 8_000_000  # a text of `TEXT_LIMIT` characters, each escaped in JSON
MOST_WRONG = 5  # fields that one refusal names
Background = Callable[[], Awaitable[None]]


def create_app(
    web: Web,
    *,
    background: Iterable[Background] = (),
    extra: Iterable[tuple[str, Callable[[Request], Awaitable[Response]]]] = (),
    doors: Callable[[], Mapping[str, Mapping[str, object]]] = dict,
) -> Guard:
    """The application, guarded. `background` are started with it and stopped with it; `extra` are POST paths of other doors (chat webhooks); `doors`
    tells what is known about each of those: its `state` ("up" when it hears its platform), and why."""

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
        redirect_slashes=False,  # such a redirect would repeat the request's Host
    )
    registry = prometheus_client.CollectorRegistry()
    seconds = prometheus_client.Histogram(
        "whyforbidden_http_seconds", "Time to answer, by route and status", ["route", "status"], registry=registry
    )

    @app.exception_handler(AnyHTTPException)
    async def told(request: Request, error: AnyHTTPException) -> Response:
        if wants_page(request):
            return problem(request, str(error.status_code), same(_sentence(error)), error.status_code)
        return JSONResponse({"error": _sentence(error)}, error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def misshapen(_: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"error": _wrong_fields(error)}, 422)

    @app.exception_handler(404)
    async def nowhere(request: Request, error: Exception) -> Response:
        detail = getattr(error, "detail", None)
        if wants_page(request):
            return problem(request, "404", say("There is nothing at this address."), 404)
        return JSONResponse({"error": detail if detail and detail != "Not Found" else "There is nothing at this address."}, 404)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the guard logs it
        sentence = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
        if wants_page(request):
            return problem(request, "broken", sentence, 500)
        return JSONResponse({"error": sentence.in_(locale_of(request))}, 500)

    @app.exception_handler(TooMuch)
    async def too_much(request: Request, error: TooMuch) -> Response:
        if wants_page(request):
            return problem(request, "too_much", error.sentence, error.status)
        return JSONResponse({"error": error.sentence.in_(locale_of(request))}, error.status, headers={"Retry-After": "60"})

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
            return JSONResponse({"ready": False, "store": "does not answer", "doors": doors()}, 503)
        known = doors()
        fine = all(one["state"] == "up" for one in known.values())
        return JSONResponse({"ready": fine, **({"doors": known} if known else {})}, 200 if fine else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        api.watcher(web, request)
        body = prometheus_client.generate_latest(registry) + prometheus_client.generate_latest(prometheus_client.REGISTRY)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, handler in extra:
        app.add_route(path, handler, methods=["POST"], include_in_schema=False)

    def seen(route: str, status: int, took: float) -> None:
        seconds.labels(route, str(status)).observe(took)

    return Guard(app, web.hosts, Bounds(max(SMALLEST_LIMIT, web.settings.max_upload + ROOM)), seen)


async def _guarded(job: Background) -> None:
    try:
        await job()
    except Exception as error:
        log.error("background job stopped", job=getattr(job, "__name__", "job"), kind=type(error).__name__, exc_info=error)


def _sentence(error: AnyHTTPException) -> str:
    """Our own refusals are sentences; the libraries' are a word or two, which become one."""
    detail = str(error.detail)
    if detail.endswith("."):
        return detail
    known = {400: "The body of this request cannot be read.", 405: "This address does not take that method."}
    return known.get(error.status_code, f"{detail}.")


def _wrong_fields(error: RequestValidationError) -> str:
    """Which fields are wrong, and how; never what was sent in them."""
    wrong = []
    for one in error.errors()[:MOST_WRONG]:
        place = [str(part) for part in one["loc"][1:] if one["type"] != "json_invalid"]
        wrong.append(f"field {'.'.join(place)[:80]}: {one['msg']}" if place else f"the body: {one['msg']}")
    return f"This request does not fit: {'; '.join(wrong)}."
