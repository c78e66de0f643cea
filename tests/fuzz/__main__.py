"""Every fuzz target for a bounded time, seeded with the labelled pastes: `python -m tests.fuzz [seconds for each]`, or `make fuzz`.

What breaks a target is kept in the folder that is printed; `python -m tests.fuzz.<target> <file>` runs it again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples" / "extract"
TARGETS = ("fuzz_paste", "fuzz_card", "fuzz_http")
SECONDS = 60


def pastes(every: int = 1) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each labelled paste, or of one in `every`."""
    for sample in sorted(SAMPLES.glob("*.jsonl")):
        for number, line in enumerate(sample.read_text(encoding="utf-8").splitlines()):
            if number % every == 0:
                yield f"{sample.stem}-{number}", json.loads(line)["text"].encode()


def damaged(check: Callable[[bytes], None], every: int = 1) -> None:
    """`check` holds for each paste, whole and with its middle byte missing."""
    for _, data in pastes(every):
        check(data)
        check(data[: len(data) // 2] + data[len(data) // 2 + 1 :])


def seed(folder: Path) -> None:
    """One file for each labelled paste."""
    for name, data in pastes():
        (folder / name).write_bytes(data)


def main(seconds: int) -> int:
    """Exit status 1 when a target found something; 0 with a word about it when atheris is not there."""
    if find_spec("atheris") is None:
        sys.stdout.write("atheris is not installed, so nothing was fuzzed: pip install -e '.[fuzz]'\n")
        return 0
    for target in TARGETS:
        damaged(import_module(f"tests.fuzz.{target}").check)
    kept = Path(tempfile.mkdtemp(prefix="whyforbidden-fuzz-"))
    failed = 0
    for target in TARGETS:
        corpus = kept / target
        corpus.mkdir()
        seed(corpus)
        command = [
            sys.executable,
            "-m",
            f"tests.fuzz.{target}",
            f"-max_total_time={seconds}",
            "-max_len=4000",
            "-timeout=10",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        done = subprocess.run([*command, f"-artifact_prefix={kept}/{target}-", str(corpus)], cwd=ROOT, check=False)
        failed += done.returncode != 0
    sys.stdout.write(f"{failed} of {len(TARGETS)} targets found something; see {kept}\n" if failed else "nothing found\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
