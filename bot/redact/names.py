"""What a name says about its value: `user_access_token` is a token, `token_type` is a type. The words are data (`names.toml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal

from bot.patterns import lazy
from bot.redact import rules

_WORD: Final = lazy(r"[A-Z]{2,}s?(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_FUSED: Final = 5  # letters from which a noun is seen at the end of a longer word
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Name:
    """One row of `names.toml`: nouns, and what a value under them must look like to be masked."""

    id: str
    kind: str
    nouns: frozenset[str]
    value: Literal["any", "digits", "random", "grant"]
    after: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    alone: bool = False
    signs: str = ""
    words: bool = False
    live: bool = True
    masks: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()

    def weakly(self) -> Name:
        """The same for a name that only holds the noun: only a value that nobody chose counts."""
        return Name(self.id, self.kind, self.nouns, "random", live=self.live)


@dataclass(frozen=True, slots=True)
class Names:
    """All rows, and the words that stand behind a noun."""

    rows: tuple[Name, ...]
    behind: frozenset[str]
    endings: tuple[str, ...]

    def pattern(self) -> re.Pattern[str]:
        """Finds, in lower case, each place where a noun ends."""
        nouns = sorted({noun for row in self.rows for noun in row.nouns}, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, nouns)))


@cache
def names() -> Names:
    """The shipped rows."""
    raw = rules.read("names.toml")
    return Names(tuple(map(_row, raw["name"])), frozenset(raw["parts"]["behind"]), tuple(raw["parts"]["open"]))


def _row(raw: Mapping[str, Any]) -> Name:
    return Name(
        raw["id"], raw["kind"], frozenset(raw["nouns"]), raw["value"], frozenset(raw.get("after", ())), frozenset(raw.get("not_after", ())),
        raw.get("alone", False), raw.get("signs", ""), raw.get("words", False), raw.get("live", True), tuple(raw["masks"]), tuple(raw["keeps"]),
    )  # fmt: skip


@lru_cache(maxsize=8192)
def meaning(name: str) -> Name | None:
    """The row that a name falls under; None when its value opens nothing."""
    return means(name, names())


def means(name: str, book: Names) -> Name | None:
    """As `meaning`, by other rows."""
    words = [word.lower() for word in _WORD.findall(name[-_LONGEST:])]
    while len(words) > 1 and (words[-1] in book.behind or words[-1].isdigit()):
        words.pop()
    if not words:
        return None
    if (found := _by_noun(words, book.rows)) is not None or words[-1].endswith(book.endings):
        return found
    for end in range(len(words) - 1, 0, -1):
        if (found := _by_noun(words[:end], book.rows)) is not None:
            return found.weakly()
    return None


def _by_noun(words: Sequence[str], rows: Sequence[Name]) -> Name | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    for row in rows:
        for noun in row.nouns:
            fused = len(last) > len(noun) and last.endswith(noun) and (len(noun) >= _FUSED or bool(row.after) or not noun.isascii())
            if last != noun and not fused:
                continue
            if row.alone:
                if len(words) == 1 and not fused:
                    return row
                continue
            prior = last[: -len(noun)] if fused else before
            if (not row.after or _is(prior, row.after, fused=True)) and not _is(prior, row.not_after, fused=fused):
                return row
    return None


def _is(prior: str, listed: frozenset[str], *, fused: bool) -> bool:
    """Whether the word before a noun is a listed one; in `nextpagetoken` it has no beginning of its own."""
    return prior in listed or (fused and any(prior.endswith(word) for word in listed if len(word) > 2))
