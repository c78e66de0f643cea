"""Platforms that can be diagnosed: one folder each, found by name or through the entry point group `whyforbidden.platforms`.

A folder holds `pack.toml` (one entry per error code), `scopes.csv` where the platform has scopes, `PLATFORM` in its `__init__.py`, and those parts that
`PLATFORM` names. What a part has to be stands in `bot/platforms/api.py`. This file finds the folders and loads a part when it is first asked for.

A third party's platform that cannot be loaded, or whose part has another form, is left out and named in `left_out()`; the others answer all the same.
One of ours that is broken is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Final, TypeVar

from bot.model import Text
from bot.platforms.api import NO_ADVICE, Advice, Case, Checks, Links, OAuth, Part, Platform
from bot.platforms.spec import Spec

__all__ = ["Case", "advice", "checks", "is_ours", "leave_out", "left_out", "links", "oauth", "packages", "reading", "title"]

P = TypeVar("P")
_LEFT_OUT: Final[dict[str, str]] = {}


@cache
def _found() -> Mapping[str, str]:
    found = {m.name: f"{__name__}.{m.name}" for m in iter_modules(__path__) if m.ispkg}
    for point in entry_points(group="whyforbidden.platforms"):
        found.setdefault(point.name, point.value)
    return found


def packages() -> Mapping[str, str]:
    """Platform name → importable package, ours first, then third parties'; without those that were left out."""
    return {name: package for name, package in _found().items() if name not in _LEFT_OUT}


def is_ours(name: str) -> bool:
    """Does this platform come with us? Then our tests have checked it."""
    return _found().get(name, "").startswith(f"{__name__}.")


def leave_out(name: str, why: str) -> None:
    """From now on this platform is not there; `why` is for whoever runs the bot."""
    _LEFT_OUT[name] = why


def left_out() -> Mapping[str, str]:
    """Third parties' platforms that are broken, and what is wrong with each: one line, to be shown by whoever starts the bot."""
    return dict(_LEFT_OUT)


def reload() -> None:
    """Look for platforms anew; for tests that bring their own."""
    _found.cache_clear()
    _platform.cache_clear()
    _part.cache_clear()
    _LEFT_OUT.clear()


@cache
def _platform(name: str) -> Platform | None:
    """`PLATFORM` of a folder."""
    return _load(name, packages().get(name, ""), "PLATFORM", Platform)


@cache
def _part(name: str, part: Part, kind: type[P]) -> P | None:
    """The value at the end of a part, or None when the platform has no such part."""
    found = _platform(name)
    if found is None or part not in found.parts:
        return None
    return _load(name, f"{packages()[name]}.{part}", "SPEC" if part == "parse" else part.upper(), kind)


def _load(name: str, module: str, value: str, kind: type[P]) -> P | None:
    if not module:
        return None
    try:
        found = vars(import_module(module)).get(value)
        if not isinstance(found, kind):
            raise TypeError(f"{module}.{value} is no {kind.__module__}.{kind.__name__}")
    except Exception as broken:
        if is_ours(name):
            raise
        leave_out(name, f"{module}: {type(broken).__name__}: {broken}")
        return None
    return found


def reading(name: str) -> Spec | None:
    """How a platform's errors look; None when it has only a catalogue."""
    return _part(name, "parse", Spec)


def links(name: str) -> Links | None:
    """Where to click on this platform."""
    return _part(name, "links", Links)


def advice(name: str) -> Advice:
    """What only somebody who knows this platform would say; nothing, where nobody does."""
    return _part(name, "advice", Advice) or NO_ADVICE


def oauth(name: str) -> OAuth | None:
    """How a user's consent is asked for on this platform, or None."""
    return _part(name, "oauth", OAuth)


def checks(name: str) -> Checks | None:
    """What can be looked up on this platform, or None."""
    return _part(name, "checks", Checks)


def title(name: str, brand: str = "") -> Text:
    """What people call a platform; one that is not there is called by its name."""
    found = _platform(name)
    titles = found.titles if found else {}
    return titles.get(brand) or titles.get("") or Text(name, name)
