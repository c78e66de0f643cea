"""What a card says, before any surface draws it: title, who must act, verdict, steps, one main button, quiet ones, folded parts.

Rules of this file: it decides what is said and to whom, never how it looks; every sentence is plain text in both languages without any
markup (`bot/render.py` escapes it for the surface); nothing foreign gets a link or a button.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from bot.causes import titles
from bot.model import ACTIONS, Button, ConsentView, Diagnosis, Link, Mode, Offer, Rival, StepState, Text, Who
from bot.naming import STATES, UNDER_WAY, Tone, cause_sentence, label, role_name, role_sentence, state_label
from bot.words import listed, say

Audience = Literal["asker", "channel"]
MAX_STEPS = 4
MAX_NOTES = 2
MAX_OTHERS = 5
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


# ---------------------------------------------------------------- buttons


def button_value(card_id: str, button: Button) -> dict[str, Any]:
    """What a button carries through a chat platform and back: `{"card", "action", "index"}`."""
    return {"card": card_id, "action": button.action, "index": button.index}


def read_button_value(raw: object) -> tuple[str, str, int] | None:
    """A click as it came back (an object, or the same as JSON text) → (card id, action, index); None for anything that is not ours.

    Buttons of older versions may carry actions that are gone: they come back as they are, and the service answers them kindly.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            return None
    if not isinstance(raw, Mapping):
        return None
    card, action, index = raw.get("card"), raw.get("action"), raw.get("index", 0)
    if not isinstance(card, str) or not isinstance(action, str) or not isinstance(index, int) or isinstance(index, bool):
        return None
    return (card, action, index) if card and len(card) <= 200 and len(action) <= 40 and 0 <= index < 1000 else None


def _link_button(link: Link, *, primary: bool = False) -> Button:
    return Button("open", link.label, url=link.url, primary=primary)


def _main_link(diagnosis: Diagnosis, links: Sequence[Link]) -> Link | None:
    """The page that the one who must act can use: a console page is useless to anybody but the app's people."""
    wanted = {
        Who.DEVELOPER: ("practice", "console", "docs"),
        Who.ORG_ADMIN: ("practice", "console", "docs"),
        Who.PLATFORM_SUPPORT: ("support", "troubleshooter", "docs"),
    }.get(diagnosis.who_fixes, ("docs", "faq"))
    found = next((link for rel in wanted for link in links if link.rel == rel), None)
    if found is not None and found.rel == "docs" and diagnosis.entry is not None:
        # Of several pages the one about this very code helps most.
        return next((link for link in links if link.url == diagnosis.entry.docs), found)
    return found


def _consent_buttons(offers: Sequence[Offer], consent: ConsentView | None, audience: Audience) -> tuple[Button | None, list[Button]]:
    """The one main re-authorize button, or several quiet ones when the app must be chosen first, or a way to start over."""
    if not offers or (consent is not None and consent.state == "proven"):
        return None, []
    if consent is not None and consent.state in UNDER_WAY:
        return None, [Button("reauthorize", label("Start over"))] if len(offers) == 1 and consent.state == "started" else []
    if len(offers) > 1 and (consent is None or consent.may_retry):
        # A channel must not learn an app's id; its name is no secret.
        hidden = [str(number) for number in range(1, len(offers) + 1)]
        names = [offer.app_name or (offer.app_id if audience == "asker" else number) for offer, number in zip(offers, hidden, strict=True)]
        return None, [Button("reauthorize", say("Re-authorize {app}", app=name), index=index) for index, name in enumerate(names)]
    if consent is None or consent.state == "offered":
        return Button("reauthorize", label("Re-authorize"), primary=True), []
    return (Button("reauthorize", label("Try again"), primary=True) if consent.may_retry else None), []


def _buttons(
    diagnosis: Diagnosis,
    consent: ConsentView | None,
    links: Sequence[Link],
    *,
    used: Collection[str],
    audience: Audience,
    allowed: Collection[str],
) -> tuple[Button | None, tuple[Button, ...]]:
    proven = consent is not None and consent.state == "proven"
    primary, quiet = _consent_buttons(diagnosis.offers, consent, audience) if "reauthorize" in allowed else (None, [])
    busy = consent is not None and consent.state in UNDER_WAY
    quiet_consent = bool(quiet)
    main = None if proven or busy or quiet else _main_link(diagnosis, links)
    if main is not None and primary is None:
        primary = _link_button(main, primary=True)
    elif main is not None and main.url not in used and main.rel == "docs":
        quiet.append(_link_button(main))
    wanted: list[tuple[str, str, bool]] = [
        ("check", "Check again", bool(diagnosis.offers) and not proven and consent is not None),
        ("ask_admin", "Ask the administrator", diagnosis.who_fixes is Who.ORG_ADMIN and bool(diagnosis.offers) and not proven),
        ("details", "Details, only for you" if audience == "channel" else "Details", True),
        ("support", "Copy for support", bool(diagnosis.support) and audience == "asker"),
        ("revoke", "Withdraw consent", proven and audience == "asker"),
        ("helpful", "Helpful", True),
        ("unhelpful", "Not helpful", True),
        ("mute", "Mute", True),
    ]
    quiet += [Button(action, label(words)) for action, words, shown in wanted if shown and action in allowed]
    if audience == "channel" and primary is None and not quiet_consent and "details" in allowed and not proven:
        primary = Button("details", label("Details, only for you"), primary=True)
        quiet = [button for button in quiet if button.action != "details"]
    return primary, tuple(quiet)


# ---------------------------------------------------------------- what a shared channel may not see


def _secrets(diagnosis: Diagnosis, consent: ConsentView | None) -> tuple[str, ...]:
    """Values that only the asker sees: app ids, owners, documents, and scopes beyond the recommended one. Longest first."""
    finding = diagnosis.finding
    values: list[str] = [finding.app_id or "", finding.resource or "", *(offer.app_id for offer in diagnosis.offers)]
    recommended = diagnosis.choice.recommended if diagnosis.choice else ()
    one = recommended[0] if len(recommended) == 1 else None
    values += [scope for scope in finding.scopes if scope != one]
    if diagnosis.choice:
        values += [scope for scope in (*recommended, *diagnosis.choice.alternatives, *diagnosis.choice.unknown) if scope != one]
    if consent:
        values += [consent.account, *(scope for scope in (*consent.scopes, *consent.granted, *consent.missing) if scope != one)]
    return tuple(sorted({value for value in values if len(value) > 2}, key=lambda value: (-len(value), value)))


def _hidden_in(secrets: Sequence[str]) -> re.Pattern[str] | None:
    """Finds a secret as a whole name only: `sheets:spreadsheet` is hidden, `sheets:spreadsheet:write_only` is another name."""
    if not secrets:
        return None
    return re.compile(rf"(?<![A-Za-z0-9_:.-])(?:{'|'.join(map(re.escape, secrets))})(?![A-Za-z0-9_:-]|\.[A-Za-z0-9])")


def _names(text: Text, hidden: re.Pattern[str] | None) -> bool:
    return hidden is not None and bool(hidden.search(text.en) or hidden.search(text.zh))


def _veil(text: Text, hidden: re.Pattern[str] | None) -> Text:
    """The sentence with what the channel may not see left out."""
    return Text(hidden.sub("…", text.en), hidden.sub("…", text.zh)) if hidden and _names(text, hidden) else text


def _public(link: Link | None, secrets: Sequence[str]) -> Link | None:
    """Documentation may be shown to anybody; an address that carries an id of the app may not."""
    if link is None or link.rel not in ("docs", "faq", "practice") or any(secret in link.url for secret in secrets):
        return None
    return link


# ---------------------------------------------------------------- parts


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
    sentence = consent.sentence
    if audience == "channel":
        sentence, details = _veil(sentence, hidden), [_veil(detail, hidden) for detail in details]
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


def _request_fold(diagnosis: Diagnosis, links: Sequence[Link], used: Collection[str]) -> Fold | None:
    finding = diagnosis.finding
    facts = [Fact(label("Request id"), request_id) for request_id in finding.request_ids]
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
    return Fold("request", label("The request, and links"), (), tuple(facts), links=rest) if facts or rest else None


def _notes(diagnosis: Diagnosis, consent: ConsentView | None) -> list[Text]:
    notes: list[Text] = []
    if diagnosis.confidence < UNSURE and diagnosis.rivals:
        notes.append(label("We are not sure: see the other possible causes below."))
    if len(diagnosis.offers) > 1 and (consent is None or consent.may_retry):
        notes.append(label("Which app is it? Choose the one that made the call."))
    if diagnosis.no_offer is not None and consent is None:
        notes.append(diagnosis.no_offer)
    notes += diagnosis.notes
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
        evidence = _veil(step.evidence, hidden) if step.evidence and step.evidence != said else None
        said = step.evidence
        found.append(
            StepView(_veil(step.text, hidden), step.state, evidence, step.link if audience == "asker" else _public(step.link, secrets))
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
    secrets = _secrets(diagnosis, consent) if audience == "channel" else ()
    hidden = _hidden_in(secrets)
    links = diagnosis.links if audience == "asker" else tuple(link for link in diagnosis.links if _public(link, secrets))
    steps = _steps(diagnosis, audience, secrets, hidden)
    used = {step.link.url for step in steps if step.link}
    primary, quiet = _buttons(diagnosis, consent, links, used=used, audience=audience, allowed=actions)
    used |= {button.url for button in (primary, *quiet) if button and button.url}

    notes = [_veil(note, hidden) for note in _notes(diagnosis, consent)]
    if len(diagnosis.steps) > MAX_STEPS:
        notes.append(say("{count} more steps are in the documentation.", count=len(diagnosis.steps) - MAX_STEPS))
    rivals = _rivals_fold(diagnosis)
    folds: Iterable[Fold | None] = (replace(rivals, lines=tuple(_veil(line, hidden) for line in rivals.lines)) if rivals else None,)
    if audience == "asker":
        more = tuple(notes[MAX_NOTES:])
        folds = (
            _why_fold(diagnosis),
            rivals,
            Fold("notes", label("Good to know"), more) if more else None,
            Fold("error", label("The error, secrets masked"), quote=diagnosis.finding.message) if diagnosis.finding.message else None,
            _support_fold(diagnosis),
            _request_fold(diagnosis, links, used),
        )
    state = _state_line(consent, audience, hidden)
    extra = [_other_line(other) for other in others[:MAX_OTHERS]]
    if len(others) > MAX_OTHERS:
        extra.append(say("and {count} more", count=len(others) - MAX_OTHERS))
    verdict = cause_sentence(diagnosis.cause) if _names(diagnosis.verdict, hidden) else diagnosis.verdict
    card = CardView(
        kind="diagnosis",
        title=_veil(title_of(diagnosis), hidden),
        verdict=verdict,
        colour=Colour(diagnosis.who_fixes.value),
        tag=role_name(diagnosis.who_fixes),
        who=role_sentence(diagnosis.who_fixes, diagnosis.platform_title),
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
