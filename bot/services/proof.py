"""Does it work now? Something harmless is repeated with the new token; only a yes of the platform turns the card green."""

from __future__ import annotations

from datetime import datetime

from bot import platforms
from bot.consent.flow import ENDED, REFUSED
from bot.consent.machine import Flow, Proved, Unclear, Unproved
from bot.i18n import say
from bot.model import App, Diagnosis, Proof
from bot.oauth import tokens
from bot.oauth.messages import PlatformRefusal, Token
from bot.services import card_snapshot
from bot.services.context import Context

PAUSES = (2.0, 5.0, 15.0)  # seconds before each further try; a code lives two minutes on the strictest platform (Kuaishou)


async def prove(context: Context, flow: Flow, app: App) -> Proved | Unproved | Unclear:
    """Repeat something harmless with the kept token. Raises `PlatformRefusal`."""
    checks = platforms.checks(flow.platform)
    diagnosis = await diagnosis_of(context, flow)
    if checks is None or diagnosis is None:
        return Unclear(context.now(), Proof(None, say("there is no harmless call to repeat on this platform."), "none"))
    token = await _held(context, flow, app)
    if not isinstance(token, Token):
        return token
    wanted = tuple(scope for scope in dict.fromkeys((*flow.asked, *flow.needed)) if scope in flow.granted) or flow.asked
    try:
        proof = await context.ask(checks.prove(app, token, diagnosis, wanted))
    except PlatformRefusal as refusal:
        if refusal.retryable and flow.tries < len(PAUSES):
            raise
        return refused(refusal, context.now())
    return (Unclear if proof.ok is None else Proved if proof.ok else Unproved)(context.now(), proof)


async def _held(context: Context, flow: Flow, app: App) -> Token | Unproved | Unclear:
    """The kept token, refreshed when it is over; or what its absence means."""
    kept = await context.store.token(flow.platform, flow.app_id, flow.account, flow.person)
    if kept is None:
        return Unproved(context.now(), Proof(False, say("the token is no longer here."), ENDED))
    if not tokens.usable(kept, context.now()):
        fresh = context.refresher is not None and await context.refresher.freshen(app, flow.account, flow.person)
        kept = await context.store.token(flow.platform, flow.app_id, flow.account, flow.person)
        if kept is None:  # the platform told the refresher that there is nothing to renew
            return Unproved(context.now(), Proof(False, say("the platform no longer renews the token."), ENDED))
        if not fresh:
            return Unclear(context.now(), Proof(None, say("the token has expired, so nothing can be repeated with it."), "none"))
    return context.token(kept) or Unclear(context.now(), Proof(None, say("the token is no longer here."), "none"))


def refused(refusal: PlatformRefusal, now: datetime) -> Unproved | Unclear:
    if refusal.blame in ("token", "user"):
        return Unproved(now, Proof(False, say("the platform refuses the new token ({reason}).", reason=refusal.code), REFUSED))
    return Unclear(now, Proof(None, say("the platform could not be asked ({reason}).", reason=refusal.code), "none"))


async def diagnosis_of(context: Context, flow: Flow) -> Diagnosis | None:
    """The diagnosis that the consent is for, thought anew from its card."""
    card = await context.store.card(flow.card_id) if flow.card_id else None
    found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now()) if card else ()
    return found[0] if found else None
