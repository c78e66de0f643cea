"""What fixed it for others: public threads in which the fix is told (`experience.jsonl`, one thread a line,
the platform first, so that only one platform's lines are read).

A thread counts for a paste when they share a platform and a code, or when most of the thread's own message stands in the paste. Adding
a case is adding a line; the gate test checks remedy ids, persons and sources.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from bot.patterns import lazy

_WORD = lazy(r"[a-z_][a-z_']{2,}")
_SIGN = lazy(r"[\u4e00-\u9fff]")
_SAYS_NOTHING = frozenset(
    {"the", "and", "for", "not", "with", "this", "that", "was", "are", "from", "you", "your", "http", "https", "com", "www"}
)
_IN_EVERY_ERROR = frozenset({"error", "code", "message", "msg", "errcode", "errmsg", "failed", "request"})
_LEFT_OUT = _SAYS_NOTHING | _IN_EVERY_ERROR
_ALIKE = 0.6  # share of a thread's message that has to stand in the paste
_NEAREST = 8  # threads of the same wording that count
_LOOKED_AT = 4_000  # characters of the paste that are compared


@dataclass(frozen=True, slots=True)
class Thread:
    """One public thread. `remedies`: what fixed it, the decisive one first."""

    platform: str
    codes: frozenset[str]
    message: str
    remedies: tuple[str, ...]
    source: str
    fix: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The threads about one platform, ready to be compared: by code, and by the words of their message with the weight of each word."""

    threads: tuple[Thread, ...]
    by_code: Mapping[str, tuple[int, ...]]
    words: tuple[frozenset[str], ...]
    weight: Mapping[str, float]
    size: tuple[float, ...]


@cache
def shipped(platform: str) -> Index:
    """The index over the shipped threads about one platform."""
    begins = f'{{"platform": "{platform}"'
    lines = files(__package__).joinpath("experience.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, (line for line in lines if line.startswith(begins)))
    return index(
        Thread(row["platform"], frozenset(row["codes"]), row.get("message", ""), tuple(row["remedies"]), row["source"], row.get("fix", ""))
        for row in rows
    )


def index(known: Iterable[Thread]) -> Index:
    """An index over some threads (scoring leaves out those that a paste comes from)."""
    kept = tuple(known)
    by_code: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for place, thread in enumerate(kept):
        for code in thread.codes:
            by_code[code] += (place,)
    words = tuple(frozenset(_words(thread.message)) for thread in kept)
    in_threads = Counter(word for one in words for word in one)
    weight = {word: math.log((len(kept) + 1) / (count + 1)) ** 2 for word, count in in_threads.items()}
    return Index(kept, dict(by_code), words, weight, tuple(math.fsum(weight[word] for word in one) for one in words))


def by_code(known: Index, codes: Collection[str]) -> tuple[Thread, ...]:
    """The threads about one of these codes."""
    places = dict.fromkeys(place for code in codes for place in known.by_code.get(code, ()))
    return tuple(known.threads[place] for place in places)


@lru_cache(maxsize=8)  # asked three times of each error: for the ranking, for what is told, for who agrees
def by_message(known: Index, text: str) -> tuple[tuple[Thread, float], ...]:
    """The threads whose message stands in the text, the most alike first, each with its likeness (0..1)."""
    own = _words(text[:_LOOKED_AT])
    found = []
    for thread, words, size in zip(known.threads, known.words, known.size, strict=True):
        if len(words) < 2:
            continue
        share = math.fsum(known.weight[word] for word in words & own) / size if size else 0.0  # the same in whatever order a set has
        if share > _ALIKE:
            found.append((thread, share * min(1.0, math.sqrt(size) / 8)))
    found.sort(key=lambda pair: -pair[1])
    return tuple(found[:_NEAREST])


def _words(text: str) -> set[str]:
    """Words, and pairs of Chinese signs, that tell messages apart."""
    folded = text.lower()
    signs = _SIGN.findall(folded)
    return {word for word in _WORD.findall(folded) if word not in _LEFT_OUT} | {a + b for a, b in pairwise(signs)}
