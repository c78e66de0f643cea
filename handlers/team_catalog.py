"""A team's own codes: the folder `catalog.d/` beside `apps.toml`, one file a platform, in the form of our packs.

A file with a fault is left out as a whole, and every fault is named; the bot answers all the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot import platforms
from bot.catalog import PackText, catalog, use_own
from bot.extract.lexicon import lexicon

FOLDER = "catalog.d"
_used: Path | None = None


def folder(apps_file: Path | None = None) -> Path:
    """Where the files stand: beside `apps_file`, or beside the file that the environment names, or in the working directory."""
    named = apps_file or Path(os.environ.get("WHYFORBIDDEN_APPS_FILE") or "apps.toml")
    return named.parent / FOLDER


def used() -> Path | None:
    """The folder that this process has taken entries from, for the processes that it starts."""
    return _used


def use(place: Path) -> list[str]:
    """Take the entries of a folder, which may be absent. Returns what is wrong, one line a fault: file, line, field."""
    global _used  # noqa: PLW0603 (the catalogue is one a process, so what it was made from is, too)
    packs, wrong = read(place) if place.is_dir() else ({}, [])
    if packs or _used is not None:
        use_own(packs)
    _used = place if packs else None
    return wrong


def left_out(place: Path) -> list[str]:
    """Take the entries of a folder and load every platform; what had to be left out of either, one line each."""
    wrong = use(place)
    catalog()
    lexicon()
    return [*wrong, *(f"{name}: {why}" for name, why in platforms.left_out().items())]


def read(place: Path) -> tuple[dict[str, PackText], list[str]]:
    """The files that may be used, by platform, and the faults of the others."""
    from bot.catalog.gate import faults  # noqa: PLC0415 (pydantic is loaded only where there is such a folder)

    packs: dict[str, PackText] = {}
    wrong: list[str] = []
    for file in sorted(place.glob("*.toml")):
        if file.stem not in platforms.packages():
            wrong.append(f"{file}: the file's name is no platform; known are {', '.join(sorted(platforms.packages()))}")
            continue
        try:
            text = PackText(pack=file.read_text("utf-8"), where=str(file))
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(f"{file}: {error.strerror if isinstance(error, OSError) else 'it is not UTF-8 text'}")
            continue
        found = faults(file.stem, text)
        wrong += [str(fault) for fault in found]
        if not found:
            packs[file.stem] = text
    return packs, wrong
