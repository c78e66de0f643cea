"""The model of whose words a text speaks (`bot/extract/whose.json`): logistic regression over words, from labelled pastes and the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from bot.catalog import catalog
from bot.extract.whose import words
from tests.fit.corpus import Paste

_LEAST = 0.06  # a weight below this says nothing
_SEEN = 3  # texts that a word stands in


def _told() -> Iterator[tuple[str, str]]:
    """What the catalogue says about each code, with its platform."""
    book = catalog()
    for name in book.platforms():
        for code in book.codes(name):
            entry = book.entry(name, code)
            if entry is not None:
                told = [entry.title, entry.what, *entry.steps]
                yield " ".join([entry.sample, *(f"{each.en} {each.zh}" for each in told)]).lower(), name


def fit(pastes: Sequence[Paste], use: Sequence[bool]) -> dict[str, Any]:
    """The model as a document: biases and weights in hundredths."""
    listed = [(paste.text.lower(), str(paste.expect["platform"])) for paste, used in zip(pastes, use, strict=True) if used and paste.is_error]
    listed += _told()
    counter = CountVectorizer(analyzer=words, binary=True, min_df=_SEEN)
    table = counter.fit_transform([text for text, _ in listed])
    model = LogisticRegression(max_iter=400, C=0.5, class_weight="balanced").fit(table, [name for _, name in listed])
    order = counter.get_feature_names_out()
    kept = {
        word: [[index, round(100 * float(weight))] for index, weight in enumerate(column) if abs(weight) >= _LEAST]
        for word, column in zip(order, numpy.transpose(model.coef_), strict=True)
    }
    return {
        "platforms": [str(each) for each in model.classes_],
        "bias": [round(100 * float(each)) for each in model.intercept_],
        "words": {word: weights for word, weights in sorted(kept.items()) if weights},
    }


def document(model: dict[str, Any]) -> str:
    """The model as the text of its file."""
    rows = ",\n".join(f"{json.dumps(word, ensure_ascii=False)}:{json.dumps(weights, separators=(',', ':'))}" for word, weights in model["words"].items())
    return f'{{"platforms":{json.dumps(model["platforms"])},\n"bias":{json.dumps(model["bias"])},\n"words":{{\n{rows}\n}}}}\n'
