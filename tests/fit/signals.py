"""The weights of the signals: which paste has an error, from what fires around each finding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from bot.catalog import catalog
from bot.extract import read, signals
from bot.extract.context import Context
from bot.extract.grams import VERSION, grams
from bot.extract.lexicon import lexicon
from bot.redact import redact
from tests.fit import rules
from tests.fit.corpus import Paste

_STRENGTH = 2.0  # of the data against the prior that a weight is nothing
_VOICE_STRENGTH = 30.0
VOICE_BITS = 14
_DIGITS = 2
_EXPECTED = {"report": 1, "talk": -1, "source": -1, "foreign": -1}  # the sign that a rule of a kind may have


@dataclass(frozen=True)
class Case:
    """One place of one finding of a labelled paste: what fired there, and the words around."""

    paste: int
    fired: dict[str, float]
    words: str
    structured: bool


@dataclass(frozen=True)
class Learned:
    """Weights by rule, the constant, and the model of the wording."""

    weights: dict[str, float]
    constant: float
    voice: dict[str, Any]

    def score(self, case: Case, voice: float) -> float:
        """The log-odds of a case, as the program has them."""
        kinds = _kinds()
        total = self.constant + sum(self.weights.get(name, 0.0) * value for name, value in case.fired.items())
        worded = self.weights.get(WORDING, 0.0) * voice if abs(total) < signals._PLAIN else 0.0
        talk = sum(self.weights.get(name, 0.0) * value for name, value in case.fired.items() if kinds[name] == "talk")
        if case.structured:
            return max(total + worded, min(total - talk, 0.0))
        return total + worded


WORDING = "wording"


@cache
def _kinds() -> dict[str, str]:
    return {row["id"]: row["kind"] for row in rules.rows()}


def cases(pastes: Sequence[Paste]) -> list[Case]:
    """What fires at every place that the reading finds, with all rules switched on."""
    keep = signals.weights
    try:
        learned = signals.loaded(json.dumps(_document({}, 0.0)))
        signals.weights = lambda: learned  # type: ignore[assignment]
        _forget()
        return [case for index, paste in enumerate(pastes) for case in _of(index, paste)]
    finally:
        signals.weights = keep
        _forget()


def _forget() -> None:
    for cached in (signals._hits, signals._share, signals._is_source):
        cached.cache_clear()


def _of(index: int, paste: Paste) -> list[Case]:
    context = Context(redact(paste.text).text[:32_768], catalog(), lexicon(), whole=True)
    return [
        Case(
            index,
            signals.fired(context, draft, at),
            signals.words_around(context, at),
            draft.evidence in signals._STRUCTURED or draft.envelope,
        )
        for draft in read(context)[:12]
        for at in (draft.places or [draft.start])[: signals._PLACES]
    ]


def voice_of(texts: Sequence[str], has: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """A model of the wording: quantized weights of the buckets and the constant."""
    model = LogisticRegression(C=_VOICE_STRENGTH, solver="liblinear", random_state=0).fit(
        table(texts, VOICE_BITS), has, sample_weight=weight
    )
    return {"constant": float(model.intercept_[0]), "weights": model.coef_[0]}


def voices(learned: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
    """How much texts read like a report, from -1 to 1."""
    scores = table(texts, VOICE_BITS) @ learned["weights"] + learned["constant"]
    return np.clip(scores / signals.VOICE_REACH, -1, 1)


def table(texts: Sequence[str], bits: int) -> csr_matrix:
    """The buckets of texts, a row for each, of length one."""
    rows, columns, values = [], [], []
    for row, text in enumerate(texts):
        found = grams(text, bits)
        rows += [row] * len(found)
        columns += found
        values += [len(found) ** -0.5] * len(found)
    return csr_matrix((values, (rows, columns)), shape=(len(texts), 1 << bits))


def fit(pastes: Sequence[Paste], listed: Sequence[Case], folds: Sequence[int], without: int | None = None) -> Learned:
    """Learn from the cases of all pastes but those of one fold.

    What the wording says of a paste comes from a model that has not seen its fold, so that its weight is an honest one.
    """
    mine = [case for case in listed if folds[case.paste] != without]
    per_paste = np.bincount([case.paste for case in mine], minlength=len(pastes))
    has = np.array([pastes[case.paste].is_error for case in mine])
    weight = np.array([pastes[case.paste].weight / per_paste[case.paste] for case in mine])
    fold = np.array([folds[case.paste] for case in mine])
    words = [case.words for case in mine]
    told = np.zeros(len(mine))
    for each in sorted(set(fold)):
        others = fold != each
        voice = voice_of([word for word, used in zip(words, others, strict=True) if used], has[others], weight[others])
        told[~others] = voices(voice, [word for word, used in zip(words, others, strict=True) if not used])
    columns = [name for name in _kinds() if name != WORDING]
    rules_fired = np.array([[case.fired.get(name, 0.0) for name in columns] for case in mine])
    learned, constant = _signed(np.column_stack([rules_fired, told]), has, weight, [*columns, WORDING])
    return Learned(learned, constant, voice_of(words, has, weight))


def _signed(data: np.ndarray, has: np.ndarray, weight: np.ndarray, columns: list[str]) -> tuple[dict[str, float], float]:
    """Weights whose signs are those of their kinds: a rule with the wrong one is left out, so that what `--why` prints makes sense."""
    kept = list(range(len(columns)))
    while True:
        model = LogisticRegression(C=_STRENGTH, max_iter=2_000).fit(data[:, kept], has, sample_weight=weight)
        wrong = [at for at, value in zip(kept, model.coef_[0], strict=True) if value * _EXPECTED.get(_kinds()[columns[at]], 0) < 0]
        if not wrong:
            break
        kept = [at for at in kept if at not in wrong]
    return {columns[at]: round(float(value), _DIGITS) for at, value in zip(kept, model.coef_[0], strict=True)}, round(
        float(model.intercept_[0]), _DIGITS
    )


def out_of_fold(pastes: Sequence[Paste], listed: Sequence[Case], folds: Sequence[int]) -> np.ndarray:
    """For each paste the log-odds of its surest finding, by a model that has not seen its fold; -99 where nothing was read."""
    best = np.full(len(pastes), -99.0)
    for fold in sorted(set(folds)):
        learned = fit(pastes, listed, folds, without=fold)
        mine = [case for case in listed if folds[case.paste] == fold]
        for case, voice in zip(mine, voices(learned.voice, [case.words for case in mine]), strict=True):
            best[case.paste] = max(best[case.paste], learned.score(case, float(voice)))
    return best


def _document(learned: dict[str, float], constant: float, speaks_up: float = 0.9) -> dict[str, Any]:
    """What `weights.json` holds: the rules that have a weight (all of them while nothing is learned)."""
    made = []
    for row in rules.rows():
        weight = learned.get(row["id"], 0.0)
        counted = row["kind"] == "source" and row.get("in") == "line"  # for the share of source lines
        if learned and not weight and not counted and not (row["kind"] == "foreign" and "feature" in row):
            continue
        one = {"id": row["id"], "kind": row["kind"], "weight": weight, "why": row["why"]}
        if "feature" in row:
            one["feature"] = row["feature"]
        else:
            one |= {"where": row["in"], "pattern": row["pattern"], "needles": list(rules.needles(row["pattern"]))}
            one |= {"cased": True} if row.get("cased") else {}
        made.append(one)
    said = [
        {key: row[key] for key in ("id", "kind", "pattern")} | {"needles": list(rules.needles(row["pattern"]))} for row in rules.claims()
    ]
    return {"version": signals.VERSION, "constant": constant, "speaks_up": speaks_up, "rules": made, "claims": said}


def document(learned: dict[str, float], constant: float, speaks_up: float = 0.9) -> str:
    """The text of `weights.json`."""
    return json.dumps(_document(learned, constant, speaks_up), ensure_ascii=False, indent=1) + "\n"


def voice_file(learned: Learned) -> bytes:
    """The bytes of `voice.bin`: its head, and a signed byte for each bucket."""
    return model_file({"report": learned.voice["constant"]}, [learned.voice["weights"]], VOICE_BITS)


def model_file(constants: dict[str, float], columns: Sequence[np.ndarray], bits: int) -> bytes:
    """A file that `bot.extract.grams.loaded` reads."""
    scale = float(max(np.abs(column).max() for column in columns)) / 127
    head = {
        "version": VERSION,
        "bits": bits,
        "scale": round(scale, 8),
        "constants": {name: round(value, 4) for name, value in constants.items()},
    }
    body = b"".join(np.round(column / scale).astype(np.int8).tobytes() for column in columns)
    return json.dumps(head).encode() + b"\n" + body
