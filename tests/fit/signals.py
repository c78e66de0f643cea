"""The weights of the signals: which paste has an error, from what fires around each finding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bot.catalog import catalog
from bot.extract import read, signals
from bot.extract.context import Context
from bot.extract.lexicon import lexicon
from bot.redact import redact
from tests.fit import rules
from tests.fit.corpus import Paste

_STRENGTH = 2.0  # of the data against the prior that a weight is nothing
_DIGITS = 2
_EXPECTED = {"report": 1, "talk": -1, "source": -1, "foreign": -1}  # the sign that a rule of a kind may have


@dataclass(frozen=True)
class Case:
    """One place of one finding of a labelled paste: what fired there."""

    paste: int
    fired: dict[str, float]


def cases(pastes: Sequence[Paste]) -> list[Case]:
    """What fires at every place that the reading finds, with all rules switched on."""
    skeleton = _document({}, 0.0)
    signals.weights.cache_clear()
    keep = signals.weights
    try:
        learned = signals.loaded(json.dumps(skeleton))
        signals.weights = lambda: learned  # type: ignore[assignment]
        signals._hits.cache_clear()
        signals._share.cache_clear()
        return [Case(index, fired) for index, paste in enumerate(pastes) for fired in _of(paste)]
    finally:
        signals.weights = keep
        signals._hits.cache_clear()
        signals._share.cache_clear()


def _of(paste: Paste) -> list[dict[str, float]]:
    context = Context(redact(paste.text).text[:32_768], catalog(), lexicon(), whole=True)
    return [signals.fired(context, draft, at) for draft in read(context)[:12] for at in (draft.places or [draft.start])[: signals._PLACES]]


def names() -> list[str]:
    return [row["id"] for row in rules.rows()]


def fit(pastes: Sequence[Paste], listed: Sequence[Case], use: Sequence[bool]) -> tuple[dict[str, float], float]:
    """Weights by rule and the constant, from the cases whose paste is used. Rules keep the sign of their kind."""
    mine = [case for case in listed if use[case.paste]]
    columns = names()
    kinds = {row["id"]: row["kind"] for row in rules.rows()}
    per_paste = np.bincount([case.paste for case in mine], minlength=len(pastes))
    table = np.array([[case.fired.get(name, 0.0) for name in columns] for case in mine])
    has = np.array([pastes[case.paste].is_error for case in mine])
    weight = np.array([pastes[case.paste].weight / per_paste[case.paste] for case in mine])
    kept = list(range(len(columns)))
    while True:  # a rule whose weight has the wrong sign is left out, so that what `--why` prints makes sense
        model = LogisticRegression(C=_STRENGTH, max_iter=2_000).fit(table[:, kept], has, sample_weight=weight)
        wrong = [at for at, value in zip(kept, model.coef_[0], strict=True) if value * _EXPECTED.get(kinds[columns[at]], 0) < 0]
        if not wrong:
            break
        kept = [at for at in kept if at not in wrong]
    learned = {columns[at]: round(float(value), _DIGITS) for at, value in zip(kept, model.coef_[0], strict=True)}
    return learned, round(float(model.intercept_[0]), _DIGITS)


def _document(learned: dict[str, float], constant: float) -> dict[str, Any]:
    """What `weights.json` holds: the rules that have a weight (all of them while nothing is learned)."""
    made = []
    for row in rules.rows():
        weight = learned.get(row["id"], 0.0)
        if learned and not weight and not (row["kind"] == "source" and row.get("in") == "line"):
            continue
        one = {"id": row["id"], "kind": row["kind"], "weight": weight, "why": row["why"]}
        if "feature" in row:
            one["feature"] = row["feature"]
        else:
            one |= {"where": row["in"], "pattern": row["pattern"], "needles": list(rules.needles(row["pattern"]))}
            one |= {"cased": True} if row.get("cased") else {}
        made.append(one)
    return {"version": signals.VERSION, "constant": constant, "rules": made}


def document(learned: dict[str, float], constant: float) -> str:
    """The text of `weights.json`."""
    return json.dumps(_document(learned, constant), ensure_ascii=False, indent=1) + "\n"
