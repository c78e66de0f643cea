"""The remedies: each one thing that a person can do about a refused call (`bot/remedies.toml`).

How it is done on one platform, where to click for it, and who does it there, stands in that platform's own `remedies.toml`; what it does
not say is taken from the general one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from bot import platforms as packages
from bot.model import Cause, Text, Who


@dataclass(frozen=True, slots=True)
class Guide:
    """How a remedy is done. `link` names the kinds of link that lead there (`Link.rel`), the best first; empty where nothing is to be opened."""

    title: Text
    text: Text
    who: Who
    link: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Platform:
    guides: Mapping[str, Guide]
    causes: Mapping[Cause, tuple[str, ...]] = field(default_factory=dict)


@cache
def remedies() -> Mapping[str, Guide]:
    """Every remedy by its id, as it is done anywhere."""
    raw = tomllib.loads(files("bot").joinpath("remedies.toml").read_text(encoding="utf-8"))
    return {name: _guide(row, None) for name, row in raw.items() if name != "causes"}


@cache
def usual(platform: str, cause: Cause) -> tuple[str, ...]:
    """What usually ends a cause on a platform, where no entry of the catalogue says more; never empty."""
    return _of(platform).causes.get(cause) or _causes()[cause]


def guide(platform: str, remedy: str) -> Guide:
    """How a remedy is done on a platform. Raises `KeyError` for an id that does not exist."""
    return _of(platform).guides.get(remedy) or remedies()[remedy]


@cache
def _causes() -> Mapping[Cause, tuple[str, ...]]:
    raw = tomllib.loads(files("bot").joinpath("remedies.toml").read_text(encoding="utf-8"))
    return {Cause(cause): tuple(names) for cause, names in raw["causes"].items()}


@cache
def _of(platform: str) -> _Platform:
    package = packages.packages().get(platform)
    path = files(package).joinpath("remedies.toml") if package else None
    if path is None or not path.is_file():
        return _Platform({})
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    own = {name: _guide(row, remedies()[name]) for name, row in raw.items() if name != "causes"}
    return _Platform(own, {Cause(cause): tuple(names) for cause, names in raw.get("causes", {}).items()})


def _guide(raw: Mapping[str, Any], general: Guide | None) -> Guide:
    def text(name: str, other: Text | None) -> Text:
        return Text(raw[name]["en"], raw[name]["zh"]) if name in raw or other is None else other

    return Guide(
        text("title", general.title if general else None),
        text("text", general.text if general else None),
        Who(raw["who"]) if "who" in raw or general is None else general.who,
        tuple(raw.get("link", general.link if general else ())),
    )
