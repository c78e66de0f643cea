"""The model of messages: which cause a message tells where no listed code does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from scipy.sparse import vstack
from sklearn.svm import LinearSVC

from bot import platforms
from bot.diagnose import wording
from bot.explain import explain
from bot.model import Finding
from tests.fit.corpus import Paste
from tests.fit.signals import model_file, table

BITS = 15
_STRENGTH = 0.5
_CATALOGUE = 0.3  # weight of a text of the catalogue against a paste's


@dataclass(frozen=True)
class Message:
    """What one labelled paste says, as the model reads it; `unlisted`: no code of it is in the catalogue, so that the model decides."""

    paste: int
    text: str
    cause: str
    unlisted: bool


def messages(pastes: Sequence[Paste]) -> list[Message]:
    """The first finding of every paste whose cause is labelled."""
    return [made for index, paste in enumerate(pastes) if paste.is_error and (made := _message(index, paste)) is not None]


def _message(index: int, paste: Paste) -> Message | None:
    cause = paste.expect.get("cause") or paste.expect.get("true_cause")
    if cause is None:
        return None
    answer = explain(paste.text)
    if not answer.findings:
        return Message(index, wording.spoken(Finding("lark", message=paste.text[:400])), cause, unlisted=True)
    return Message(index, wording.spoken(answer.findings[0]), cause, unlisted=answer.diagnoses[0].entry is None)


@cache
def catalogue() -> tuple[tuple[str, str], ...]:
    """Titles, sentences, samples and wordings of every shipped entry, each with its cause."""
    return tuple(dict.fromkeys(_texts()))


def _texts() -> Iterator[tuple[str, str]]:
    for name in platforms.packages():
        pack = tomllib.loads(files(f"bot.platforms.{name}").joinpath("pack.toml").read_text(encoding="utf-8"))
        for entry in pack.values():
            spoken = (
                *entry["title"].values(),
                entry["what"]["en"],
                entry["what"]["zh"],
                entry.get("sample", ""),
                *entry.get("phrases", ()),
            )
            yield from ((text, entry["cause"]) for text in spoken if text)


def fit(pastes: Sequence[Paste], listed: Sequence[Message], folds: Sequence[int], without: int | None = None) -> LinearSVC:
    """Learn from the catalogue and from every paste but those of one fold."""
    mine = [each for each in listed if folds[each.paste] != without]
    texts, causes = zip(*catalogue(), strict=True)
    data = vstack([table(texts, BITS), table([each.text for each in mine], BITS)]).tocsr()
    weight = np.concatenate([np.full(len(texts), _CATALOGUE), [2.0 if pastes[each.paste].scored else 0.7 for each in mine]])
    return LinearSVC(C=_STRENGTH, tol=1e-2, max_iter=400, random_state=0).fit(
        data, [*causes, *(each.cause for each in mine)], sample_weight=weight
    )


def out_of_fold(pastes: Sequence[Paste], listed: Sequence[Message], folds: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """For each message the cause and the margins, by a model that has not seen its fold."""
    causes, margins = [""] * len(listed), [np.zeros(0)] * len(listed)
    for fold in sorted(set(folds)):
        model = fit(pastes, listed, folds, without=fold)
        places = [place for place, each in enumerate(listed) if folds[each.paste] == fold and pastes[each.paste].scored]
        scores = model.decision_function(table([listed[place].text for place in places], BITS))
        for place, row in zip(places, scores, strict=True):
            causes[place], margins[place] = str(model.classes_[row.argmax()]), row
    return causes, margins


def likelihood(margins: np.ndarray) -> float:
    """How likely the best of some margins is, as the program has it."""
    return float(1 / np.exp(wording.SHARPNESS * (margins - margins.max())).sum())


def file(model: LinearSVC) -> bytes:
    """The bytes of `messages.bin`."""
    constants = dict(zip(map(str, model.classes_), map(float, model.intercept_), strict=True))
    return model_file(constants, list(model.coef_), BITS)
