"""Which scopes a consent asks for, and whose account has to come back."""

from __future__ import annotations

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
    mode = diagnosis.finding.scopes_mode
    others = diagnosis.choice.alternatives if diagnosis.choice else ()
    wanted, rest, widened = offer.scopes, tuple(others), False
    if previous is not None and (previous.platform, previous.app_id) == (app.platform, app.app_id) and previous.state is State.INSUFFICIENT:
        if previous.over:
            wanted, rest = previous.asked, previous.alternatives
        elif previous.missing:
            wanted, rest = previous.missing, previous.alternatives
        elif previous.alternatives:
            wanted, rest, widened = previous.alternatives[:1], previous.alternatives[1:], True
        else:
            return say("Every scope that could help has been granted already. More consent will not help; look at the other steps.")
    if not wanted:
        return Plan((), (), mode)  # signing in again is all that is needed: no new scope
    needed = tuple(dict.fromkeys((*offer.scopes, *(others if mode is Mode.ANY else ()))))
    if widened and previous is not None and oauth is not None and not oauth.adds_up:
        wanted = (*previous.asked, *wanted)  # a new grant replaces the old one on this platform
    personal = all(Identity.USER in _kinds(app, scope) for scope in offer.scopes)
    allowed = [scope for scope in dict.fromkeys(wanted) if may_ask(app, scope, personal=personal)]
    if not allowed:
        return say("{scopes} may not be asked for here. Talk to the app's developer.", scopes=listed(wanted))
    if widened:
        needed, mode = tuple(allowed), Mode.ALL
    most = max(1, (oauth.max_scopes if oauth else 50) - 1)  # one place stays for `offline_access` and its like
    fitting = tuple(scope for scope in needed if may_ask(app, scope, personal=personal))
    more = tuple(scope for scope in rest if may_ask(app, scope, personal=personal))
    return Plan(tuple(allowed[:most]), fitting, mode, more, widened)


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
