"""The fuzz target for cards holds for the labelled pastes, whole and damaged (`make fuzz`: for all of them)."""

from __future__ import annotations

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.fuzz_card import check


def test_samples_pass_the_target() -> None:
    """One seed in thirty, whole and with its middle byte missing, gives cards that the platforms take and that nothing of the paste can use."""
    fuzz.damaged(check, every=30)


def test_without_atheris_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where atheris is not installed nothing is fuzzed, and the reason is printed."""
    monkeypatch.setattr(fuzz, "find_spec", lambda _name: None)
    assert fuzz.main(1) == 0
    assert "atheris is not installed" in capsys.readouterr().out
