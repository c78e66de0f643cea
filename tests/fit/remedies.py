"""The weights of the evidence for remedies, fitted on labelled pastes whose true fix is known: `python -m tests.fit.remedies` prints how well.

A paste never sees its own thread among the shipped experience. Two figures are told: with its thread (`naive`), and out of fold
(`out of fold`: without its thread, with weights that were fitted on the other folds). Deterministic; the run time reads one small file.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import bot.diagnose
from bot.catalog import catalog
from bot.catalog.remedies import remedies
from bot.diagnose import experience, subject_of
from bot.diagnose.experience import Index, Thread
from bot.diagnose.hypotheses import Subject, features, rank
from bot.explain import explain
from bot.model import Facts
from bot.platforms import packages

FILES = [Path(__file__).parents[1] / "reading" / name for name in ("pastes.jsonl", "threads.jsonl")]
WEIGHTS = Path(bot.diagnose.__file__).with_name("weights.json")
KINDS = ("entry", "cause", "guess", "same_code", "same_message", "sign", "habit")
FOLDS = 5
PULL = 0.15  # towards the weights that were set by hand: the signs were written by people who had seen pastes like these
HAND = (5.0, 3.5, 5.0, 2.5, 2.5, 0.8, 0.3)
ALIKE = 0.6


@dataclass(frozen=True)
class Labelled:
    """A paste, what is known of it, and which remedies are right. `own`: the sources of the threads it was made from."""

    id: str
    subject: Subject
    right: frozenset[str]
    own: frozenset[str]
    derivable: bool

    def index(self) -> Index:
        """The experience without the paste's own thread."""
        whole = experience.shipped(self.subject.platform)
        if not any(thread.source in self.own for thread in whole.threads):
            return whole
        return experience.index(thread for thread in whole.threads if thread.source not in self.own)


@cache
def labelled() -> tuple[Labelled, ...]:
    """Every paste whose true fix is known and in which something was read."""
    rows = [json.loads(line) for file in FILES for line in file.read_text(encoding="utf-8").splitlines()]
    found = [_labelled(row) for row in rows if row["expect"].get("remedies")]
    return tuple(one for one in found if one)


def _labelled(row: dict[str, object]) -> Labelled | None:
    expect, text = row["expect"], str(row["text"])
    assert isinstance(expect, dict)
    read = explain(text).findings
    if not read:
        return None
    subject = subject_of(read[0], catalog(), Facts())
    right = frozenset({expect["remedies"][0], *expect.get("also_ok", ())})
    own = frozenset(thread.source for thread in experience.shipped(expect["platform"]).threads if _made_from(thread, expect, text))
    return Labelled(str(row["id"]), subject, right, own, expect.get("derivable", True))


def _made_from(thread: Thread, expect: dict[str, list[str]], text: str) -> bool:
    """Can the paste have been made from this thread? The same codes and remedies, and the thread's message (if it has one) in the text."""
    if thread.codes != set(expect["codes"]) or list(thread.remedies) != expect["remedies"]:
        return False
    alike = experience.by_message(experience.index([thread]), text)
    return not thread.message or len(thread.message) < 12 or thread.message[:40] in text or any(share > ALIKE for _, share in alike)


# ---------------------------------------------------------------- fitting


@dataclass(frozen=True)
class Table:
    """Pastes × remedies × kinds of evidence, and which remedies are right."""

    values: np.ndarray
    right: np.ndarray


def table(pastes: Sequence[Labelled]) -> Table:
    """The strength of each kind of evidence, before the weights."""
    names = list(remedies())
    values = np.zeros((len(pastes), len(names), len(KINDS)))
    right = np.zeros((len(pastes), len(names)), dtype=bool)
    for number, paste in enumerate(pastes):
        strengths = features(paste.subject, paste.index())
        for place, name in enumerate(names):
            values[number, place] = [strengths[name].get(kind, 0.0) for kind in KINDS]
            right[number, place] = name in paste.right
    return Table(values, right)


def fit(rows: Table, start: Sequence[float]) -> np.ndarray:
    """The weights under which the right remedies are likeliest (conditional logit), pulled towards `start`."""
    begin = np.array(start)

    def loss(weights: np.ndarray) -> float:
        scores = rows.values @ weights
        scores -= scores.max(axis=1, keepdims=True)
        likely = np.exp(scores)
        share = (likely * rows.right).sum(axis=1) / likely.sum(axis=1)
        return float(-np.log(share + 1e-9).mean() + PULL * (((weights - begin) / (begin + 1)) ** 2).sum())

    return minimize(loss, begin, method="L-BFGS-B", bounds=[(0.0, 12.0)] * len(KINDS)).x


def habit() -> dict[str, float]:
    """The log of how often each remedy was the decisive one, smoothed so that none is impossible."""
    known = [thread for platform in packages() for thread in experience.shipped(platform).threads]
    count = Counter(thread.remedies[0] for thread in known)
    return {name: round(math.log((count[name] + 2) / (len(known) + 2 * len(remedies()))), 3) for name in remedies()}


def learn() -> str:
    """The text of `weights.json`."""
    weights = fit(table(labelled()), HAND)
    kinds = {kind: round(float(weight), 3) for kind, weight in zip(KINDS, weights, strict=True)}
    return json.dumps({"kinds": kinds, "habit": habit()}, indent=2) + "\n"


# ---------------------------------------------------------------- figures


def figures() -> dict[str, tuple[float, float]]:
    """First, and among the first three, of the derivable ones: with its own thread, and out of fold."""
    pastes = labelled()
    rows, names = table(pastes), list(remedies())
    fold = np.array([number % FOLDS for number in range(len(pastes))])
    scores = np.zeros(rows.right.shape)
    for one in range(FOLDS):
        learned = fit(Table(rows.values[fold != one], rows.right[fold != one]), HAND)
        scores[fold == one] = rows.values[fold == one] @ learned
    kept = [number for number, paste in enumerate(pastes) if paste.derivable]
    folded = [[names[place] for place in np.argsort(-scores[number], kind="stable")[:3]] for number in kept]
    naive = [[one.remedy for one in rank(pastes[number].subject)[:3]] for number in kept]
    right = [pastes[number].right for number in kept]
    return {"naive": _hits(naive, right), "out of fold": _hits(folded, right)}


def _hits(named: Sequence[Sequence[str]], right: Sequence[frozenset[str]]) -> tuple[float, float]:
    first = sum(names[0] in good for names, good in zip(named, right, strict=True)) / len(right)
    third = sum(bool(set(names) & good) for names, good in zip(named, right, strict=True)) / len(right)
    return round(first, 4), round(third, 4)


if __name__ == "__main__":
    for kind, (first, third) in figures().items():
        print(f"{kind:12s} remedy_1 {first:.4f}  remedy_3 {third:.4f}  (of {sum(paste.derivable for paste in labelled())} pastes)")
