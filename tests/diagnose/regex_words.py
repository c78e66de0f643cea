"""What a pattern cannot match without: a set of words, one of which stands in every text that it matches (lower case)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

SHORTEST = 3


def needed(pattern: str) -> frozenset[str] | None:
    """The words, or None where some way to match needs none that is long enough to be worth a look."""
    return _of_sequence(_parser.parse(pattern, re.IGNORECASE))


def _of_sequence(parsed: Any) -> frozenset[str] | None:
    best: frozenset[str] | None = None
    for words in _candidates(parsed):
        if words and (best is None or _worth(words) > _worth(best)):
            best = words
    return best


def _worth(words: frozenset[str]) -> tuple[int, int]:
    return (min(map(len, words)), -len(words))


def _candidates(parsed: Any) -> Iterable[frozenset[str] | None]:
    run = ""
    for kind, value in parsed:
        if kind is op.LITERAL:
            run += chr(value).lower()
            continue
        yield _word(run)
        run = ""
        if kind is op.SUBPATTERN:
            yield _of_sequence(value[-1])
        elif kind is op.BRANCH:
            branches = [_of_sequence(branch) for branch in value[1]]
            yield None if None in branches else frozenset().union(*branches)  # type: ignore[arg-type]
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT) and value[0] >= 1:
            yield _of_sequence(value[2])
    yield _word(run)


def _word(run: str) -> frozenset[str] | None:
    chinese = any("\u3400" <= sign <= "\u9fff" for sign in run)
    return frozenset({run}) if len(run) >= (1 if chinese else SHORTEST) else None
