"""The JSON API: explain a text, report failures, look a request id up, fetch a token, answer a handed-off consent."""

# No postponed annotations here: FastAPI reads them, and the dependency aliases are local to `router`.

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from bot.errors import Refused
from bot.model import App, Surface
from bot.render import as_json, render
from handlers.system import is_local
from handlers.tokens import NoToken
from handlers.web.addresses import host_name
from handlers.web.state import Web

TEXT_LIMIT = 1_000_000
NO_TOKEN = {
    "unknown": (404, "This user has not authorized the app here, or the token was forgotten."),
    "over": (409, "The authorization has ended; the user has to authorize again."),
    "later": (503, "The platform did not answer; try again in a moment."),
    "app": (502, "The platform refused the app itself; check app id and secret in apps.toml."),
}


class Ask(BaseModel):
    """A text to explain."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=TEXT_LIMIT, description="the pasted error, log or log_id")
    format: Literal["json", "text", "lark", "slack", "dingtalk", "html"] = Field("json", description="also render a reply for this surface")
    lang: Literal["en", "zh"] | None = Field(None, description="language of the answer; default: the language of the text")


class Refusal(BaseModel):
    """Why a request was not answered, in one sentence."""

    error: str


class Explanation(BaseModel):
    """What was understood. `diagnoses` is empty when the text is no error report; `why_nothing` then says so."""

    diagnoses: list[dict[str, Any]]
    speaks_up: bool = Field(False, description="sure enough to be said where nobody asked")
    reply: dict[str, Any] | str | None = None
    why_nothing: str | None = None
    secret_seen: bool = Field(False, description="a live-looking secret was in the text; it was masked, and should be rotated")


class ReportIn(BaseModel):
    """A failure that an app saw, so that its request id can be looked up in the chat later."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=100_000, description="the error body or log line, as it was")
    request_id: str | None = Field(None, max_length=200, description="its log_id or request id, where the text does not hold it")


class ReportSaved(BaseModel):
    """Under which ids the failure can be looked up now."""

    request_ids: list[str]


class TokenAsk(BaseModel):
    """Whose token an app wants; the app itself is known by its key."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(max_length=200, description="the user's id on the platform (open_id, unionId, user id)")


class TokenOut(BaseModel):
    """A user access token, valid now."""

    access_token: str
    scopes: list[str]
    expires_at: datetime | None = Field(description="when the platform ends it; null: not before it is revoked")


def from_this_machine(request: Request) -> bool:
    """Whether the caller sits at this machine: a loopback address, and no proxy that says it speaks for somebody else."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    return not forwarded and request.client is not None and request.client.host in ("127.0.0.1", "::1")


def given_key(request: Request) -> str:
    """The key of a request, or nothing."""
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


def is_operator(web: Web, given: str) -> bool:
    """Whether this is one of the installation's own keys."""
    return any(hmac.compare_digest(key.get_secret_value().encode(), given.encode()) for key in web.settings.api_keys)


def caller(web: Web, request: Request) -> App | None:
    """Who calls: a configured app (by its own key), the operator (by an API key) or this machine, as None. Others get 401.

    This machine needs no key only while nobody else can reach the server: behind a public address everybody may seem to come from here.
    """
    given = given_key(request)
    if given:
        for app in web.apps:
            if app.app_key and hmac.compare_digest(app.app_key.encode(), given.encode()):
                return app
        if is_operator(web, given):
            return None
    elif not web.settings.api_keys and web.settings.local_only and from_this_machine(request):
        return None
    raise HTTPException(401, "Send Authorization: Bearer with an API key (WHYFORBIDDEN_API_KEYS) or the app's own key from apps.toml.")


def watcher(web: Web, request: Request) -> None:
    """Who may read the metrics: this machine, or whoever has an API key. Others get 401."""
    here = from_this_machine(request) and is_local(host_name(request.headers.get("host", "")))
    if not here and not is_operator(web, given_key(request)):
        raise HTTPException(401, "Send Authorization: Bearer with an API key (WHYFORBIDDEN_API_KEYS).")


def plain(body: Mapping[str, Any]) -> None:
    """Half a character (a lone surrogate) can be spelled in JSON and be neither signed nor kept. Raises 422."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise HTTPException(422, "This request does not fit: the body holds what is no text (half a character).") from None


def router(web: Web) -> APIRouter:
    """Everything below `/v1`."""
    routes = APIRouter(
        prefix="/v1",
        responses={
            "4XX": {"model": Refusal, "description": "Refused; `error` says why."},
            "503": {"model": Refusal, "description": "Busy, or the platform does not answer; try again later."},
        },
    )

    key = HTTPBearer(auto_error=False, scheme_name="key", description="an API key of the installation, or an app's own key")

    def who(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(key)]) -> App | None:
        return caller(web, request)

    Caller = Annotated[App | None, Depends(who)]

    def app_of(app: Caller) -> App:
        if app is None:
            raise HTTPException(403, "Only a configured app may do this; send its own key from apps.toml.")
        return app

    OwnApp = Annotated[App, Depends(app_of)]

    @routes.post("/explain", summary="Explain a pasted error")
    async def explain_text(ask: Ask, app: Caller) -> Explanation:  # noqa: ARG001 - the dependency is the lock
        with web.limits.in_line():
            answer = await web.service.read(ask.text, ask.lang)
        reply = None
        if ask.format != "json":
            body = render(answer.diagnoses, Surface(ask.format), answer.locale, why=answer.why_nothing).body
            reply = body if isinstance(body, str) else dict(body)
        return Explanation(
            diagnoses=[as_json(diagnosis, answer.locale) for diagnosis in answer.diagnoses],
            speaks_up=answer.speaks_up,
            reply=reply,
            why_nothing=answer.why_nothing.in_(answer.locale) if answer.why_nothing else None,
            secret_seen=answer.redaction.live,
        )

    @routes.post("/reports", summary="Report a failure", status_code=201)
    async def report(body: ReportIn, app: Caller) -> ReportSaved:
        with web.limits.in_line():
            ids = await web.service.report(body.text, request_id=body.request_id, source=app.app_id if app else "api")
        if not ids:
            raise HTTPException(
                422, "No error with a request id was found in field text; send the whole error body, or set field request_id."
            )
        return ReportSaved(request_ids=list(ids))

    @routes.get("/reports/{request_id}", summary="Look a request id up")
    async def look_up(request_id: str, app: Caller, lang: Literal["en", "zh"] = "en") -> dict[str, Any]:  # noqa: ARG001
        diagnosis = await web.service.look_up(request_id)
        if diagnosis is None:
            raise HTTPException(404, "This request id was not reported and not pasted here before.")
        return as_json(diagnosis, lang)

    @routes.post("/tokens", summary="A user's access token, for the app that owns it")
    async def token(body: TokenAsk, app: OwnApp, response: Response) -> TokenOut:
        response.headers["Cache-Control"] = "no-store"
        if web.tokens is None:
            raise HTTPException(503, "No app is in broker mode here.")
        try:
            handed = await web.tokens.hand_out(app, body.subject)
        except NoToken as no:
            status, sentence = NO_TOKEN[no.reason]
            raise HTTPException(
                status, sentence, {"Retry-After": str(int(no.retry_after or 5))} if no.reason == "later" else None
            ) from None
        return TokenOut(access_token=handed.access_token, scopes=sorted(handed.scopes), expires_at=handed.expires)

    @routes.post("/consents/{flow_id}", summary="An app's signed answer to a consent that was handed to it")
    async def handed_off(flow_id: str, body: Mapping[str, Any]) -> dict[str, str]:
        plain(body)
        try:
            state = await web.service.handed_back(flow_id, body)
        except Refused as no:
            raise HTTPException(403, no.sentence.en) from None
        return {"state": state}

    return routes
