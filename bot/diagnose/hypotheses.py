"""Which remedy is it? Every remedy is a hypothesis; what is known speaks for it or against it, and the sums are ranked.

What speaks, and where its weight comes from:

    entry          the remedies that the catalogue lists for the code (or for what its message proves), by their place in the list
    cause          where no entry speaks: what usually ends such a cause on this platform
    guess          the same, where the cause itself is a guess: as strong as the guess
    same_code      what fixed it for others who had the same code         } public threads, `experience.jsonl`
    same_message   what fixed it for others whose message read alike      }
    sign           what stands around the error (`evidence.toml`), and what the poster answered to a telling question
    look           what a live look showed (the scope is enabled, the user has granted it, a version waits): settles, never hints
    habit          how often a remedy is the right one at all

Sums are log-odds up to a constant, so the likelihoods are their softmax. The weights of the kinds stand in `weights.json` (`make fit`).
Pure: the same subject gives the same ranking.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bot.catalog.remedies import remedies, usual
from bot.diagnose import experience
from bot.diagnose.evidence import Rule
from bot.diagnose.experience import Index, Thread
from bot.i18n import say
from bot.model import Cause, Entry, Evidence, Variant

# How much of a list's weight each place has.
_PLACES = (1.0, 0.7, 0.5, 0.36, 0.26, 0.2, 0.15, 0.1)
_OTHER_ENTRY = 0.6  # a second code of the same error
_BESIDE_VARIANT = 0.4  # the entry itself, where the message proves one of its variants
_GUESSED = 0.6  # below this the cause is a guess from plain wording or a mere HTTP status
_SECOND = 0.4  # a remedy that a thread needed besides the decisive one
_FEW_CODES, _FEW_MESSAGES = 1.5, 0.8  # one thread alone proves little


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be explained. `confidence`: how sure the cause is (0..1). `entries`: the catalogue's entries that may speak, the first one first, each with the variant that its message
    proves. `text`: what stands around the error, `signs`: the rules that fire in it. `looks`: what is known for sure."""

    platform: str
    cause: Cause
    confidence: float = 1.0
    codes: tuple[str, ...] = ()
    entries: tuple[tuple[Entry, Variant | None], ...] = ()
    text: str = ""
    signs: tuple[Rule, ...] = ()
    looks: tuple[tuple[str, Evidence], ...] = ()


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One remedy, how likely it is the right one (all of them sum to 1), and what speaks for and against it, the strongest first."""

    remedy: str
    likelihood: float
    score: float
    evidence: tuple[Evidence, ...] = ()
    threads: tuple[Thread, ...] = ()


Features = Mapping[str, Mapping[str, float]]  # remedy → kind of evidence → strength, before the weights


def rank(subject: Subject, known: Index | None = None) -> tuple[Hypothesis, ...]:
    """Every remedy, the likeliest first; equals keep the order of `remedies.toml`."""
    index = known or experience.shipped(subject.platform)
    table = features(subject, index)
    factors = fitted().kinds
    scores = {name: sum(factors[kind] * value for kind, value in table[name].items() if kind in factors) for name in remedies()}
    looks: dict[str, list[Evidence]] = defaultdict(list)
    for name, look in subject.looks:
        looks[name].append(look)
        scores[name] += look.weight
    likely = _softmax(scores)
    others = _others(subject, index)
    told = _told(subject, table, factors)
    return tuple(
        Hypothesis(
            name,
            likely[name],
            scores[name],
            tuple(sorted((*told[name], *looks[name]), key=lambda one: -abs(one.weight))),
            tuple(thread for thread in others if name in thread.remedies),
        )
        for name in sorted(scores, key=lambda name: -scores[name])
    )


def features(subject: Subject, known: Index) -> Features:
    """How strongly each kind of evidence speaks for each remedy."""
    table: dict[str, dict[str, float]] = {name: defaultdict(float) for name in remedies()}
    for name, value in _by_entries(subject).items():
        table[name]["entry"] = value
    if not _entry_says(subject):
        kind = "cause" if subject.confidence >= _GUESSED else "guess"
        for place, name in zip(_PLACES, usual(subject.platform, subject.cause), strict=False):
            table[name][kind] = place if kind == "cause" else place * subject.confidence
    for name, value in _share(experience.by_code(known, subject.codes)).items():
        table[name]["same_code"] = value
    for name, value in _likeness(experience.by_message(known, subject.text)).items():
        table[name]["same_message"] = value
    for rule in subject.signs:
        for name, weight in rule.weights.items():
            table[name]["sign"] += weight
    for name, value in fitted().habit.items():
        table[name]["habit"] = value
    return table


@dataclass(frozen=True, slots=True)
class Fitted:
    """`weights.json`: the weight of each kind of evidence, and the log of how often each remedy is the decisive one, whatever the error."""

    kinds: Mapping[str, float]
    habit: Mapping[str, float]


@cache
def fitted() -> Fitted:
    """The weights, as fitted."""
    raw = json.loads(files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    return Fitted(raw["kinds"], raw["habit"])


def agreeing(subject: Subject, known: Index | None = None) -> tuple[Thread, ...]:
    """The public threads about the same error: of the same code, else of the same message."""
    return _others(subject, known or experience.shipped(subject.platform))


# ---------------------------------------------------------------- the kinds of evidence


def _entry_says(subject: Subject) -> bool:
    """Is the cause the first entry's own? It is not where the error's fields say more than its code."""
    first = next(iter(subject.entries), None)
    return first is not None and subject.cause in {first[0].cause, *([first[1].cause] if first[1] else [])}


def _by_entries(subject: Subject) -> Mapping[str, float]:
    found: dict[str, float] = defaultdict(float)
    for number, (entry, variant) in enumerate(subject.entries):
        factor = 1.0 if number == 0 and _entry_says(subject) else _OTHER_ENTRY
        lists = [(entry.remedies, factor)]
        if variant is not None and variant.remedies:
            lists = [(variant.remedies, factor), (entry.remedies, factor * _BESIDE_VARIANT)]
        for names, share in lists:
            for place, name in zip(_PLACES, names, strict=False):
                found[name] = max(found[name], place * share)
    return found


def _share(same: Sequence[Thread]) -> Mapping[str, float]:
    found: dict[str, float] = defaultdict(float)
    for thread in same:
        for place, name in enumerate(thread.remedies[:2]):
            found[name] += _SECOND if place else 1.0
    return {name: value / (len(same) + _FEW_CODES) for name, value in found.items()}


def _likeness(alike: Sequence[tuple[Thread, float]]) -> Mapping[str, float]:
    found: dict[str, float] = defaultdict(float)
    whole = sum(share for _, share in alike) + _FEW_MESSAGES
    for thread, share in alike:
        for place, name in enumerate(thread.remedies[:2]):
            found[name] += share * (_SECOND if place else 1.0) / whole
    return found


def _others(subject: Subject, known: Index) -> tuple[Thread, ...]:
    same = experience.by_code(known, subject.codes)
    return same or tuple(thread for thread, _ in experience.by_message(known, subject.text))


def _softmax(scores: Mapping[str, float]) -> Mapping[str, float]:
    highest = max(scores.values())
    raised = {name: math.exp(value - highest) for name, value in scores.items()}
    whole = sum(raised.values())
    return {name: value / whole for name, value in raised.items()}


# ---------------------------------------------------------------- in words


def _told(subject: Subject, table: Features, factors: Mapping[str, float]) -> Mapping[str, list[Evidence]]:
    """The evidence as sentences: what `--why` prints and the card's fold shows."""
    found: dict[str, list[Evidence]] = defaultdict(list)
    code = next((entry.code for entry, _ in subject.entries if entry.code_shown), "")
    listed = say("The catalogue lists it for {code}.", code=code) if code else say("The catalogue lists it for this message.")
    texts = {
        "entry": listed,
        "cause": say("It is what usually ends this cause."),
        "guess": say("It is what usually ends this cause."),
        "same_code": say("It fixed the same code in public threads."),
        "same_message": say("It fixed errors of the same wording in public threads."),
    }
    for name, row in table.items():
        for kind, text in texts.items():
            if row.get(kind):
                found[name].append(Evidence(kind, round(factors[kind] * row[kind], 2), text))
    for rule in subject.signs:
        for name, weight in rule.weights.items():
            found[name].append(Evidence(rule.id, round(factors["sign"] * weight, 2), rule.why))
    return found
