"""A finished card → the reply of one surface. The only room that knows jinja2.

Templates (one folder a surface in `templates/`) lay out; they get nothing but values that a `Paper` (`bot/render/escape.py`) has made harmless
for their surface. In JSON templates every value is quoted by `json` itself through the environment's `finalize`: no template can forget to.

Limits (documented by the vendors) are held by shortening in plain sight, never by an error at the platform:
Slack 50 blocks, 3,000 characters a section, 150 a header, 75 a button, and about 13,000 over all blocks; Lark 30 KB and 200 elements;
DingTalk under 5,000 characters (its own limit is not documented).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring_ascii
from types import SimpleNamespace
from typing import Any, Protocol, cast

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.runtime import Undefined
from markupsafe import Markup

from bot.card import Asked, Audience, CardView, Fold, StateLine, StepView, button_value, nothing, rival_line, view
from bot.card.labels import label, role_name
from bot.i18n import say
from bot.model import ACTIONS, Button, ConsentView, Diagnosis, Entry, Link, Locale, Reply, StepState, Text
from bot.platforms import title as platform_title
from bot.render.escape import PAPERS, Pair, clean
from bot.render.json_api import as_json

__all__ = ["CodePage", "as_json", "code_page", "render"]

SLACK_TEXT = 12_000
LARK_BYTES = 29_000
LARK_ELEMENTS = 190
DINGTALK_TEXT = 4_800
_SCALES = (1.0, 0.35, 0.12)


# ---------------------------------------------------------------- jinja2


def _quoted(value: Any) -> Markup:
    """Any value as JSON; what a macro made (`Markup`) passes, and an undefined name is an error."""
    if type(value) is str:
        return Markup(encode_basestring_ascii(value))  # noqa: S704 - JSON text, not HTML
    if isinstance(value, Markup):
        return value
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - the way jinja2 offers
    return Markup(json.dumps(value))  # noqa: S704 - as above


@cache
def _environment(kind: str) -> Environment:
    options: dict[str, Any] = {"undefined": StrictUndefined, "auto_reload": False, "trim_blocks": True, "lstrip_blocks": True}
    if kind == "json":
        options |= {"autoescape": True, "finalize": _quoted}
    elif kind == "html":
        options |= {"autoescape": True}
    return Environment(loader=PackageLoader("templates", ""), **options)  # noqa: S701 - plain text has nothing to escape; the papers cleaned it


@dataclass(frozen=True, slots=True)
class _Style:
    """How a surface is drawn: its template, and what makes the result too big."""

    kind: str
    template: str
    too_big: Callable[[str, Any], bool]


def _never(_drawn: str, _body: Any) -> bool:
    return False


def _slack_too_big(drawn: str, body: Any) -> bool:
    return len(drawn) > SLACK_TEXT and (len(body["blocks"]) > 50 or sum(map(len, _strings(body["blocks"]))) > SLACK_TEXT)


def _lark_too_big(drawn: str, body: Any) -> bool:
    # The drawn text is pure ASCII with escapes, so it is never shorter than the same card in UTF-8.
    return drawn.count('"tag"') > LARK_ELEMENTS or (
        len(drawn) > LARK_BYTES and len(json.dumps(body, ensure_ascii=False).encode()) > LARK_BYTES
    )


def _dingtalk_too_big(_drawn: str, body: Any) -> bool:
    return sum(map(len, _strings(body))) > DINGTALK_TEXT


_STYLES: Mapping[str, _Style] = {
    "text": _Style("text", "terminal/card.txt.j2", _never),
    "slack": _Style("json", "slack/card.json.j2", _slack_too_big),
    "lark": _Style("json", "lark/card.json.j2", _lark_too_big),
    "lark-only-you": _Style("json", "lark/only_you.json.j2", _lark_too_big),
    "dingtalk": _Style("json", "dingtalk/card.json.j2", _dingtalk_too_big),
    "html": _Style("html", "web/card.html.j2", _never),
}


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inside for text in _strings(item)]


@cache
def _template(surface: str) -> Template:
    style = _STYLES[surface]
    return _environment(style.kind).get_template(style.template)


# ---------------------------------------------------------------- the values that templates get


def _button(button: Button, paper: Any, card_id: str) -> SimpleNamespace:
    url = paper.url(button.url) if button.url else ""
    words = paper.plain(button.label, 70)
    carries = button_value(card_id, button) if card_id else None
    return SimpleNamespace(
        action=button.action,
        label=words,
        url=url,
        index=button.index,
        carries=carries,
        carries_text=json.dumps(carries) if carries else "",
        copy=clean(button.copy.in_(paper.locale), lines=True) if button.copy else "",
    )


def _question(asked: Asked | None, paper: Any, card_id: str) -> SimpleNamespace | None:
    if asked is None or not card_id:
        return None
    return SimpleNamespace(text=paper.prose(asked.text, 300), answers=[_button(one, paper, card_id) for one in asked.answers])


def _link(link: Link | None, paper: Any) -> SimpleNamespace | None:
    url = paper.url(link.url) if link else ""
    return SimpleNamespace(url=url, label=paper.prose(link.label, 120), rel=link.rel) if link and url else None


def _step(step: StepView, paper: Any) -> SimpleNamespace:
    mark, said = _MARKS[step.state]
    return SimpleNamespace(
        state=step.state.value,
        mark=mark,
        said=paper.plain(label(said)),
        text=paper.prose(step.text, 700),
        evidence=paper.prose(step.evidence, 400) if step.evidence else "",
        link=_link(step.link, paper),
    )


_MARKS: Mapping[StepState, tuple[str, str]] = {
    StepState.DONE: ("✓", "done"),
    StepState.TODO: ("○", "to do"),
    StepState.UNKNOWN: ("?", "not known"),
}


def _fold(fold: Fold, paper: Any, card_id: str) -> SimpleNamespace:
    missing = paper.prose(label("(still missing)"))
    return SimpleNamespace(
        key=fold.key,
        title=paper.prose(fold.title, 120),
        lines=[paper.prose(line, min(600, 2600 // len(fold.lines[:12]))) for line in fold.lines[:12]],
        facts=[
            SimpleNamespace(
                name=paper.prose(fact.name, 120),
                value=missing if fact.value is None else paper.value(fact.value),
                known=fact.value is not None,
            )
            for fact in fold.facts[:10]
        ],
        quote=paper.quote(fold.quote) if fold.quote else "",
        links=[shown for link in fold.links[:6] if (shown := _link(link, paper))],
        copy=clean(fold.copy.in_(paper.locale), lines=True) if fold.copy and card_id else "",
    )


def _shown(card: CardView, paper: Any, card_id: str, *, unfold: bool) -> SimpleNamespace:
    """Everything the templates may show, harmless for this surface. Buttons that could not answer are left out: no card, no callback."""
    return SimpleNamespace(
        id=card_id,
        locale=paper.locale,
        kind=card.kind,
        colour=card.colour.value,
        audience=card.audience,
        title=paper.plain(card.title, 140),
        heading=paper.prose(card.title, 200),
        verdict=paper.prose(card.verdict),
        tag=paper.plain(card.tag, 40) if card.tag else "",
        next_step=paper.prose(card.next_step, 300) if card.next_step else "",
        state=_state(card.state, paper),
        steps=[_step(step, paper) for step in card.steps] if unfold else [],
        notes=[paper.prose(note, 400) for note in card.notes],
        primary=_button(card.primary, paper, card_id) if card.primary and (card.primary.url or card_id) else None,
        quiet=_quiet(card, paper, card_id, unfold=unfold),
        question=_question(card.question, paper, card_id),
        small=[_button(button, paper, card_id) for button in card.small if button.url or card_id] if unfold else [],
        folds=[_fold(fold, paper, card_id) for fold in card.folds] if unfold else [],
        others=[paper.prose(other, 200) for other in card.others],
        words=_Words(paper),
        fallback=paper.prose(_fallback(card), 300) if paper.surface == "slack" else paper.plain(_fallback(card), 300),
    )


def _quiet(card: CardView, paper: Any, card_id: str, *, unfold: bool) -> list[SimpleNamespace]:
    """The quiet buttons that could answer, without those that would show what stands there already."""
    needless = {"details"} if unfold and card.audience == "asker" else set()
    if paper.surface == "html":
        needless.add("support")  # the folded part has its own button
    return [_button(button, paper, card_id) for button in card.quiet if (button.url or card_id) and button.action not in needless]


def _state(state: StateLine | None, paper: Any) -> SimpleNamespace | None:
    if state is None:
        return None
    return SimpleNamespace(
        name=state.state,
        tone=state.tone.value,
        label=paper.prose(state.label, 60),
        sentence=paper.prose(state.sentence, 600),
        details=[paper.prose(detail, 300) for detail in state.details],
    )


class _Words:
    """The few words that belong to the layout itself, looked up when a template asks for them."""

    _SAID: Mapping[str, str] = {
        "also": "Also in this text:",
        "steps": "What to do",
        "copy": "Copy",
        "state": "State of the consent",
        "buttons": "What you can do",
        "more": "More",
        "reauthorize_by_word": "To re-authorize, send me in a direct chat:",
    }

    def __init__(self, paper: Any) -> None:
        self._paper = paper

    def __getattr__(self, name: str) -> Any:
        try:
            return self._paper.prose(label(self._SAID[name]))
        except KeyError:
            raise AttributeError(name) from None


def _fallback(card: CardView) -> Text:
    """The one line for notifications and screen readers."""
    lead = card.state.label if card.state else None
    en = " — ".join(part for part in (lead.en if lead else "", card.title.en, card.verdict.en) if part)
    zh = " — ".join(part for part in (lead.zh if lead else "", card.title.zh, card.verdict.zh) if part)
    return Text(en, zh)


# ---------------------------------------------------------------- drawing


def render(
    answer: CardView | Sequence[Diagnosis],
    surface: str,
    locale: Locale = "en",
    *,
    card_id: str = "",
    consent: ConsentView | None = None,
    audience: Audience = "asker",
    actions: Collection[str] = ACTIONS,
    unfold: bool | None = None,
    why: Text | None = None,
) -> Reply:
    """Draw a card (or the diagnoses of one paste: the first on top) for `surface`: text, json, lark, slack, dingtalk or html.

    `card_id`: the stored card that buttons point to; without one there are only links, as nothing could answer a click.
    `lark-only-you` is the same card in JSON 1.0, the only form that Lark shows to one member of a group alone.
    `unfold`: show the folded parts on surfaces that cannot fold (Slack, DingTalk); by default only when no "Details" button could do it.
    `why`: the sentence to say when there is no diagnosis. The body is an object for json (`{"diagnoses": […]}`), lark (the card), slack
    (`{"text", "blocks"}`) and dingtalk (`{"msgtype", …}`), and a string for text and html.
    """
    card = answer if isinstance(answer, CardView) else None
    if surface == "json":
        diagnoses = () if card else cast("Sequence[Diagnosis]", answer)
        line = card or _card_of(diagnoses, consent, audience, actions, why)
        return Reply("json", {"diagnoses": [as_json(diagnosis, locale) for diagnosis in diagnoses]}, clean(_fallback(line).in_(locale)))
    card = card or _card_of(cast("Sequence[Diagnosis]", answer), consent, audience, actions, why)
    style = _STYLES[surface]
    if unfold is None:
        unfold = surface in ("text", "lark", "lark-only-you", "html") or not card_id
    body: Any = None
    for scale in _SCALES:
        paper = PAPERS[surface](locale, scale)
        shown = _shown(card, paper, card_id, unfold=unfold and scale > _SCALES[-1])
        if surface == "dingtalk":
            shown.text = _environment("text").get_template("dingtalk/card.md.j2").render(v=shown).strip("\n")
        drawn = _template(surface).render(v=shown)
        body = json.loads(drawn) if style.kind == "json" else drawn
        if not style.too_big(drawn, body):
            break
    fallback = shown.fallback
    return Reply(surface, body, fallback[locale] if isinstance(fallback, Pair) else str(fallback))


def _card_of(
    diagnoses: Sequence[Diagnosis], consent: ConsentView | None, audience: Audience, actions: Collection[str], why: Text | None
) -> CardView:
    if not diagnoses:
        return nothing(why)
    return view(diagnoses[0], others=diagnoses[1:], consent=consent, audience=audience, actions=actions)


# ---------------------------------------------------------------- one code


class _Known(Protocol):
    """What the catalogue answers about a code (`bot.catalog.explain_code`)."""

    @property
    def code(self) -> str: ...
    @property
    def entries(self) -> tuple[Entry, ...]: ...
    @property
    def similar(self) -> tuple[tuple[str, str], ...]: ...


@dataclass(frozen=True, slots=True)
class CodePage:
    """A catalogue page as plain text; `found` is False when nobody knows the code (then the text says what looks like it)."""

    found: bool
    text: str


def code_page(known: _Known, locale: Locale = "en") -> CodePage:
    """What the catalogue says about one code, without any paste: what it means, who fixes it, how, and what else it could be."""
    paper = PAPERS["text"](locale, 1.0)
    shown = SimpleNamespace(
        entries=[_entry(entry, paper) for entry in known.entries],
        rivals=paper.prose(label("Other possible causes, and what tells them apart")),
        docs=paper.prose(label("Documentation")),
        unknown=paper.prose(say("The code {code} is not in our catalogue.", code=known.code)),
        did_you_mean=paper.prose(label("Did you mean:")),
        similar=[f"{code} ({paper.prose(platform_title(platform))})" for platform, code in known.similar],
    )
    return CodePage(bool(known.entries), _environment("text").get_template("terminal/code.txt.j2").render(v=shown).rstrip("\n"))


def _entry(entry: Entry, paper: Any) -> SimpleNamespace:
    head = f"{paper.prose(entry.title, 200)} · {paper.prose(platform_title(entry.platform))}"
    return SimpleNamespace(
        title=f"{head} {clean(entry.code)}" if entry.code_shown else head,
        who=paper.prose(role_name(entry.who_fixes)),
        what=paper.prose(entry.what, 2000),
        steps=[paper.prose(step, 2000) for step in entry.steps],
        rivals=[paper.prose(rival_line(rival), 2000) for rival in entry.rivals],
        docs=entry.docs,
        retired=paper.prose(say("Retired: {why}", why=entry.retired)) if entry.retired else "",
    )
