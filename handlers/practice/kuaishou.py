"""Practice Kuaishou: the shop platform, and the general one in the same shapes under its own paths.

After the shop's page on app authorization: codes live two minutes, a refresh keeps the first end date, old tokens never gain packs, only
people on the app's list may authorize.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.i18n import say
from bot.model import App, Text
from handlers.practice.authorize import Ask, PageError, serve
from handlers.practice.people import person
from handlers.practice.world import Access, Code, Refresh, World

CODE_SECONDS = 120
ACCESS_SECONDS = 172_800
REFRESH_SECONDS = 180 * 86_400
OLD_REFRESH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Shape:
    """Which of the two platforms, and its own names for the same things."""

    brand: str
    prefix: str
    authorize: str
    grants: tuple[str, ...]
    title: Text


SHOP = Shape("shop", "/kuaishou", "/oauth/authorize", ("code",), Text("Kuaishou Shop", "快手小店"))
GENERAL = Shape("general", "/kuaishou-general", "/oauth2/authorize", ("authorization_code", "code"), Text("Kuaishou", "快手"))


@dataclass(frozen=True, slots=True)
class Api:
    """A shop API and the pack it belongs to."""

    path: str
    title: Text
    pack: str


APIS = (
    Api("/open/item/list/get", Text("List goods", "商品列表"), "merchant_item"),
    Api("/open/order/detail", Text("Read an order", "订单详情"), "merchant_order"),
    Api("/open/promotion/coupon/list", Text("List coupons", "优惠券列表"), "merchant_promotion"),
)


class ApiError(Exception):
    """A refusal: `result`, the RFC name where there is one, the message."""

    def __init__(self, result: int, message: str, error: str = "") -> None:
        super().__init__(str(result))
        self.body = {"result": result, **({"error": error} if error else {}), "error_msg": message}


class Kuaishou:
    """One of the two platforms."""

    def __init__(self, world: World, shape: Shape) -> None:
        self.world = world
        self.shape = shape

    def routes(self) -> list[Route]:
        """Where everything stands."""
        p = self.shape.prefix
        routes = [
            Route(p + self.shape.authorize, self.authorize, methods=["GET", "POST"]),
            Route(f"{p}/oauth2/access_token", self._answering(self.token), methods=["GET"]),
            Route(f"{p}/oauth2/refresh_token", self._answering(self.refresh), methods=["POST"]),
            Route(f"{p}/openapi/user_info", self._answering(self.user_info), methods=["GET"]),
        ]
        return routes + [Route(p + api.path, self._answering(self._business(api)), methods=["GET", "POST"]) for api in APIS]

    def app(self, app_id: str) -> App | None:
        """The app, when it is one of this platform."""
        app = self.world.apps.get(app_id)
        return app if app is not None and app.platform == "kuaishou" and (app.brand or "shop") == self.shape.brand else None

    # ------------------------------------------------------------ the page

    async def authorize(self, request: Request) -> Response:
        """The page for people."""
        return await serve(request, self._checked, self._approved, malformed="100200100")

    def _checked(self, q: QueryParams) -> Ask:
        app, redirect = self.app(q.get("app_id", "")), q.get("redirect_uri", "")
        if app is None or redirect not in self.world.consoles[app.app_id].redirect_uris:
            sentence = say("Invalid url: the application or its redirect address does not match the console.")
            raise PageError("K0009", sentence)
        if q.get("response_type") != "code":
            raise PageError("100200103", say("The request is incomplete: response_type must be “code”."))
        wanted = [name for name in q.get("scope", "").split(",") if name]
        lacking = [name for name in wanted if name not in self.world.enabled_for(app.app_id, "user")]
        if lacking or not wanted:
            hint = say("Developer: apply for these packs first: {scopes}", scopes=" ".join(lacking)) if lacking else None
            raise PageError("100200106", say("The application does not own these permission packs."), hint)
        held = partial(self.world.granted, app.app_id)
        return Ask(app, self.shape.title, redirect, q.get("state", ""), wanted, held)

    def _approved(self, ask: Ask, who: str) -> Mapping[str, str]:
        if who not in self.world.consoles[ask.app.app_id].members:
            sentence = say("This account is neither a test user nor an authorized user of the application.")
            raise PageError("K0010", sentence, say("Developer: add the account under authorization management."))
        self.world.grant(ask.app.app_id, who, ask.shown)
        expires = self.world.now + CODE_SECONDS
        return {"code": self.world.new_code(Code(ask.app.app_id, who, list(ask.shown), expires, secrets.token_hex(8), ask.redirect_uri))}

    # ------------------------------------------------------------ tokens

    def _answering(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            try:
                body = await endpoint(request)
            except ApiError as error:
                body = error.body
            headers = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-store"}
            return Response(json.dumps(body, ensure_ascii=False), 200, headers)

        return answer

    def _client(self, given: Mapping[str, Any]) -> App:
        app = self.app(str(given.get("app_id", "")))
        if app is None or not secrets.compare_digest(str(given.get("app_secret", "")), app.secret):
            raise ApiError(100200101, "app_id or app_secret is wrong", "unauthorized_client")
        return app

    async def token(self, request: Request) -> dict[str, Any]:
        """Code for token, or the app's own token."""
        q = request.query_params
        app, grant = self._client(q), q.get("grant_type", "")
        if grant == "client_credentials":
            token = self.world.issue_access("", Access(app.app_id, "", [], self.world.now + ACCESS_SECONDS, ""))
            return {"result": 1, "access_token": token, "expires_in": ACCESS_SECONDS}
        if grant not in self.shape.grants:
            raise ApiError(100200104, "grant_type must be code", "unsupported_grant_type")
        if not q.get("code"):
            raise ApiError(100200100, "code is missing", "invalid_request")
        code = self.world.codes.get(q["code"])
        if code is not None and code.used:
            self.world.revoke_family(code.family)
        if code is None or code.used or code.app_id != app.app_id or code.expires <= self.world.now:
            raise ApiError(100200105, "invalid code", "invalid_grant")
        code.used = True
        return self._issue(app, code.person, code.scopes, code.family, self.world.now + REFRESH_SECONDS)

    async def refresh(self, request: Request) -> dict[str, Any]:
        """The next pair; the end date stays."""
        form = await request.form()
        app = self._client(form)
        if form.get("grant_type") != "refresh_token":
            raise ApiError(100200104, "grant_type must be refresh_token", "unsupported_grant_type")
        held = self.world.refresh.get(str(form.get("refresh_token", "")))
        if held is None or held.app_id != app.app_id:
            raise ApiError(100200102, "invalid refresh_token", "access_denied")
        if held.used:
            self.world.revoke_family(held.family)
            raise ApiError(100200102, "refreshToken.discarded", "access_denied")
        if held.revoked:
            raise ApiError(100200102, "refreshToken.revokedAuthorization", "access_denied")
        if held.ends <= self.world.now:
            raise ApiError(100200113, "refresh token expired", "access_denied")
        held.used = True
        return self._issue(app, held.person, held.scopes, held.family, held.ends)

    def _issue(self, app: App, who: str, scopes: list[str], family: str, ends: float) -> dict[str, Any]:
        now = self.world.now
        owner = person(who)
        if owner is None:
            raise ApiError(100200107, "invalid openid", "invalid_openid")
        return {
            "result": 1,
            "access_token": self.world.issue_access("ChFvYXV0aC5practice", Access(app.app_id, who, scopes, now + ACCESS_SECONDS, family)),
            "expires_in": ACCESS_SECONDS,
            "refresh_token": self.world.issue_refresh("ChJvYXV0aC5practice", Refresh(app.app_id, who, scopes, ends, ends, family)),
            "refresh_token_expires_in": int(ends - now),
            "open_id": owner.account("kuaishou", app.app_id),
            "scopes": scopes,
        }

    # ------------------------------------------------------------ the calls

    def _holder(self, request: Request) -> tuple[Access, App]:
        held = self.world.access.get(request.query_params.get("access_token", ""))
        app = self.app(held.app_id) if held else None
        if held is None or app is None:
            raise ApiError(100200102, "invalid access_token", "access_denied")
        if held.revoked:
            raise ApiError(24, "AUTHORIZATION_REVOKED")
        if held.expires <= self.world.now:
            raise ApiError(100200108, "access token expired")
        return held, app

    async def user_info(self, request: Request) -> dict[str, Any]:
        """Whose token it is (general platform)."""
        held, app = self._holder(request)
        who = person(held.person)
        if "user_info" not in held.scopes or who is None:
            raise ApiError(100200111, "token中无scope权限")
        return {"result": 1, "user_info": {"name": who.name.zh, "sex": "", "head": "", "open_id": who.account("kuaishou", app.app_id)}}

    def _business(self, api: Api) -> Any:
        async def call(request: Request) -> dict[str, Any]:
            held, app = self._holder(request)
            if not held.person:
                raise ApiError(26, "主账号不存在")
            if api.pack not in held.scopes or api.pack not in self.world.enabled_for(app.app_id, "user"):
                raise ApiError(100200106, "token中无scope权限", "invalid_scope")
            return {"result": 1, "data": {"list": []}}

        return call
