"""The consent pages: look at a personal link, start, take the platform's answer, say what became of it; and the answer of a hand-off app.

Looking changes nothing. A start needs the link, an answer needs the state of that start *and* the cookie of the browser that started.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from bot import platforms
from bot.catalog import catalog
from bot.consent.flow import WAITING
from bot.consent.machine import (
    AppGranted,
    AppShort,
    Begin,
    Broke,
    CodeCame,
    Declined,
    Flow,
    Mismatched,
    Proved,
    Refusal,
    State,
    TimedOut,
    Unproved,
    advance,
    lacking,
)
from bot.consent.messages import REASONS
from bot.errors import Refused
from bot.i18n import say
from bot.model import App, Proof, Text
from bot.oauth.generic import s256
from bot.oauth.messages import PlatformRefusal
from bot.oauth.signing import canonical, read_signed, sign
from bot.services import answer, consent_plan, consent_runner, present
from bot.services.context import Context, digest, matches, oauth_of, platform_title
from bot.services.results import ConfirmPage, Outcome, Started

_NONCE_SECONDS = 900  # longer than a signed answer is believed


async def confirm(context: Context, ticket: str, *, in_client: bool = False) -> ConfirmPage:
    """Look at a personal link, as often as anybody likes. Raises `Refused`."""
    flow, app = await _by_ticket(context, ticket)
    oauth = platforms.oauth(app.platform)
    asked = oauth.requested(app, flow.asked) if oauth is not None and app.mode == "broker" else flow.asked
    titles = tuple((scope, known.title if (known := catalog().scope(app.platform, scope)) else Text("", "")) for scope in asked)
    return ConfirmPage(
        person=flow.person,
        app_name=app.name or app.app_id,
        app_id=app.app_id,
        platform_title=platform_title(app),
        scopes=titles,
        origin=_origin(flow),
        practice=app.practice,
        adds_up=oauth is not None and oauth.adds_up,
        locale=present.as_locale(flow.locale),
        in_client=in_client and oauth is not None and oauth.in_client and app.mode == "broker",
        platform=app.platform,
        authorize_url=_leads_to(app, flow),
    )


def _leads_to(app: App, flow: Flow) -> str:
    if app.mode == "handoff":
        return app.entry_url
    try:
        return oauth_of(app.platform).authorize_url(app, scopes=flow.asked, state="", challenge="", redirect_uri=app.redirect_uri)
    except PlatformRefusal:
        return ""


def _origin(flow: Flow) -> Text:
    names = {"slack": "Slack", "lark": "Lark", "dingtalk": "DingTalk"}
    if flow.place.surface == "web":
        return say("the chat page of whyforbidden")
    return say("a chat in {surface}", surface=names.get(flow.place.surface, flow.place.surface or "whyforbidden"))


async def _by_ticket(context: Context, ticket: str) -> tuple[Flow, App]:
    """The consent of a personal link that can still be used. The link's secret part is compared by hash, in constant time."""
    flow_id, _, secret = ticket.partition(".")
    kept = await consent_runner.load(context, flow_id) if secret and len(ticket) <= 200 else None
    unknown = Refused("unknown_ticket", say("This link is not one of ours, or no longer. Click the button on the card for a new one."))
    if kept is None:
        raise unknown
    flow = kept[0]
    if not matches(secret, flow.ticket_hash):
        raise unknown
    possible = advance(flow, Begin(context.now(), "", "", ""))
    if isinstance(possible, Refusal):
        raise Refused(possible.code, possible.sentence)
    if context.now() >= flow.expires:
        raise Refused("expired", say(REASONS["expired"]))
    app = context.app(flow.platform, flow.app_id)
    if app is None:
        raise Refused("app_removed", say("This app is no longer configured here, so I may not ask for its consents."))
    return flow, app


async def start(context: Context, ticket: str, *, in_client: bool = False) -> Started:
    """The POST of the confirm page: fix state, verifier and cookie, and say where to go. Raises `Refused`.

    A scope that the app has not enabled would end on the platform's own error page (Feishu 20027), so that is looked up first.
    """
    flow, app = await _by_ticket(context, ticket)
    missing = consent_plan.not_enabled(await answer.app_facts_of(context, app), flow.asked)
    if missing:
        await consent_runner.happen(context, flow.id, Broke(context.now(), "scope_not_enabled", "app"))
        after = await consent_runner.drive(context, flow.id)
        raise Refused("scope_not_enabled", present.see(context, after or flow).sentence)
    state, cookie, verifier = f"{flow.id}.{context.random.token()}", context.random.token(), context.random.token()
    try:
        url = _where_to(context, app, flow, state, "" if in_client else s256(verifier))
    except PlatformRefusal as refusal:
        await consent_runner.happen(context, flow.id, Broke(context.now(), refusal.code, refusal.blame))
        after = await consent_runner.drive(context, flow.id)
        raise Refused(refusal.code, present.see(context, after or flow).sentence) from None
    begin = Begin(context.now(), digest(state), digest(cookie), context.vault.seal(verifier), app.redirect_uri, in_client)
    moved = await consent_runner.happen(context, flow.id, begin)
    if moved is None or isinstance(moved, Refusal):
        raise Refused(moved.code if moved else "unknown_ticket", moved.sentence if moved else say(REASONS["expired"]))
    await consent_runner.drive(context, flow.id)
    return Started(url, cookie, state, app.app_id, flow.asked, flow.id)


def _where_to(context: Context, app: App, flow: Flow, state: str, challenge: str) -> str:
    if app.mode == "broker":
        oauth = oauth_of(app.platform)
        return oauth.authorize_url(app, scopes=flow.asked, state=state, challenge=challenge, redirect_uri=app.redirect_uri)
    request = {
        "consent": flow.id,
        "platform": app.platform,
        "app_id": app.app_id,
        "scopes": list(flow.asked),
        "expected_account": flow.expected,
        "expires": int(flow.expires.timestamp()),
        "answer_to": f"{context.public_url.rstrip('/')}/v1/consents/{flow.id}",
    }
    body, timestamp, nonce = canonical(request), str(int(context.now().timestamp())), context.random.token()
    query = {
        "request": urlsafe_b64encode(body.encode()).decode().rstrip("="),
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": sign(app.app_key, timestamp, nonce, body),
    }
    return f"{app.entry_url}{'&' if '?' in app.entry_url else '?'}{urlencode(query, quote_via=quote)}"


def _foreign() -> Refused:
    # one sentence for unknown, used, foreign and mixed up: whoever tries learns nothing about which
    return Refused(
        "unknown_state",
        say("This answer belongs to no consent that was started in this browser. Click the button on the card to start again."),
    )


async def finish(context: Context, platform: str, app_id: str, query: Mapping[str, str], cookie: str) -> str:
    """The platform's answer. Returns the flow id for the outcome page. Raises `Refused`.

    Cookie, state, platform and app are compared with the flow before anything changes. The code is stored, and the state's hash erased, in
    one compare-and-set; only then is it exchanged. The same answer once more (a reload) changes nothing and leads to the outcome.
    """
    state = query.get("state", "")
    flow_id = state.partition(".")[0]
    while kept := await consent_runner.load(context, flow_id) if len(state) <= 400 else None:
        flow, version = kept
        if not matches(cookie, flow.cookie_hash) or (flow.platform, flow.app_id) != (platform, app_id):
            raise _foreign()
        if flow.state not in WAITING:
            await consent_runner.drive(context, flow.id)
            return flow.id
        if not matches(state, flow.state_hash):
            raise _foreign()
        moved = advance(flow, _event_of(context, flow, query))
        if isinstance(moved, Refusal):
            raise Refused(moved.code, moved.sentence)
        if await consent_runner.save(context, moved.flow, version):
            await consent_runner.note(context, moved.flow)
            await consent_runner.drive(context, flow.id)
            return flow.id
    raise _foreign()


def _event_of(context: Context, flow: Flow, query: Mapping[str, str]) -> CodeCame | Declined | Broke | TimedOut:
    now = context.now()
    if now >= flow.expires:
        return TimedOut(now)
    try:
        code = oauth_of(flow.platform).read_callback(query)
    except PlatformRefusal as refusal:
        return Declined(now, refusal.code) if refusal.blame == "user" else Broke(now, refusal.code, refusal.blame)
    return CodeCame(now, context.vault.seal(code))


async def outcome(context: Context, flow_id: str, cookie: str) -> Outcome:
    """What became of it, for the browser that started it; unfinished work is carried on first. Raises `Refused`."""
    kept = await consent_runner.load(context, flow_id)
    if kept is None or not matches(cookie, kept[0].cookie_hash):
        raise Refused("unknown_flow", say("This page belongs to another browser, or its consent is over. Look at the card in the chat."))
    flow = await consent_runner.drive(context, flow_id) or kept[0]
    app = context.app(flow.platform, flow.app_id)
    view = present.see(context, flow)
    working = flow.state is State.AUTHORIZED or (flow.state is State.GRANTED and flow.proof is None)
    return Outcome(view, present.as_locale(flow.locale), practice=bool(app and app.practice), working=working)


# ---------------------------------------------------------------- hand-off


async def handed_back(context: Context, flow_id: str, body: Mapping[str, Any]) -> str:
    """The signed answer of an app in hand-off mode; returns the consent's new state. Raises `Refused`.

    `body`: `outcome` (`granted`, `refused` or `failed`), `scopes` (all that the user has granted now), `account` ({`id`, `name`}), `works`
    (true or false when the app repeated the refused call, else null), and `timestamp`, `nonce`, `signature` (`bot/oauth/signing.py`).
    """
    kept = await consent_runner.load(context, flow_id)
    app = context.app(kept[0].platform, kept[0].app_id) if kept else None
    read = read_signed(app.app_key, body, context.now()) if app and app.mode == "handoff" else None
    # the consent is part of what is signed, or an answer could be sent for another one
    if kept is None or app is None or read is None or read[0].get("consent") != flow_id:
        raise Refused("bad_signature", say("This answer is not signed by the app of this consent."))
    said, nonce = read
    if not await context.store.claim(f"nonce:{app.platform}:{app.app_id}:{digest(nonce)}", context.now(), _NONCE_SECONDS):
        raise Refused("used", say("This answer was sent before."))
    flow = kept[0]
    if flow.state in WAITING and context.now() >= flow.expires:
        await consent_runner.drive(context, flow_id)
    moved = await consent_runner.happen(context, flow_id, await _handed(context, flow, said))
    if moved is None or isinstance(moved, Refusal):
        raise Refused(moved.code if moved else "unknown_flow", moved.sentence if moved else say(REASONS["expired"]))
    if moved.flow.state is State.GRANTED and isinstance(said.get("works"), bool):
        now, works = context.now(), bool(said["works"])
        heard = say("the app repeated its call and it worked.") if works else say("the app repeated its call and it still failed.")
        proof = Proof(works, heard, "app")
        await consent_runner.happen(context, flow_id, Proved(now, proof) if works else Unproved(now, proof))
    after = await consent_runner.drive(context, flow_id)
    return str(after.state if after else moved.flow.state)


async def _handed(context: Context, flow: Flow, said: Mapping[str, Any]) -> AppGranted | AppShort | Mismatched | Declined | Broke:
    now, result = context.now(), said.get("outcome")
    if result == "refused":
        return Declined(now, "access_denied")
    account = said.get("account") if isinstance(said.get("account"), dict) else {}
    subject, name = str((account or {}).get("id") or "")[:200], str((account or {}).get("name") or "")[:80]
    if result != "granted" or not subject:
        return Broke(now, "handoff_failed", "platform")
    bound = flow.expected == subject if flow.expected else await context.store.bind_account(
        flow.person, consent_runner.binding(flow.platform, flow.app_id), subject
    )  # fmt: skip
    if not bound:
        return Mismatched(now, name or subject)
    granted = tuple(sorted(str(scope) for scope in said.get("scopes") or () if isinstance(scope, str)))
    missing = lacking(flow.needed, flow.needed_mode, granted)
    return AppShort(now, subject, granted, missing, name) if missing else AppGranted(now, subject, granted, name)
