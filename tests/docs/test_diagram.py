"""The state diagram of the design page is the state table."""

from __future__ import annotations

from tests.docs.diagram import block
from tests.docs.made import ROOT


def test_the_design_page_shows_the_table() -> None:
    """Whoever changes the table changes the picture: run `python -m tests.docs`."""
    assert block() in (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
