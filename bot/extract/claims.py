"""What the poster says of the world: which scopes they have or asked for, what was tried, where it runs, as whom the call is made.

Claims rank remedies and choose words. They are never proof, and a scope that somebody has is never a missing one: what the error itself asks for
stays with the finding. The rows stand in `claims.toml`; `make fit` puts them into `weights.json`, which is what runs.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from bot.extract.context import Context
from bot.extract.signals import Claim, weights
from bot.model import Claims, Identity

_LOOKED_AT: Final = 8_000  # characters of a window
_BEFORE: Final = 90
_BEHIND: Final = 40
_MOST: Final = 60  # scopes
_NEEDED: Final = ("missing", "required", "lack", "need", "缺", "未开通", "未申请", "所需", "not granted", "without", "没有")


def claims(context: Context, platforms: frozenset[str], needed: frozenset[str]) -> Claims:
    """What is claimed in a window, for the scopes of the platforms whose errors stand there. `needed`: scopes that an error asks for."""
    lower = context.lower[:_LOOKED_AT]
    rows = weights().claims
    said = {row.id: row.kind for row in rows if row.kind in ("tried", "environment", "user", "app") and row.find(lower) is not None}
    held: list[str] = []
    requested: list[str] = []
    for scope, at in _scopes(context, platforms):
        if scope in needed:
            continue
        if _held(rows, lower, at, at + len(scope)):
            held.append(scope)
        elif _requested(rows, lower, at):
            requested.append(scope)
    kinds = set(said.values()) & {"user", "app"}
    identity = Identity(kinds.pop()) if len(kinds) == 1 else Identity.UNKNOWN
    return Claims(
        held=tuple(dict.fromkeys(held)),
        requested=tuple(each for each in dict.fromkeys(requested) if each not in held),
        tried=frozenset(name for name, kind in said.items() if kind == "tried"),
        environment=frozenset(name for name, kind in said.items() if kind == "environment"),
        identity=identity,
    )


def both(one: Claims, other: Claims) -> Claims:
    """The claims of two windows of one paste."""
    identities = {one.identity, other.identity} - {Identity.UNKNOWN}
    return Claims(
        held=tuple(dict.fromkeys(one.held + other.held)),
        requested=tuple(dict.fromkeys(one.requested + other.requested)),
        tried=one.tried | other.tried,
        environment=one.environment | other.environment,
        identity=identities.pop() if len(identities) == 1 else Identity.UNKNOWN,
    )


def _scopes(context: Context, platforms: frozenset[str]) -> list[tuple[str, int]]:
    """The catalogue's scopes that a window names, with their places."""
    found: list[tuple[str, int]] = []
    for name in sorted(platforms):
        shape = context.words.specs[name].scope
        if shape is None:
            continue
        named = islice(shape.finditer(context.text, 0, _LOOKED_AT), _MOST)
        found += [(match[0], match.start()) for match in named if context.catalog.scope(name, match[0]) is not None]
    return found


def _held(rows: tuple[Claim, ...], lower: str, start: int, end: int) -> bool:
    before, behind = lower[max(0, start - _BEFORE) : start], lower[end : end + _BEHIND]
    if any(row.find(behind) for row in rows if row.kind == "held_behind"):
        return True
    found = next((place for row in rows if row.kind == "held_before" and (place := row.find(before))), None)
    return found is not None and not any(word in before[found[0] :] for word in _NEEDED)


def _requested(rows: tuple[Claim, ...], lower: str, start: int) -> bool:
    before = lower[max(0, start - _BEFORE) : start]
    return any(row.find(before) for row in rows if row.kind == "requested_before")
