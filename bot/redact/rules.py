"""Detectors as data: the rows of this folder's `*.toml` files and of each platform's `secrets.toml`.

A `[[rule]]` is `{id, kind, keywords, pattern, why, masks, keeps}` and, where needed, `check` (what the value must be beside its shape),
`wraps` (it may go on over the next lines), `live = false` (whoever has it can do nothing with it). What the pattern calls `secret` is masked.
`keywords` are lower-case literals of which one must be in the text, so that most rules cost one search. In samples, « and » stand
around what must vanish.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, Final

FILES: Final = ("shapes.toml", "headers.toml", "commands.toml", "vendors.toml", "people.toml")


@dataclass(frozen=True)
class Rule:
    """One detector. The pattern is compiled when one of its keywords was seen."""

    id: str
    kind: str
    keywords: tuple[str, ...]
    pattern: str
    why: str
    masks: tuple[str, ...]
    keeps: tuple[str, ...]
    check: str = ""
    wraps: bool = False
    live: bool = True

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, ready to search."""
        return re.compile(self.pattern)


@cache
def read(name: str) -> Mapping[str, Any]:
    """A data file of this folder."""
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))


def words(kind: str) -> tuple[str, ...]:
    """One of the lists in `words.toml`."""
    return tuple(read("words.toml")[kind])


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, the platforms' own first: their kinds say the most."""
    return (*_platforms(), *(rule for name in FILES for rule in _rules(read(name))))


def _platforms() -> Iterator[Rule]:
    """The platforms' own rules: data files, found without their code, because masking stands below everything."""
    folders = [folder for folder in (files("bot") / "platforms").iterdir() if folder.is_dir()]
    with suppress(ImportError):  # a platform that cannot be loaded is named where platforms are
        folders += [files(point.value) for point in entry_points(group="whyforbidden.platforms")]
    for file in (folder / "secrets.toml" for folder in folders):
        if file.is_file():
            yield from _rules(tomllib.loads(file.read_text(encoding="utf-8")))


def _rules(raw: Mapping[str, Any]) -> Iterator[Rule]:
    for row in raw.get("rule", ()):
        lists = {key: tuple(row[key]) for key in ("keywords", "masks", "keeps")}
        yield Rule(**{**row, **lists})
