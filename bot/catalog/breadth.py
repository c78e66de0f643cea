"""How much a scope opens, from its place in the tree that a platform's scope names form.

    domain:object[.part…][:action]        sheets:spreadsheet:write_only ⊂ sheets:spreadsheet ⊂ drive:drive

Only a platform that ships `scope_tree.toml` has such a tree; elsewhere a scope covers itself alone and all reach equally far.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.model import Level, Scope

_STRENGTH = {Level.READ: 0, Level.WRITE: 1, Level.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class _Name:
    domain: str
    path: tuple[str, ...]
    action: str


class ScopeTree:
    """The tree over a platform's scopes. `also` names the domains that a scope covers beyond its own; None: the names form no tree."""

    def __init__(self, scopes: Mapping[str, Scope], also: Mapping[str, Iterable[str]] | None) -> None:
        self._scopes = scopes
        self._also = None if also is None else {name: frozenset(domains) for name, domains in also.items()}
        names = [_name(name) for name in scopes] if also is not None else []
        self._objects = {(name.domain, name.path) for name in names}
        self._reach: dict[str, int] = {}

    @classmethod
    def read(cls, scopes: Mapping[str, Scope], text: str) -> ScopeTree:
        """From the text of `scope_tree.toml`; an empty one means that there is no tree. Raises `tomllib.TOMLDecodeError`."""
        return cls(scopes, tomllib.loads(text).get("also", {}) if text.strip() else None)

    def reach(self, scope: str) -> int:
        """How many kinds of objects a scope opens, whatever may be done to them."""
        if self._also is None:
            return 0
        if scope not in self._reach:  # counted once: a catalogue has hundreds of objects
            own = _name(scope)
            also = self._also.get(scope, frozenset())
            self._reach[scope] = sum(self._within(own, also, domain, path) for domain, path in self._objects)
        return self._reach[scope]

    def covers(self, held: str, wanted: str) -> bool:
        """Whoever holds the one may do what the other allows."""
        if held == wanted:
            return True
        if self._also is None or held not in self._scopes or wanted not in self._scopes:
            return False
        one, other = _name(held), _name(wanted)
        if not self._within(one, self._also.get(held, frozenset()), other.domain, other.path):
            return False
        if not one.action or one.action == other.action:
            return True
        reads = self._scopes[held].level is Level.READ and self._scopes[wanted].level is Level.READ
        return reads and one.action in ("read", "readonly") and other.action in ("read", "readonly")

    def narrowness(self, scope: Scope) -> tuple[int, int, int]:
        """To be compared: kinds of objects, then what may be done to them, then whether every action is open."""
        return (self.reach(scope.name), _STRENGTH[scope.level], 0 if self._also is None or _name(scope.name).action else 1)

    @staticmethod
    def _within(own: _Name, also: frozenset[str], domain: str, path: tuple[str, ...]) -> bool:
        if domain in also:
            return True
        if domain != own.domain:
            return False
        return own.path == (own.domain,) or not own.path or path[: len(own.path)] == own.path


def _name(scope: str) -> _Name:
    domain, _, rest = scope.partition(":")
    thing, _, action = rest.partition(":")
    return _Name(domain, tuple(thing.split(".")) if thing else (), action)
