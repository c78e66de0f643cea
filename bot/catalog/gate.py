"""The gate of the catalogue: every fault of a pack at once, each with file, line and field.

What comes with us is held by our tests. What a third party ships, or a team puts into `catalog.d/`, passes here before it is used: a pack with a fault is
left out as a whole, so that nothing half-read answers anybody.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.catalog.index import Catalog
from bot.catalog.schema import EntryRow, FamilyRow
from bot.catalog.types import PackError, PackText
from bot.patterns import lazy

_AT = lazy(r" ?\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `line` counts from 1, 0 when it belongs to the whole file; `field` is empty when it belongs to the whole entry."""

    file: str
    line: int
    entry: str
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = " ".join(part for part in (f"[{self.entry}]" if self.entry else "", self.field) if part)
        return f"{where}: {what}: {self.message}" if what else f"{where}: {self.message}"


def faults(platform: str, text: PackText) -> tuple[Fault, ...]:
    """Everything that is wrong with a platform's pack, in the order of its files; empty when it may be used."""
    found = [*_entries(text), *_families(text), *_scopes(platform, text)]
    return tuple(found) or tuple(_together(platform, text))


def _entries(text: PackText) -> Iterator[Fault]:
    packs, more = _parsed(text.pack, text.file("pack.toml")), _parsed(text.variants, text.file("variants.toml"))
    if isinstance(packs, Fault) or isinstance(more, Fault):
        yield from (one for one in (packs, more) if isinstance(one, Fault))
        return
    for code in more.keys() - packs.keys():
        yield Fault(text.file("variants.toml"), _header(text.variants, code), code, "", "there is no such entry in pack.toml")
    for code, raw in packs.items():
        if not isinstance(raw, dict):
            yield Fault(text.file("pack.toml"), _key(text.pack, 0, code), "", code, 'an entry is a table: ["code"]')
            continue
        merged = dict(raw)
        for name, rows in more.get(code, {}).items():
            merged[name] = [*rows, *merged.get(name, ())]
        for place, message in _refused(EntryRow, merged):
            if place and place[0] in ("variants", "rivals") and place[0] not in raw:
                yield Fault(text.file("variants.toml"), _nth(text.variants, code, place), code, ".".join(place), message)
            else:
                yield Fault(text.file("pack.toml"), _key(text.pack, _header(text.pack, code), *place[:2]), code, ".".join(place), message)


def _families(text: PackText) -> Iterator[Fault]:
    file = text.file("families.toml")
    parsed = _parsed(text.families, file)
    if isinstance(parsed, Fault):
        yield parsed
        return
    for number, row in enumerate(parsed.get("family", ()), start=1):
        for place, message in _refused(FamilyRow, row):
            yield Fault(file, _line(text.families, r"^\[\[family\]\]", number), f"family {number}", ".".join(place), message)


def _scopes(platform: str, text: PackText) -> Iterator[Fault]:
    """A list of scopes is read to its first fault: one wrong column spoils every line below."""
    try:
        Catalog({platform: PackText(scopes=text.scopes, where=text.where)}).scopes(platform)
    except PackError as error:
        line = re.search(r": line (\d+): (.*)$", str(error))
        yield Fault(text.file("scopes.csv"), int(line[1]) if line else 0, "", "", line[2] if line else str(error))


def _together(platform: str, text: PackText) -> Iterator[Fault]:
    """What only shows when the pack is put together: wordings that stand twice, or are not in lower case."""
    try:
        Catalog({platform: text}).phrases()
    except PackError as error:
        yield Fault(text.file("pack.toml"), 0, "", "phrases", str(error))


def _parsed(source: str, file: str) -> dict[str, Any] | Fault:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at and at[1] else source.count("\n") + 1
        return Fault(file, line, "", "", _AT.sub("", str(error)))


def _refused(form: type[BaseModel], raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        form.model_validate(raw)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_context=False):
            yield tuple(str(part) for part in one["loc"]), one["msg"].removeprefix("Value error, ")


# ---------------------------------------------------------------- lines


def _line(source: str, pattern: str, number: int = 1) -> int:
    places = [match.start() for match in re.finditer(pattern, source, re.MULTILINE)]
    return source.count("\n", 0, places[number - 1]) + 1 if len(places) >= number else 0


def _header(source: str, code: str) -> int:
    return _line(source, rf'^\[+(?:"{re.escape(code)}"|{re.escape(code)})[\].]')


def _nth(source: str, code: str, place: tuple[str, ...]) -> int:
    number = int(place[1]) + 1 if len(place) > 1 and place[1].isdigit() else 1
    return _line(source, rf'^\[\["{re.escape(code)}"\.{re.escape(place[0])}\]\]', number)


def _key(source: str, header: int, *names: str) -> int:
    """The line of a key below a header: `steps.en` is looked for as such, then as `steps`; the header itself when it is not there."""
    lines = source.splitlines()
    body = lines[header:] if header else lines
    end = next((number for number, line in enumerate(body) if line.startswith("[")), len(body)) if header else len(body)
    for name in (r"\.".join(map(re.escape, names)), re.escape(names[0])) if names else ():
        for number, line in enumerate(body[:end], start=header + 1):
            if re.match(rf'"?{name}"?[ \t]*[.=]', line):
                return number
    return header
