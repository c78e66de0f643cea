"""What a paste shows beside its code, as evidence for and against remedies: rows of `evidence.toml`, each with its weight and its reason.

    text around the error → the rows that fire → their weights, added up by `hypotheses`

Adding a row is adding a rule; the gate test holds every row to its sample. Rows know nothing of single pastes: a pattern names a sign
(a proxy in the environment, a placeholder instead of a token), never a repository, a person or a tool's version.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bot.model import Cause, Text
from bot.patterns import lazy

LOOKED_AT = 4_000  # characters of the surroundings that are searched
_CAPITAL = lazy(r"\\.|[A-Z]")  # an escape keeps its meaning: `\S` is not `\s`


@dataclass(frozen=True, slots=True)
class Rule:
    """One sign. `weights`: remedy → how much the sign speaks for it (below zero: against it), in steps of the log of the odds."""

    id: str
    pattern: str
    weights: Mapping[str, float]
    why: Text
    sample: str
    platforms: frozenset[str] = frozenset()
    causes: frozenset[Cause] = frozenset()
    unless: str = ""
    words: tuple[str, ...] = ()
    claims: frozenset[str] = frozenset()

    def fires(self, platform: str, cause: Cause, text: str, claims: Set[str] = frozenset()) -> bool:
        """Does the sign stand in this text, or did the poster claim it? `text` is in lower case."""
        if self.platforms and platform not in self.platforms:
            return False
        if self.causes and cause not in self.causes:
            return False
        if not self.claims.isdisjoint(claims):
            return True
        if not self.pattern or (self.words and not any(map(text.__contains__, self.words))):
            return False
        return bool(_compiled(self.pattern).search(text)) and not (self.unless and _compiled(self.unless).search(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern in lower case, as the text is: `re` finds that several times as fast as it ignores case."""
    return re.compile(_CAPITAL.sub(lambda found: found[0] if found[0][0] == "\\" else found[0].lower(), pattern))


@cache
def rules() -> tuple[Rule, ...]:
    """Every row of `evidence.toml`, in its order."""
    rows = tomllib.loads(files(__package__).joinpath("evidence.toml").read_text(encoding="utf-8"))["rule"]
    return tuple(_rule(row) for row in rows)


def fired(platform: str, cause: Cause, text: str, claims: Set[str] = frozenset()) -> tuple[Rule, ...]:
    """The rules that fire in the text around an error, or by what the poster claims (names of `claims.toml`)."""
    around = text[:LOOKED_AT].lower()
    return tuple(rule for rule in rules() if rule.fires(platform, cause, around, claims))


def _rule(row: Mapping[str, Any]) -> Rule:
    against = {name: -weight for name, weight in row.get("against", {}).items()}
    return Rule(
        id=row["id"],
        pattern=row.get("pattern", ""),
        weights={**row.get("for", {}), **against},
        why=Text(row["why"]["en"], row["why"]["zh"]),
        sample=row["sample"],
        platforms=frozenset(row.get("platforms", ())),
        causes=frozenset(Cause(cause) for cause in row.get("causes", ())),
        unless=row.get("unless", ""),
        words=tuple(row.get("words", ())),
        claims=frozenset(row.get("claims", ())),
    )
