"""The practice desk: an overview, the developer consoles, the admin's approval, the people's grants, sample calls and faults.

Vendor console addresses (`/app/{app_id}/auth?q=…`) lead here, so that the links of a card work in practice as they do in earnest.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import httpx
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.i18n import say
from bot.model import App, Text
from handlers.practice import pages
from handlers.practice.calls import Call, calls_of
from handlers.practice.faults import KINDS
from handlers.practice.people import DOCUMENTS, person, practice_people
from handlers.practice.world import Access, Console, Fault, World

TITLES: Mapping[tuple[str, str], Text] = {
    ("lark", "feishu"): Text("Feishu", "飞书"),
    ("lark", "lark"): Text("Lark", "Lark"),
    ("dingtalk", ""): Text("DingTalk", "钉钉"),
    ("kuaishou", "shop"): Text("Kuaishou Shop", "快手小店"),
    ("kuaishou", "general"): Text("Kuaishou", "快手"),
    ("slack", ""): Text("Slack", "Slack"),
}
LISTS = ("/dingtalk/fe/app", "/slack/apps", "/kuaishou", "/kuaishou-general", "/kuaishou/console/zone/new/{rest:path}")
KINDS_OF_TOKEN = ("user", "tenant")


def title(app: App) -> Text:
    """The platform's name as people know it."""
    return TITLES.get((app.platform, app.brand), Text(app.platform, app.platform))


class Desk:
    """All pages that belong to the practice platform itself."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[Route]:
        """Where everything stands."""
        vendor = [f"/{brand}/app/{{app_id}}{tail}" for brand in ("feishu", "lark") for tail in ("", "/{tab}")]
        vendor += ["/dingtalk/appscope/apply", "/slack/apps/{app_id}", "/slack/apps/{app_id}/{tab}"]
        return [
            Route("/", self.desk),
            Route("/console/{app_id}", self.console, methods=["GET", "POST"]),
            Route("/grants", self.grants, methods=["GET", "POST"]),
            Route("/try/{app_id}", self.sample, methods=["GET", "POST"]),
            Route("/faults", self.faults, methods=["GET", "POST"]),
            *(Route(path, self.to_console) for path in vendor),
            *(Route(path, self.to_list) for path in LISTS),
        ]

    async def desk(self, request: Request) -> Response:
        """The overview."""
        apps = [(app, title(app), self.world.consoles[app.app_id]) for app in self.world.apps.values()]
        return pages.page(request, "desk", apps=apps, documents=DOCUMENTS, chosen=pages.signed_in(request))

    async def to_console(self, request: Request) -> Response:
        """A vendor's console address → our console page, with the scopes it named kept."""
        app_id, wanted = request.path_params.get("app_id", ""), request.query_params.get("q", "")
        if content := request.query_params.get("content", ""):  # DingTalk: `{clientId}#{scope}`
            app_id, _, wanted = content.partition("#")
        known = self._app(app_id)
        if known is None:
            return pages.problem(request, "404", say("This application does not exist here."), status=404)
        kind = request.query_params.get("token_type", "")
        query = httpx.QueryParams({"q": wanted, "token_type": kind if kind in KINDS_OF_TOKEN else ""})
        return RedirectResponse(f"/console/{known.app_id}?{query}", 303)

    async def to_list(self, request: Request) -> Response:
        """A vendor's list of apps → the console of the first app of that platform."""
        platform = request.url.path.split("/")[1].partition("-")[0]
        app_id = next((app.app_id for app in self.world.apps.values() if app.platform == platform), "")
        return RedirectResponse(f"/console/{app_id}" if app_id else "/", 303)

    async def console(self, request: Request) -> Response:
        """One application: its scopes in their three stages, and the buttons that move them."""
        app = self._app(request.path_params["app_id"])
        if app is None:
            return pages.problem(request, "404", say("This application does not exist here."), status=404)
        console = self.world.consoles[app.app_id]
        if request.method == "POST":
            form = await pages.form_of(request)
            if form is None:
                return pages.problem(request, "400", say("The request is malformed."))
            self._act(app, console, form)
            return RedirectResponse(f"/console/{app.app_id}", 303)
        wanted = [name for name in request.query_params.get("q", "").replace(" ", ",").split(",") if name]
        kind = request.query_params.get("token_type", "user")
        return pages.page(request, "console", app=app, title=title(app), console=console, wanted=wanted[:50], kind=kind)

    def _act(self, app: App, console: Console, form: FormData) -> None:
        action = str(form.get("action", ""))
        if action == "add":
            self._add(app, form)
        elif action == "submit":
            self.world.submit(app.app_id)
        elif action == "approve":
            self.world.approve(app.app_id)
        elif action == "remove":
            name = str(form.get("scope", ""))
            for stage in (console.online, console.draft, console.waiting or {}):
                stage.pop(name, None)
        elif action == "switch":
            console.enabled = not console.enabled
        elif action == "refresh":
            console.may_refresh = not console.may_refresh
        elif action == "members":
            console.members = [one.key for one in practice_people() if one.key in form.getlist("member")]

    def _add(self, app: App, form: FormData) -> None:
        kinds = [kind for kind in KINDS_OF_TOKEN if kind in form.getlist("kind")] or ["user"]
        for name in str(form.get("scopes", "")).replace(",", " ").split()[:50]:
            self.world.add_to_draft(app.app_id, name[:100], kinds)
        if app.platform != "lark":  # DingTalk, Kuaishou and Slack switch a scope on at once for internal apps
            self.world.submit(app.app_id)
            self.world.approve(app.app_id)

    async def grants(self, request: Request) -> Response:
        """What each person granted to which app; anybody may withdraw here, it is practice."""
        if request.method == "POST":
            form = await pages.form_of(request)
            app, who = (self._app(str(form.get("app_id", ""))), person(str(form.get("person", "")))) if form else (None, None)
            if app is None or who is None:
                return pages.problem(request, "400", say("The request is malformed."))
            self.world.withdraw(app.app_id, who.key)
            return RedirectResponse("/grants", 303)
        rows = []
        for key, scopes in sorted(self.world.grants.items()):
            app_id, _, name = key.rpartition("/")
            app, who = self._app(app_id), person(name)
            if app and who and scopes:
                rows.append((app, title(app), who, scopes))
        return pages.page(request, "grants", rows=rows)

    async def sample(self, request: Request) -> Response:
        """Call a practice API as somebody, and see the raw answer: real refusals to paste into the chat."""
        app = self._app(request.path_params["app_id"])
        if app is None:
            return pages.problem(request, "404", say("This application does not exist here."), status=404)
        calls = calls_of(app)
        answer, chosen, who = None, 0, pages.signed_in(request)
        if request.method == "POST":
            form = await pages.form_of(request)
            number, who = str(form.get("call", "")) if form else "", str(form.get("person", "")) if form else ""
            if not number.isdecimal() or int(number) >= len(calls) or (who != "app" and person(who) is None):
                return pages.problem(request, "400", say("The request is malformed."))
            chosen = int(number)
            answer = await self._call(request, app, calls[chosen], who)
        return pages.page(request, "sample", app=app, title=title(app), calls=calls, answer=answer, call=chosen, chosen=who)

    async def _call(self, request: Request, app: App, call: Call, who: str) -> httpx.Response:
        """As the app would: with a token as its own sign-in yields it, holding what this person granted so far."""
        kind = "tenant" if who == "app" else "user"
        scopes = sorted(self.world.granted(app.app_id, who) & self.world.enabled_for(app.app_id, "user")) if kind == "user" else []
        held = Access(app.app_id, "" if who == "app" else who, scopes, self.world.now + 600, secrets.token_hex(8))
        token = self.world.issue_access(call.prefix(kind), held)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=request.app), base_url="http://127.0.0.1") as client:
            return await client.request(call.method, call.path, headers=call.headers(token), params=call.query(app, token))

    async def faults(self, request: Request) -> Response:
        """Order a trouble by hand."""
        if request.method == "POST":
            form = await pages.form_of(request)
            kind, path = (str(form.get("kind", "")), str(form.get("path", ""))) if form else ("", "")
            if kind == "none":
                self.world.faults.clear()
            elif kind in KINDS and path.startswith("/"):
                self.world.faults.append(Fault(path, kind, 1, 3.0))
            return RedirectResponse("/faults", 303)
        return pages.page(request, "faults", kinds=KINDS, faults=self.world.faults, seen=list(self.world.seen)[::-1])

    def _app(self, app_id: str) -> App | None:
        return self.world.apps.get(app_id)
