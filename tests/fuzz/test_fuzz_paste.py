"""A bounded fuzz run over reading and masking."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.fuzz_paste import check
from tests.peers import absent

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples" / "extract"


def test_every_sample_passes_the_target() -> None:
    """The labelled pastes, and each with a byte missing in the middle, hold the target's promises."""
    for file in sorted(SAMPLES.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)["text"].encode()
            check(data)
            check(data[: len(data) // 2] + data[len(data) // 2 + 1 :])


def test_bounded_run_finds_nothing(tmp_path: Path) -> None:
    """Three thousand coverage-guided inputs, seeded with the samples."""
    if find_spec("atheris") is None:
        absent("atheris is not installed (pip install -e '.[fuzz]')")
    for name in ("errors", "talk"):
        for index, line in enumerate((SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()):
            (tmp_path / f"{name}-{index}").write_bytes(json.loads(line)["text"].encode())
    command = [sys.executable, "-m", "tests.fuzz.fuzz_paste", "-runs=3000", "-max_len=4000", "-timeout=5", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
