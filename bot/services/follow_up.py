"""A reply under a card is about that card.

    a message → under which card? → a new error? (then a new card) → what does it say? → claims and facts go into the card → look again → redraw

What somebody says is a claim: it goes into the text around the error, and into the answers of the telling questions, and the case is ranked again
with it. Small talk gets nothing in a channel and a short word directly. What is not understood is said where the bot itself was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot import platforms
from bot.card.labels import role_sentence
from bot.catalog import catalog
from bot.diagnose.questions import questions
from bot.explain import Explained
from bot.extract.replies import MOST, Said, read_reply
from bot.i18n import joined, listed, same, say
from bot.model import Diagnosis, Finding, Identity, Place, Question, Remedy, Text
from bot.patterns import lazy
from bot.ports import Card
from bot.services import answer, card_snapshot, click, commands, document_access, present, watch
from bot.services.context import Context
from bot.services.results import Replied

LAST = timedelta(days=1)
"""For how long a message without a thread may be about the newest card of its author."""
UNSURE_LAST = timedelta(minutes=30)
"""The same for one that says nothing that we understand."""
MOST_CARDS = 100
HAS_IT = 0.5
_SURROUNDINGS = 4_000
_PASTED = lazy(r"[{\n]")
"""Signs of an answer that was pasted rather than spoken about."""
_LONG = 200
_EDGES = lazy(r"^[\s\"'“”.,!?。，！？]+|[\s\"'“”.,!?。，！？]+$")


async def reply(context: Context, question: Question) -> Replied | None:
    """What a reply brings; None when it is none: no card is meant, it is a command, or an error of its own."""
    card = await _meant(context, question) if _may_be_one(question) else None
    if card is None:
        return None
    found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    explained = await answer.read(context, question.text, question.locale)
    said = _read(explained.redaction.text, found[0])
    if _is_new(explained, said, found):
        return None
    ids = tuple(each for one in explained.findings for each in one.request_ids if each not in found[0].finding.request_ids)
    if said.kind in ("claim", "works", "look") or (ids and question.under):
        return await _changed(context, question, card, said, ids)
    if said.kind != "none":
        return Replied(card, said=await _word(context, question, card, said, found[0]))
    own = _asks(question.text) or any(one.request_ids for one in explained.findings)  # a bare request id is a question by itself
    unclear = question.direct and _fresh(context, card, question, UNSURE_LAST) and not own
    return Replied(card, said=_unclear(found[0])) if unclear else None


def _may_be_one(question: Question) -> bool:
    below = bool(question.under) or question.follows
    return below and len(question.text) <= MOST and bool(question.text.strip()) and not commands.is_word(question.text)


# ---------------------------------------------------------------- which card


async def stands_under(context: Context, place: Place, under: Sequence[str]) -> bool:
    """Whether a card stands there: only then a message that nobody addressed to the bot is looked at."""
    return _above(await _cards(context, place), under) is not None


async def _cards(context: Context, place: Place) -> list[Card]:
    return [card for card in reversed(await context.store.cards_in(place, MOST_CARDS)) if card.snapshot.get("findings")]


def _above(cards: Sequence[Card], under: Sequence[str]) -> Card | None:
    """The newest card that stands in one of these threads, is one of these messages, or answers one."""
    wanted = {each for each in under if each}
    return next((card for card in cards if wanted & {card.message, card.place.thread, str(card.snapshot.get("source") or "")}), None)


async def _meant(context: Context, question: Question) -> Card | None:
    """The card that a message is written below; where there are no threads the newest card that answers its author."""
    if question.place is None:
        return None
    cards = await _cards(context, question.place)
    if above := _above(cards, question.under):
        return above
    if not question.follows or question.asker is None:
        return None
    asker = question.asker
    mine = next((card for card in cards if card_snapshot.was_asked(card, asker)), None)
    return mine if mine is not None and _fresh(context, mine, question, LAST) else None


def _fresh(context: Context, card: Card, question: Question, span: timedelta) -> bool:
    return bool(question.under) or context.now() - card.created < span


# ---------------------------------------------------------------- what it says


def _read(text: str, diagnosis: Diagnosis) -> Said:
    platform = diagnosis.finding.platform
    checks = platforms.checks(platform)
    documents = checks.documents if checks else None
    said = read_reply(text, platforms.reading(platform), (lambda link: documents.understands(link, "", "view")) if documents else None)
    asked = diagnosis.question
    given = _bare(text)
    for one in asked.answers if asked else ():
        if given in (_bare(one.text.en), _bare(one.text.zh), one.id) and asked is not None:
            heard = (Text(f"{asked.text.en} {one.text.en}.", f"{asked.text.zh}{one.text.zh}。"),)
            return replace(said, kind="claim", answers={**said.answers, asked.id: one.id}, heard=heard)
    return said


def _bare(text: str) -> str:
    return _EDGES.sub("", text).casefold()


def _is_new(explained: Explained, said: Said, found: Sequence[Diagnosis]) -> bool:
    """Whether a message brings an error of its own. One that only repeats the card's code beside a claim does not."""
    known = {code for one in found for code in one.finding.codes}
    for finding in explained.findings:
        if finding.has_it < HAS_IT or not (finding.codes or finding.hints.get("entry")):
            continue
        if finding.codes and not known.issuperset(finding.codes):
            return True
        if said.kind == "none" or _PASTED.search(explained.redaction.text):
            return True
    return False


def _asks(text: str) -> bool:
    """Whether a text is a question of its own: a code that we know, an address, or so much that it is no remark."""
    word = text.strip()
    return "://" in word or "\n" in word or len(word) > _LONG or bool(catalog().platforms_of(word))


# ---------------------------------------------------------------- what it changes


async def _changed(context: Context, question: Question, card: Card, said: Said, ids: tuple[str, ...]) -> Replied:
    """Put what was said into the card, look again, and write on top what is new."""
    before = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    if said.kind == "works" and question.asker is not None:
        await context.store.feedback(card.id, question.asker, True)
    await _save(context, card.id, lambda kept: _with(kept, said, ids, question.text, before[0]))
    asker = next(iter(card_snapshot.askers(card)), question.asker)
    if asker is not None and card.place.surface:
        await click.click(context, card.id, "check", asker, card.place)
    document = await document_access.about(context, asker, said.document) if said.document else None
    fresh = await context.store.card(card.id) or card
    full, public = await _news(context, fresh, said, before, ids, document)
    await _save(
        context, card.id, lambda kept: {**kept, "news": {"asker": card_snapshot.text_row(full), "channel": card_snapshot.text_row(public)}}
    )
    fresh = await context.store.card(card.id) or fresh
    drawn = await present.draw(context, fresh, question.surface, present.as_locale(fresh.locale))
    return Replied(fresh, drawn, full if question.private else public)


async def _save(context: Context, card_id: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    while card := await context.store.card(card_id):
        if await context.store.save_card(replace(card, snapshot=change(card.snapshot))):
            return


def _with(kept: Mapping[str, Any], said: Said, ids: tuple[str, ...], text: str, was: Diagnosis) -> dict[str, Any]:
    """A snapshot with what was said: the first finding gains the facts, and the text around it the claims."""
    rows = list(kept.get("findings", ()))
    rows[0] = card_snapshot.finding_row(_told(card_snapshot.read_finding(rows[0]), said, ids, text))
    facts = dict(kept.get("facts") or {})
    fits = {
        asking.question.id
        for asking in questions()
        if asking.may_be_asked(was.finding.platform, was.cause, was.finding.codes) and asking.question.id in said.answers
    }
    facts["answers"] = {**(facts.get("answers") or {}), **{name: value for name, value in said.answers.items() if name in fits}}
    return {**kept, "findings": rows, "facts": facts}


def _told(finding: Finding, said: Said, ids: tuple[str, ...], text: str) -> Finding:
    hints = {**finding.hints, **({"api": said.api} if said.api else {})}
    if said.document:
        hints.pop("type", None)
    around = "\n".join(part for part in (said.says, text.strip(), finding.surroundings or finding.message) if part)
    return replace(
        finding,
        hints=hints,
        identity=said.identity if said.identity is not Identity.UNKNOWN else finding.identity,
        app_id=said.app_id or finding.app_id,
        resource=said.document or finding.resource,
        request_ids=(*ids, *finding.request_ids),
        claims=replace(finding.claims, tried=finding.claims.tried | said.tried),
        surroundings=around[:_SURROUNDINGS],
    )


async def _news(
    context: Context, card: Card, said: Said, before: Sequence[Diagnosis], ids: tuple[str, ...], document: Text | None
) -> tuple[Text, Text]:
    """What was heard, what the look showed, and what is likeliest now: for the asker alone, and as everybody may read it."""
    now = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())[0]
    heard = [*said.heard, *([say("The API is {api}.", api=said.api)] if said.api else [])]
    own = [*([_app_heard(context, now, said.app_id)] if said.app_id else []), *([say("I added the id {id}.", id=ids[0])] if ids else [])]
    view = await present.see_card(context, card, "asker")
    if view.state is not None and view.state.state == "proven":
        proven = say("I looked again: it is proven.")
        return joined([*heard, *own, proven]), joined([*heard, proven])
    helps = _helps(before[0], now)
    likeliest = [] if helps else [_likeliest(before[0], now)]
    full = joined([*heard, *own, *([document] if document else _seen(now, card)), *helps, *likeliest])
    return full, joined([*heard, *([say("Consent helps; the button on the card starts it.")] if helps else likeliest)])


def _app_heard(context: Context, now: Diagnosis, app_id: str) -> Text:
    if context.app(now.finding.platform, app_id) is None:
        return say("The app is {app}; it is not configured here, so I cannot look at it.", app=app_id)
    return say("The app is {app}.", app=app_id)


def _seen(now: Diagnosis, card: Card) -> list[Text]:
    """What the look showed about the likely remedies, or why it failed: what was seen earlier is not told as seen now."""
    unseen = (card.snapshot.get("facts") or {}).get("unseen") or {}
    if unseen:
        return [say("It could not be asked: {reason}", reason=str(next(iter(unseen.values()))))]
    told = [evidence.text for remedy in now.remedies[:3] for evidence in remedy.evidence if evidence.rule.startswith("look:")]
    return [say("I looked again: {seen}", seen=text) for text in dict.fromkeys(told)][:1]


def _helps(before: Diagnosis, now: Diagnosis) -> list[Text]:
    if not now.offers or before.offers:
        return []
    return [say("Consent helps: {scopes}. The button on the card starts it.", scopes=listed(now.offers[0].scopes))]


def _likeliest(before: Diagnosis, now: Diagnosis) -> Text:
    first: Remedy = now.remedies[0]
    if before.remedies[0].id == first.id:
        return say("Still the likeliest: {title}.", title=first.title)
    return say("Likeliest now: {title}.", title=first.title)


# ---------------------------------------------------------------- what is only said


async def _word(context: Context, question: Question, card: Card, said: Said, now: Diagnosis) -> Text | None:
    """The answer to what changes nothing in the card; small talk in a channel gets none."""
    if said.kind == "watch" and question.asker is not None:
        return await watch.begin(context, card, question.asker)
    if said.kind == "who":
        return _who(now, "asker" if question.private else "channel")
    return _kindly(said) if question.private else None


def _kindly(said: Said) -> Text:
    if said.kind == "thanks":
        return say("You are welcome. Tell me if it fails again.")
    return say("I am here. Tell me what you tried, or paste the next error.")


def _who(now: Diagnosis, audience: str) -> Text:
    first = now.remedies[0]
    told = [role_sentence(first.who, now.platform_title), say("To do: {title}.", title=first.title)]
    if first.link is not None and audience == "asker":
        told.append(same(first.link.url))
    return joined(told)


def _unclear(now: Diagnosis) -> Text:
    """What was not understood, and what would help."""
    sorry = say("I could not make sense of that for this error.")
    if now.question is not None:
        choices = Text(" / ".join(one.text.en for one in now.question.answers), " / ".join(one.text.zh for one in now.question.answers))
        return joined([sorry, say("It would help to know: {question} ({answers})", question=now.question.text, answers=choices)])
    return joined(
        [sorry, say("Name the API or the app, say what you tried, write “check”, or paste the whole new error.")],
    )
