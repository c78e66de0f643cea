"""Sample files: one test a file, which tells every row that it misses.

A row is a JSON object a line, with an `id`. A test a row would cost more than the row itself: there are thousands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent / "samples"
Row = Mapping[str, Any]


def rows(folder: str, *names: str) -> list[dict[str, Any]]:
    """The rows of `samples/<folder>/<name>.jsonl`, in order."""
    files = [SAMPLES / folder / f"{name}.jsonl" for name in names]
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def hold(cases: Iterable[Row], check: Callable[[Row], None]) -> None:
    """`check` holds for each row; where it does not, the test fails once and names all rows with what was wrong."""
    seen, missed = 0, []
    for row in cases:
        seen += 1
        try:
            check(row)
        except Exception as error:
            missed.append(f"{row['id']}: {type(error).__name__}: {error}")
    assert seen, "a sample file without rows proves nothing"
    if missed:
        pytest.fail(f"{len(missed)} of {seen} rows:\n" + "\n".join(missed), pytrace=False)
