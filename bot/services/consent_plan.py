"""Which scopes a consent asks for, and whose account has to come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot import platforms
from bot.catalog import catalog
from bot.consent.machine import LIFE, Flow, State, to_row
from bot.i18n import listed, say
from bot.model import App, AppFacts, Diagnosis, Identity, Mode, Offer, Person, Place, Text
from bot.ports import Card
from bot.services import card_snapshot, consent_runner
from bot.services.context import Context, digest

MUTE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next consent asks for."""

    asked: tuple[str, ...]
    needed: tuple[str, ...]
    mode: Mode
    alternatives: tuple[str, ...] = ()
    widened: bool = False


def plan(app: App, offer: Offer, diagnosis: Diagnosis, previous: Flow | None) -> Plan | Text:
    """The least that could do: the recommended scope first; after a consent that was not enough, what it lacked, or the next narrowest.

    A `Text` says why nothing may be asked for. Only scopes of the catalogue, none that the app's owner forbids, never more than a request
    may hold: what does not fit is asked for in the next round.
    """
    oauth = platforms.oauth(app.platform)
    if oauth is None and app.mode == "broker":
        return say("I cannot ask for consents on this platform. Follow the steps on the card.")
    others = diagnosis.choice.alternatives if diagnosis.choice else ()
    round_ = _round(app, offer, others, previous)
    if round_ is None:
        return say("Every scope that could help has been granted already. More consent will not help; look at the other steps.")
    mode = diagnosis.finding.scopes_mode
    if not round_.wanted:
        return Plan((), (), mode)  # signing in again is all that is needed: no new scope
    wanted = round_.wanted
    if round_.widened and oauth is not None and not oauth.adds_up:
        wanted = (*round_.before, *wanted)  # a new grant replaces the old one on this platform
    personal = all(Identity.USER in _kinds(app, scope) for scope in offer.scopes)
    allowed = _askable(app, wanted, personal=personal)
    if not allowed:
        return say("{scopes} may not be asked for here. Talk to the app's developer.", scopes=listed(wanted))
    most = max(1, (oauth.max_scopes if oauth else 50) - 1)  # one place stays for `offline_access` and its like
    more = _askable(app, round_.rest, personal=personal)
    if round_.widened:
        return Plan(allowed[:most], allowed, Mode.ALL, more, widened=True)
    needed = (*offer.scopes, *(others if mode is Mode.ANY else ()))
    return Plan(allowed[:most], _askable(app, needed, personal=personal), mode, more)


@dataclass(frozen=True, slots=True)
class _Round:
    """What this round wants, what stays for the next, and whether it goes beyond the least; `before` is what was asked for in the last one."""

    wanted: tuple[str, ...]
    rest: tuple[str, ...]
    widened: bool = False
    before: tuple[str, ...] = ()


def _round(app: App, offer: Offer, others: Sequence[str], previous: Flow | None) -> _Round | None:
    """The first round asks for the recommended scopes; one after a consent that was not enough, for what it lacked. None: nothing is left to ask for."""
    same_app = previous is not None and (previous.platform, previous.app_id) == (app.platform, app.app_id)
    if previous is None or not same_app or previous.state is not State.INSUFFICIENT:
        return _Round(offer.scopes, tuple(others))
    if previous.over:
        return _Round(previous.asked, previous.alternatives)
    if previous.missing:
        return _Round(previous.missing, previous.alternatives)
    if previous.alternatives:
        return _Round(previous.alternatives[:1], previous.alternatives[1:], widened=True, before=previous.asked)
    return None


def _askable(app: App, scopes: Sequence[str], *, personal: bool) -> tuple[str, ...]:
    """Those of the scopes that may be asked for, each once."""
    return tuple(scope for scope in dict.fromkeys(scopes) if may_ask(app, scope, personal=personal))


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants the consent, on which card, for which of its offers."""

    card: Card
    person: Person
    place: Place
    index: int
    diagnosis: Diagnosis


async def make(context: Context, wish: Wish, app: App, plan: Plan, previous: Flow | None, *, mode: str = "") -> tuple[Flow, str]:
    """Make the offer and end the person's earlier ones for this app. Returns it with the secret of its personal link."""
    now, secret = context.now(), context.random.token()
    flow = Flow(
        id=context.random.token()[:22],
        platform=app.platform,
        app_id=app.app_id,
        person=wish.person,
        place=wish.card.place if wish.card.place.surface else wish.place,
        card_id=wish.card.id,
        created=now,
        expires=now + LIFE,
        mode=mode or app.mode,
        index=wish.index,
        asked=plan.asked,
        needed=plan.needed,
        needed_mode=plan.mode,
        alternatives=plan.alternatives,
        widened=plan.widened,
        expected=await expected_account(context, wish.person, app),
        locale=wish.card.locale,
        attempt=previous.attempt + 1 if previous else 1,
        log_id=next(iter(wish.diagnosis.finding.request_ids), ""),
        ticket_hash=digest(secret) if mode != "device" else "",
        changed=now,
    )
    replaced = await context.store.put_flow(flow.id, to_row(flow), state=flow.column, owner=flow.owner, supersede=True)
    card: Card | None = wish.card
    while card is not None and not await context.store.save_card(card_snapshot.with_flow(card, wish.person, flow.id)):
        card = await context.store.card(wish.card.id)
    await consent_runner.note(context, flow, wish.person)
    for other in replaced:
        await consent_runner.drive(context, other)  # its card says so now
    return flow, secret


def may_ask(app: App, scope: str, *, personal: bool = True) -> bool:
    """Is this scope in the catalogue, and not forbidden by the app's owner? `personal`: also, does it exist for users' tokens?

    On Slack a consent of the user also adds scopes of the bot, so that not every scope of an offer is a personal one.
    """
    known = catalog().scope(app.platform, scope)
    return known is not None and scope not in app.never_ask and (not personal or Identity.USER in _kinds(app, scope))


def _kinds(app: App, scope: str) -> frozenset[Identity]:
    known = catalog().scope(app.platform, scope)
    return (known.identities or frozenset({Identity.USER})) if known else frozenset()


def not_enabled(facts: AppFacts | None, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the scopes the app surely has not enabled for users. Unknown counts as enabled: the platform has the last word."""
    if facts is None or facts.enabled is None:
        return ()
    return tuple(scope for scope in scopes if Identity.USER not in facts.enabled.get(scope, frozenset()))


async def expected_account(context: Context, person: Person, app: App) -> str:
    """The account that must come back, as far as it is known: bound by an earlier consent, or the person themselves where the surface is
    the platform and the bot is the same app (only then is the id the same). Empty: the first consent binds it."""
    bound = await context.store.account_of(person, consent_runner.binding(app.platform, app.app_id)) or await context.store.account_of(
        person, app.platform
    )
    if bound:
        return bound
    same = person.surface == app.platform and context.surface_apps.get(person.surface) == app.app_id
    return person.user_id if same else ""
