"""Does a test notice when the code is changed? `python -m tests.mutants [consent|click|redact …] [--sample N] [--seed N] [--at file.py:LINE]`

Each change is tried in a fork of a process that has the libraries loaded, with the tests of that room only, which end at the first failure.
By default a sample is tried (`--sample 0`: everything). Survivors are listed; more than one in ten is a failure.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants.changes import Change, changes

ROOT = Path(__file__).parents[2]
MOST_SURVIVORS = 0.1
SAMPLE, SEED = 150, 11
LIBRARIES = ("pytest", "_pytest.assertion.rewrite", "pytest_asyncio", "hypothesis", "pydantic", "pydantic_settings", "jinja2", "httpx", "sqlalchemy", "cryptography.fernet", "structlog", "bot.model")  # fmt: skip

#: Room → its modules, and the tests that judge them, the quickest to notice first.
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "consent": (("bot/consent/machine.py", "bot/consent/flow.py"), ("tests/consent", "tests/services/test_service.py")),
    "click": (("bot/services/click.py",), ("tests/services/test_click.py",)),
    "redact": (("bot/redact/*.py",), ("tests/redact",)),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    file: Path
    change: Change
    source: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.change.line}: {self.change.what}"


def mutants(patterns: Sequence[str], at: str = "") -> list[Mutant]:
    """Every mutant of the files; with `at`, those of one line (`click.py:53`)."""
    found = []
    for file in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        tree = ast.parse(file.read_text("utf-8"))
        same = ast.unparse(tree)
        for change in changes(tree):
            if at and f"{file.name}:{change.line}" != at:
                continue
            source = change.apply(tree)
            if source != same:
                found.append(Mutant(file, change, source))
    return found


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from another text than its file's."""

    text = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec")


class _Finder:
    """Finds the one changed module."""

    def __init__(self, mutant: Mutant) -> None:
        parts = mutant.file.relative_to(ROOT).with_suffix("").parts
        self.package = parts[-1] == "__init__"
        self.name, self.mutant = ".".join(parts[:-1] if self.package else parts), mutant

    def find_spec(self, fullname: str, _path: object = None, _target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        loader = _Changed(fullname, str(self.mutant.file))
        loader.text = self.mutant.source
        places = [str(self.mutant.file.parent)] if self.package else None
        return importlib.util.spec_from_file_location(fullname, self.mutant.file, loader=loader, submodule_search_locations=places)


def start(mutant: Mutant | None, tests: Sequence[str], seconds: float) -> int:
    """Run the tests against a mutant (None: the code as it is) in a fork; its process id."""
    process = os.fork()
    if process:
        return process
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.alarm(int(seconds) + 1)  # a change may loop for ever: then the signal ends us, which counts as noticed
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant))  # type: ignore[arg-type]
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-W", "ignore"]
    os._exit(int(pytest.main([*options, *tests])))


def survivors(tried: Sequence[Mutant], tests: Sequence[str], jobs: int, seconds: float) -> Iterator[Mutant]:
    """The mutants that no test notices, as they are found."""
    waiting, running = list(reversed(tried)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(mutant, tests, seconds)] = mutant
        process, status = os.wait()
        if (mutant := running.pop(process, None)) and status == 0:
            yield mutant


def main(arguments: Sequence[str]) -> int:
    """Exit status 1: too many survive, or the tests fail by themselves."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("rooms", nargs="*", metavar="room", help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at", default="")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    for name in LIBRARIES:
        importlib.import_module(name)
    fine = [_room(name, options) for name in options.rooms or ROOMS]
    return 0 if all(fine) else 1


def _room(name: str, options: argparse.Namespace) -> bool:
    patterns, tests = ROOMS[name]
    began = time.monotonic()
    _, status = os.waitpid(start(None, tests, 600), 0)
    took = time.monotonic() - began
    if status:
        sys.stdout.write(f"{name}: the tests fail without any change\n")
        return False
    every = mutants(patterns, options.at)
    chosen = random.Random(options.seed).sample(every, min(options.sample or len(every), len(every)))
    alive = []
    for mutant in survivors(chosen, tests, options.jobs, 20 + 4 * took):
        alive.append(mutant)
        sys.stdout.write(f"  survived  {mutant}\n")
        sys.stdout.flush()
    share = len(alive) / max(1, len(chosen))
    told = f"{name}: {len(alive)} of {len(chosen)} mutants survived ({share:.0%}), of {len(every)} in all; seed {options.seed}"
    sys.stdout.write(f"{told}, {time.monotonic() - began:.0f} s\n")
    return share <= MOST_SURVIVORS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
