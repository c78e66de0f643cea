"""Events as rows: JSON whose texts are masked and whose secrets are sealed.

A surface's own value (a frozen dataclass) marks its fields by their metadata: `MASKED` texts are masked before they are kept, `SEALED` ones are sealed
(addresses that let whoever holds them answer). Everything else is kept as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter

from bot.ports import Vault
from bot.redact import redact

T = TypeVar("T")


class UnreadableError(Exception):
    """A row that this version cannot read: written by another one, or sealed with a key that is gone."""


MASKED: Mapping[str, Any] = {"masked": True}
"""Metadata of a field with something that somebody wrote."""

SEALED: Mapping[str, Any] = {"sealed": True}
"""Metadata of a field with an address or code that lets its holder do something."""


@dataclass(frozen=True, slots=True)
class MaskedValue:
    """A value whose texts hold no secret any more; `live` when one of them held a usable-looking one."""

    value: Any
    live: bool


def masked(value: Any) -> MaskedValue:
    """The same value with its texts masked. Takes time linear in them."""
    found = {name: redact(words) for name in _about(type(value))[1]["masked"] if (words := getattr(value, name))}
    changed = {name: one.text for name, one in found.items()}
    return MaskedValue(replace(value, **changed) if changed else value, any(one.live for one in found.values()))


def pack(value: Any, vault: Vault) -> dict[str, Any]:
    """A masked value as a row's body."""
    _, marks = _about(type(value))
    body: dict[str, Any] = _clean(asdict(value))
    for name in marks["sealed"]:
        if words := body.get(name):
            body[name] = vault.seal(json.dumps(words))
    return body


def unpack(kind: type[T], body: Mapping[str, Any], vault: Vault) -> T:
    """The value of a row. Raises `UnreadableError`."""
    adapter, marks = _about(kind)
    try:
        opened = {name: json.loads(vault.open(sealed)) for name in marks["sealed"] if (sealed := body.get(name))}
        made: T = adapter.validate_python({**body, **opened})
    except Exception as closed:  # noqa: BLE001 (each vault has its own error; whatever it is, the row cannot be read)
        raise UnreadableError(type(closed).__name__) from None
    return made


def _clean(value: Any) -> Any:
    """The same with text that can be written as UTF-8: half a character of somebody's paste shall cost nobody an answer."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {name: _clean(inner) for name, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, (list, tuple)) else value


_KNOWN: dict[Any, tuple[TypeAdapter[Any], Mapping[str, tuple[str, ...]]]] = {}


def _about(kind: Any) -> tuple[TypeAdapter[Any], Mapping[str, tuple[str, ...]]]:
    """How a type is written and read, and which of its fields bear which mark; found out once."""
    if kind not in _KNOWN:
        marks = {mark: tuple(one.name for one in fields(kind) if one.metadata.get(mark)) for mark in ("masked", "sealed")}
        _KNOWN[kind] = (TypeAdapter(kind), marks)
    return _KNOWN[kind]
