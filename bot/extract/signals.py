"""Whether somebody has an error now, or writes about errors: named signals that add up.

A signal is a row of `signals.toml`: a pattern looked for in the piece of the paste around a finding (its sentence, line or block), or a
feature of what the reading found there. The signals that fire add their weights; the logistic function makes a probability of the sum. The
weights, and the patterns with the literals they need, stand in `weights.json`, which `make fit` makes from labelled pastes: so a start reads
one small file, and a pattern is compiled when its literals first occur.

Nothing that is said elsewhere in a paste silences an error: only reports (signals *for*) may be looked for in the whole paste. And talk alone never
lowers structured evidence (an answer's shape, a code in a field, a vendor's message) below one half; source code, tables and other systems can.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

from bot.catalog import Catalog
from bot.extract.context import Context
from bot.extract.draft import Draft
from bot.extract.grams import LOOKED_AT, Model
from bot.extract.grams import loaded as model
from bot.extract.pieces import block_of, line_of, pieces
from bot.extract.vocabulary import FAIL
from bot.model import FiredSignal
from bot.patterns import lazy

VERSION: Final = 1  # of weights.json
HAS_IT: Final = 0.5
_STRUCTURED: Final = frozenset({"field", "envelope", "vendor", "link"})
VOICE_REACH: Final = 4.0  # log-odds of the wording that count as quite sure
_PLAIN: Final = 4.0  # log-odds from which on the wording is not asked: it could not turn the answer
_PLACES: Final = 3  # of one error that are judged; the surest one counts
_SHARE_LINES: Final = 24
_NEAR: Final = 500
_LEAST_WORDS: Final = 3
_WORD: Final = lazy(r"[a-z]{3,}|[\u4e00-\u9fff]{2}")
_NO_WORDS: Final = frozenset(
    ("code", "msg", "error", "message", "errcode", "errmsg", "the", "and", "for", "log", "request", "lark", "slack")
)
# A bullet, heading or table row that opens with a code: `- 99991672: …`, `1. **missing_scope**: …`.
_DEFINITION: Final = lazy(
    r"(?am)^\s*(?:[-*+•|]|\d+[.)]|#{1,6})\s*[*`\"]{0,3}(?:code\s?[=:]\s?|错误码\s?)?(?:[A-Za-z_]*\d{4,10}|[a-z]+(?:_[a-z]+)+)\b"
)
_HEADS: Final = lazy(r"^\s{0,3}(?:#{1,6}\s|\*\*|[-*]?\s*[^\n]{1,80}[:：]\s*$)")


class SetupError(ValueError):
    """The data files of the signals do not fit this program; the message says which rule or file, and what to do."""


@dataclass(frozen=True)
class Rule:
    """One signal. `needles`: literals of which a matching piece holds at least one (empty: not known)."""

    id: str
    kind: str
    weight: float
    why: str
    where: str = ""
    pattern: str = ""
    needles: tuple[str, ...] = ()
    cased: bool = False
    feature: str = ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled when it is first needed. Raises `SetupError` with the rule's id when it is broken."""
        return compiled(self.id, self.pattern)

    def find(self, text: str, lower: str) -> tuple[int, int] | None:
        """Where the pattern stands in a piece, given as it is and in lower case."""
        if self.needles and not any(map(lower.__contains__, self.needles)):
            return None
        found = self.regex.search(text if self.cased else lower)
        return found.span() if found else None


@dataclass(frozen=True)
class Claim:
    """A row of `claims.toml`: what somebody says of the world."""

    id: str
    kind: str
    pattern: str
    needles: tuple[str, ...] = ()

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled when it is first needed."""
        return compiled(self.id, self.pattern)

    def find(self, lower: str) -> tuple[int, int] | None:
        """Where the claim is made in a text in lower case."""
        if self.needles and not any(map(lower.__contains__, self.needles)):
            return None
        found = self.regex.search(lower)
        return found.span() if found else None


@dataclass(frozen=True)
class Weights:
    """What `make fit` learned: the rules by the piece that they look into, the features, and the constant. `speaks_up`: how likely it must be
    that somebody has an error before the bot answers where nobody asked."""

    constant: float
    pieces: Mapping[str, tuple[Rule, ...]]
    features: tuple[Rule, ...]
    source: tuple[Rule, ...]
    wording: Rule | None = None
    claims: tuple[Claim, ...] = ()
    speaks_up: float = 0.9


def compiled(rule: str, pattern: str) -> re.Pattern[str]:
    """A rule's pattern. Raises `SetupError` that names the rule when the pattern is broken."""
    try:
        return re.compile(pattern, re.ASCII | re.MULTILINE)
    except re.error as broken:
        raise SetupError(f"signals.toml: rule {rule!r}: the pattern is broken: {broken}") from None


def loaded(text: str) -> Weights:
    """The weights in a `weights.json`. Raises `SetupError` when it is of another version or cannot be read."""
    try:
        data: dict[str, Any] = json.loads(text)
        version = data["version"]
    except (ValueError, TypeError, KeyError) as broken:
        raise SetupError(f"bot/extract/weights.json cannot be read ({broken}); make it anew with `make fit`") from None
    if version != VERSION:
        raise SetupError(
            f"bot/extract/weights.json has version {version}, this program reads version {VERSION}; make it anew with `make fit`"
        )
    rules = [Rule(**{**row, "needles": tuple(row.get("needles", ()))}) for row in data["rules"]]
    pieces = {where: tuple(each for each in rules if each.where == where) for where in ("sentence", "line", "block", "title", "paste")}
    source = tuple(each for each in rules if each.kind == "source" and each.where == "line")
    claims = tuple(Claim(row["id"], row["kind"], row["pattern"], tuple(row["needles"])) for row in data["claims"])
    features = tuple(each for each in rules if each.feature and each.feature != "wording")
    read_like = next((each for each in rules if each.feature == "wording"), None)
    return Weights(data["constant"], pieces, features, source, read_like, claims, data["speaks_up"])


@cache
def weights() -> Weights:
    """The weights that the project ships."""
    return loaded(files("bot.extract").joinpath("weights.json").read_text(encoding="utf-8"))


def reasons() -> dict[str, str]:
    """Why each signal speaks, in a few words, by its id."""
    learned = weights()
    return {
        rule.id: rule.why
        for rule in (*filter(None, [learned.wording]), *learned.features, *(each for listed in learned.pieces.values() for each in listed))
    }


Fired = tuple[tuple[Rule, float, tuple[int, int]], ...]


def judge(context: Context, draft: Draft) -> tuple[float, tuple[FiredSignal, ...]]:
    """How likely it is that somebody has the error of `draft` now (0..1), and what spoke for and against it, the strongest first.

    Spans are offsets in the window's text.
    """
    learned = weights()
    best: tuple[float, Fired] = (-1.0, ())
    for at in (draft.places or [draft.start])[:_PLACES]:
        here = tuple(_fired(learned, context, draft, at))
        total = learned.constant + sum(rule.weight * value for rule, value, _ in here)
        if abs(total) < _PLAIN and learned.wording is not None:
            here += ((learned.wording, wording(context, at), (at, at)),)
            total += learned.wording.weight * here[-1][1]
        talk = sum(rule.weight * value for rule, value, _ in here if rule.kind == "talk" or rule is learned.wording)
        has_it = _probability(draft, total, total - talk)
        if has_it > best[0]:
            best = (has_it, here)
    return best[0], tuple(FiredSignal(rule.id, round(rule.weight * value, 3), span) for rule, value, span in sorted(best[1], key=_strength))


def wording(context: Context, at: int) -> float:
    """How much the text around a place reads like a report (to 1) or like talk (to -1), by the words of labelled pastes."""
    return max(-1.0, min(1.0, _voice().scores(words_around(context, at))["report"] / VOICE_REACH))


def words_around(context: Context, at: int) -> str:
    """The text that is judged by its wording."""
    start = 0 if len(context.text) <= LOOKED_AT else max(0, at - LOOKED_AT // 2)
    return context.text[start : start + LOOKED_AT]


@cache
def _voice() -> Model:
    return model(files("bot.extract").joinpath("voice.bin").read_bytes(), "bot/extract/voice.bin")


def _strength(one: tuple[Rule, float, tuple[int, int]]) -> float:
    return -abs(one[0].weight * one[1])


def _probability(draft: Draft, everything: float, without_talk: float) -> float:
    """The logistic of the sum. Talk alone does not bring structured evidence below one half."""
    if draft.evidence in _STRUCTURED or draft.envelope:
        everything = max(everything, min(without_talk, 0.0))
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, everything)))), 3)


# ---------------------------------------------------------------- what fires


def fired(context: Context, draft: Draft, at: int) -> dict[str, float]:
    """Every signal that fires at a place, by its id, with its value (0..1): a row of what `make fit` learns from."""
    return {rule.id: value for rule, value, _ in _fired(weights(), context, draft, at)}


def _fired(learned: Weights, context: Context, draft: Draft, at: int) -> Iterator[tuple[Rule, float, tuple[int, int]]]:
    reported = False
    for where, (start, end) in pieces(context.text, at).items():
        if where == "title" and not _about(context, draft, start, end):
            continue
        for rule, (first, last) in _hits(where, context.text[start:end], context.lower[start:end]):
            reported = reported or (rule.kind == "report" and where != "paste")
            yield rule, 1.0, (start + first, start + last)
    for rule in learned.features:
        name, _, wanted = rule.feature.partition("=")
        value = _FEATURES[name](context, draft, at) if name != "unreported" else not reported and draft.evidence not in _STRUCTURED
        value = float(value == wanted) if wanted else float(value)
        if value:
            yield rule, value, (draft.start, draft.end)


def _about(context: Context, draft: Draft, start: int, end: int) -> bool:
    """Whether the paste's first line is about the error: only then its form says something of it."""
    title = context.lower[start:end]
    clues = context.words.specs[draft.platform].clues
    return (
        start <= draft.start < end
        or any(code.lower() in title for code in draft.codes)
        or any(clue in title for clue in clues)
        or _HEADS.match(title) is not None
    )


@lru_cache(maxsize=512)
def _hits(where: str, text: str, lower: str) -> tuple[tuple[Rule, tuple[int, int]], ...]:
    found = ((rule, rule.find(text, lower)) for rule in weights().pieces[where])
    return tuple((rule, span) for rule, span in found if span is not None)


# ---------------------------------------------------------------- features


def _source_share(context: Context, _draft: Draft, at: int) -> float:
    start, end = block_of(context.text, at)
    return _share(context.text[start:end], context.lower[start:end])


@lru_cache(maxsize=128)
def _share(text: str, lower: str) -> float:
    """How many of the lines of a block are source code, from 0 to 1."""
    lines = [(each, small) for each, small in zip(text.split("\n"), lower.split("\n"), strict=False) if each.strip()][:_SHARE_LINES]
    if len(lines) < 2:
        return 0.0
    return sum(_is_source(line, small) for line, small in lines) / len(lines)


def _definitions(context: Context, _draft: Draft, at: int) -> bool:
    start, end = block_of(context.text, at)
    return len(_DEFINITION.findall(context.text, start, end)) >= 2


def _vendor_message(context: Context, draft: Draft, _at: int) -> bool:
    if draft.evidence == "vendor":
        return True
    said = draft.message.lower()
    return len(said) >= 8 and any(
        (entry := context.catalog.entry(draft.platform, code)) is not None and said[:24] in entry.sample.lower() for code in draft.codes[:3]
    )


def _rival(context: Context, draft: Draft, at: int) -> bool:
    mine = context.clue(draft.platform, at)
    return any(context.clue(name, at) > mine for name in context.words.specs if name != draft.platform)


def _alone(context: Context, draft: Draft, _at: int) -> bool:
    known = sum(map(len, (*draft.codes, *draft.ids, *draft.scopes))) + len(draft.message)
    return len(context.text.strip()) - known < 80


def _agreement(context: Context, draft: Draft, _at: int) -> float:
    """How many of the words that the catalogue has for the code stand in the message, from 0 to 1; -1: nothing to compare."""
    said = _words(draft.message[:400])
    told = [_told(context.catalog, draft.platform, code) for code in draft.codes[:3]]
    if not any(told) or len(said) < _LEAST_WORDS:
        return -1.0
    return max(min(1.0, len(said & words) / _LEAST_WORDS) for words in told)


@lru_cache(maxsize=4096)
def _told(catalog: Catalog, platform: str, code: str) -> frozenset[str]:
    """The words with which the catalogue tells a code; empty when it is not listed."""
    entry = catalog.entry(platform, code)
    return _words(f"{entry.sample} {entry.title.en} {entry.title.zh} {entry.what.en}") - _NO_WORDS if entry else frozenset()


@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _own_host(context: Context, draft: Draft, at: int) -> bool:
    brands = context.words.specs[draft.platform].brands
    return any(each.host in brands for each in context.addresses if abs(each.start - at) < _NEAR)


def _other_host(context: Context, draft: Draft, at: int) -> bool:
    near = [each for each in context.addresses if abs(each.start - at) < _NEAR]
    return bool(near) and not _own_host(context, draft, at)


def _own_id(context: Context, draft: Draft, _at: int) -> bool:
    shape = context.words.specs[draft.platform].id_bare
    return shape is not None and any(shape.fullmatch(each) for each in draft.ids[:3])


def _source_line(context: Context, _draft: Draft, at: int) -> bool:
    start, end = line_of(context.text, at)
    return _is_source(context.text[start:end], context.lower[start:end])


@lru_cache(maxsize=512)
def _is_source(line: str, lower: str) -> bool:
    return any(rule.find(line, lower) for rule in weights().source)


def _listed(context: Context, draft: Draft, _at: int) -> bool:
    return any(draft.platform in context.catalog.platforms_of(code) for code in draft.codes)


_FEATURES: Final[Mapping[str, Callable[[Context, Draft, int], str | float | bool]]] = {
    "evidence": lambda _context, draft, _at: draft.evidence,
    "listed": _listed,
    "codeless": lambda _context, draft, _at: not draft.codes,
    "several_codes": lambda _context, draft, _at: len(draft.codes) >= 3,
    "long_number": lambda _context, draft, _at: any(each.isdigit() and len(each) >= 7 for each in draft.codes),
    "request_id": lambda _context, draft, _at: bool(draft.ids),
    "scopes": lambda _context, draft, _at: bool(draft.scopes),
    "message": lambda _context, draft, _at: FAIL.search(draft.message[:300]) is not None,
    "vendor_message": _vendor_message,
    "status": lambda _context, draft, _at: draft.status is not None,
    "alone": _alone,
    "one_line": lambda context, _draft, _at: context.one_line,
    "long_paste": lambda context, _draft, _at: len(context.text) > 1_500,
    "platform_named": lambda context, draft, at: context.clue(draft.platform, at) >= 4,
    "platform_unnamed": lambda context, draft, at: context.clue(draft.platform, at) < 1,
    "platform_rival": _rival,
    "stranger": lambda context, draft, at: context.stranger(at - 300, at + 300) and context.clue(draft.platform, at) < 4,
    "source_share": _source_share,
    "clue": lambda context, draft, at: context.clue(draft.platform, at) / 8,
    "own_host": _own_host,
    "other_host": _other_host,
    "agreement": lambda context, draft, at: max(0.0, _agreement(context, draft, at)),
    "contradiction": lambda context, draft, at: _agreement(context, draft, at) == 0.0,
    "unlisted": lambda context, draft, at: bool(draft.codes) and not _listed(context, draft, at),
    "unlisted_unnamed": lambda context, draft, at: (
        bool(draft.codes) and not _listed(context, draft, at) and context.clue(draft.platform, at) < 4
    ),
    "own_id": _own_id,
    "field_in_source": lambda context, draft, at: draft.evidence == "field" and _source_line(context, draft, at),
    "source_line": _source_line,
    "definitions": _definitions,
}
