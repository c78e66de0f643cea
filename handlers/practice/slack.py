"""Practice Slack: the install page, oauth.v2.access with rotation, auth.test, auth.revoke, and methods that need scopes.

Errors are `ok: false` with status 200, and `x-oauth-scopes` / `x-accepted-oauth-scopes` stand on every answer, as in earnest. Tokens rotate
here (twelve hours), so that refreshing can be lived through. A bot's scopes belong to the workspace, a person's to the person.
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

P = "/slack"
TITLE = Text("Slack", "Slack")
TEAM = {"id": "T0PRACTICE", "name": "Practice"}
BOT = "U0PRACTICEBOT"
CODE_SECONDS = 600
ACCESS_SECONDS = 43_200
REFRESH_SECONDS = 10 * 365 * 86_400
_KNOWN = (
    "app_mentions:read assistant:write bookmarks:read bookmarks:write calls:read calls:write channels:history channels:join "
    "channels:manage channels:read channels:write chat:write chat:write.public chat:write.customize commands dnd:read dnd:write "
    "emoji:read files:read files:write groups:history groups:read groups:write im:history im:read im:write links:read links:write "
    "mpim:history mpim:read mpim:write pins:read pins:write reactions:read reactions:write reminders:read reminders:write search:read "
    "stars:read stars:write team:read usergroups:read usergroups:write users.profile:read users.profile:write users:read "
    "users:read.email users:write identity.basic"
)
KNOWN = frozenset(_KNOWN.split())


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method and the scope it needs."""

    name: str
    title: Text
    scope: str
    data: Mapping[str, Any]


METHODS = (
    Method("conversations.list", Text("List channels", "列出频道"), "channels:read", {"channels": []}),
    Method("users.list", Text("List people", "列出成员"), "users:read", {"members": []}),
    Method("files.list", Text("List files", "列出文件"), "files:read", {"files": []}),
    Method("search.messages", Text("Search messages", "搜索消息"), "search:read", {"messages": {"matches": []}}),
)


class ApiError(Exception):
    """`ok: false`, with what belongs beside the error."""

    def __init__(self, error: str, status: int = 200, **more: str) -> None:
        super().__init__(error)
        self.body = {"ok": False, "error": error, **more}
        self.status = status


class Slack:
    """The practice Slack."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[Route]:
        """Where everything stands."""
        fixed = {"oauth.v2.access": self.access, "auth.test": self.test, "auth.revoke": self.revoke}
        both = ["GET", "POST"]
        routes = [Route(f"{P}/api/{name}", self._answering(endpoint, ""), methods=both) for name, endpoint in fixed.items()]
        routes += [Route(f"{P}/api/{one.name}", self._answering(self._business(one), one.scope), methods=both) for one in METHODS]
        return [Route(f"{P}/oauth/v2/authorize", self.authorize, methods=both), *routes]

    def app(self, client_id: str) -> App | None:
        """The app, when it is one of Slack."""
        app = self.world.apps.get(client_id)
        return app if app is not None and app.platform == "slack" else None

    # ------------------------------------------------------------ the page

    async def authorize(self, request: Request) -> Response:
        """The page for people."""
        return await serve(request, self._checked, self._approved, malformed="invalid_arguments")

    def _checked(self, q: QueryParams) -> Ask:
        app, redirect = self.app(q.get("client_id", "")), q.get("redirect_uri", "")
        if app is None:
            raise PageError("invalid_client_id", say("This application does not exist here."))
        known = self.world.consoles[app.app_id].redirect_uris
        if not any(redirect == one or redirect.startswith(one.rstrip("/") + "/") for one in known):
            raise PageError("bad_redirect_uri", say("The redirect address is not registered for this application."))
        bot = [name for name in q.get("scope", "").split(",") if name]
        user = [name for name in q.get("user_scope", "").split(",") if name]
        if not bot and not user:
            raise PageError("no_scopes", say("The request asks for no scope at all."))
        if unknown := [name for name in (*bot, *user) if name not in KNOWN]:
            raise PageError("invalid_scope", say("Slack does not know these scopes: {scopes}", scopes=" ".join(unknown)))
        if q.get("code_challenge"):
            raise PageError("pkce_not_allowed", say("PKCE is not switched on for this application."))
        asked = [*bot, *(f"user:{name}" for name in user)]
        return Ask(app, TITLE, redirect, q.get("state", ""), asked, partial(self._held, app))

    def _approved(self, ask: Ask, who: str) -> Mapping[str, str]:
        self.world.grant(ask.app.app_id, "bot", [name for name in ask.shown if not name.startswith("user:")])
        self.world.grant(ask.app.app_id, who, [name for name in ask.shown if name.startswith("user:")])
        expires = self.world.now + CODE_SECONDS
        code = Code(ask.app.app_id, who, list(ask.shown), expires, secrets.token_hex(8), ask.redirect_uri)
        return {"code": self.world.new_code(code, f"{secrets.randbelow(10**10)}.")}

    def _held(self, app: App, who: str) -> set[str]:
        return self.world.granted(app.app_id, "bot") | self.world.granted(app.app_id, who)

    # ------------------------------------------------------------ tokens

    def _answering(self, endpoint: Any, needs: str) -> Any:
        async def answer(request: Request) -> Response:
            headers = {
                "content-type": "application/json; charset=utf-8",
                "cache-control": "no-store",
                "x-slack-req-id": secrets.token_hex(16),
            }
            held = self.world.access.get(_bearer(request))
            if held is not None:
                headers |= {"x-oauth-scopes": ",".join(_plain(held.scopes)), "x-accepted-oauth-scopes": needs}
            try:
                body, status = {"ok": True, **await endpoint(request)}, 200
            except ApiError as error:
                body, status = error.body, error.status
            return Response(json.dumps(body), status, headers)

        return answer

    async def access(self, request: Request) -> dict[str, Any]:
        """Code for tokens, or a refresh."""
        form = await request.form()
        app = self.app(str(form.get("client_id", "")))
        if app is None:
            raise ApiError("invalid_client_id")
        if not secrets.compare_digest(str(form.get("client_secret", "")), app.secret):
            raise ApiError("bad_client_secret")
        grant = str(form.get("grant_type", "authorization_code"))
        if grant == "refresh_token":
            return self._refreshed(app, str(form.get("refresh_token", "")))
        if grant != "authorization_code":
            raise ApiError("invalid_grant_type")
        code = self.world.codes.get(str(form.get("code", "")))
        if code is not None and code.used:
            self.world.revoke_family(code.family)
            raise ApiError("code_already_used")
        if code is None or code.app_id != app.app_id or code.expires <= self.world.now:
            raise ApiError("invalid_code")
        if form.get("redirect_uri") != code.redirect_uri:
            raise ApiError("bad_redirect_uri")
        if form.get("code_verifier"):
            raise ApiError("invalid_code_verifier")
        code.used = True
        bot = [name for name in code.scopes if not name.startswith("user:")]
        user = [name for name in code.scopes if name.startswith("user:")]
        return self._install(app, code, bot=bool(bot), user=bool(user))

    def _install(self, app: App, code: Code, *, bot: bool, user: bool) -> dict[str, Any]:
        owner = person(code.person)
        authed: dict[str, Any] = {"id": owner.account("slack", app.app_id) if owner else ""}
        answer: dict[str, Any] = {
            "app_id": "A0PRACTICE",
            "team": TEAM,
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": authed,
        }
        if user:
            authed |= self._pair(app, code.person, sorted(self.world.granted(app.app_id, code.person)), code.family)
        if bot:
            answer |= {"bot_user_id": BOT, **self._pair(app, "", sorted(self.world.granted(app.app_id, "bot")), code.family)}
        return answer

    def _pair(self, app: App, who: str, scopes: list[str], family: str) -> dict[str, Any]:
        now, kind = self.world.now, "xoxp" if who else "xoxb"
        refresh = Refresh(app.app_id, who, scopes, now + REFRESH_SECONDS, now + REFRESH_SECONDS, family)
        return {
            "access_token": self.world.issue_access(
                f"xoxe.{kind}-1-practice", Access(app.app_id, who, scopes, now + ACCESS_SECONDS, family)
            ),
            "refresh_token": self.world.issue_refresh("xoxe-1-practice", refresh),
            "expires_in": ACCESS_SECONDS,
            "token_type": "user" if who else "bot",
            "scope": ",".join(_plain(scopes)),
        }

    def _refreshed(self, app: App, text: str) -> dict[str, Any]:
        held = self.world.refresh.get(text)
        if held is not None and held.used:
            self.world.revoke_family(held.family)
        if held is None or held.used or held.revoked or held.app_id != app.app_id:
            raise ApiError("invalid_refresh_token")
        held.used = True
        return {"app_id": "A0PRACTICE", "team": TEAM, "enterprise": None, **self._pair(app, held.person, held.scopes, held.family)}

    # ------------------------------------------------------------ the calls

    def _holder(self, request: Request) -> Access:
        text = _bearer(request)
        if not text:
            raise ApiError("not_authed")
        held = self.world.access.get(text)
        if held is None:
            raise ApiError("invalid_auth")
        if held.revoked:
            raise ApiError("token_revoked")
        if held.expires <= self.world.now:
            raise ApiError("token_expired")
        return held

    async def test(self, request: Request) -> dict[str, Any]:
        """Whose token it is; needs no scope."""
        held = self._holder(request)
        who = person(held.person)
        answer = {"url": "https://practice.slack.com/", "team": TEAM["name"], "team_id": TEAM["id"], "is_enterprise_install": False}
        if who is None:
            return {**answer, "user": "channel_digest", "user_id": BOT, "bot_id": "B0PRACTICE"}
        return {**answer, "user": who.key, "user_id": who.account("slack", held.app_id)}

    async def revoke(self, request: Request) -> dict[str, Any]:
        """The token, and what was issued with it, is over."""
        held = self._holder(request)
        self.world.revoke_family(held.family)
        return {"revoked": True}

    def _business(self, method: Method) -> Any:
        async def call(request: Request) -> dict[str, Any]:
            held = self._holder(request)
            scopes = _plain(held.scopes)
            if method.scope == "search:read" and not held.person:
                raise ApiError("not_allowed_token_type")
            if method.scope not in scopes:
                raise ApiError("missing_scope", needed=method.scope, provided=",".join(scopes))
            return dict(method.data)

        return call


def _bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _plain(scopes: list[str]) -> list[str]:
    return [name.removeprefix("user:") for name in scopes]
