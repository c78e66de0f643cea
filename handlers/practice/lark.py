"""Practice Feishu and Lark: authorization page, token endpoint, device grant. The open API is in `lark_api.py`.

Behaviour and codes follow the platform's pages "obtain OAuth code", "get user_access_token", "refresh user_access_token"; the device grant
follows what the official tools do. Two brands are two instances under two paths; an app of one is unknown to the other (20046).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.i18n import say
from bot.model import App, Text
from bot.oauth.generic import DEVICE_GRANT, basic, s256
from handlers.practice import pages
from handlers.practice.authorize import Ask, PageError, serve
from handlers.practice.people import person
from handlers.practice.world import Access, Code, DeviceGrant, Refresh, World

CODE_SECONDS = 300
CLIENT_CODE_SECONDS = 180
ACCESS_SECONDS = 7200
REFRESH_SECONDS = 604_800
CHAIN_SECONDS = 365 * 86_400
OVERLAP_SECONDS = 60  # the old access token lives on for about a minute after a refresh
DEVICE_SECONDS = 240
MOST_SCOPES = 50
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Brand:
    """Feishu or Lark, and where it stands."""

    name: str
    prefix: str
    title: Text


FEISHU = Brand("feishu", "/feishu", Text("Feishu", "飞书"))
LARK = Brand("lark", "/lark", Text("Lark", "Lark"))


class TokenError(Exception):
    """An error of the token endpoint: numeric code, RFC name, description, HTTP status."""

    def __init__(self, code: int, error: str, description: str, status: int = 400) -> None:
        super().__init__(str(code))
        self.answer = {"code": code, "error": error, "error_description": description}
        self.status = status


class Lark:
    """One brand's authorization server."""

    def __init__(self, world: World, brand: Brand) -> None:
        self.world = world
        self.brand = brand

    def routes(self) -> list[Route]:
        """Where everything stands."""
        p = self.brand.prefix
        return [
            Route(f"{p}/open-apis/authen/v1/authorize", self.authorize, methods=["GET", "POST"]),
            Route(f"{p}/open-apis/authen/v2/oauth/token", self.token, methods=["POST"]),
            Route(f"{p}/oauth/v1/device_authorization", self.device_start, methods=["POST"]),
            Route(f"{p}/device", self.device_page, methods=["GET", "POST"]),
            Route(f"{p}/practice/client-code", self.client_code, methods=["POST"]),
        ]

    def app(self, app_id: str) -> App | None:
        """The app, when it is one of this brand."""
        app = self.world.apps.get(app_id)
        return app if app is not None and app.platform == "lark" and (app.brand or "feishu") == self.brand.name else None

    # ------------------------------------------------------------ the page

    async def authorize(self, request: Request) -> Response:
        """The page for people."""
        return await serve(request, self._checked, self._approved, malformed="20063", log_id=self.world.log_id())

    def _approved(self, ask: Ask, who: str) -> Mapping[str, str]:
        text = self._code(ask.app, who, list(ask.shown), CODE_SECONDS)
        code = self.world.codes[text]
        code.redirect_uri, code.challenge, code.method = ask.redirect_uri, ask.challenge, ask.method
        return {"code": text}

    def _checked(self, q: QueryParams) -> Ask:
        app = self.app(q.get("client_id", ""))
        if app is None:
            known = q.get("client_id", "") in self.world.apps
            raise PageError("20046" if known else "20048", say("This application does not exist here."))
        console = self.world.consoles[app.app_id]
        redirect = q.get("redirect_uri", "")
        if not console.enabled:
            raise PageError("20069", say("This application is not enabled."))
        if _bare(redirect) not in {_bare(known) for known in console.redirect_uris}:
            hint = say("Developer: add it under Security settings, Redirect URL.")
            raise PageError("20029", say("The redirect address is not registered for this application."), hint)
        if q.get("response_type") != "code":
            raise PageError("20001", say("The request is incomplete: response_type must be “code”."))
        if q.get("code_challenge") and q.get("code_challenge_method", "plain") not in ("plain", "S256"):
            raise PageError("20063", say("The request is malformed."))
        wanted = q.get("scope", "").split()
        if len(wanted) > MOST_SCOPES:
            raise PageError("20063", say("At most {count} scopes may be asked for at once.", count=MOST_SCOPES))
        missing = [name for name in wanted if name not in self.world.enabled_for(app.app_id, "user")]
        if missing:
            hint = say("Developer: switch these on for user tokens and publish a version: {scopes}", scopes=" ".join(missing))
            raise PageError("20027", say("The application has not applied for these scopes, so it cannot ask for them."), hint)
        challenge = q.get("code_challenge", "")
        method = q.get("code_challenge_method", "plain") if challenge else ""  # the platform's default is `plain`
        held = partial(self.world.granted, app.app_id)
        return Ask(app, self.brand.title, redirect, q.get("state", ""), wanted, held, challenge, method)

    async def client_code(self, request: Request) -> Response:
        """What the client does for `tt.requestAccess`: JSON `{app_id, person, scopes}` in, `{code}` or `{errno, errString}` out."""
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return JSONResponse({"error": "application/json only"}, 415)
        try:
            data = await _object(request)
        except TokenError as error:
            return JSONResponse(error.answer, 400)
        app, who, wanted = self.app(str(data.get("app_id"))), person(str(data.get("person"))), data.get("scopes", [])
        if app is None or who is None or not isinstance(wanted, list):
            return JSONResponse({"errno": 104, "errString": "invalid parameter"}, 400)
        names = [str(name) for name in wanted]
        missing = [name for name in names if name not in self.world.enabled_for(app.app_id, "user")]
        if missing:
            return JSONResponse({"errno": 2700002, "errString": f"code: 20027, msg: scope not applied for: {' '.join(missing)}"}, 400)
        return JSONResponse({"code": self._code(app, who.key, names, CLIENT_CODE_SECONDS)})

    def _code(self, app: App, who: str, scopes: list[str], seconds: float) -> str:
        together = sorted(self.world.grant(app.app_id, who, scopes))  # a grant adds to the earlier ones
        return self.world.new_code(Code(app.app_id, who, together, self.world.now + seconds, secrets.token_hex(8)))

    # ------------------------------------------------------------ the token endpoint

    async def token(self, request: Request) -> Response:
        """JSON or form in, flat JSON out."""
        headers = {"x-tt-logid": self.world.log_id(), "cache-control": "no-store"}
        try:
            if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                data: Mapping[str, object] = {key: str(value) for key, value in (await request.form()).items()}
            else:
                data = await _object(request)
            return JSONResponse(self._token(data), headers=headers)
        except TokenError as error:
            return JSONResponse(error.answer, error.status, headers)

    def _token(self, data: Mapping[str, object]) -> dict[str, object]:
        def given(name: str) -> str:
            return _given(data, name)

        app = self._caller(given)
        match given("grant_type"):
            case "authorization_code":
                return self._from_code(app, given("code"), given("redirect_uri"), given("code_verifier"))
            case "refresh_token":
                return self._from_refresh(app, given("refresh_token"))
            case grant if grant == DEVICE_GRANT:
                return self._from_device(app, given("device_code"))
        raise TokenError(20036, "unsupported_grant_type", "The grant_type is not supported")

    def _caller(self, given: Callable[[str], str]) -> App:
        """The app that asks, once it has named and proven itself. Raises `TokenError`."""
        for name in ("grant_type", "client_id", "client_secret"):
            if not given(name):
                raise TokenError(20001, "invalid_request", f"The request is missing a required parameter: {name}")
        app = self.app(given("client_id"))
        if app is None:
            raise TokenError(20048, "invalid_client", "The app does not exist")
        if not secrets.compare_digest(given("client_secret"), app.secret):
            raise TokenError(20002, "invalid_client", "The client secret is invalid")
        if not self.world.consoles[app.app_id].enabled:
            raise TokenError(20069, "unauthorized_client", "The app is not enabled")
        return app

    def _from_code(self, app: App, text: str, redirect: str, verifier: str) -> dict[str, object]:
        if not text:
            raise TokenError(20001, "invalid_request", "The request is missing a required parameter: code")
        code = self.world.codes.get(text)
        if code is None:
            raise TokenError(20003, "invalid_grant", "The authorization code is not found")
        if code.app_id != app.app_id:
            raise TokenError(20024, "invalid_grant", "The authorization code does not belong to this app")
        if code.used:
            self.world.revoke_family(code.family)
            raise TokenError(20065, "invalid_grant", "The authorization code has been used")
        if code.expires <= self.world.now:
            raise TokenError(20004, "invalid_grant", "The authorization code has expired")
        if redirect and redirect != code.redirect_uri:
            raise TokenError(20071, "invalid_grant", "The redirect_uri does not match the one of the authorization request")
        if not _proves(code, verifier):
            raise TokenError(20049, "invalid_grant", "PKCE code challenge failed")
        code.used = True
        return self._issue(app, code.person, code.scopes, code.family, self.world.now + CHAIN_SECONDS)

    def _from_refresh(self, app: App, text: str) -> dict[str, object]:
        if not text:
            raise TokenError(20001, "invalid_request", "The request is missing a required parameter: refresh_token")
        held = self.world.refresh.get(text)
        if held is None:
            raise TokenError(20026, "invalid_grant", "The refresh token is invalid")
        if held.app_id != app.app_id:
            raise TokenError(20024, "invalid_grant", "The refresh token does not belong to this app")
        if held.used:
            self.world.revoke_family(held.family)
            raise TokenError(20073, "invalid_grant", "The refresh token has been used")
        if held.revoked:
            raise TokenError(20064, "invalid_grant", "The refresh token has been revoked")
        if min(held.expires, held.ends) <= self.world.now:
            raise TokenError(20037, "invalid_grant", "The refresh token has expired")
        if not self.world.consoles[app.app_id].may_refresh:
            raise TokenError(20074, "unauthorized_client", "The app is not allowed to refresh user access tokens")
        held.used = True
        for old in self.world.access.values():
            if old.family == held.family:
                old.expires = min(old.expires, self.world.now + OVERLAP_SECONDS)
        return self._issue(app, held.person, held.scopes, held.family, held.ends)

    def _from_device(self, app: App, text: str) -> dict[str, object]:
        device = self.world.devices.get(text)
        if device is None or device.app_id != app.app_id:
            raise TokenError(20003, "invalid_grant", "The device code is invalid")
        if device.expires <= self.world.now:
            raise TokenError(20004, "expired_token", "The device code has expired")
        early = device.polled and self.world.now - device.polled < device.interval
        device.polled = self.world.now
        if early:
            device.interval += 5
            raise TokenError(20050, "slow_down", "Polling too fast")
        if device.decision == "refuse":
            raise TokenError(20066, "access_denied", "The user refused")
        if device.decision != "approve":
            raise TokenError(20050, "authorization_pending", "The user has not decided yet")
        self.world.devices.pop(text)
        scopes = sorted(self.world.grant(app.app_id, device.person, device.scopes))
        return self._issue(app, device.person, scopes, secrets.token_hex(8), self.world.now + CHAIN_SECONDS)

    def _issue(self, app: App, who: str, scopes: list[str], family: str, ends: float) -> dict[str, object]:
        now = self.world.now
        alive = sorted(set(scopes) & self.world.enabled_for(app.app_id, "user"))
        answer: dict[str, object] = {
            "code": 0,
            "access_token": self.world.issue_access("eyJpractice.", Access(app.app_id, who, alive, now + ACCESS_SECONDS, family)),
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join(["auth:user.id:read", *alive]),
        }
        if "offline_access" in alive and self.world.consoles[app.app_id].may_refresh:
            life = min(REFRESH_SECONDS, ends - now)
            refresh = Refresh(app.app_id, who, alive, now + life, ends, family)
            answer |= {"refresh_token": self.world.issue_refresh("eyJpractice-r.", refresh), "refresh_token_expires_in": int(life)}
        return answer

    # ------------------------------------------------------------ the device grant

    async def device_start(self, request: Request) -> Response:
        """RFC 8628 §3.1, with Basic client authentication as the official tools do it."""
        form = await request.form()
        app = self.app(str(form.get("client_id", "")))
        if app is None or not _basic_matches(request, app):
            return JSONResponse({"error": "invalid_client", "error_description": "client authentication failed"}, 401)
        wanted = str(form.get("scope", "")).split()
        missing = [name for name in wanted if name not in self.world.enabled_for(app.app_id, "user")]
        if missing:
            return JSONResponse({"error": "invalid_scope", "error_description": f"scope not applied for: {' '.join(missing)}"}, 400)
        user_code = "-".join("".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(4)) for _ in range(2))
        text = secrets.token_urlsafe(32)
        self.world.devices[text] = DeviceGrant(app.app_id, wanted, user_code, self.world.now + DEVICE_SECONDS)
        page = f"{app.hosts.get('accounts', str(request.base_url).rstrip('/') + self.brand.prefix)}/device"
        return JSONResponse(
            {
                "device_code": text,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={user_code}",
                "expires_in": DEVICE_SECONDS,
                "interval": 5,
            },
            headers={"cache-control": "no-store"},
        )

    async def device_page(self, request: Request) -> Response:
        """Where the person types the code and decides."""
        typed = request.query_params.get("user_code", "").strip().upper()
        done = ""
        if request.method == "POST":
            form = await pages.form_of(request)
            if form is None:
                return pages.problem(request, "20063", say("The request is malformed."), log_id=self.world.log_id())
            typed = str(form.get("user_code", "")).strip().upper()
            device = self._device(typed)
            if device and not device.decision and (who := person(str(form.get("person", "")))):
                device.person, device.decision = who.key, "approve" if form.get("decision") == "approve" else "refuse"
                done = device.decision
        device = self._device(typed)
        app = self.world.apps.get(device.app_id) if device else None
        return pages.page(
            request, "device", typed=typed, device=device, app=app, done=done, platform=self.brand.title, chosen=pages.signed_in(request)
        )

    def _device(self, user_code: str) -> DeviceGrant | None:
        alive = (device for device in self.world.devices.values() if device.expires > self.world.now)
        return next((device for device in alive if user_code and device.user_code == user_code), None)


def _bare(address: str) -> str:
    """What Feishu compares of a redirect address: everything before `?` and `#`."""
    return re.split("[?#]", address, maxsplit=1)[0]


def _given(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise TokenError(20063, "invalid_request", f"{name} must be a string")
    return value or ""


def _proves(code: Code, verifier: str) -> bool:
    """PKCE: a challenge needs its verifier, and a verifier without a challenge is a downgrade (RFC 9700 §4.8)."""
    if not code.challenge:
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    return secrets.compare_digest(s256(verifier) if code.method == "S256" else verifier, code.challenge)


def _basic_matches(request: Request, app: App) -> bool:
    return secrets.compare_digest(request.headers.get("authorization", ""), basic(app.app_id, app.secret))


async def _object(request: Request) -> Mapping[str, object]:
    try:
        data = await request.json()
    except (ValueError, RecursionError):
        raise TokenError(20063, "invalid_request", "The request is malformed") from None
    if not isinstance(data, dict):
        raise TokenError(20063, "invalid_request", "The request is malformed")
    return data
