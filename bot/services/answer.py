"""Answering a question: redact, read, ask what is cheap to ask, think, remember, keep the card. And the memory for request ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot import platforms
from bot.card import Audience
from bot.catalog import catalog
from bot.consent.flow import same_person
from bot.diagnose import diagnose
from bot.diagnose.consent_offer import candidates
from bot.explain import Explained, explain, speaks_up
from bot.i18n import say
from bot.model import App, AppFacts, Diagnosis, Facts, Finding, Locale, Person, Place, Question, Text
from bot.oauth import tokens
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card, Report, WorkGivenUpError
from bot.redact import redact
from bot.redact.masked import NOTHING, Masked, Redaction
from bot.services import card_snapshot, consent_runner, present
from bot.services.context import Context
from bot.services.results import Answer

MOST_APPS = 3
MOST_IDS = 1_000
"""Request ids of one error that are remembered: of a longer log the first half and the last half of these. (Errors a paste: see `bot.extract`.)"""
LONG = 100_000  # characters; what is longer is a file or a pasted log
NOWHERE = Place("", "", "")


async def masked(context: Context, text: str) -> Redaction:
    """A text without its secrets. A long one is looked through where nobody else waits for it; what takes too long is left out as a whole."""
    try:
        return await context.workers.run(partial(redact, text), heavy=len(text) > LONG)
    except WorkGivenUpError:
        return Redaction(NOTHING, unread=True)


async def read(context: Context, text: str, locale: Locale | None = None) -> Explained:
    """What a text says. Reading a log of megabytes takes seconds: it is done where nobody else waits for it."""
    facts = Facts(apps=context.apps, now=context.now())
    try:
        return await context.workers.run(partial(explain, text, facts=facts, locale=locale), heavy=len(text) > LONG)
    except WorkGivenUpError:
        return _given_up(context, locale)


def _given_up(context: Context, locale: Locale | None) -> Explained:
    sorry = say("Reading this text took too long, so I have given up. Send the part around the error.")
    return Explained(Redaction(NOTHING), (), (), locale or context.locale, sorry)


async def _explained(context: Context, question: Question) -> Explained:
    if question.unread:
        return _given_up(context, question.locale)
    return await read(context, question.text, question.locale)


async def answer(context: Context, question: Question) -> Answer | None:
    """The card for a question; None when nobody asked and there is nothing to say (or the chat does not want to hear it)."""
    explained = await _explained(context, question)
    place, asker = question.place or NOWHERE, question.asker
    findings = await _recalled(context, explained.findings, place.tenant)
    if not findings:
        return await _nothing(context, question, explained) if question.direct else None
    facts = await look(context, explained.diagnoses, asker)
    # read() has diagnosed these findings; only what was learned since makes it worth thinking again
    new = findings != explained.findings or facts.app_facts or facts.granted is not None
    found = _diagnose(findings, facts) if new else explained.diagnoses
    need = need_of(found)
    if not question.direct and not speaks_up(found):
        return None
    if not question.direct and (
        await context.store.muted(place, need, context.now()) or await context.store.muted(place, "*", context.now())
    ):
        return None
    await _remember(context, found, place.tenant, "paste")
    existing = (
        await context.store.recent_card(place, need, context.now() - context.quiet) if question.place and not question.always_new else None
    )
    if existing is not None and existing.id == question.card:  # made by a process that died before it had finished
        return Answer(
            existing,
            await present.draw(context, existing, question.surface, explained.locale),
            found,
            notice=live_secret(question, explained),
        )
    first: Text | None = None
    if existing is not None and _may_share(question, existing):
        flow = await consent_runner.load(context, existing.flow_id)
        if flow is None or flow[0].proof is None or not flow[0].proof.ok:
            return await _again(context, question, existing, explained, found)
        if asker is not None and same_person(flow[0].person, asker):
            first = say(
                "A consent for this was proven just now. If the error is newer, the program still uses the old token: fetch a new one."
            )
    kept = card_snapshot.make(findings, facts, first=first, asker=asker, private=_private(question), text=explained.redaction.text)
    card = await _keep(context, question, kept, explained.locale, need)
    reply = await present.draw(context, card, question.surface, explained.locale, found=found[: card_snapshot.MOST_FINDINGS])
    return Answer(card, reply, found, notice=live_secret(question, explained))


async def forgetfully(context: Context, question: Question, warning: Text) -> Answer | None:
    """The card for a question while the store does not answer: nothing is kept, so the card has no buttons, and `warning` says so."""
    explained = await _explained(context, question)
    if not question.direct and not explained.speaks_up:
        return None
    card = Card(question.card, question.place or NOWHERE, question.asker, {}, explained.locale, context.now())
    audience: Audience = "asker" if _private(question) or context.full_detail else "channel"
    reply = present.without_buttons(explained, question.surface, audience, warning)
    return Answer(card, reply, explained.diagnoses, notice=live_secret(question, explained))


def _may_share(question: Question, card: Card) -> bool:
    """A chat's card answers everybody there; a private answer only the one who got it."""
    private = bool(card.snapshot.get("private"))
    return private == _private(question) and (not private or question.asker is None or card_snapshot.was_asked(card, question.asker))


async def about(context: Context, question: Question, findings: Sequence[Finding], locale: Locale) -> Answer:
    """A card about errors that are only named (a bare code), not pasted."""
    found = _diagnose(findings, Facts(apps=context.apps, now=context.now()))
    kept = card_snapshot.make(findings, Facts(), asker=question.asker, private=_private(question), text=question.text)
    card = await _keep(context, question, kept, locale, "")
    return Answer(card, await present.draw(context, card, question.surface, locale), found)


async def say_it(context: Context, question: Question, sentence: Text, locale: Locale, *, text: Masked, link: str = "") -> Answer:
    """An answer that is a sentence of ours (to a command)."""
    kept = card_snapshot.make((), Facts(), said=sentence, asker=question.asker, private=_private(question), text=text, link=link)
    card = await _keep(context, question, kept, locale, "")
    return Answer(card, await present.draw(context, card, question.surface, locale), ())


async def posted(context: Context, card_id: str, place: Place, source: str = "", card: Card | None = None) -> None:
    """Where a card stands now, and which message it answers. `card`: as it was just kept; nobody can have changed what nobody has seen."""

    def stands(card: Card) -> Card:
        kept = {**card.snapshot, "source": source} if source else card.snapshot
        return replace(card, place=place, message=place.message, snapshot=kept)

    if card is None or not await context.store.save_card(stands(card)):
        await _change(context, card_id, stands)


async def shared(context: Context, card_id: str, message: str) -> None:
    """A copy of a card was put where everybody sees it; it is redrawn with the card."""
    await _change(
        context, card_id, lambda card: replace(card, snapshot={**card.snapshot, "shared": [*card.snapshot.get("shared", ()), message]})
    )


async def told(context: Context, card_id: str, state: str) -> None:
    """A chat that cannot redraw was told this state of a consent."""
    await _change(context, card_id, lambda card: replace(card, snapshot={**card.snapshot, "told": state}))


async def named(context: Context, card_id: str, person: Person) -> None:
    """The name of somebody whom a card answers became known."""
    await _change(context, card_id, lambda card: card_snapshot.with_name(card, person))


async def _change(context: Context, card_id: str, change: Callable[[Card], Card]) -> None:
    while card := await context.store.card(card_id):
        changed = change(card)
        if changed == card or await context.store.save_card(changed):
            return


async def _nothing(context: Context, question: Question, explained: Explained) -> Answer:
    kept = card_snapshot.make(
        (), Facts(), why=explained.why_nothing, asker=question.asker, private=_private(question), text=explained.redaction.text
    )
    card = await _keep(context, question, kept, explained.locale, "")
    return Answer(card, await present.draw(context, card, question.surface, explained.locale), (), notice=live_secret(question, explained))


async def _again(context: Context, question: Question, card: Card, explained: Explained, found: tuple[Diagnosis, ...]) -> Answer:
    """The same need in the same chat: the card that stands there answers it, now for one more person, with the newest text and request id."""
    findings = [one.finding for one in found]
    while True:
        changed = card_snapshot.with_newest(card, findings, explained.redaction.text)
        changed = card_snapshot.with_asker(changed, question.asker) if question.asker is not None else changed
        if changed == card:
            break
        if await context.store.save_card(changed):
            card = replace(changed, version=changed.version + 1)
            break
        card = await context.store.card(card.id) or card
    reply = await present.draw(context, card, question.surface, explained.locale)
    return Answer(card, reply, found, notice=live_secret(question, explained), existing=card)


async def _keep(context: Context, question: Question, kept: Mapping[str, Any], locale: Locale, need: str) -> Card:
    card = Card(
        id=question.card or context.random.token()[:22],
        place=question.place or NOWHERE,
        asker=question.asker,
        snapshot=kept,
        locale=locale,
        created=context.now(),
        need=need,
    )
    if await context.store.put_card(card):
        return card
    return await context.store.card(card.id) or card  # a process that died has made it already


def _private(question: Question) -> bool:
    return question.private or question.surface in ("web", "text", "cli")


def live_secret(question: Question, explained: Explained) -> Text | None:
    """What the poster is told privately when a usable-looking secret was in the paste."""
    if not (explained.redaction.live or question.live):
        return None
    return say(
        "Your message holds a secret that still looks usable. I have masked it in my answer and kept no copy. "
        "Rotate it now, and delete the message."
    )


def need_of(found: Sequence[Diagnosis]) -> str:
    """What a card is about, for "one card per app, scopes and chat" and for mutes: stable while the same call keeps failing."""
    first = found[0]
    scopes = ",".join(sorted(first.finding.scopes))
    where = first.finding.resource or first.finding.hints.get("api", "")
    ids = ",".join(first.finding.request_ids[: card_snapshot.MOST_IDS])
    codes = ",".join(first.finding.codes) or (first.entry.code if first.entry else "") or ids
    return "|".join((first.finding.platform, first.finding.app_id or "", str(first.cause), scopes or codes, where))[:400]


# ---------------------------------------------------------------- what is known beside the paste


async def look(context: Context, found: Sequence[Diagnosis], asker: Person | None) -> Facts:
    """Ask the platforms what the diagnoses depend on: which scopes the apps have, which this person has granted. Silence means unknown."""
    meant = [app for diagnosis in found for app in candidates(diagnosis.finding, context.apps)[0]]
    wanted = [app for number, app in enumerate(meant) if app not in meant[:number]][:MOST_APPS]
    seen = {app.app_id: await _look_at(context, app) for app in wanted}
    return Facts(
        apps=context.apps,
        app_facts={app_id: facts for app_id, facts in seen.items() if isinstance(facts, AppFacts)},
        granted=await _granted(context, wanted, asker),
        now=context.now(),
        unseen={app_id: facts for app_id, facts in seen.items() if isinstance(facts, str)},
    )


async def app_facts_of(context: Context, app: App) -> AppFacts | None:
    """What the platform says about an app; None when it offers no such look or does not answer."""
    seen = await _look_at(context, app)
    return seen if isinstance(seen, AppFacts) else None


async def _look_at(context: Context, app: App) -> AppFacts | str | None:
    """What the platform says about an app, or its reason why not; None when it offers no such look."""
    checks = platforms.checks(app.platform)
    if checks is None or checks.app_facts is None:
        return None
    try:
        return await context.ask(checks.app_facts(app))
    except PlatformRefusal as refusal:
        return refusal.code


async def _granted(context: Context, apps: Sequence[App], asker: Person | None) -> frozenset[str] | None:
    if asker is None or not apps:
        return None
    keys = {(app.platform, app.app_id) for app in apps}
    rows = [row for row in await context.store.tokens_of(asker) if (row.platform, row.app_id) in keys]
    live = [row for row in rows if not tokens.over(row, context.now())]
    return frozenset(scope for row in live for scope in row.scopes) if live else None


def _diagnose(findings: Sequence[Finding], facts: Facts) -> tuple[Diagnosis, ...]:
    return diagnose(tuple(findings), catalog(), facts)


# ---------------------------------------------------------------- the memory for request ids


async def _recalled(context: Context, findings: Sequence[Finding], tenant: str) -> tuple[Finding, ...]:
    """A bare request id that was seen before becomes the error that it belongs to."""
    return tuple([await _recall(context, finding, tenant) for finding in findings])


async def _recall(context: Context, finding: Finding, tenant: str) -> Finding:
    if finding.codes or finding.hints.get("entry"):
        return finding
    known = await context.store.recall(_most(finding.request_ids), tenant)
    return _merged(known, finding) if known else finding


def _merged(report: Report, bare: Finding) -> Finding:
    seen = card_snapshot.read_finding(report.finding)
    ids = tuple(dict.fromkeys((*bare.request_ids, *seen.request_ids)))
    return replace(seen, request_ids=ids, hints={**seen.hints, **bare.hints}, span=bare.span)


async def _remember(context: Context, found: Sequence[Diagnosis], tenant: str, source: str) -> tuple[str, ...]:
    """One report an error, however many ids it came with; returns the ids that now lead to one."""
    reports = [
        Report(_most(one.finding.request_ids), one.finding.platform, card_snapshot.finding_row(one.finding), context.now(), source, tenant)
        for one in found
        if one.finding.request_ids and (one.finding.codes or one.finding.hints.get("entry"))
    ]
    if reports:
        await context.store.remember(reports)
    return tuple(dict.fromkeys(request_id for report in reports for request_id in report.request_ids))


def _most(request_ids: tuple[str, ...]) -> tuple[str, ...]:
    half = MOST_IDS // 2
    return request_ids if len(request_ids) <= MOST_IDS else (*request_ids[:half], *request_ids[-half:])


async def report(context: Context, text: str, request_id: str | None, source: str) -> tuple[str, ...]:
    """An app sends in a failure of its own; returns the request ids by which it can be looked up now. Everybody here may look it up."""
    found = (await read(context, text)).diagnoses
    request_id = redact(request_id).text if request_id else None
    if request_id and found and request_id not in found[0].finding.request_ids:
        first = found[0]
        ids = (request_id, *first.finding.request_ids)
        found = (replace(first, finding=replace(first.finding, request_ids=ids)), *found[1:])
    return await _remember(context, found, "", source)


async def look_up(context: Context, request_id: str) -> Diagnosis | None:
    """The diagnosis of a request id that was reported or pasted before."""
    known = await context.store.recall((redact(request_id).text,))
    if known is None:
        return None
    asked = Finding(known.platform, request_ids=known.request_ids)
    found = _diagnose([_merged(known, asked)], Facts(apps=context.apps, now=context.now()))
    return found[0] if found else None
