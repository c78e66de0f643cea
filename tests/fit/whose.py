"""The model of whose words a text speaks (`bot/extract/whose.json`): logistic regression over words, from labelled pastes and the catalogue.

What other systems say (`others.txt`) is one more class, so that a stranger's error sounds like nobody of ours.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from bot.catalog import catalog
from bot.extract.whose import OTHERS, words
from tests.fit.corpus import Paste

_LEAST = 0.06  # a weight below this says nothing
_OTHERS = Path(__file__).with_name("others.txt")
_OTHERS_SHARE = 0.25  # most texts that are asked about are about one of ours
_TIMES = 3  # so that the few count
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
    listed = [
        (paste.text.lower(), str(paste.expect["platform"])) for paste, used in zip(pastes, use, strict=True) if used and paste.is_error
    ]
    listed += [*_told(), *((line.lower(), OTHERS) for line in _OTHERS.read_text(encoding="utf-8").splitlines() for _ in range(_TIMES))]
    counter = CountVectorizer(analyzer=words, binary=True, min_df=_SEEN)
    table = counter.fit_transform([text for text, _ in listed])
    names = [name for _, name in listed]
    counts = Counter(names)
    shares = {name: len(names) / len(counts) / count * (_OTHERS_SHARE if name == OTHERS else 1) for name, count in counts.items()}
    model = LogisticRegression(max_iter=400, C=0.5, class_weight=shares).fit(table, names)
    order = counter.get_feature_names_out()
    kept = {
        word: [[index, round(100 * float(weight))] for index, weight in enumerate(column) if abs(weight) >= _LEAST]
        for word, column in zip(order, np.transpose(model.coef_), strict=True)
    }
    return {
        "platforms": [str(each) for each in model.classes_],
        "bias": [round(100 * float(each)) for each in model.intercept_],
        "words": {word: weights for word, weights in sorted(kept.items()) if weights},
    }


def document(model: dict[str, Any]) -> str:
    """The model as the text of its file."""
    rows = ",\n".join(
        f"{json.dumps(word, ensure_ascii=False)}:{json.dumps(weights, separators=(',', ':'))}" for word, weights in model["words"].items()
    )
    return f'{{"platforms":{json.dumps(model["platforms"])},\n"bias":{json.dumps(model["bias"])},\n"words":{{\n{rows}\n}}}}\n'
