"""Functions, modules and patterns stay small enough to be read. What is not yet, stands in `samples/sizes.tsv`, a list that only gets shorter."""

from __future__ import annotations

import re

import pytest

from tests.cases import SAMPLES
from tests.house.sizes import MEASURES, files

ROUTERS = re.compile(r"::(router|create_app)$|/versions/v\d+")
"""Lists of small routes, and migrations, which are never changed once they are out: neither is read as one thought."""


def exempt(kind: str) -> dict[str, int]:
    """Where → the value that it may have at most."""
    rows = [line.split("\t") for line in (SAMPLES / "sizes.tsv").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert all(len(row) == 4 and row[3] for row in rows)
    return {where: int(value) for of, value, where, _ in rows if of == kind}


@pytest.mark.parametrize("kind", MEASURES)
def test_nothing_grows_beyond_what_a_reader_can_hold(kind: str) -> None:
    """50 lines and 10 branches a function, 400 lines a module, 300 characters a pattern; whatever is allowed more has not grown."""
    allowed = exempt(kind)
    found = {where: value for where, value in MEASURES[kind]().items() if not ROUTERS.search(where)}

    assert {where: value for where, value in found.items() if value > allowed.get(where, 0)} == {}
    assert sorted(allowed.keys() - found.keys()) == [], "these are small now: take their lines out of samples/sizes.tsv"


def test_the_measures_see_something() -> None:
    """The measures read all of our source, and the routers that are let off are really there."""
    assert len(files()) > 150
    assert any(ROUTERS.search(where) for where in MEASURES["branches"]())
