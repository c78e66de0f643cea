"""The telling question: the one whose answer separates the likely remedies best.

    P(answer | remedy) is taken from the answer's weights; the question with the most information about the remedy is asked (mutual
    information, in nats), and none where the first remedy is sure enough or no question tells the rivals apart

An answer is a claim of the one who answers: it is evidence like any other, and the case is ranked again with it.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bot.diagnose.hypotheses import Hypothesis
from bot.model import Answer, Cause, Evidence, TellingQuestion, Text

_SURE = 0.8  # a first remedy that is this likely needs no question
_TELLS = 0.08  # nats; a question that tells less is noise
_RIVALS = 8  # remedies that are compared; the rest is too unlikely to matter


@dataclass(frozen=True, slots=True)
class Asking:
    """One row of `questions.toml`: where it may be asked, and what each answer says about which remedy (log-odds)."""

    question: TellingQuestion
    weights: Mapping[str, Mapping[str, float]]  # answer → remedy → weight
    platforms: frozenset[str]
    causes: frozenset[Cause]
    codes: frozenset[str]
    known: frozenset[str]

    def may_be_asked(self, platform: str, cause: Cause, codes: Collection[str]) -> bool:
        """Does it fit this case? A question with codes fits those only."""
        if self.platforms and platform not in self.platforms:
            return False
        if self.codes:
            return not self.codes.isdisjoint(codes)
        return not self.causes or cause in self.causes

    def separates(self) -> frozenset[str]:
        """The remedies between which some answer decides."""
        return frozenset(remedy for answer in self.weights.values() for remedy, weight in answer.items() if weight > 0)


@cache
def questions() -> tuple[Asking, ...]:
    """Every row of `questions.toml`, in its order."""
    rows = tomllib.loads(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))["question"]
    return tuple(_asking(row) for row in rows)


def telling(
    platform: str, cause: Cause, codes: Collection[str], ranked: Sequence[Hypothesis], known: Collection[str], *, needed: bool = False
) -> TellingQuestion | None:
    """The question to ask, or None. `known`: signs that fired and questions that were answered. `needed`: ask even when it tells little."""
    if ranked[0].likelihood >= _SURE and not needed:
        return None
    best, most = None, 0.0 if needed else _TELLS
    for asking in questions():
        if asking.question.id in known or not asking.known.isdisjoint(known) or not asking.may_be_asked(platform, cause, codes):
            continue
        told = _information(asking, ranked[:_RIVALS])
        if told > most:
            best, most = asking.question, told
    return best


def answer_number(question: str, answer: str) -> int:
    """The place of an answer among all answers of `questions.toml`: what a button carries. Raises `ValueError` for unknown ids."""
    return _numbered().index((question, answer))


def answer_at(number: int) -> tuple[str, str] | None:
    """(question id, answer id) of a button's number, None when there is no such answer (any more)."""
    every = _numbered()
    return every[number] if 0 <= number < len(every) else None


@cache
def _numbered() -> tuple[tuple[str, str], ...]:
    return tuple((asking.question.id, answer.id) for asking in questions() for answer in asking.question.answers)


def answered(answers: Mapping[str, str]) -> tuple[tuple[str, Evidence], ...]:
    """What the answers that were given (question id → answer id) say: (remedy, evidence). Unknown ids say nothing."""
    found: list[tuple[str, Evidence]] = []
    for asking in questions() if answers else ():
        given = answers.get(asking.question.id, "")
        said = next((one.text for one in asking.question.answers if one.id == given), None)
        if said is None:
            continue
        why = Text(f"{asking.question.text.en} {said.en}.", f"{asking.question.text.zh}{said.zh}。")
        found += [(remedy, Evidence(f"answer:{asking.question.id}", weight, why)) for remedy, weight in asking.weights[given].items()]
    return tuple(found)


def _information(asking: Asking, ranked: Sequence[Hypothesis]) -> float:
    """How much the answer tells about the remedy: mutual information in nats."""
    whole = sum(one.likelihood for one in ranked)
    prior = {one.remedy: one.likelihood / whole for one in ranked}
    given = {remedy: _answers(asking, remedy) for remedy in prior}
    told = 0.0
    for answer in asking.weights:
        total = sum(prior[remedy] * given[remedy][answer] for remedy in prior)
        for remedy, likely in prior.items():
            joint = likely * given[remedy][answer]
            if joint > 0 and total > 0:
                told += joint * math.log(given[remedy][answer] / total)
    return told


def _answers(asking: Asking, remedy: str) -> Mapping[str, float]:
    """How likely each answer is where this remedy is the right one."""
    raised = {answer: math.exp(weights.get(remedy, 0.0)) for answer, weights in asking.weights.items()}
    whole = sum(raised.values())
    return {answer: value / whole for answer, value in raised.items()}


def _asking(row: Mapping[str, Any]) -> Asking:
    answers = tuple(Answer(one["id"], Text(one["text"]["en"], one["text"]["zh"])) for one in row["answer"])
    weights = {
        one["id"]: {**one.get("for", {}), **{name: -weight for name, weight in one.get("against", {}).items()}} for one in row["answer"]
    }
    return Asking(
        TellingQuestion(row["id"], Text(row["text"]["en"], row["text"]["zh"]), answers),
        weights,
        frozenset(row.get("platforms", ())),
        frozenset(Cause(cause) for cause in row.get("causes", ())),
        frozenset(row.get("codes", ())),
        frozenset(row.get("known", ())),
    )
