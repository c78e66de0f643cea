"""Practice Feishu and Lark: the open API behind the tokens, with the refusals that people paste.

Shapes follow the platform's pages; messages follow public samples. Every answer carries `X-Tt-Logid`, every refusal `error.log_id` and a
troubleshooter link. A user token works only while the app has the scope and the user granted it (99991679), an app token while the app
has it (99991672).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.model import App, Text
from handlers.practice.lark import Brand, Lark
from handlers.practice.people import DOCUMENTS, person
from handlers.practice.world import Access, World

TENANT_SECONDS = 7200
AUTH_SCOPES = (
    "docs:permission.member:auth",
    "drive:drive",
    "docs:doc",
    "sheets:spreadsheet",
    "bitable:app",
    "wiki:wiki",
    "bitable:bitable",
)
DOC_TYPES = ("doc", "sheet", "file", "wiki", "bitable", "docx", "mindnote", "minutes", "slides")
DOC_ACTIONS = ("view", "edit", "share", "comment", "export", "copy", "print", "manage_public")
AUTH_CALLS_A_MINUTE = 100
APPLY_MOST = 10


@dataclass(frozen=True, slots=True)
class Api:
    """A business API: any one of `scopes` is enough. `data` is what success answers."""

    method: str
    path: str
    title: Text
    scopes: Sequence[str]
    data: Any
    kinds: Sequence[str] = ("user", "tenant")


APIS = (
    Api(
        "GET",
        "/open-apis/sheets/v3/spreadsheets/{token}",
        Text("Read a spreadsheet", "读取电子表格"),
        ("sheets:spreadsheet", "drive:drive", "sheets:spreadsheet:write_only"),
        {"spreadsheet": {"title": "Budget 2026", "owner_id": "ou_practice", "token": "shtcnPracticeBudget00000002"}},
    ),
    Api(
        "GET",
        "/open-apis/docx/v1/documents/{token}",
        Text("Read a document", "读取文档"),
        ("docx:document", "docx:document:readonly"),
        {"document": {"document_id": "doxcnPracticePlan0000000001", "revision_id": 1, "title": "Launch plan"}},
    ),
    Api(
        "GET",
        "/open-apis/task/v2/tasks",
        Text("List my tasks", "列出我的任务"),
        ("task:task:read", "task:task:write"),
        {"items": [], "has_more": False},
        ("user",),
    ),
    Api(
        "GET",
        "/open-apis/calendar/v4/calendars",
        Text("List calendars", "列出日历"),
        ("calendar:calendar", "calendar:calendar:readonly"),
        {"calendar_list": [], "has_more": False},
    ),
    Api("GET", "/open-apis/im/v1/chats", Text("List chats", "列出群聊"), ("im:chat", "im:chat:readonly"), {"items": [], "has_more": False}),
    Api(
        "GET",
        "/open-apis/wiki/v2/spaces",
        Text("List wiki spaces", "列出知识空间"),
        ("wiki:wiki", "wiki:wiki:readonly"),
        {"items": [], "has_more": False},
    ),
    Api(
        "GET",
        "/open-apis/contact/v3/users/{user}",
        Text("Read a colleague", "读取同事信息"),
        ("contact:contact.base:readonly", "contact:contact:readonly_as_app"),
        {"user": {"name": "Alice", "open_id": "ou_practice"}},
    ),
)


class ApiError(Exception):
    """A refusal of the open API."""

    def __init__(self, code: int, msg: str, status: int = 400, error: dict[str, Any] | None = None) -> None:
        super().__init__(str(code))
        self.code, self.msg, self.status, self.error = code, msg, status, error or {}


class LarkApi:
    """One brand's open API."""

    def __init__(self, world: World, brand: Brand, server: Lark) -> None:
        self.world = world
        self.brand = brand
        self.server = server
        self.site = "https://open.feishu.cn" if brand.name == "feishu" else "https://open.larksuite.com"

    def routes(self) -> list[Route]:
        """Where everything stands."""
        p = self.brand.prefix
        fixed = [
            ("POST", "/open-apis/auth/v3/tenant_access_token/internal", self.tenant_token),
            ("GET", "/open-apis/authen/v1/user_info", self.user_info),
            ("GET", "/open-apis/application/v6/scopes", self.scopes),
            ("POST", "/open-apis/application/v6/scopes/apply", self.apply),
            ("GET", "/open-apis/application/v6/applications/{app_id}", self.application),
            ("GET", "/open-apis/drive/v1/permissions/{token}/members/auth", self.members_auth),
        ]
        routes = [Route(p + path, self._answering(endpoint), methods=[method]) for method, path, endpoint in fixed]
        return routes + [Route(p + api.path, self._answering(self._business(api)), methods=[api.method]) for api in APIS]

    def _answering(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            log_id, more = self.world.log_id(), {"content-type": "application/json; charset=utf-8"}
            try:
                body, status = await endpoint(request), 200
            except ApiError as error:
                if error.status == 429:
                    reset = str(error.error.pop("reset", 1))
                    more |= {"x-ogw-ratelimit-limit": str(AUTH_CALLS_A_MINUTE), "x-ogw-ratelimit-reset": reset}
                body, status = self.refusal(error, log_id, request.url.path), error.status
            text = json.dumps(body, ensure_ascii=False)
            return Response(text, status, {"x-tt-logid": log_id, **more})

        return answer

    def refusal(self, error: ApiError, log_id: str, path: str) -> dict[str, Any]:
        """The body of a refusal, as the gateway writes it."""
        query = f"from=openapi&log_id={log_id}&code={error.code}&method_id=7{crc32(path.encode()):018d}"
        more = {"log_id": log_id, "troubleshooter": f"排查建议查看(Troubleshooting suggestions): {self.site}/search?{query}"}
        return {"code": error.code, "msg": error.msg, "error": {**error.error, **more}}

    # ------------------------------------------------------------ who calls

    def caller(self, request: Request, kinds: Sequence[str] = ("user", "tenant")) -> tuple[Access, App, str]:
        """The token's holder, the app, and the token type. Raises `ApiError`."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise ApiError(99991661, "Missing access token for authorization. Please make a request with token attached.")
        text = text.strip()
        held = self.world.access.get(text)
        app = self.server.app(held.app_id) if held else None
        kind = "tenant" if text.startswith("t-") else "user"
        invalid = 99991663 if kind == "tenant" else 99991668
        if held is None or app is None or held.revoked:
            raise ApiError(
                invalid, "Invalid access token for authorization. Please make a request with token attached.", error=self._help(invalid)
            )
        if held.expires <= self.world.now:
            raise ApiError(99991677 if kind == "user" else 99991663, "Authentication token expired", 401 if kind == "user" else 400)
        if kind not in kinds:
            raise ApiError(
                invalid, "Invalid access token for authorization. Please make a request with token attached.", error=self._help(invalid)
            )
        return held, app, kind

    def _help(self, code: int) -> dict[str, Any]:
        page = f"{self.site}/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-fix-{code}-error"
        return {"message": f"Refer to the documentation to fix the error: {page}"}

    def need(self, held: Access, app: App, kind: str, scopes: Sequence[str]) -> None:
        """Any one of `scopes`, or the refusal that names them all."""
        enabled = self.world.enabled_for(app.app_id, kind)
        alive = enabled & set(held.scopes) if kind == "user" else enabled
        if alive & set(scopes):
            return
        named, both = ", ".join(scopes), self.brand.name == "feishu"
        if kind == "user":
            msg = (
                "Unauthorized. You do not have permission to perform the requested operation on the resource. "
                f"Please request user re-authorization and try again. required one of these privileges: [{named}]"
            )
            msg += f".应用未获取所需的用户授权：[{named}]" if both else ""
            violation, code = "action_privilege_required", 99991679
        else:
            page = f"{self.site}/app/{app.app_id}/auth?q={','.join(scopes)}&op_from=openapi&token_type=tenant"
            msg = f"Access denied. One of the following scopes is required: [{named}]."
            msg += f"应用尚未开通所需的应用身份权限：[{named}]，点击链接申请并开通任一权限即可：{page}" if both else f" Apply here: {page}"
            violation, code = "action_scope_required", 99991672
        raise ApiError(code, msg, error={"permission_violations": [{"type": violation, "subject": scope} for scope in scopes]})

    # ------------------------------------------------------------ the calls

    async def tenant_token(self, request: Request) -> dict[str, Any]:
        """An app's own token."""
        data = await _body(request)
        app = self.server.app(str(data.get("app_id", "")))
        if app is None:
            raise ApiError(10003, "invalid param", 200)
        if not secrets.compare_digest(str(data.get("app_secret", "")), app.secret):
            raise ApiError(10014, "app secret invalid", 200)
        text = self.world.issue_access("t-", Access(app.app_id, "", [], self.world.now + TENANT_SECONDS, ""))
        return {"code": 0, "msg": "ok", "tenant_access_token": text, "expire": TENANT_SECONDS}

    async def user_info(self, request: Request) -> dict[str, Any]:
        """Whose token it is. Bad tokens get 20005 here, not the gateway's codes."""
        try:
            held, app, _ = self.caller(request, ("user",))
        except ApiError as error:
            if error.code == 99991661:
                raise
            raise ApiError(20005, "The user access token passed is invalid. Please check the value", 401) from None
        who = person(held.person)
        if who is None:
            raise ApiError(20008, "User not exist")
        ids = dict(who.ids("lark", app.app_id))
        if "contact:user.employee_id:readonly" not in held.scopes:
            ids.pop("user_id")
        avatar = {f"avatar_{size}": "" for size in ("url", "thumb", "middle", "big")}
        data = {
            "name": who.name.zh if self.brand.name == "feishu" else who.name.en,
            "en_name": who.name.en,
            "tenant_key": "practice",
            **avatar,
        }
        return {"code": 0, "msg": "success", "data": {**data, **ids}}

    async def scopes(self, request: Request) -> dict[str, Any]:
        """Which scopes the tenant granted to the app: 1 granted, 2 not yet. A draft that was never submitted is invisible here."""
        _, app, _ = self.caller(request, ("tenant",))
        console = self.world.consoles[app.app_id]
        waiting = [name for name in console.waiting or {} if name not in console.online]
        rows = [{"scope_name": name, "grant_status": 1} for name in console.online]
        return {"code": 0, "msg": "success", "data": {"scopes": rows + [{"scope_name": name, "grant_status": 2} for name in waiting]}}

    async def apply(self, request: Request) -> dict[str, Any]:
        """Ask the tenant's admin for every scope that is not approved yet."""
        _, app, _ = self.caller(request, ("tenant",))
        console = self.world.consoles[app.app_id]
        waiting = [name for name in console.waiting or {} if name not in console.online]
        if not waiting:
            raise ApiError(212002, "unauthorized scopes were empty")
        if console.applied >= APPLY_MOST:
            raise ApiError(212003, "approval over limit")
        if set(waiting) <= set(console.applied_for):
            raise ApiError(212004, "approval already exists")
        console.applied += 1
        console.applied_for = waiting
        return {"code": 0, "msg": "success", "data": {}}

    async def application(self, request: Request) -> dict[str, Any]:
        """The app's own data: scopes with token types, redirect addresses, versions."""
        held, app, kind = self.caller(request, ("tenant",))
        self.need(held, app, kind, ("application:application:self_manage", "admin:app.info:readonly"))
        if request.query_params.get("lang") not in ("zh_cn", "en_us", "ja_jp"):
            raise ApiError(210001, "param error: lang")
        if request.path_params["app_id"] not in ("me", app.app_id):
            raise ApiError(210504, "no permission to read this app")
        console = self.world.consoles[app.app_id]
        scopes = [{"scope": name, "description": name, "level": 1, "token_types": kinds} for name, kinds in console.online.items()]
        data = {
            "app_id": app.app_id,
            "app_name": app.name,
            "creator_id": "ou_practice_developer",
            "status": 1 if console.enabled else 0,
            "scene_type": 0,
            "redirect_urls": console.redirect_uris,
            "online_version_id": f"oav_practice_{console.version - (1 if console.waiting else 0)}",
            "unaudit_version_id": f"oav_practice_{console.version}" if console.waiting else "",
            "owner": {"type": 2, "owner_id": "ou_practice_developer"},
            "scopes": scopes,
        }
        return {"code": 0, "msg": "success", "data": {"app": data}}

    async def members_auth(self, request: Request) -> dict[str, Any]:
        """May the caller do this with that document?"""
        held, app, kind = self.caller(request)
        if wait := self.world.room(f"members_auth/{app.app_id}", AUTH_CALLS_A_MINUTE, 60):
            raise ApiError(1063006, "Too many request", 429, {"reset": int(wait)})
        self.need(held, app, kind, AUTH_SCOPES)
        what, action = request.query_params.get("type", ""), request.query_params.get("action", "")
        if what not in DOC_TYPES or action not in DOC_ACTIONS:
            raise ApiError(1063001, "Invalid parameter")
        document = next((one for one in DOCUMENTS if one.token == request.path_params["token"] and one.type == what), None)
        if document is None:
            raise ApiError(1063001, "Invalid parameter")
        if document.deleted:
            raise ApiError(1063005, "Resource is deleted", 404)
        allowed = action in document.rights.get(held.person if kind == "user" else "app", frozenset())
        return {"code": 0, "msg": "success", "data": {"auth_result": allowed}}

    def _business(self, api: Api) -> Any:
        async def call(request: Request) -> dict[str, Any]:
            held, app, kind = self.caller(request, api.kinds)
            self.need(held, app, kind, api.scopes)
            return {"code": 0, "msg": "success", "data": api.data}

        return call


async def _body(request: Request) -> dict[str, Any]:
    try:
        data = await request.json()
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ApiError(9499, "Bad Request")
    return data


def filled(path: str) -> str:
    """A business path with practice ids in its places."""
    named = {"spreadsheets": "shtcnPracticeBudget00000002", "documents": "doxcnPracticePlan0000000001", "users": "ou_practice"}
    return re.sub(r"/(\w+)/\{\w+\}", lambda m: f"/{m[1]}/{named[m[1]]}", path)
