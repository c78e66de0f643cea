"""A bounded fuzz run over reading and masking."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import __main__ as fuzz
from tests.fuzz.fuzz_paste import check
from tests.peers import absent

ROOT = Path(__file__).parents[2]


def test_samples_pass_the_target() -> None:
    """One labelled paste in eight, whole and with a byte missing in the middle, holds the target's promises."""
    fuzz.damaged(check, every=8)


def test_bounded_run_finds_nothing(tmp_path: Path) -> None:
    """Three thousand coverage-guided inputs, seeded with the samples."""
    if find_spec("atheris") is None:
        absent("atheris is not installed (pip install -e '.[fuzz]')")
    for name, data in fuzz.pastes(every=24):
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.fuzz_paste", "-runs=3000", "-seed=7", "-max_len=4000", "-timeout=5", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
