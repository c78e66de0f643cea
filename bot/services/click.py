"""Buttons: any of them, any time, by anybody, after any restart. There is always an answer, and only those who asked can cause anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot import platforms
from bot.card import handover_text, support_text
from bot.consent.flow import WAITING
from bot.consent.machine import Refusal, State, Withdrawn
from bot.consent.messages import few
from bot.diagnose.questions import answer_at
from bot.i18n import joined, say
from bot.model import Diagnosis, Locale, Offer, Person, Place, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from bot.services import answer, card_snapshot, consent_plan, consent_runner, present, proof
from bot.services.context import Context, platform_title
from bot.services.results import Clicked


@dataclass(frozen=True, slots=True)
class Click:
    """One click with all that it is about."""

    card: Card
    person: Person
    place: Place
    index: int
    found: tuple[Diagnosis, ...]

    @property
    def locale(self) -> Locale:
        return present.as_locale(self.card.locale)

    @property
    def offer(self) -> Offer | None:
        offers = self.found[0].offers if self.found else ()
        return offers[self.index] if 0 <= self.index < len(offers) else None


async def click(context: Context, card_id: str, action: str, person: Person, place: Place, *, index: int = 0) -> Clicked:
    """Answer a click. `check`, `ask_admin` and `revoke` ask a platform and may take as long as it does; the others only the store."""
    card = await context.store.card(card_id)
    if card is None:
        return Clicked(say("This card is too old for me to remember. Paste the error again, and I answer anew."))
    if action not in _JOBS:
        return Clicked(say("This button is from an older version. Paste the error again for a fresh card."))
    if card.place.surface and (card.place.surface, card.place.tenant) != (place.surface, place.tenant):
        return Clicked(say("This card belongs to another workspace. Paste the error here to get your own."))
    job, for_asker = _JOBS[action]
    if for_asker and card.asker is None:
        card = await _adopt(context, card, person)
    theirs = not for_asker or card_snapshot.was_asked(card, person)
    found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    made = Click(card, person, place, index, found)
    if action in _AUDITED:
        about = found[0].finding if found else None
        app_id = made.offer.app_id if made.offer else about.app_id if about else ""
        await context.audit(
            person, "clicked", button=action, card=card.id, platform=about.platform if about else "", app=app_id or "", allowed=theirs
        )
    if not theirs:
        who = next((one.name for one in card_snapshot.askers(card) if one.name), "") or say("the person who asked")
        return Clicked(
            say("This card answers {person}, so only they can use this button. Paste your own error, and I make you one.", person=who)
        )
    return await job(context, made)


async def _adopt(context: Context, card: Card, person: Person) -> Card:
    """A card that nobody is known to have asked for belongs to the first who uses it."""
    changed = card_snapshot.with_asker(card, person)
    if await context.store.save_card(changed):
        return replace(changed, version=changed.version + 1)
    return await context.store.card(card.id) or card


# ---------------------------------------------------------------- re-authorize


async def _reauthorize(context: Context, click: Click) -> Clicked:
    """Make the personal link: for the person who clicked, delivered privately, never posted."""
    offer = click.offer
    if offer is None or (app := context.app(offer.platform, offer.app_id)) is None:
        reason = click.found[0].no_offer if click.found else None
        return Clicked(reason or say("There is no app here whose consent I may ask for. Follow the steps on the card."))
    previous = await consent_runner.load(context, card_snapshot.flow_of(click.card, click.person))
    if previous and previous[0].state is State.AUTHORIZED:
        await consent_runner.drive(context, previous[0].id)
        in_hand = say("The platform's answer is already here and is being checked. One moment.")
        return Clicked(in_hand, card=await _redrawn(context, click.card.id))
    plan = consent_plan.plan(app, offer, click.found[0], previous[0] if previous else None)
    if isinstance(plan, Text):
        return Clicked(plan)
    wish = consent_plan.Wish(click.card, click.person, click.place, click.index, click.found[0])
    flow, secret = await consent_plan.make(context, wish, app, plan, previous[0] if previous else None)
    url = f"{context.public_url.rstrip('/')}/consent/{flow.id}.{secret}"
    sentence = say(
        "Your personal link for {app} on {platform}: it asks for {scopes}, works for ten minutes, and only for you.",
        app=app.name or app.app_id, platform=platform_title(app), scopes=few(flow.asked),
    )  # fmt: skip
    return Clicked(
        say("I have sent you a personal link."),
        whisper=present.whisper(sentence, click.place.surface, click.locale, url=url, label=say("Open my link")),
        card=await _redrawn(context, click.card.id),
        url=url,
    )


async def _redrawn(context: Context, card_id: str) -> Any:
    card = await context.store.card(card_id)
    return await present.draw(context, card, card.place.surface or "html") if card else None


# ---------------------------------------------------------------- looking again


async def _check(context: Context, click: Click) -> Clicked:
    """Look again: carry the consent on, or repeat the proof, or ask anew what the app has enabled. The card then says what was seen."""
    kept = await consent_runner.load(context, card_snapshot.flow_of(click.card, click.person) or click.card.flow_id)
    toast = say("Looked again; the card shows what I saw.")
    if kept is not None:
        flow = await consent_runner.drive(context, kept[0].id) or kept[0]
        app = context.app(flow.platform, flow.app_id)
        if app is not None and not flow.todo and flow.state in (State.GRANTED, State.PROVEN, State.INSUFFICIENT) and flow.mode != "handoff":
            try:
                event = await proof.prove(context, flow, app)
            except PlatformRefusal as refusal:
                return Clicked(say("The platform could not be asked just now ({reason}). Try again in a minute.", reason=refusal.code))
            moved = await consent_runner.happen(context, flow.id, event, actor=click.person)
            if moved is None or isinstance(moved, Refusal):
                toast = event.proof.text
            await consent_runner.drive(context, flow.id)
    await _refresh_facts(context, click)
    return Clicked(toast, card=await _redrawn(context, click.card.id))


async def _refresh_facts(context: Context, click: Click) -> None:
    facts = await answer.look(context, click.found, click.person)
    card: Card | None = click.card
    while card is not None:
        known = card_snapshot.read_facts(card.snapshot.get("facts") or {}, (), None)
        merged = replace(
            facts, app_facts={**known.app_facts, **facts.app_facts}, granted=facts.granted or known.granted, answers=known.answers
        )
        if await context.store.save_card(replace(card, snapshot={**card.snapshot, "facts": card_snapshot.facts_row(merged)})):
            return
        card = await context.store.card(card.id)


async def _ask_admin(context: Context, click: Click) -> Clicked:
    """Ask the organisation's administrator to approve what the app has applied for, where the platform offers that."""
    offer = click.offer
    app = context.app(offer.platform, offer.app_id) if offer else None
    if app is None and click.found and click.found[0].finding.app_id:
        app = context.app(click.found[0].finding.platform, click.found[0].finding.app_id)
    checks = platforms.checks(app.platform) if app else None
    if app is None or checks is None or checks.apply_scopes is None:
        return Clicked(say("This platform has no way to ask the administrator from here. Send them the link of the step on the card."))
    if not await context.store.claim(f"ask_admin:{app.platform}:{app.app_id}", context.now(), 3600):
        return Clicked(say("The administrator was asked within the last hour. Give them a moment."))
    try:
        applied = await context.ask(checks.apply_scopes(app))
    except PlatformRefusal as refusal:
        return Clicked(say("The platform did not pass the request on ({reason}).", reason=refusal.code))
    await context.audit(click.person, "admin.asked", platform=app.platform, app=app.app_id, code=applied.code)
    return Clicked(applied.text)


# ---------------------------------------------------------------- reading more


async def _details(context: Context, click: Click) -> Clicked:
    reply = await present.draw(context, click.card, click.place.surface, click.locale, "asker", unfold=True)
    return Clicked(say("Here are all the details, only for you."), whisper=reply)


async def _support(_world: Context, click: Click) -> Clicked:
    index = click.index if 0 <= click.index < len(click.found) else 0
    if not click.found or not click.found[index].support:
        return Clicked(say("There is nothing that support would need for this error."))
    bundle = support_text(click.found[index])
    shown = present.whisper(bundle, click.place.surface, click.locale)
    return Clicked(say("Here is what support asks for, ready to copy. Fill in what is still missing."), whisper=shown, copy=bundle)


async def _handover(_world: Context, click: Click) -> Clicked:
    """The message for the one who can act, ready to send."""
    if not click.found:
        return Clicked(say("There is nothing on this card to hand over."))
    message = handover_text(click.found[0])
    shown = present.whisper(message, click.place.surface, click.locale)
    return Clicked(say("Here is a message for the one who can. Send it as it is."), whisper=shown, copy=message)


async def _answer(context: Context, click: Click) -> Clicked:
    """An answer to the telling question is a claim: the remedies are ranked anew with it. The first answer to a question counts."""
    said = answer_at(click.index)
    if said is None:
        return Clicked(say("This button is from an older version. Paste the error again for a fresh card."))
    card = click.card
    while said[0] not in card_snapshot.answers(card.snapshot):
        if await context.store.save_card(card_snapshot.with_answer(card, *said)):
            return Clicked(say("Thank you: the card shows what is likeliest now."), card=await _redrawn(context, card.id))
        card = await context.store.card(card.id) or card
    return Clicked(say("This question is answered already; the card shows what follows from it."), card=await _redrawn(context, card.id))


async def _share(context: Context, click: Click) -> Clicked:
    return Clicked(
        say("Shared with this chat."), share=await present.draw(context, click.card, click.place.surface, click.locale, "channel")
    )


# ---------------------------------------------------------------- saying so


async def _helpful(context: Context, click: Click) -> Clicked:
    await context.store.feedback(click.card.id, click.person, True)
    return Clicked(say("Thank you, good to know."))


async def _unhelpful(context: Context, click: Click) -> Clicked:
    await context.store.feedback(click.card.id, click.person, False)
    return Clicked(say("Thank you for telling me. Paste the whole error, with its log_id, and I look again."))


async def _mute(context: Context, click: Click) -> Clicked:
    if not click.card.need:
        return Clicked(say("There is nothing to mute on this card."))
    await context.store.mute(click.card.place, click.card.need, context.now() + consent_plan.MUTE, click.person)
    await context.audit(click.person, "muted", need=click.card.need, chat=click.card.place.chat)
    return Clicked(say("Quiet for 30 days: I no longer answer this error here unless somebody asks me. Write “unmute” to undo it."))


async def _revoke(context: Context, click: Click) -> Clicked:
    """Withdraw one's own consent, or one's own offer before it is used."""
    kept = await consent_runner.load(context, card_snapshot.flow_of(click.card, click.person))
    if kept is None:
        return Clicked(say("You have given no consent on this card."))
    moved = await consent_runner.happen(context, kept[0].id, Withdrawn(context.now()), actor=click.person)
    if moved is None or isinstance(moved, Refusal):
        return Clicked(moved.sentence if moved else say("You have given no consent on this card."))
    after = await consent_runner.drive(context, kept[0].id) or moved.flow
    said = say("The link no longer works.")
    if kept[0].state not in WAITING:
        advice = present.see(context, after).advice
        said = (
            joined([say("I have forgotten the token."), advice])
            if advice
            else say("Withdrawn, here and on the platform. I have forgotten the token.")
        )
    return Clicked(said, card=await _redrawn(context, click.card.id))


#: Buttons by which somebody causes something in somebody's name: who pressed them is kept, also when they were not allowed to.
_AUDITED = frozenset({"reauthorize", "ask_admin", "revoke"})

Job = Callable[[Context, Click], Awaitable[Clicked]]

#: Action → its job, and whether it is for those who asked only.
_JOBS: Mapping[str, tuple[Job, bool]] = {
    "reauthorize": (_reauthorize, True),
    "check": (_check, True),
    "ask_admin": (_ask_admin, True),
    "details": (_details, True),
    "support": (_support, True),
    "handover": (_handover, True),
    "answer": (_answer, True),
    "share": (_share, True),
    "revoke": (_revoke, True),
    "helpful": (_helpful, False),
    "unhelpful": (_unhelpful, False),
    "mute": (_mute, False),
}
