"""The words of every platform, put together once: what the keys of a paste may mean, whose patterns there are, which wordings name an entry."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from bot import platforms
from bot.platforms.spec import GENERIC_KEYS, Pattern, Spec


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """All platforms' values, put together once."""

    specs: Mapping[str, Spec]
    roles: Mapping[str, str]
    patterns: tuple[tuple[str, Pattern], ...]
    wordings: Mapping[str, tuple[str, str]]


def _wordings(platform: str) -> tuple[Mapping[str, str], frozenset[str]]:
    """A platform's wordings and its foreign words."""
    file = files(platforms.packages()[platform]) / "wordings.toml"
    listed = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {str(phrase): str(entry) for phrase, entry in listed.get("phrases", {}).items()}, frozenset(
        map(str, listed.get("foreign_words", ()))
    )


@cache
def lexicon() -> Lexicon:
    """The values of every platform that has a `parse` module, ours and third parties'."""
    specs: dict[str, Spec] = {}
    wordings: dict[str, tuple[str, str]] = {}
    for name in platforms.packages():
        spec = platforms.reading(name)
        if spec is None:
            continue
        phrases, foreign = _wordings(name)
        specs[name] = replace(spec, foreign_words=foreign)
        wordings.update({phrase: (name, entry) for phrase, entry in phrases.items()})
    roles = dict(GENERIC_KEYS)
    patterns: list[tuple[str, Pattern]] = []
    for name, spec in specs.items():
        for key, role in spec.keys.items():
            roles.setdefault(key, role)
        patterns += [(name, each) for each in spec.patterns]
    return Lexicon(specs, roles, tuple(patterns), wordings)
