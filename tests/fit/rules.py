"""The rows of signals.toml: read, checked, and the literals that their patterns need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bot.extract
from bot.extract.signals import SetupError, compiled

FILE = Path(bot.extract.__file__).with_name("signals.toml")
CLAIMS = FILE.with_name("claims.toml")
LONGEST = 300  # characters of a pattern
_KINDS = frozenset({"report", "talk", "source", "foreign", "evidence"})
_WHERE = frozenset({"sentence", "line", "block", "title", "paste"})
_LEAST = 2  # characters of a needle
_MOST = 60  # needles of a rule


def rows(text: str | None = None) -> list[dict[str, Any]]:
    """The signals as they are written. Raises `SetupError` that names the rule and its line when one is broken."""
    source = FILE.read_text(encoding="utf-8") if text is None else text
    try:
        listed: list[dict[str, Any]] = tomllib.loads(source)["signal"]
    except (tomllib.TOMLDecodeError, KeyError) as broken:
        raise SetupError(f"signals.toml cannot be read: {broken}") from None
    for row in listed:
        try:
            _check(row)
        except SetupError as wrong:
            raise SetupError(f"line {_line(source, row.get('id', ''))}: {wrong}") from None
    return listed


def claims() -> list[dict[str, Any]]:
    """The rows of claims.toml. Raises `SetupError` that names the row when one is broken."""
    listed: list[dict[str, Any]] = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claim"]
    for row in listed:
        compiled(row["id"], row["pattern"])
    return listed


def _check(row: dict[str, Any]) -> None:
    name = row.get("id", "?")
    if row.get("kind") not in _KINDS or not row.get("why"):
        raise SetupError(f"signals.toml: rule {name!r}: needs a kind ({', '.join(sorted(_KINDS))}) and a why")
    if "feature" in row:
        return
    if row.get("in") not in _WHERE or (row["in"] == "paste" and row["kind"] != "report"):
        raise SetupError(f"signals.toml: rule {name!r}: `in` is sentence, line, block, title or, for a report, paste")
    compiled(name, row["pattern"])


def _line(source: str, name: str) -> int:
    return source[: max(0, source.find(f'id = "{name}"'))].count("\n") + 1


def needles(pattern: str) -> tuple[str, ...]:
    """Literals of which every match holds at least one, in lower case; nothing when the pattern does not tell."""
    found = _needed(re._parser.parse(pattern, re.ASCII | re.MULTILINE))  # type: ignore[attr-defined]
    if found is None or len(found) > _MOST:
        return ()
    short = sorted(found, key=len)
    return tuple(each for place, each in enumerate(short) if not any(other in each for other in short[:place]))


def _needed(parsed: Iterable[Any]) -> set[str] | None:
    """Of a sequence, the literals of the element that needs the longest ones; None when no element needs any."""
    best: set[str] | None = None
    run = ""
    for kind, value in [*parsed, (None, None)]:
        name = str(kind)
        if name == "LITERAL":
            run += chr(value).lower()
            continue
        best = _better(best, {run} if len(run) >= _LEAST or (run and not run.isascii()) else None)
        run = ""
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] >= 1:
            best = _better(best, _needed(value[2]))
        elif name == "SUBPATTERN":
            best = _better(best, _needed(value[3]))
        elif name == "ATOMIC_GROUP":
            best = _better(best, _needed(value))
        elif name == "BRANCH":
            parts = [_needed(part) for part in value[1]]
            if all(part is not None for part in parts):
                best = _better(best, set().union(*[part for part in parts if part is not None]))
        elif name == "IN" and all(str(each[0]) == "LITERAL" and each[1] > 127 for each in value):
            best = _better(best, {chr(each[1]).lower() for each in value})
    return best


def _better(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda each: (min(map(len, each)), -len(each)))
