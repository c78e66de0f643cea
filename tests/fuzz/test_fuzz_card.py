"""The fuzz target for cards holds for every labelled paste, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.fuzz_card import check


def test_every_sample_passes_the_target(tmp_path: Path) -> None:
    """Each seed, and each with its middle byte missing, gives cards that the platforms take and that nothing of the paste can use."""
    fuzz.seed(tmp_path)
    for paste in sorted(tmp_path.iterdir()):
        data = paste.read_bytes()
        check(data)
        check(data[: len(data) // 2] + data[len(data) // 2 + 1 :])


def test_without_atheris_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where atheris is not installed nothing is fuzzed, and the reason is printed."""
    monkeypatch.setattr(fuzz, "find_spec", lambda _name: None)
    assert fuzz.main(1) == 0
    assert "atheris is not installed" in capsys.readouterr().out
