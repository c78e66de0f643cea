"""Findings + facts + catalogue → diagnoses: what is missing, who can fix it, where to click, and how we know.

Nothing here trusts the paste: scopes count only when the catalogue knows them, an app only when it is configured, and every link is
built by the platform's `links.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot import platforms
from bot.catalog import Catalog
from bot.diagnose.classify import SCOPE_CAUSES, WHO, Reading, read, speaking, titles
from bot.diagnose.consent_offer import candidates, offers
from bot.diagnose.evidence import fired
from bot.diagnose.hypotheses import Hypothesis, Subject, agreeing, rank
from bot.diagnose.questions import answered, telling
from bot.diagnose.remedies import claimed, looks, remedies, rivals
from bot.diagnose.scope_choice import choose
from bot.diagnose.steps import steps
from bot.i18n import joined, listed, same, say
from bot.model import App, AppFacts, Cause, Choice, Diagnosis, Facts, Finding, Identity, Link, Mode, SupportItem, TellingQuestion, Text, Who

MAX_STEPS = 4
_SMALL = frozenset({"host", "token_type", "sub_code", "violation", "api"})  # hints that say something about the call
_MOST_TIMES = 5  # of calls, read from bare request ids


def diagnose(findings: Sequence[Finding], catalog: Catalog, facts: Facts) -> tuple[Diagnosis, ...]:
    """One diagnosis for each finding, in the same order."""
    return tuple(_diagnose(finding, catalog, facts) for finding in findings)


@dataclass(frozen=True, slots=True)
class _Read:
    """A finding with all that is known about it."""

    reading: Reading
    case: platforms.Case
    subject: Subject
    apps: tuple[App, ...]
    no_app: Text | None


# What makes a reading doubtful, by the signal that tells it, and what is left of the confidence.
_DOUBTS = {"evidence.contradiction": 0.85, "platform.stranger": 0.7, "evidence.unlisted_unnamed": 0.85, "platform.rival": 0.95}


def _confidence(reading: Reading, finding: Finding) -> float:
    """How sure the cause is: less where the message shares no word with its entry, or the error is another system's."""
    fired = {signal.rule for signal in finding.signals}
    return round(reading.confidence * math.prod(left for rule, left in _DOUBTS.items() if rule in fired), 2)


def subject_of(found: Finding, book: Catalog, facts: Facts) -> Subject:
    """What the ranking of remedies is told about a finding (also when its weights are fitted)."""
    return _read(found, book, facts).subject


def _read(found: Finding, book: Catalog, facts: Facts) -> _Read:
    reading = read(found, book)
    apps, no_app = candidates(found, facts.apps)
    app = apps[0] if apps else None
    known = facts.app_facts.get(app.app_id) if app else None
    choice = _choice(found, reading, book, app, facts)
    reading = _settled(reading, choice, known)
    finding = replace(found, identity=reading.identity)
    links = _links(finding, reading, choice, app)
    case = platforms.Case(
        finding,
        reading.cause,
        reading.who_fixes,
        reading.entry,
        choice,
        app,
        known,
        facts.granted,
        links,
        _held(finding.platform, choice, book, facts.granted),
        _personal(finding.platform, choice, book),
    )
    return _Read(reading, case, _subject(case, reading.confidence, book, facts), apps, no_app)


def _diagnose(found: Finding, book: Catalog, facts: Facts) -> Diagnosis:
    now = _read(found, book, facts)
    reading, case, subject = now.reading, now.case, now.subject
    finding, choice, known = case.finding, case.choice, case.facts
    ranked = rank(subject)
    may_start, no_offer = offers(case, now.apps, now.no_app, lambda other: _choice(finding, reading, book, other, facts), facts)
    return Diagnosis(
        finding=finding,
        cause=reading.cause,
        who_fixes=reading.who_fixes,
        confidence=_confidence(reading, finding),
        title=_title(reading),
        verdict=_verdict(finding, reading, choice),
        platform_title=platforms.title(finding.platform, _brand(finding, case.app)),
        choice=choice,
        steps=steps(case, reading)[:MAX_STEPS],
        links=case.links,
        rivals=rivals(case, reading.confidence, ranked, reading.rivals),
        offers=may_start,
        no_offer=no_offer,
        notes=_notes(case, reading),
        support=_support(finding),
        entry=reading.entry,
        app_known=known is not None,
        only_an_id=reading.bare,
        awaits_approval=known is not None and choice is not None and not known.pending.isdisjoint(choice.recommended),
        remedies=remedies(case, ranked, len(agreeing(subject))),
        question=_question(subject, ranked, facts),
    )


# ---------------------------------------------------------------- parts


def _settled(reading: Reading, choice: Choice | None, known: AppFacts | None) -> Reading:
    """What the platform says about the app settles whose turn it is.

    The scope is in effect: then of two readings the one holds in which the user's grant is missing. It is not: then no user can grant it,
    and the developer comes first.
    """
    if reading.cause is Cause.USER_SCOPE_MISSING and _surely_not_enabled(choice, known):
        return replace(reading, who_fixes=Who.DEVELOPER)
    rival = next((one for one in reading.rivals if one.cause is Cause.USER_SCOPE_MISSING), None)
    if reading.cause is not Cause.APP_SCOPE_MISSING or rival is None or choice is None or not choice.recommended:
        return reading
    if known is None or known.enabled is None or any(Identity.USER not in known.enabled.get(name, ()) for name in choice.recommended):
        return reading
    others = tuple(one for one in reading.rivals if one is not rival)
    return replace(reading, cause=rival.cause, who_fixes=WHO[rival.cause], identity=Identity.USER, confidence=0.85, rivals=others)


def _subject(case: platforms.Case, confidence: float, book: Catalog, facts: Facts) -> Subject:
    """What the ranking of remedies is told."""
    finding = case.finding
    small = "\n".join(f"{name}={value}" for name, value in finding.hints.items() if name in _SMALL)
    text = f"{finding.surroundings or finding.message}\n{small}"
    return Subject(
        finding.platform,
        case.cause,
        confidence,
        finding.codes,
        speaking(finding, book),
        text,
        fired(finding.platform, case.cause, text, finding.claims.tried | finding.claims.environment),
        (*looks(case), *claimed(case, book.tree(finding.platform)), *answered(facts.answers)),
    )


def _question(subject: Subject, ranked: Sequence[Hypothesis], facts: Facts) -> TellingQuestion | None:
    known = {*facts.answers, *(rule.id for rule in subject.signs)}
    nothing = subject.cause is Cause.OTHER and not subject.entries
    return telling(subject.platform, subject.cause, subject.codes, ranked, known, needed=nothing and not facts.answers)


def _surely_not_enabled(choice: Choice | None, known: AppFacts | None) -> bool:
    if choice is None or not choice.recommended or known is None or known.enabled is None:
        return False
    return any(known.enabled.get(name, frozenset()).isdisjoint({Identity.USER, Identity.UNKNOWN}) for name in choice.recommended)


def _held(platform: str, choice: Choice | None, book: Catalog, granted: frozenset[str] | None) -> frozenset[str]:
    tree = book.tree(platform)
    wanted = choice.recommended if choice else ()
    return frozenset(name for name in wanted if any(tree.covers(one, name) for one in granted or ()))


def _personal(platform: str, choice: Choice | None, book: Catalog) -> bool:
    scopes = [book.scope(platform, name) for name in choice.recommended] if choice else []
    return bool(scopes) and all(scope is not None and Identity.USER in scope.identities for scope in scopes)


def _choice(finding: Finding, reading: Reading, book: Catalog, app: App | None, facts: Facts) -> Choice | None:
    if reading.cause not in SCOPE_CAUSES:
        return None
    known = facts.app_facts.get(app.app_id) if app else None
    names, mode, why = finding.scopes, finding.scopes_mode, None
    if not names and (tell := platforms.advice(finding.platform).scopes) and (told := tell(finding, facts.granted, known)):
        names, why = told
        mode = Mode.ALL
    choice = choose(
        finding.platform,
        names,
        mode,
        book,
        identity=reading.identity,
        enabled=known.enabled if known else None,
        granted=facts.granted,
        pending=known.pending if known else frozenset(),
        never_ask=app.never_ask if app else frozenset(),
    )
    return replace(choice, reason=why) if choice and why and choice.recommended else choice


def _links(finding: Finding, reading: Reading, choice: Choice | None, app: App | None) -> tuple[Link, ...]:
    part = platforms.links(finding.platform)
    found = part.links(finding, choice.recommended if choice else (), app, reading.cause) if part else ()
    docs = part.document(reading.docs, finding, app) if part else reading.docs
    if docs and all(link.url != docs for link in found):
        about = say("Documentation of {code}", code=reading.code) if reading.code else say("Documentation")
        found += (Link("docs", docs, about),)
    return found


def _support(finding: Finding) -> tuple[SupportItem, ...]:
    part = platforms.links(finding.platform)
    return part.support(finding) if part else ()


def _brand(finding: Finding, app: App | None) -> str:
    return (app.brand if app else "") or finding.hints.get("brand", "")


def _title(reading: Reading) -> Text:
    if reading.bare:
        return say("Only a request id")
    if reading.entry and reading.cause is reading.entry.cause:
        return reading.entry.title
    return titles()[reading.cause]


def _verdict(finding: Finding, reading: Reading, choice: Choice | None) -> Text:
    if reading.bare:
        return say("{id} alone says when the call was made, not why it was refused.", id=finding.request_ids[0])
    if reading.cause in SCOPE_CAUSES and choice and (choice.recommended or choice.unknown):
        return _scope_verdict(reading, choice)
    if reading.known:
        return reading.what or titles()[reading.cause]
    suggestion = reading.what or _suggests(reading.cause)
    if not finding.codes or finding.codes[0] == str(finding.http_status):
        return suggestion
    return joined([say("Code {code} is not in our catalogue.", code=finding.codes[0]), suggestion])


def _scope_verdict(reading: Reading, choice: Choice) -> Text:
    named = listed(choice.recommended or choice.unknown)
    if reading.cause is Cause.USER_SCOPE_MISSING:
        if reading.who_fixes is Who.DEVELOPER:
            return say("The app has not enabled {scopes} for users yet, so nobody can grant it.", scopes=named)
        return say("The user's consent is missing: {scopes}.", scopes=named)
    if reading.identity is Identity.USER:
        return say("The app lacks {scopes} for calls as user.", scopes=named)
    if reading.identity is Identity.APP:
        return say("The app lacks {scopes} for calls as app.", scopes=named)
    return say("The app lacks {scopes}.", scopes=named)


def _suggests(cause: Cause) -> Text:
    if cause is Cause.OTHER:
        return say("The text does not say why the call was refused. Paste the whole answer of the platform.")
    return say("Its wording suggests: {cause}.", cause=titles()[cause])


def _notes(case: platforms.Case, reading: Reading) -> tuple[Text, ...]:
    advice, notes = platforms.advice(case.finding.platform), list[Text]()
    if reading.bare:
        notes += [text for value in case.finding.request_ids[:_MOST_TIMES] if (text := advice.when(value, case.finding))]
    if case.choice:
        notes += [
            say("“{name}” is not in our list; did you mean {near}?", name=name, near=near) for name, near in case.choice.similar.items()
        ]
    if reading.entry and reading.entry.retired:
        notes.append(say("This code is retired: {why}", why=same(reading.entry.retired)))
    return (*notes, *advice.notes(case))
