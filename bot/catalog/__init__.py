"""What is known about every code and scope: platform packs, indexed at once and read entry by entry.

A platform brings `pack.toml` (one table a code), `variants.toml`, `families.toml`, `scopes.csv` (`index.py` reads them); what is ours is read quickly
(`trusted.py`), what is a third party's or a team's own passes the gate first (`schema.py`, `gate.py`). What people can do about a cause is in
`remedies.py`. Nothing here reads a paste.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from bot import platforms as packages
from bot.catalog.index import Catalog, read
from bot.catalog.types import Family, PackError, PackText
from bot.model import Entry

__all__ = ["Catalog", "Family", "Lookup", "PackError", "PackText", "catalog", "explain_code", "use_own"]

_MOST_TOLD = 3  # faults in one line
_OWN: Final[dict[str, PackText]] = {}


@cache
def catalog() -> Catalog:
    """The packs of all platform packages, ours and third parties', and the team's own entries. A third party's pack with a fault is left out."""
    found: dict[str, PackText] = {}
    for name, package in packages.packages().items():
        if packages.is_ours(name):
            found[name] = read(files(package), f"{package}/", ours=True)
        elif text := _checked(name, package):
            found[name] = text
    return Catalog(found, _OWN)


def use_own(packs: Mapping[str, PackText]) -> None:
    """From now on `catalog()` holds a team's own entries, too. They have passed the gate (`bot/catalog/gate.py`)."""
    _OWN.clear()
    _OWN.update(packs)
    catalog.cache_clear()


def _checked(name: str, package: str) -> PackText | None:
    """A third party's files, or None when they have a fault: then the platform is left out, and the first faults are told."""
    from bot.catalog.gate import faults  # noqa: PLC0415 (pydantic is loaded only for what our tests have not checked)

    try:
        text = read(files(package), f"{package}/")
        wrong = [str(fault) for fault in faults(name, text)]
    except (PackError, ModuleNotFoundError) as error:
        wrong = [str(error)]
    if not wrong:
        return text
    packages.leave_out(name, "; ".join(wrong[:_MOST_TOLD]) + (f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""))
    return None


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to "what is this code?": its entries, one for each platform that uses it, or codes that look like it."""

    code: str
    entries: tuple[Entry, ...]
    similar: tuple[tuple[str, str], ...] = ()


def explain_code(code: str, platform: str | None = None, *, book: Catalog | None = None) -> Lookup:
    """Look a code up without any paste. `similar` holds (platform, code) pairs when there is no entry.

    Letter case is forgiven; keys that are only our own names for a wording are found too, but never suggested.
    """
    book = book or catalog()
    code = code.strip()
    wanted = [platform] if platform else list(book.platforms())
    entries = [entry for name in wanted if (entry := book.entry(name, code))]
    if not entries:
        folded = code.casefold()
        entries = [entry for name in wanted for key in book.codes(name) if key.casefold() == folded and (entry := book.entry(name, key))]
    if entries or not code:
        return Lookup(code, tuple(entries))
    from rapidfuzz import fuzz, process  # noqa: PLC0415 (only for a code that nobody knows)

    known = {(name, key): key.casefold() for name in wanted for key in book.codes(name)}
    near = process.extract(code.casefold(), known, scorer=fuzz.ratio, score_cutoff=75, limit=12)
    shown = [pair for _, _, pair in near if (entry := book.entry(*pair)) and entry.code_shown]
    return Lookup(code, (), tuple(shown[:5]))
