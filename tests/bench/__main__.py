"""Print the table; exit status 1 when a limit is broken. `python -m tests.bench card logs` measures only those."""

from __future__ import annotations

import platform
import sys
import time

from tests.bench.measure import Row, table
from tests.bench.rows import ROWS


def main(wanted: list[str]) -> int:
    """Measure everything, or what is named."""
    names = [measure.__name__ for measure in ROWS]
    if unknown := [name for name in wanted if name not in names]:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there is {', '.join(names)}\n")
        return 2
    began = time.monotonic()
    rows: list[Row] = []
    for measure in ROWS:
        if not wanted or measure.__name__ in wanted:
            sys.stderr.write(f"… {measure.__name__}\n")
            rows += measure()
    sys.stdout.write(table(rows) + "\n")
    sys.stderr.write(f"Python {platform.python_version()}, {time.monotonic() - began:.0f} s\n")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
