"""The consent pages. GET looks and changes nothing; a POST from our own page acts.

confirm page → POST start (binds the browser by cookie) → platform → callback page → POST callback → outcome page (303).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bot.errors import Refused
from bot.i18n import say
from bot.model import App, ConsentView, Person, Text
from bot.services.results import ConfirmPage
from handlers.web.addresses import origin_of
from handlers.web.pages import BINDING_COOKIE, draw, locale_of, policy, problem, set_cookie, words_json
from handlers.web.sessions import remember
from handlers.web.state import Web

COOKIE_SECONDS = 600  # no longer than the state lives
TONES = {"proven": "good", "granted": "", "authorized": "", "started": "", "offered": ""}
STATUS = {"unknown_ticket": 404, "unknown_flow": 404, "used": 410, "expired": 410, "not_yours": 403}
# Names a platform may send back to us; anything else in the query is dropped.
CALLBACK_FIELDS = ("code", "authCode", "state", "error", "error_description", "errno", "errString", "way")
_TICKET = re.compile(r"[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{1,100}")


def router(web: Web) -> APIRouter:
    """The routes below `/consent`."""
    routes = APIRouter(prefix="/consent", include_in_schema=False)

    def refused(request: Request, no: Refused) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"error": no.sentence.in_(locale_of(request)), "code": no.code}, STATUS.get(no.code, 400))
        return problem(request, no.code, no.sentence, STATUS.get(no.code, 400))

    def bad_callback(request: Request) -> HTMLResponse:
        return problem(request, "bad_callback", say("The platform's answer is not one that we asked for. Nothing was changed."))

    def app_of(platform: str, app_id: str) -> App | None:
        """The configured app of a callback's path. Only what is configured goes into a page: the path itself never does."""
        return next((app for app in web.apps if (app.platform, app.app_id) == (platform, app_id)), None)

    async def looked_at(request: Request, ticket: str, *, in_client: bool = False) -> ConfirmPage:
        """What a personal link is about. Raises `Refused`, also for a visitor of the chat page in a browser that is not theirs."""
        if not _TICKET.fullmatch(ticket):
            raise Refused("unknown_ticket", say("This link is not one of ours, or no longer. Click the button on the card for a new one."))
        page = await web.service.confirm(ticket, in_client=in_client)
        if not await is_here(request, page.person):
            raise Refused(
                "not_yours",
                say("This link is for {name}, in the browser where the question was asked. It does nothing here.", name=page.person.name),
            )
        return page

    async def is_here(request: Request, person: Person) -> bool:
        """People of a chat are told by the chat's own sign-in; a visitor of the chat page by the browser alone."""
        if person.surface != "web":
            return True
        who = await web.visitors.of(request, locale_of(request))
        return who is not None and who.person.tenant == person.tenant

    async def confirm(request: Request, ticket: str, *, in_client: bool) -> Response:
        try:
            page = await looked_at(request, ticket, in_client=in_client)
        except Refused as no:
            return refused(request, no)
        sdk = web.settings.lark_jssdk_url if in_client else ""
        values = {
            "page": page,
            "ticket": ticket,
            "sdk_url": sdk,
            "callback": f"/consent/callback/{page.platform}/{page.app_id}",
            "words_json": words_json(
                page.locale,
                asking=say("Asking the client…"),
                browser=say("This is not the Feishu/Lark client; going on in the browser."),
                failed=say("That did not work. Close this page and press the button on the card again."),
            ),
        }
        csp = policy(form_action=origin_of(page.authorize_url) if page.authorize_url else "", script=sdk)
        return draw(request, "confirm.html.j2", values, locale=page.locale, csp=csp)

    @routes.get("/{ticket}")
    async def confirm_page(request: Request, ticket: str) -> Response:
        return await confirm(request, ticket, in_client=False)

    @routes.get("/{ticket}/in-client")
    async def in_client_page(request: Request, ticket: str) -> Response:
        return await confirm(request, ticket, in_client=True)

    @routes.post("/{ticket}/start")
    async def start(request: Request, ticket: str) -> Response:
        in_client = request.headers.get("x-in-client") == "1"
        try:
            await looked_at(request, ticket, in_client=in_client)
            started = await web.service.start(ticket, in_client=in_client)
        except Refused as no:
            return refused(request, no)
        response: Response = (
            JSONResponse({"app_id": started.app_id, "scopes": list(started.scopes), "state": started.state})
            if in_client
            else RedirectResponse(started.url, 303)
        )
        set_cookie(response, BINDING_COOKIE + started.flow_id, started.cookie, COOKIE_SECONDS)
        return response

    @routes.get("/callback/{platform}/{app_id}")
    async def relay(request: Request, platform: str, app_id: str) -> HTMLResponse:
        app = app_of(platform, app_id)
        fields = [(name, value) for name, value in request.query_params.multi_items() if name in CALLBACK_FIELDS]
        if app is None or not _plain(fields):
            return bad_callback(request)
        return draw(request, "relay.html.j2", {"action": f"/consent/callback/{app.platform}/{app.app_id}", "fields": fields})

    @routes.post("/callback/{platform}/{app_id}")
    async def callback(request: Request, platform: str, app_id: str) -> Response:
        app = app_of(platform, app_id)
        form = await request.form(max_files=0, max_fields=20)
        fields = [(name, str(value)) for name, value in form.multi_items() if name in CALLBACK_FIELDS]
        if app is None or not _plain(fields):
            return bad_callback(request)
        query = dict(fields)
        binding = BINDING_COOKIE + query.get("state", "").partition(".")[0]
        try:
            flow_id = await web.service.finish(app.platform, app.app_id, query, request.cookies.get(binding, ""))
        except Refused as no:
            return refused(request, no)
        response = RedirectResponse(f"/consent/done/{flow_id}", 303)
        locale = locale_of(request)
        if (who := await web.visitors.of(request, locale)) is not None:
            remember(response, await web.visitors.turn(who, locale))  # from now on the browser can do more than before
        return response

    @routes.get("/done/{flow_id}")
    async def done(request: Request, flow_id: str) -> Response:
        try:
            outcome = await web.service.outcome(flow_id, request.cookies.get(BINDING_COOKIE + flow_id, ""))
        except Refused as no:
            return refused(request, no)
        waiting = outcome.working
        values = {
            "view": outcome.view,
            "title": heading(outcome.view).in_(outcome.locale),
            "tone": TONES.get(outcome.view.state, "bad"),
            "waiting": waiting,
            "practice": outcome.practice,
        }
        return draw(request, "done.html.j2", values, locale=outcome.locale)

    return routes


def _plain(fields: Sequence[tuple[str, str]]) -> bool:
    """Something of a callback, each field once (RFC 6749 §3.1), none longer than any platform's."""
    names = [name for name, _ in fields]
    return bool(names) and len(set(names)) == len(names) and all(len(value) <= 4096 for _, value in fields)


def heading(view: ConsentView) -> Text:
    """The outcome in three words."""
    return {
        "proven": say("Proven: it works now"),
        "granted": say("Granted"),
        "refused": say("You said no"),
        "wrong_account": say("Another account answered"),
        "insufficient": say("Not enough was granted"),
        "expired": say("Too late"),
        "superseded": say("Replaced by a newer request"),
        "revoked": say("Withdrawn"),
        "failed": say("It did not work"),
    }.get(view.state, say("One moment"))
