"""The device grant (RFC 8628): a code that the person enters on another device. Off unless the operator turns it on, and then only in a
direct message: a chat user has a browser, and a code in a shared chat is what phishers send (§5.4)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from urllib.parse import urlsplit

from bot import platforms
from bot.consent.machine import Broke, DeviceShown
from bot.consent.messages import few
from bot.i18n import say
from bot.model import App, Offer, Person, Question, Text
from bot.oauth.messages import PlatformRefusal
from bot.platforms.api import DeviceGrant
from bot.ports import Card
from bot.services import answer, card_snapshot, consent_plan, consent_runner, present
from bot.services.context import Context, oauth_of, platform_title

NOBODY = Person("", "", "")


async def begin(context: Context, question: Question) -> tuple[Text, str]:
    """Show a code for the newest card of this private chat that offers a consent. Returns the sentence and the platform's page, if any."""
    found = await _newest(context, question)
    if isinstance(found, Text):
        return found, ""
    card, offer, app = found
    diagnosis = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())[0]
    plan = consent_plan.plan(app, offer, diagnosis, None)
    if isinstance(plan, Text):
        return plan, ""
    wish = consent_plan.Wish(card, question.asker or NOBODY, card.place, 0, diagnosis)
    missing = consent_plan.not_enabled(await answer.app_facts_of(context, app), plan.asked)
    flow, _ = await consent_plan.make(context, wish, app, plan, None, mode="device")
    try:
        if missing:
            raise PlatformRefusal("scope_not_enabled", blame="app")
        device = await context.ask(_grant(app).start(app, scopes=plan.asked))
        if not _same_site(app, device.verification_uri):
            raise PlatformRefusal("foreign_page", blame="app")
    except PlatformRefusal as refusal:
        await consent_runner.happen(context, flow.id, Broke(context.now(), refusal.code, refusal.blame))
        after = await consent_runner.drive(context, flow.id)
        return present.see(context, after or flow).sentence, ""
    now = context.now()
    shown = DeviceShown(now, context.vault.seal(json.dumps(asdict(device))), now + timedelta(seconds=device.expires_in), device.interval)
    await consent_runner.happen(context, flow.id, shown)
    await consent_runner.drive(context, flow.id)
    sentence = say(
        "Open {page} and enter the code {code}. It lets the app {app} on {platform} have {scopes}, in your name. "
        "Go on only because you asked for this yourself just now; never enter a code that somebody sent you.",
        page=urlsplit(device.verification_uri).netloc,
        code=device.user_code,
        app=app.name or app.app_id,
        platform=platform_title(app),
        scopes=few(plan.asked),
    )
    complete = device.verification_uri_complete
    return sentence, complete if complete and _same_site(app, complete) else device.verification_uri


async def _newest(context: Context, question: Question) -> tuple[Card, Offer, App] | Text:
    """The newest card of this private chat that offers a consent by code, or why there is none."""
    if not context.device_flow:
        return say("Codes for another device are switched off here. Use the button on the card.")
    if not question.private or question.place is None or question.asker is None:
        return say("I show codes in a direct message only. Write to me there.")
    for card in reversed(await context.store.cards_in(question.place, 20)):
        found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
        offer = found[0].offers[0] if found and found[0].offers and card_snapshot.was_asked(card, question.asker) else None
        app = context.app(offer.platform, offer.app_id) if offer else None
        if offer is not None and app is not None:
            oauth = platforms.oauth(app.platform)
            if app.mode != "broker" or oauth is None or oauth.device is None:
                return say("This platform knows no codes for another device. Use the button on the card.")
            return card, offer, app
    return say("There is no card here that offers a consent. Paste the error first.")


def _grant(app: App) -> DeviceGrant:
    """The platform's device grant. Raises `PlatformRefusal` where it has none."""
    grant = oauth_of(app.platform).device
    if grant is None:
        raise PlatformRefusal("no_device_grant", blame="app")
    return grant


def _same_site(app: App, page: str) -> bool:
    """Is the page where one enters the code on the platform's own site? Its address comes in an answer, not out of our templates."""
    own, given = urlsplit(_grant(app).site(app)), urlsplit(page)
    if not own.hostname or not given.hostname or own.scheme != given.scheme:
        return False
    site = ".".join(own.hostname.split(".")[-2:])
    return given.hostname == own.hostname or given.hostname.endswith(f".{site}")
