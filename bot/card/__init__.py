"""What a card says, before any surface draws it: title, who must act, verdict, steps, one main button, quiet ones, folded parts.

Rules of this file: it decides what is said and to whom, never how it looks; every sentence is plain text in both languages without any
markup (`bot/render/__init__.py` escapes it for the surface); nothing foreign gets a link or a button.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from bot.card.buttons import button_value, buttons, read_button_value
from bot.card.labels import STATES, Tone, cause_sentence, label, role_name, role_sentence, state_label
from bot.card.privacy import holds, public, veil, whole_names
from bot.card.privacy import secrets as secrets_of
from bot.diagnose.classify import titles
from bot.diagnose.consent_offer import no_help
from bot.i18n import listed, say
from bot.model import ACTIONS, Button, Cause, ConsentView, Diagnosis, Link, Mode, Rival, StepState, Text

__all__ = [
    "Audience",
    "CardView",
    "Colour",
    "Fact",
    "Fold",
    "StateLine",
    "StepView",
    "button_value",
    "nothing",
    "notice",
    "read_button_value",
    "rival_line",
    "support_text",
    "title_of",
    "view",
]

Audience = Literal["asker", "channel"]
MAX_STEPS = 4
MAX_NOTES = 2
MAX_OTHERS = 5
SHOWN_IDS = 5
HAS_IT = 0.5
"""Below this the text is likelier written about an error than by somebody who has it; the card says so."""
UNSURE = 0.6
"""Below this confidence the card says that it is not sure."""


class Colour(StrEnum):
    """The colour of a card tells who must act; `PROVEN` (green) is kept for proof and nothing else."""

    DEVELOPER = "developer"
    ORG_ADMIN = "org_admin"
    USER = "user"
    RESOURCE_OWNER = "resource_owner"
    PLATFORM_SUPPORT = "platform_support"
    NOBODY_RETRY = "nobody_retry"
    PROVEN = "proven"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class StepView:
    """One step: `state` is shown as a mark, `evidence` says how we know, `link` stands in the step that needs it."""

    text: Text
    state: StepState
    evidence: Text | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value. `value` None: still missing."""

    name: Text
    value: str | None


@dataclass(frozen=True, slots=True)
class Fold:
    """A part that stays folded until asked for. `quote` is foreign text, shown letter by letter; `copy` what a copy button takes."""

    key: Literal["why", "rivals", "notes", "error", "support", "request"]
    title: Text
    lines: tuple[Text, ...] = ()
    facts: tuple[Fact, ...] = ()
    quote: str = ""
    links: tuple[Link, ...] = ()
    copy: Text | None = None


@dataclass(frozen=True, slots=True)
class StateLine:
    """Where the consent stands: a word for the state, what happened, whose account, what proves it."""

    state: str
    tone: Tone
    label: Text
    sentence: Text
    details: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class CardView:
    """A whole card. `tag` is the role in one or two words, `who` the sentence; `others` are further errors of the same paste."""

    kind: Literal["diagnosis", "nothing", "notice"]
    title: Text
    verdict: Text
    colour: Colour = Colour.PLAIN
    tag: Text | None = None
    who: Text | None = None
    state: StateLine | None = None
    steps: tuple[StepView, ...] = ()
    notes: tuple[Text, ...] = ()
    primary: Button | None = None
    quiet: tuple[Button, ...] = ()
    folds: tuple[Fold, ...] = ()
    others: tuple[Text, ...] = ()
    audience: Audience = "asker"


def title_of(diagnosis: Diagnosis) -> Text:
    """The cause in words, then platform and code: `Missing user consent · Feishu 99991679`."""
    code = _shown_code(diagnosis)
    tail_en = f"{diagnosis.platform_title.en} {code}".strip()
    tail_zh = f"{diagnosis.platform_title.zh} {code}".strip()
    en, zh = diagnosis.title.en, diagnosis.title.zh
    return Text(f"{en} · {tail_en}" if tail_en else en, f"{zh} · {tail_zh}" if tail_zh else zh)


def _shown_code(diagnosis: Diagnosis) -> str:
    if diagnosis.entry is not None and not diagnosis.entry.code_shown:
        return ""
    return diagnosis.finding.codes[0] if diagnosis.finding.codes else ""


# ---------------------------------------------------------------- parts


#: States after which the platform may still hold a consent that nobody wants: how it is withdrawn is then no fine print.
_STILL_THERE = ("wrong_account", "revoked")


def _state_line(consent: ConsentView | None, audience: Audience, hidden: re.Pattern[str] | None) -> StateLine | None:
    if consent is None:
        return None
    tone, _ = STATES.get(consent.state, (Tone.WORKING, ""))
    details: list[Text] = []
    if consent.account and audience == "asker":
        details.append(say("Account: {account}", account=consent.account))
    if consent.missing and audience == "asker":
        details.append(say("Still missing: {scopes}", scopes=listed(consent.missing)))
    if consent.state == "proven" and consent.granted and audience == "asker":
        details.append(say("Granted: {scopes}", scopes=listed(consent.granted)))
    if consent.proof is not None:
        details.append(say("Proof: {proof}", proof=consent.proof.text) if consent.proof.ok else consent.proof.text)
    if consent.state == "proven" and (consent.proof is None or consent.proof.ok is not True):
        # Green needs a proof that says yes; without one the card stays what it was.
        tone = Tone.WORKING
    if consent.advice is not None and consent.state in _STILL_THERE:
        details.append(consent.advice)
    sentence = consent.sentence
    if audience == "channel":
        sentence, details = veil(sentence, hidden), [veil(detail, hidden) for detail in details]
    shown = "granted" if consent.state == "proven" and tone is not Tone.PROVEN else consent.state
    return StateLine(shown, tone, state_label(shown), sentence, tuple(details))


def _why_fold(diagnosis: Diagnosis) -> Fold | None:
    choice = diagnosis.choice
    if choice is None or not (choice.recommended or choice.unknown):
        return None
    lines: list[Text] = []
    if choice.recommended:
        every = len(choice.recommended) > 1 and diagnosis.finding.scopes_mode is Mode.ALL
        lines.append(say("All of these are needed: {scopes}." if every else "Recommended: {scopes}.", scopes=listed(choice.recommended)))
    lines.append(choice.reason)
    if choice.alternatives:
        lines.append(say("Any one of these would also do: {scopes}.", scopes=listed(choice.alternatives)))
    for name in choice.unknown:
        similar = choice.similar.get(name)
        if similar:
            lines.append(say("Not in our list of scopes: {scope}. Did you mean {similar}?", scope=name, similar=similar))
        else:
            lines.append(say("Not in our list of scopes, so never asked for: {scope}.", scope=name))
    return Fold("why", label("Why this scope, and what else would do"), tuple(lines))


def rival_line(rival: Rival) -> Text:
    """Another possible cause, whose it would be, and what would tell."""
    return say("{cause} ({who}): {tells}", cause=titles()[rival.cause], who=role_name(rival.who_fixes), tells=rival.tells)


def _rivals_fold(diagnosis: Diagnosis) -> Fold | None:
    if not diagnosis.rivals:
        return None
    lines = [rival_line(rival) for rival in diagnosis.rivals]
    return Fold("rivals", label("Other possible causes, and what tells them apart"), tuple(lines))


def support_text(diagnosis: Diagnosis) -> Text:
    """The support bundle as text to copy: one line an item, what is missing said so."""
    missing = label("(still missing)")
    rows = [(item.name, item.value) for item in diagnosis.support]
    return Text(
        "\n".join(f"{name.en}: {missing.en if value is None else value}" for name, value in rows),
        "\n".join(f"{name.zh}：{missing.zh if value is None else value}" for name, value in rows),
    )


def _support_fold(diagnosis: Diagnosis) -> Fold | None:
    if not diagnosis.support:
        return None
    facts = tuple(Fact(item.name, item.value) for item in diagnosis.support)
    lacking = sum(1 for item in diagnosis.support if item.value is None)
    lines = (say("{count} of {total} still to be filled in.", count=lacking, total=len(facts)),) if lacking else ()
    return Fold("support", label("What support asks for"), lines, facts, copy=support_text(diagnosis))


def _quote(diagnosis: Diagnosis) -> str:
    """The platform's answer as it was where it was found whole, else what was read of it."""
    finding = diagnosis.finding
    return finding.hints.get("body") or finding.message


def _request_fold(diagnosis: Diagnosis, links: Sequence[Link], used: Collection[str]) -> Fold | None:
    finding = diagnosis.finding
    facts = [Fact(label("Request id"), request_id) for request_id in finding.request_ids[:SHOWN_IDS]]
    hidden = len(finding.request_ids) - len(facts) + int(finding.hints.get("more_ids", 0))
    lines = (say("Request ids that are not shown: {count}.", count=hidden),) if hidden > 0 else ()
    if finding.request_ids and (time := finding.hints.get("time")):
        facts.append(Fact(label("Time"), time))
    if len(finding.codes) > 1:
        facts.append(Fact(label("All codes"), ", ".join(finding.codes)))
    if finding.http_status is not None:
        facts.append(Fact(label("HTTP status"), str(finding.http_status)))
    if finding.app_id:
        facts.append(Fact(label("App"), finding.app_id))
    if finding.hints.get("api"):
        facts.append(Fact(label("API"), finding.hints["api"]))
    rest = tuple(link for link in links if link.url not in used)
    return Fold("request", label("The request, and links"), lines, tuple(facts), links=rest) if facts or rest else None


def _urgent(diagnosis: Diagnosis, consent: ConsentView | None) -> list[Text]:
    """What has to be read before the next click; everything else is folded under "Good to know"."""
    notes: list[Text] = []
    if diagnosis.finding.has_it < HAS_IT:
        notes.append(say("This reads like a description of an error, not like a failure of yours."))
    if diagnosis.confidence < UNSURE and diagnosis.rivals:
        notes.append(label("We are not sure: see the other possible causes below."))
    if len(diagnosis.offers) > 1 and (consent is None or consent.may_retry):
        notes.append(label("Which app is it? Choose the one that made the call."))
    if diagnosis.no_offer is not None and consent is None and not _beside_the_point(diagnosis):
        notes.append(diagnosis.no_offer)
    if len(diagnosis.steps) > MAX_STEPS:
        notes.append(say("{count} more steps are in the documentation.", count=len(diagnosis.steps) - MAX_STEPS))
    return notes


#: Causes for which people try the consent page, so that they have to be told that it does not help.
_TRIED = frozenset({Cause.APP_SCOPE_MISSING, Cause.RESOURCE_PERMISSION, Cause.CONTACT_RANGE, Cause.TENANT_POLICY, Cause.APP_NOT_AVAILABLE})


def _beside_the_point(diagnosis: Diagnosis) -> bool:
    """Whether nobody would think of consent here: then the reason why none is offered is only noise."""
    return diagnosis.only_an_id or (diagnosis.no_offer == no_help() and diagnosis.cause not in _TRIED)


def _good_to_know(diagnosis: Diagnosis, consent: ConsentView | None) -> list[Text]:
    notes = list(diagnosis.notes)
    if consent is not None and consent.advice is not None and consent.state not in _STILL_THERE:
        notes.insert(0, consent.advice)
    if diagnosis.finding.count > 1:
        notes.append(say("This error stands {count} times in the text.", count=diagnosis.finding.count))
    return notes


def _other_line(diagnosis: Diagnosis) -> Text:
    return say("{title} ({who})", title=title_of(diagnosis), who=role_name(diagnosis.who_fixes))


def _steps(diagnosis: Diagnosis, audience: Audience, secrets: Sequence[str], hidden: re.Pattern[str] | None) -> tuple[StepView, ...]:
    """At most four; evidence that the step before gave already is not said again."""
    found: list[StepView] = []
    said: Text | None = None
    for step in diagnosis.steps[:MAX_STEPS]:
        evidence = veil(step.evidence, hidden) if step.evidence and step.evidence != said else None
        said = step.evidence
        found.append(
            StepView(veil(step.text, hidden), step.state, evidence, step.link if audience == "asker" else public(step.link, secrets))
        )
    return tuple(found)


# ---------------------------------------------------------------- whole cards


def view(
    diagnosis: Diagnosis,
    *,
    others: Sequence[Diagnosis] = (),
    consent: ConsentView | None = None,
    audience: Audience = "asker",
    actions: Collection[str] = ACTIONS,
) -> CardView:
    """The card of one paste: `diagnosis` on top, `others` as one line each.

    `actions` are the buttons that the place can serve (a door without callbacks passes fewer). With `audience="channel"` app ids, owners,
    documents, accounts, lists of scopes and console addresses stay out; the asker gets them through "Details, only for you".
    """
    secrets = secrets_of(diagnosis, consent) if audience == "channel" else ()
    hidden = whole_names(secrets)
    links = diagnosis.links if audience == "asker" else tuple(link for link in diagnosis.links if public(link, secrets))
    steps = _steps(diagnosis, audience, secrets, hidden)
    used = {step.link.url for step in steps if step.link}
    primary, quiet = buttons(diagnosis, consent, links, used=used, audience=audience, allowed=actions)
    used |= {button.url for button in (primary, *quiet) if button and button.url}

    notes = [veil(note, hidden) for note in _urgent(diagnosis, consent)]
    rivals = _rivals_fold(diagnosis)
    folds: Iterable[Fold | None] = (replace(rivals, lines=tuple(veil(line, hidden) for line in rivals.lines)) if rivals else None,)
    if audience == "asker":
        more = (*notes[MAX_NOTES:], *_good_to_know(diagnosis, consent))
        folds = (
            _why_fold(diagnosis),
            rivals,
            Fold("notes", label("Good to know"), more) if more else None,
            Fold("error", label("The error, secrets masked"), quote=quote) if (quote := _quote(diagnosis)) else None,
            _support_fold(diagnosis),
            _request_fold(diagnosis, links, used),
        )
    state = _state_line(consent, audience, hidden)
    extra = [_other_line(other) for other in others[:MAX_OTHERS]]
    if len(others) > MAX_OTHERS:
        extra.append(say("and {count} more", count=len(others) - MAX_OTHERS))
    verdict = cause_sentence(diagnosis.cause) if holds(diagnosis.verdict, hidden) else diagnosis.verdict
    card = CardView(
        kind="diagnosis",
        title=veil(title_of(diagnosis), hidden),
        verdict=verdict,
        colour=Colour.PLAIN if diagnosis.only_an_id else Colour(diagnosis.who_fixes.value),
        tag=None if diagnosis.only_an_id else role_name(diagnosis.who_fixes),
        who=None if diagnosis.only_an_id else role_sentence(diagnosis.who_fixes, diagnosis.platform_title),
        state=state,
        steps=steps,
        notes=tuple(notes[:MAX_NOTES]),
        primary=primary,
        quiet=quiet,
        folds=tuple(fold for fold in folds if fold is not None),
        others=tuple(extra),
        audience=audience,
    )
    return _solved(card) if state is not None and state.tone is Tone.PROVEN else card


def _solved(card: CardView) -> CardView:
    """The same card once the proof is there: what was wrong is told as past, and nothing is left to do."""
    return replace(
        card,
        title=say("Solved: {title}", title=card.title),
        verdict=say("What it was: {verdict}", verdict=card.verdict),
        colour=Colour.PROVEN,
        tag=label("Proven"),
        who=None,
        steps=(),
        notes=(),
    )


def nothing(why: Text | None = None) -> CardView:
    """The answer when nothing was recognised: why (a sentence that also says what would help), or what to paste."""
    return CardView(
        kind="nothing",
        title=label("No error found"),
        verdict=why or label("I could not find an API error in this text."),
        notes=() if why else (label("Paste the whole error as it came back: the JSON body, the log line, or just its log_id."),),
    )


def notice(sentence: Text, *, title: Text | None = None, buttons: Sequence[Button] = (), notes: Sequence[Text] = ()) -> CardView:
    """A short private word to one person (a personal link, a warning about a pasted secret). The first button marked `primary` leads."""
    primary = next((button for button in buttons if button.primary), None)
    return CardView(
        kind="notice",
        title=title or label("Only for you"),
        verdict=sentence,
        primary=primary,
        quiet=tuple(button for button in buttons if button is not primary),
        notes=tuple(notes),
    )
