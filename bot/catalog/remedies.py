"""The remedies: each one thing that a person can do about a refused call (`bot/remedies.toml`).

How it is done on one platform, where to click for it, and who does it there, stands in that platform's own `remedies.toml`; what it does
not say is taken from the general one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bot import platforms as packages
from bot.model import Cause, Text, Who


@dataclass(frozen=True, slots=True)
class Guide:
    """How a remedy is done.

    `ends`: the cause that it mostly ends. `also`: who may do it instead of `who`. `page`: a template of the page where it is done, with `{console}` and `{app}`; empty: one of the
    case's own links will do, `links` names the kinds of link (`Link.rel`) that lead there, the best first.
    """

    title: Text
    text: Text
    who: Who
    ends: Cause
    also: frozenset[Who] = frozenset()
    links: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True, slots=True)
class _Book:
    guides: Mapping[str, Guide]
    causes: Mapping[Cause, tuple[str, ...]]


def remedies() -> Mapping[str, Guide]:
    """Every remedy by its id, as it is done anywhere, in the order of the file."""
    return _general().guides


def usual(platform: str, cause: Cause) -> tuple[str, ...]:
    """What usually ends a cause on a platform, where no entry of the catalogue says more; never empty."""
    return _own(platform).causes.get(cause) or _general().causes[cause]


def guide(platform: str, remedy: str) -> Guide:
    """How a remedy is done on a platform. Raises `KeyError` for an id that does not exist."""
    return _own(platform).guides.get(remedy) or remedies()[remedy]


@cache
def _general() -> _Book:
    return _book("bot", {})


@cache
def _own(platform: str) -> _Book:
    package = packages.packages().get(platform)
    return _book(package, remedies()) if package else _Book({}, {})


def _book(package: str, general: Mapping[str, Guide]) -> _Book:
    path = files(package).joinpath("remedies.toml")
    raw = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    causes = {Cause(cause): tuple(names) for cause, names in raw.pop("causes", {}).items()}
    return _Book({name: _guide(row, general.get(name)) for name, row in raw.items()}, causes)


def _guide(raw: Mapping[str, Any], general: Guide | None) -> Guide:
    if general is None:
        who, also = Who(raw["who"]), frozenset(Who(one) for one in raw.get("also", ()))
        return Guide(
            _text(raw["title"]), _text(raw["text"]), who, Cause(raw["ends"]), also, tuple(raw.get("link", ())), raw.get("page", "")
        )
    return Guide(
        title=_text(raw["title"]) if "title" in raw else general.title,
        text=_text(raw["text"]) if "text" in raw else general.text,
        who=Who(raw["who"]) if "who" in raw else general.who,
        ends=general.ends,
        also=frozenset() if "who" in raw else general.also,
        links=tuple(raw.get("link", general.links)),
        page=raw.get("page", ""),
    )


def _text(raw: Mapping[str, str]) -> Text:
    return Text(raw["en"], raw["zh"])
