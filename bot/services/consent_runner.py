"""Carrying a consent on: doing the effects that wait in its row, one after the other, and storing what came of each.

A process may die between any two lines here. What was done but not stored is done again by whoever comes next (`resume`, the outcome page,
a click), and every effect is made so that doing it twice is the same as once. A lease keeps two processes from doing it at the same time.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from bot import platforms
from bot.consent.flow import SKEW, WAITING
from bot.consent.machine import (
    UNFINISHED,
    Broke,
    Declined,
    Effect,
    Event,
    Flow,
    Moved,
    Refusal,
    State,
    TimedOut,
    TokenCame,
    advance,
    done,
    from_row,
    judge,
    postpone,
    to_row,
)
from bot.model import App, Person
from bot.oauth import tokens
from bot.oauth.messages import Device, PlatformRefusal, Token, Wait
from bot.services import notify, present, proof
from bot.services.context import Context, oauth_of
from bot.services.proof import PAUSES

#: Longer than a request (10 s) and the difference of two clocks together, so that no code is sent twice; shorter than any code lives.
LEASE = SKEW + timedelta(seconds=15)
_LONG_AGO = timedelta(hours=1)
_LONGEST_PAUSE = 60.0
_MOST_EFFECTS = 30


async def load(context: Context, flow_id: str) -> tuple[Flow, int] | None:
    """A consent and its version."""
    kept = await context.store.flow(flow_id) if flow_id else None
    return (from_row(kept[0]), kept[1]) if kept else None


async def save(context: Context, flow: Flow, version: int) -> bool:
    """Write back if nobody wrote since."""
    return await context.store.save_flow(flow.id, to_row(flow), state=flow.column, version=version)


async def happen(context: Context, flow_id: str, event: Event, *, actor: Person | None = None) -> Moved | Refusal | None:
    """An event from outside happens to a consent. None: there is no such consent (any more)."""
    while kept := await load(context, flow_id):
        flow, version = kept
        moved = advance(flow, event)
        if isinstance(moved, Refusal):
            return moved
        if await save(context, moved.flow, version):
            await note(context, moved.flow, actor or flow.person)
            return moved
    return None


async def note(context: Context, flow: Flow, actor: Person | None = None) -> None:
    """The audit's line about a move."""
    await context.audit(
        actor or flow.person, f"consent.{flow.state}", flow=flow.id, platform=flow.platform, app=flow.app_id, asked=list(flow.asked),
        granted=list(flow.granted), account=flow.account, reason=flow.reason,
    )  # fmt: skip


async def resume(context: Context) -> int:
    """Go on with everything unfinished; how many moved. One broken row stops no other."""
    moved = 0
    for flow_id in await context.store.flows_in(UNFINISHED):
        try:
            before = await context.store.flow(flow_id)
            await drive(context, flow_id)
            after = await context.store.flow(flow_id)
        except Exception as error:  # noqa: BLE001 (a row that nobody can read any more must not keep the others waiting)
            if await context.store.claim(f"stuck:{flow_id}", context.now(), 86_400):  # said once a day, not in every round
                await context.audit(None, "consent.stuck", flow=flow_id, error=type(error).__name__)
        else:
            moved += before is not None and after is not None and after[1] != before[1]
    return moved


async def drive(context: Context, flow_id: str) -> Flow | None:
    """Do what waits, as far as it goes now. Returns the consent as it then is."""
    kept = await load(context, flow_id)
    if kept is None or not _due(kept[0], context.now()):
        return kept[0] if kept else None
    name, holder = f"flow:{flow_id}", context.random.token()
    try:
        for _ in range(_MOST_EFFECTS):
            now = context.now()
            if not await context.store.lease(name, holder, now + LEASE, now):
                break  # somebody else is at it
            kept = await load(context, flow_id)
            if kept is None or not _due(kept[0], now):
                break
            flow, version = kept
            changed = await _step(context, flow)
            if await save(context, changed, version) and changed.state is not flow.state:
                await note(context, changed)
    finally:
        # given back with a time that has passed on every clock
        await context.store.lease(name, holder, context.now() - _LONG_AGO, context.now())
    kept = await load(context, flow_id)
    return kept[0] if kept else None


def _due(flow: Flow, now: datetime) -> bool:
    if flow.state in WAITING and now >= flow.expires:
        return True
    return bool(flow.todo) and (flow.not_before is None or flow.not_before <= now)


async def _step(context: Context, flow: Flow) -> Flow:
    """One effect, and the consent after it."""
    now = context.now()
    if flow.state in WAITING and now >= flow.expires:
        return _after(flow, TimedOut(now))
    effect = flow.todo[0]
    app = context.app(flow.platform, flow.app_id)
    try:
        if effect is Effect.SHOW:
            return await _show(context, flow)
        if effect is Effect.TELL:
            await notify.tell_outcome(context, flow, app)
            return done(flow, effect)
        if app is None:  # taken out of the configuration meanwhile
            return _after(flow, Broke(now, "app_removed", "app")) if flow.state is State.AUTHORIZED else done(flow, effect)
        return await _with_app(context, flow, app, effect)
    except PlatformRefusal as refusal:
        return _refused(flow, effect, refusal, now)


async def _with_app(context: Context, flow: Flow, app: App, effect: Effect) -> Flow:
    """An effect for which the app is needed. Raises `PlatformRefusal`."""
    match effect:
        case Effect.NOTIFY:
            await notify.notify_app(context, flow, app)
        case Effect.POLL:
            return await _poll(context, flow, app)
        case Effect.EXCHANGE:
            return _after(flow, await _exchange(context, flow, app))
        case Effect.IDENTIFY:
            return _after(flow, await _identify(context, flow, app))
        case Effect.KEEP:
            await _keep(context, flow, app)
        case Effect.PROVE:
            return _after(flow, await proof.prove(context, flow, app))
        case _:  # the two that withdraw
            gone = await _withdraw(context, flow, app)
            return replace(done(flow, effect), withdrawn=flow.withdrawn or gone)
    return done(flow, effect)


def _after(flow: Flow, event: Event) -> Flow:
    moved = advance(flow, event)
    if isinstance(moved, Refusal):
        # the effect's own event does not fit any more: its work is done either way
        return replace(flow, todo=flow.todo[1:], tries=0, not_before=None)
    return moved.flow


def _refused(flow: Flow, effect: Effect, refusal: PlatformRefusal, now: datetime) -> Flow:
    """The platform said no to one of our own calls: again in a while, or what that means for the consent."""
    if effect is Effect.POLL:
        declined = refusal.blame == "user"
        return _after(flow, Declined(now, refusal.code) if declined else Broke(now, refusal.code, refusal.blame, refusal.request_id))
    if refusal.retryable and flow.tries < len(PAUSES):
        pause = min(max(PAUSES[flow.tries], refusal.retry_after or 0.0), _LONGEST_PAUSE)
        return postpone(flow, now + timedelta(seconds=pause))
    if effect in (Effect.EXCHANGE, Effect.IDENTIFY):
        return _after(flow, Broke(now, refusal.code, refusal.blame, refusal.request_id))
    if effect is Effect.PROVE:
        return _after(flow, proof.refused(refusal, now))
    return done(flow, effect)  # withdrawing is a courtesy: what is ours to forget is forgotten anyway


async def _show(context: Context, flow: Flow) -> Flow:
    card = await context.store.card(flow.card_id) if flow.card_id else None
    messenger = context.messengers.get(card.place.surface) if card else None
    if card is not None and messenger is not None and card.flow_id in ("", flow.id):
        shown = await messenger.update(card, await present.draw(context, card, card.place.surface))
        if not shown and flow.todo == (Effect.SHOW,) and flow.tries < len(PAUSES):
            return postpone(flow, context.now() + timedelta(seconds=PAUSES[flow.tries]))
    return done(flow, Effect.SHOW)


# ---------------------------------------------------------------- the token


async def _poll(context: Context, flow: Flow, app: App) -> Flow:
    first = (flow.changed or flow.created) + timedelta(seconds=flow.interval)
    if context.now() < first:  # nobody has entered a code within its first seconds
        return replace(flow, not_before=first)
    grant = oauth_of(flow.platform).device
    if grant is None:
        raise PlatformRefusal("no_device_grant", blame="app")
    device = Device(**json.loads(context.unsealed(flow.device)))
    answer = await context.ask(grant.poll(app, device, flow.interval))
    if isinstance(answer, Wait):
        later = context.now() + timedelta(seconds=answer.interval)
        return replace(flow, interval=answer.interval, not_before=later)
    return _after(flow, _came(context, flow, answer))


async def _exchange(context: Context, flow: Flow, app: App) -> TokenCame:
    oauth = oauth_of(flow.platform)
    verifier = "" if flow.in_client else context.unsealed(flow.verifier)
    token = await context.ask(
        oauth.exchange(app, code=context.unsealed(flow.code), verifier=verifier, redirect_uri="" if flow.in_client else flow.redirect_uri)
    )
    return _came(context, flow, token)


def _came(context: Context, flow: Flow, token: Token) -> TokenCame:
    now = context.now()
    return TokenCame(
        now,
        _seal(context, flow, token),
        granted=tuple(sorted(token.scopes)),
        expires=_later(now, token.expires_in),
        refresh_expires=_later(now, token.refresh_expires_in),
    )


async def _identify(context: Context, flow: Flow, app: App) -> Event:
    oauth = oauth_of(flow.platform)
    who = await context.ask(oauth.whoami(app, _open(context, flow)))
    main = next(iter(who.ids.values()), "")
    bound = bool(main)
    if main and not flow.expected:
        bound = await context.store.bind_account(flow.person, binding(flow.platform, flow.app_id), main)
    return judge(flow, who, bound=bound, tells_scopes=oauth.tells_scopes, at=context.now())


async def _keep(context: Context, flow: Flow, app: App) -> None:
    if not flow.token or app.mode != "broker":
        return
    kept = await context.store.token(flow.platform, flow.app_id, flow.account, flow.person)
    known = context.token(kept) if kept else None
    if known is not None and known.extra.get("consent") == flow.id:
        return  # a process that died right after this has kept it already, and it may have been refreshed since
    token = _open(context, flow)
    token = replace(token, extra={**token.extra, "consent": flow.id})
    row = tokens.seal(context.vault, app, token, subject=flow.account, now=context.now(), person=flow.person, granted=flow.changed)
    await context.store.put_token(replace(row, expires=flow.token_expires, refresh_expires=flow.refresh_expires))


async def _withdraw(context: Context, flow: Flow, app: App) -> bool:
    """Forget a token, ours first, then at the platform where it offers that; True when the platform withdrew it."""
    kept = (
        await context.store.token(flow.platform, flow.app_id, flow.account, flow.person)
        if flow.todo[0] is Effect.FORGET and flow.account
        else None
    )
    token = _open(context, flow) if flow.token else context.token(kept) if kept else None
    if kept is not None:
        await context.store.drop_token(flow.platform, flow.app_id, flow.account, flow.person)
    return token is not None and await withdraw(context, app, token)


async def withdraw(context: Context, app: App, token: Token) -> bool:
    """Ask the platform to withdraw a token; False where it offers no way. Raises `PlatformRefusal`."""
    oauth = platforms.oauth(app.platform)
    return bool(oauth is not None and await context.ask(oauth.revoke(app, token)))


def binding(platform: str, app_id: str) -> str:
    """Under which name a person's account is bound. Platforms give the same human another id for each app (`open_id`), so it is per app."""
    return f"{platform}/{app_id}"


def _seal(context: Context, flow: Flow, token: Token) -> str:
    return context.vault.seal(json.dumps({"flow": flow.id, **asdict(token), "scopes": sorted(token.scopes)}))


def _open(context: Context, flow: Flow) -> Token:
    data = json.loads(context.unsealed(flow.token))
    if data.pop("flow") != flow.id:  # copied here from another consent's row
        raise PlatformRefusal("unreadable", blame="code")
    return Token(**{**data, "scopes": frozenset(data["scopes"])})


def _later(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
