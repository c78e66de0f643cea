"""Short pieces of words, hashed: what the learned models of wording look at, and the small linear models themselves.

A model file is one line of JSON (version, labels, constants, scale) and then, for each label, one signed byte for each bucket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final
from zlib import crc32

from bot.patterns import lazy

VERSION: Final = 1
LOOKED_AT: Final = 700  # characters of a text: what decides stands in its beginning
_HUMP: Final = lazy(r"(?<=[a-z])(?=[A-Z])|[._]+")
_ADDRESS: Final = lazy(r"https?://[^/\s]{1,80}\S{0,300}")
_ID: Final = lazy(r"[0-9a-f]{12,}|[0-9a-f-]{30,}|\d{5,}")
_WORD: Final = lazy(r"[a-z]+|[\u4e00-\u9fff]+|\d+|[^\sa-z0-9\u4e00-\u9fff]")
_LATIN: Final = 4  # letters of a piece
_CHINESE: Final = (1, 2, 3)


class ModelError(ValueError):
    """A model file that this program cannot read; the message says what to do."""


def grams(text: str, bits: int) -> list[int]:
    """The buckets (0 to 2**bits - 1) of a text's pieces, each once: letters of words, words, and pairs of words. Ids and addresses say nothing."""
    plain = _ID.sub("#", _HUMP.sub(" ", _ADDRESS.sub(" @ ", text[:LOOKED_AT])).lower())
    words = _WORD.findall(plain)
    hashes = {crc32(f"{first[-6:]}_{second[:6]}".encode()) for first, second in set(pairwise(words))}
    hashes.update(*map(_letters, set(words)))
    mask = (1 << bits) - 1
    return sorted({each & mask for each in hashes})


@lru_cache(maxsize=4096)
def _letters(word: str) -> frozenset[int]:
    """The hashes of a word and of its letters; pastes are made of the same few thousand words."""
    if word.isascii():
        padded = f" {word[:24]} "
        pieces = ["=" + word, *(padded[at : at + _LATIN] for at in range(len(padded) - _LATIN + 1))]
    else:
        pieces = [word[at : at + size] for size in _CHINESE for at in range(len(word) - size + 1)]
    return frozenset(crc32(each.encode()) for each in pieces)


@dataclass(frozen=True)
class Model:
    """A linear model over the buckets: for each label a constant and a signed byte a bucket, which `scale` makes a weight of."""

    bits: int
    scale: float
    constants: Mapping[str, float]
    columns: Mapping[str, Sequence[int]]

    def scores(self, text: str) -> dict[str, float]:
        """The score of each label for a text."""
        buckets = grams(text, self.bits)
        if len(buckets) < 2:
            return dict(self.constants)
        pick = itemgetter(*buckets)
        each = self.scale / len(buckets) ** 0.5
        return {label: self.constants[label] + each * sum(pick(column)) for label, column in self.columns.items()}


def loaded(data: bytes, name: str) -> Model:
    """The model in a file's bytes. Raises `ModelError` when it is of another version or broken."""
    head, _, body = data.partition(b"\n")
    try:
        about = json.loads(head)
        version, bits, labels = about["version"], about["bits"], list(about["constants"])
    except (ValueError, TypeError, KeyError) as broken:
        raise ModelError(f"{name} cannot be read ({broken}); make it anew with `make fit`") from None
    if version != VERSION or len(body) != len(labels) << bits:
        raise ModelError(f"{name} has version {version}, this program reads version {VERSION}; make it anew with `make fit`")
    size = 1 << bits
    columns = {label: memoryview(body[at * size : (at + 1) * size]).cast("b") for at, label in enumerate(labels)}
    return Model(bits, about["scale"], about["constants"], columns)
