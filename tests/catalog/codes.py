"""`python -m tests.catalog.codes`: adds what the catalogue has learned to `samples/codes.tsv`. It adds lines and removes none.

The file is the catalogue's memory: an entry that stands there may be retired, and can never vanish unnoticed.
"""

from __future__ import annotations

import sys

from bot import platforms
from bot.catalog import catalog
from tests.cases import SAMPLES

FILE = SAMPLES / "codes.tsv"
HEAD = "# Every code that the catalogue must know for ever: platform, key. Entries are retired, never deleted; lines are added, never removed.\n"


def listed() -> list[tuple[str, str]]:
    """The pairs of platform and key in the file, in its order."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [(platform, key) for platform, _, key in (line.partition("\t") for line in lines)]


def known() -> list[tuple[str, str]]:
    """The pairs that our own packs hold."""
    book = catalog()
    return [(platform, key) for platform in book.platforms() if platforms.is_ours(platform) for key in book.codes(platform)]


def main() -> int:
    """Write the file anew with what is missing; says how many lines were added."""
    before = listed()
    added = [pair for pair in known() if pair not in set(before)]
    FILE.write_text(HEAD + "".join(f"{platform}\t{key}\n" for platform, key in sorted([*before, *added])), encoding="utf-8")
    sys.stdout.write(f"{len(added)} added\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
