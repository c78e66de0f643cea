"""Tell me when it works: look again by itself, less and less often, until what was missing is there, or the time is over.

A watch is a row of the store (beside the consents, under a name of its own), so it survives restarts. Whoever takes its turn moves the row on first, by
compare-and-set: two processes never look at the same time, and the row is ended before anything is said, so that nothing is said twice.

    begin → look after 1, 2, 4 … minutes (at most every hour) → in effect, proven, gone, or over: one private word, and the card as it is now
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from bot import platforms
from bot.consent.flow import person_row
from bot.diagnose.consent_offer import candidates
from bot.i18n import joined, say
from bot.model import Diagnosis, Person, RemedyState, Text
from bot.ports import Card
from bot.services import card_snapshot, click, present
from bot.services.context import Context

WATCHING, ENDED = "watching", "watched"
LASTS = timedelta(days=3)
MOST_LOOKS = 80
MOST_AT_ONCE = 50
"""Watches that one process takes in a round."""
MOST_OF_A_PERSON = 5
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
_JITTER = 0.3


async def begin(context: Context, card: Card, person: Person) -> Text:
    """Watch what a card says; a sentence that says until when, or why not."""
    found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    if not found or not _may_look(context, found[0]):
        return say("I cannot look at this app, so I cannot watch it. Write “check” when something changed.")
    until = context.now() + LASTS
    row = {
        "card": card.id, "person": person_row(person), "until": until.isoformat(), "due": (context.now() + FIRST).isoformat(), "looks": 0,
        "before": _missing(found[0]),
    }  # fmt: skip
    name = _name(card, person)
    kept = await context.store.flow(name)
    if kept is None and await _watches(context, person) >= MOST_OF_A_PERSON:
        return say("I watch {count} errors for you already, and no more than that.", count=MOST_OF_A_PERSON)
    if kept is None:
        await context.store.put_flow(name, row, state=WATCHING, owner=name, supersede=False)
    elif not await context.store.save_flow(name, row, state=WATCHING, version=kept[1]):
        return await begin(context, card, person)
    await context.audit(person, "watch.begun", card=card.id)
    return say("I keep looking, at most until {day}, and tell you when it works.", day=until.date().isoformat())


async def go_on(context: Context) -> int:
    """One round over the watches that are due; returns how many came to an end."""
    ended = 0
    for name in (await context.store.flows_in((WATCHING,)))[:MOST_AT_ONCE]:
        ended += await _turn(context, name)
    return ended


async def _turn(context: Context, name: str) -> bool:
    kept = await context.store.flow(name)
    now = context.now()
    if kept is None or datetime.fromisoformat(kept[0]["due"]) > now:
        return False
    looks = int(kept[0]["looks"]) + 1
    row = {**kept[0], "looks": looks, "due": (now + _pause(context, looks)).isoformat()}
    if not await context.store.save_flow(name, row, state=WATCHING, version=kept[1]):
        return False  # another process has this turn
    said = await _looked(context, row)
    if said is None:
        return False
    if not await context.store.save_flow(name, row, state=ENDED, version=kept[1] + 1):
        return False  # ended meanwhile, by whoever said so
    await _tell(context, row, said)
    return True


def _pause(context: Context, looks: int) -> timedelta:
    """Twice as long each time, up to an hour, with some chance in it: a hundred watches shall not ask at the same second."""
    grown: timedelta = min(FIRST * 2.0 ** min(looks, 10), LONGEST)
    chance = int.from_bytes(sha256(context.random.token().encode()).digest()[:4]) / 2**32
    return grown * (1 + _JITTER * chance)


async def _looked(context: Context, row: Mapping[str, Any]) -> Text | None:
    """What is to be said now, and then the watch is over; None to go on."""
    card = await context.store.card(row["card"])
    if card is None:
        return say("I have stopped watching: the card is no longer kept.")
    found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    if not found or not _may_look(context, found[0]):
        return say("I have stopped watching: the app is no longer configured here.")
    await click.click(context, card.id, "check", Person(**row["person"]), card.place)
    card = await context.store.card(card.id) or card
    now = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())[0]
    view = await present.see_card(context, card, "asker")
    if view.state is not None and view.state.state == "proven":
        return say("It works now: {title} is proven.", title=now.title)
    missing = _missing(now)
    unseen = (card.snapshot.get("facts") or {}).get("unseen")
    if row["before"] and not missing and now.app_known and not unseen:
        then = say("Consent helps; the button on the card starts it.") if now.offers else say("Repeat the call.")
        return joined([say("What was missing is in effect now."), *_seen(now), then])
    if context.now() >= datetime.fromisoformat(row["until"]) or row["looks"] >= MOST_LOOKS:
        return joined(
            [say("I have stopped watching: the time is over."), say("Still the likeliest: {title}.", title=now.remedies[0].title)]
        )
    return None


async def _tell(context: Context, row: Mapping[str, Any], said: Text) -> None:
    """One private word to the one who asked; the card says the same."""
    person = Person(**row["person"])
    await context.audit(person, "watch.ended", card=row["card"], looks=row["looks"])
    card = await context.store.card(row["card"])
    while card is not None:
        changed = replace(card, snapshot={**card.snapshot, "news": {"asker": card_snapshot.text_row(said)}})
        if await context.store.save_card(changed):
            break
        card = await context.store.card(card.id)
    messenger = context.messengers.get(person.surface)
    if messenger is None or card is None:
        return
    fresh = await context.store.card(card.id) or card
    await messenger.update(fresh, await present.draw(context, fresh, person.surface))
    await messenger.whisper(person, fresh.place, present.whisper(said, person.surface, present.as_locale(fresh.locale)))


def _may_look(context: Context, diagnosis: Diagnosis) -> bool:
    """Whether there is anything to look at: a consent that may be given, or an app whose state its platform tells."""
    apps = candidates(diagnosis.finding, context.apps)[0]
    checks = [platforms.checks(app.platform) for app in apps]
    return bool(diagnosis.offers) or any(one is not None and one.app_facts is not None for one in checks)


def _missing(diagnosis: Diagnosis) -> list[str]:
    """The remedies that a look showed to be what is missing."""
    return [remedy.id for remedy in diagnosis.remedies if remedy.state is RemedyState.OPEN]


def _seen(now: Diagnosis) -> list[Text]:
    told = [evidence.text for remedy in now.remedies for evidence in remedy.evidence if evidence.rule.startswith("look:")]
    return list(dict.fromkeys(told))[:1]


async def _watches(context: Context, person: Person) -> int:
    names = await context.store.flows_in((WATCHING,))
    return sum(1 for name in names if name.startswith("watch:") and name.endswith(_whose(person)))


def _whose(person: Person) -> str:
    return sha256(f"{person.surface}|{person.tenant}|{person.user_id}".encode()).hexdigest()[:16]


def _name(card: Card, person: Person) -> str:
    return f"watch:{card.id}:{_whose(person)}"
