"""What a card says, before any surface draws it: title, who must act, verdict, steps, one main button, quiet ones, folded parts.

Rules of this file: it decides what is said and to whom, never how it looks; every sentence is plain text in both languages without any
markup (`bot/render/__init__.py` escapes it for the surface); nothing foreign gets a link or a button.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bot.card.buttons import button_value, buttons, question, read_button_value
from bot.card.folds import folds, public_folds, rival_line, support_text
from bot.card.handover import handover_text
from bot.card.labels import STATES, Tone, cause_sentence, label, role_name, state_label
from bot.card.privacy import holds, public, veil, whole_names
from bot.card.privacy import secrets as secrets_of
from bot.card.situation import Situation, situation
from bot.card.types import Asked, Audience, CardView, Colour, Fact, Fold, StateLine, StepView
from bot.diagnose.consent_offer import no_help
from bot.i18n import listed, say
from bot.model import ACTIONS, Button, Cause, ConsentView, Diagnosis, Text

__all__ = [
    "Asked",
    "Audience",
    "CardView",
    "Colour",
    "Fact",
    "Fold",
    "StateLine",
    "StepView",
    "button_value",
    "handover_text",
    "nothing",
    "notice",
    "read_button_value",
    "rival_line",
    "support_text",
    "title_of",
    "view",
]

MAX_STEPS = 4
MAX_OTHERS = 5
HAS_IT = 0.5
"""Below this the text is likelier written about an error than by somebody who has it; the card says so."""
UNSURE = 0.6
"""Below this confidence the card says that it is not sure."""


def title_of(diagnosis: Diagnosis) -> Text:
    """The cause in words, then platform and code: `Missing user consent · Feishu 99991679`."""
    return titled(diagnosis.title, diagnosis)


def titled(title: Text, diagnosis: Diagnosis) -> Text:
    """A title, then platform and code."""
    code = _shown_code(diagnosis)
    tail_en = f"{diagnosis.platform_title.en} {code}".strip()
    tail_zh = f"{diagnosis.platform_title.zh} {code}".strip()
    return Text(f"{title.en} · {tail_en}" if tail_en else title.en, f"{title.zh} · {tail_zh}" if tail_zh else title.zh)


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


def _urgent(diagnosis: Diagnosis) -> tuple[Text, ...]:
    """What has to be read before anything else."""
    if diagnosis.finding.has_it < HAS_IT:
        return (say("This reads like a description of an error, not like a failure of yours."),)
    return ()


#: Causes for which people try the consent page, so that they have to be told that it does not help.
_TRIED = frozenset({Cause.APP_SCOPE_MISSING, Cause.RESOURCE_PERMISSION, Cause.CONTACT_RANGE, Cause.TENANT_POLICY, Cause.APP_NOT_AVAILABLE})


def _beside_the_point(diagnosis: Diagnosis) -> bool:
    """Whether nobody would think of consent here: then the reason why none is offered is only noise."""
    return diagnosis.only_an_id or (diagnosis.no_offer == no_help() and diagnosis.cause not in _TRIED)


def _good_to_know(diagnosis: Diagnosis, consent: ConsentView | None, now: Situation) -> list[Text]:
    notes: list[Text] = []
    if now.sentence is not diagnosis.verdict or (consent is not None and now.stage != "proven"):
        notes.append(diagnosis.verdict)
    if diagnosis.confidence < UNSURE and diagnosis.rivals:
        notes.append(label("We are not sure: see the other possible causes below."))
    if diagnosis.no_offer is not None and consent is None and not _beside_the_point(diagnosis):
        notes.append(diagnosis.no_offer)
    if consent is not None and consent.advice is not None and consent.state not in _STILL_THERE:
        notes.append(consent.advice)
    if len(diagnosis.steps) > MAX_STEPS:
        notes.append(say("{count} more steps are in the documentation.", count=len(diagnosis.steps) - MAX_STEPS))
    if diagnosis.finding.count > 1:
        notes.append(say("This error stands {count} times in the text.", count=diagnosis.finding.count))
    return [*notes, *diagnosis.notes]


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
    now = situation(diagnosis, consent)
    secrets = secrets_of(diagnosis, consent) if audience == "channel" else ()
    hidden = whole_names(secrets)
    links = diagnosis.links if audience == "asker" else tuple(link for link in diagnosis.links if public(link, secrets))
    steps = () if now.stage == "proven" else _steps(diagnosis, audience, secrets, hidden)
    made = buttons(diagnosis, now, consent, links, audience=audience, allowed=actions)
    used = {step.link.url for step in steps if step.link} | {one.url for one in (made.primary, *made.small) if one and one.url}
    if audience == "asker":
        parts = folds(diagnosis, _good_to_know(diagnosis, consent, now), links, used, solved=now.stage == "proven")
    else:
        parts = public_folds(diagnosis, hidden)
    title = titled(now.title, diagnosis)
    sentence = cause_sentence(diagnosis.cause) if holds(now.sentence, hidden) else now.sentence
    return CardView(
        kind="diagnosis",
        title=veil(say("Solved: {title}", title=title) if now.stage == "proven" else title, hidden),
        verdict=say("What it was: {verdict}", verdict=sentence) if now.stage == "proven" else first_sentence(sentence),
        colour=_colour(now),
        tag=label("Proven") if now.stage == "proven" else role_name(now.actor) if now.actor else None,
        next_step=veil(now.next_step, hidden) if now.next_step else None,
        state=_state_line(consent, audience, hidden),
        notes=tuple(veil(note, hidden) for note in _urgent(diagnosis)),
        primary=made.primary,
        quiet=made.quiet,
        question=question(diagnosis, now, actions),
        steps=steps,
        small=made.small,
        folds=parts,
        others=_other_lines(others),
        audience=audience,
    )


def _colour(now: Situation) -> Colour:
    if now.stage == "proven":
        return Colour.PROVEN
    return Colour(now.actor.value) if now.actor else Colour.PLAIN


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])|(?<=[。！？])")


def first_sentence(text: Text) -> Text:
    """What the first screen has room for; the whole text stands under the fold."""
    return Text(_SENTENCE_END.split(text.en, maxsplit=1)[0], _SENTENCE_END.split(text.zh, maxsplit=1)[0])


def _other_lines(others: Sequence[Diagnosis]) -> tuple[Text, ...]:
    """Further errors of the same paste, one line each, and how many are left out."""
    lines = tuple(_other_line(other) for other in others[:MAX_OTHERS])
    return (*lines, say("and {count} more", count=len(others) - MAX_OTHERS)) if len(others) > MAX_OTHERS else lines


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
