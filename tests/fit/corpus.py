"""The labelled pastes, and the folds that keep what belongs together on one side."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
FOLDS = 5
_SHINGLE = 12  # characters
_COMMON = 25  # a shingle of so many pastes says nothing about kinship
_ALIKE = 0.4  # of the shorter one's shingles


@dataclass(frozen=True)
class Paste:
    """One labelled paste. `scored`: it belongs to the corpus whose out-of-fold figures are told; the others only teach."""

    id: str
    text: str
    expect: dict[str, Any]
    scored: bool
    weight: float = 1.0

    @property
    def is_error(self) -> bool:
        return bool(self.expect.get("is_error"))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, filter(str.strip, lines))


@cache
def pastes() -> tuple[Paste, ...]:
    """Every labelled paste of the project: the labelled corpus, the threads, and the readers' own samples."""
    found = [Paste(row["id"], row["text"], row["expect"], scored=True) for row in _rows(TESTS / "reading" / "pastes.jsonl")]
    found += [Paste(row["id"], row["text"], row["expect"], scored=True) for row in _rows(TESTS / "reading" / "threads.jsonl")]
    for path in sorted((TESTS / "samples" / "extract").glob("*.jsonl")):
        if path.stem == "hints":
            continue
        talk = path.stem.startswith("talk")
        found += [
            Paste(f"{path.stem}/{row['id']}", row["text"], {"is_error": not talk, **row.get("expect", {})}, scored=False, weight=0.2)
            for row in _rows(path)
        ]
    return tuple(found)


def shingles(text: str) -> frozenset[int]:
    """What a text is made of, digits aside: near-duplicates share most of it."""
    plain = re.sub(r"\s+", " ", re.sub(r"\d", "0", text.lower()))
    return frozenset(hash_of(plain[at : at + _SHINGLE]) for at in range(max(1, len(plain) - _SHINGLE + 1)))


def hash_of(text: str) -> int:
    """The same number in every process, unlike `hash`."""
    value = 0
    for sign in text:
        value = (value * 1_000_003 + ord(sign)) & 0xFFFFFFFF
    return value


def groups(texts: Sequence[str]) -> list[int]:
    """A group number for each text; texts that share much are of one group."""
    made = [shingles(text) for text in texts]
    parent = list(range(len(texts)))
    holders: dict[int, list[int]] = defaultdict(list)
    for index, each in enumerate(made):
        for one in each:
            holders[one].append(index)
    for index, each in enumerate(made):
        shared: Counter[int] = Counter()
        for one in each:
            if len(holders[one]) <= _COMMON:
                shared.update(other for other in holders[one] if other < index)
        for other, count in shared.items():
            if count >= _ALIKE * min(len(each), len(made[other])):
                parent[_root(parent, index)] = _root(parent, other)
    return [_root(parent, index) for index in range(len(texts))]


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


@cache
def folds() -> tuple[int, ...]:
    """The fold (0 to `FOLDS` - 1) of each paste; kin pastes are in the same one."""
    return tuple(_fold_of(groups([paste.text for paste in pastes()])))


def _fold_of(group: Iterable[int]) -> Iterator[int]:
    names = list(group)
    sizes = Counter(names)
    filled = [0] * FOLDS
    place: dict[int, int] = {}
    for name, size in sorted(sizes.items(), key=lambda each: (-each[1], hash_of(str(each[0])))):
        place[name] = filled.index(min(filled))
        filled[place[name]] += size
    yield from (place[name] for name in names)
