"""Practice DingTalk: login page, user tokens, the app's own token, and API calls that need a personal or an app scope.

After the open platform's pages; the code's life is not documented (five minutes here), neither is what a second use does (refused, and the
tokens of the first die). The page asks for what the console holds for people, because `scope` takes only `openid` and `corpid`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.i18n import say
from bot.model import App, Text
from handlers.practice.authorize import Ask, PageError, serve
from handlers.practice.people import person
from handlers.practice.world import Access, Code, Refresh, World

P = "/dingtalk"
TITLE = Text("DingTalk", "钉钉")
CODE_SECONDS = 300
ACCESS_SECONDS = 7200
REFRESH_SECONDS = 30 * 86_400
CORP = "dingpractice0corp"


@dataclass(frozen=True, slots=True)
class Api:
    """An API of the new kind. `kind` is the token it takes."""

    method: str
    path: str
    title: Text
    scope: str
    kind: str
    data: Mapping[str, Any]


APIS = (
    Api("GET", "/v1.0/contact/users/me", Text("Read my profile", "读取个人信息"), "Contact.User.Read", "user", {}),
    Api(
        "GET",
        "/v1.0/calendar/users/me/calendars/primary/events",
        Text("List my events", "列出我的日程"),
        "Calendar.Event.Read",
        "tenant",
        {"events": []},
    ),
    Api(
        "POST",
        "/v1.0/robot/oToMessages/batchSend",
        Text("Send a robot message", "机器人发消息"),
        "qyapi_robot_sendmsg",
        "tenant",
        {"processQueryKey": "practice"},
    ),
)


class ApiError(Exception):
    """A refusal: code, message, HTTP status, and the scopes it names."""

    def __init__(self, code: str, message: str, status: int = 400, scopes: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code, self.message, self.status, self.scopes = code, message, status, scopes


class DingTalk:
    """The practice DingTalk."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[Route]:
        """Where everything stands."""
        return [
            Route(f"{P}/oauth2/auth", self.authorize, methods=["GET", "POST"]),
            Route(f"{P}/v1.0/oauth2/userAccessToken", self._answering(self.token), methods=["POST"]),
            Route(f"{P}/v1.0/oauth2/accessToken", self._answering(self.app_token), methods=["POST"]),
            *(Route(P + api.path, self._answering(self._business(api)), methods=[api.method]) for api in APIS),
        ]

    def app(self, app_id: str) -> App | None:
        """The app, when it is one of DingTalk."""
        app = self.world.apps.get(app_id)
        return app if app is not None and app.platform == "dingtalk" else None

    # ------------------------------------------------------------ the page

    async def authorize(self, request: Request) -> Response:
        """The page for people."""
        return await serve(request, self._checked, self._approved, malformed="invalid.request")

    def _checked(self, q: QueryParams) -> Ask:
        app, redirect, asked = self.app(q.get("client_id", "")), q.get("redirect_uri", ""), q.get("scope", "").split()
        if app is None:
            raise PageError("invalid.client", say("This application does not exist here."))
        enabled = self.world.enabled_for(app.app_id, "user")
        if redirect not in self.world.consoles[app.app_id].redirect_uris:
            raise PageError("url.notInWhiteList", say("The redirect address is not registered for this application."))
        if q.get("response_type") != "code" or q.get("prompt") != "consent" or "openid" not in asked:
            raise PageError("invalid.request", say("The request is malformed."))
        named = [name for name in asked if name not in ("openid", "corpid")]
        if unknown := [name for name in named if name not in enabled]:
            hint = say("Developer: switch these on for user tokens and publish a version: {scopes}", scopes=" ".join(unknown))
            sentence = say("The application has not applied for these scopes, so it cannot ask for them.")
            raise PageError("invalid.scope", sentence, hint)
        held = partial(self.world.granted, app.app_id)
        return Ask(app, TITLE, redirect, q.get("state", ""), named or sorted(enabled), held)

    def _approved(self, ask: Ask, who: str) -> Mapping[str, str]:
        granted = sorted(self.world.grant(ask.app.app_id, who, ask.shown))
        expires = self.world.now + CODE_SECONDS
        code = self.world.new_code(Code(ask.app.app_id, who, granted, expires, secrets.token_hex(8), ask.redirect_uri))
        return {"authCode": code, "code": code}

    # ------------------------------------------------------------ tokens

    def _answering(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            request_id = str(uuid4()).upper()
            try:
                body, status = await endpoint(request), 200
            except ApiError as error:
                status = error.status
                body = {"code": error.code, "requestid": request_id, "message": error.message}
                if error.scopes:
                    body["accessdenieddetail"] = {"requiredScopes": list(error.scopes)}
            headers = {"x-acs-request-id": request_id, "content-type": "application/json;charset=utf-8", "cache-control": "no-store"}
            return Response(json.dumps(body, ensure_ascii=False), status, headers)

        return answer

    async def token(self, request: Request) -> dict[str, Any]:
        """A person's token, from a code or a refresh token."""
        data = await _body(request)
        app = self.app(data.get("clientId", ""))
        if app is None or not secrets.compare_digest(data.get("clientSecret", ""), app.secret):
            raise ApiError("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        grant = data.get("grantType", "")
        if grant == "authorization_code":
            code = self.world.codes.get(data.get("code", ""))
            if code is not None and code.used:
                self.world.revoke_family(code.family)
            if code is None or code.used or code.app_id != app.app_id or code.expires <= self.world.now:
                raise ApiError("invalidCode", "不合法的临时授权码")
            code.used = True
            return self._issue(app, code.person, code.scopes, code.family)
        if grant == "refresh_token":
            held = self.world.refresh.get(data.get("refreshToken", ""))
            if held is not None and held.used:
                self.world.revoke_family(held.family)
            if held is None or held.used or held.revoked or held.app_id != app.app_id or held.expires <= self.world.now:
                raise ApiError("invalidRefreshToken", "无效的refreshToken")
            held.used = True
            return self._issue(app, held.person, held.scopes, held.family)
        raise ApiError("unsupported.grant.type", "unsupported.grant.type")

    def _issue(self, app: App, who: str, scopes: list[str], family: str) -> dict[str, Any]:
        now = self.world.now
        same = [
            text for text, held in self.world.access.items() if held.family == family and not held.revoked and held.expires > now
        ]  # within its two hours the same access token comes back
        access = same[0] if same else self.world.issue_access("", Access(app.app_id, who, scopes, now + ACCESS_SECONDS, family))
        refresh = self.world.issue_refresh("", Refresh(app.app_id, who, scopes, now + REFRESH_SECONDS, now + REFRESH_SECONDS, family))
        left = int(self.world.access[access].expires - now)
        return {"accessToken": access, "refreshToken": refresh, "expireIn": left, "corpId": CORP}

    async def app_token(self, request: Request) -> dict[str, Any]:
        """The app's own token."""
        data = await _body(request)
        app = self.app(data.get("appKey", ""))
        if app is None or not secrets.compare_digest(data.get("appSecret", ""), app.secret):
            raise ApiError("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        token = self.world.issue_access("", Access(app.app_id, "", [], self.world.now + ACCESS_SECONDS, ""))
        return {"accessToken": token, "expireIn": ACCESS_SECONDS}

    # ------------------------------------------------------------ the calls

    def _business(self, api: Api) -> Any:
        async def call(request: Request) -> dict[str, Any]:
            text = request.headers.get("x-acs-dingtalk-access-token", "")
            if not text:
                raise ApiError("AuthenticationFailed.MissingParameter", "Missing parameter: x-acs-dingtalk-access-token")
            held = self.world.live(text)
            app = self.app(held.app_id) if held else None
            if held is None or app is None or bool(held.person) != (api.kind == "user"):
                raise ApiError("InvalidAuthentication", "不合法的access_token", 400)
            if api.scope not in self.world.enabled_for(app.app_id, api.kind):
                page = f"https://open-dev.dingtalk.com/appscope/apply?content={app.app_id}%23{api.scope}"
                message = f"应用尚未开通所需的权限：[{api.scope}]，点击链接申请并开通即可：{page}"
                raise ApiError("Forbidden.AccessDenied.AccessTokenPermissionDenied", message, 403, [api.scope])
            if api.kind == "user" and api.scope not in held.scopes:
                guide = "https://open.dingtalk.com/document/orgapp-server/add-api-permission"
                message = f"没有调用该接口的权限，接口权限申请参考：{guide}"
                raise ApiError("Forbidden.AccessDenied.AccessTokenPermissionDenied", message, 403, [api.scope])
            return self._me(app, held) if api.path.endswith("/users/me") else dict(api.data)

        return call

    def _me(self, app: App, held: Access) -> dict[str, Any]:
        who = person(held.person)
        if who is None:
            raise ApiError("InvalidAuthentication", "不合法的access_token")
        return {"nick": who.name.zh, "avatarUrl": "", "stateCode": "86", **who.ids("dingtalk", app.app_id)}


async def _body(request: Request) -> dict[str, str]:
    try:
        data = await request.json()
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ApiError("InvalidParameter", "the body is no JSON object of strings")
    return data
