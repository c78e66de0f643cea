"""The README's state diagram is the state table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.diagram import block


def test_the_readme_shows_the_table() -> None:
    """Whoever changes the table changes the picture: run `python -m tests.docs.diagram`."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    if not readme:
        pytest.skip("there is no README yet")

    assert block() in readme
