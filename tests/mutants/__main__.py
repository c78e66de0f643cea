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
import subprocess
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
PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")
LIBRARIES = (
    *PLUGINS,
    "pytest", "_pytest.assertion.rewrite", "pytest_asyncio", "hypothesis", "pydantic", "pydantic_settings", "jinja2", "httpx", "sqlalchemy",
    "cryptography.fernet", "structlog", "bot.model", "bot.catalog", "bot.extract", "bot.platforms", "bot.diagnose", "bot.card", "bot.render",
    "bot.explain", "handlers.settings", "handlers.store", "handlers.practice",
)  # fmt: skip
"""What is loaded before forking, unless it would load the module that is to be changed."""

#: Room → its modules, and the tests that judge them, the quickest to notice first.
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "consent": (("bot/consent/machine.py", "bot/consent/flow.py"), ("tests/consent", "tests/services/test_service.py")),
    "click": (("bot/services/click.py",), ("tests/services/test_click.py",)),
    "redact": (("bot/redact/*.py",), ("tests/redact", "tests/security/test_hole_06_masking_has_gaps.py")),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    file: Path
    change: Change

    @property
    def source(self) -> str:
        return self.change.apply(ast.parse(self.file.read_text("utf-8")))

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.change.line}: {self.change.what}"


def mutants(patterns: Sequence[str], at: str = "") -> list[Mutant]:
    """Every mutant of the files; with `at`, those of one line (`click.py:53`)."""
    found = []
    for file in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        found += [Mutant(file, change) for change in changes(ast.parse(file.read_text("utf-8")))]
    return [mutant for mutant in found if not at or f"{mutant.file.name}:{mutant.change.line}" == at]


def _name(file: Path) -> str:
    """A module's name."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from another text than its file's."""

    text = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec")


class _Finder:
    """Finds the one changed module."""

    def __init__(self, mutant: Mutant) -> None:
        self.package = mutant.file.name == "__init__.py"
        self.name, self.mutant = _name(mutant.file), mutant

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

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others cost a second each time
    options = [
        "-x",
        "-q",
        "-W",
        "ignore",
        "--tb=no",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        *(word for name in PLUGINS for word in ("-p", name)),
    ]
    os._exit(int(pytest.main([*options, *tests])))


def survivors(tried: Sequence[Mutant], tests: Sequence[str], jobs: int, seconds: float) -> Iterator[Mutant]:
    """The mutants that no test notices, as they are found."""
    waiting, running = list(reversed(tried)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(mutant, tests, seconds)] = mutant
        process, status = os.wait()
        sys.stderr.write(f"\r{len(tried) - len(waiting)} of {len(tried)} ")
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
    rooms = options.rooms or list(ROOMS)
    if len(rooms) > 1:  # each in a process of its own: what one may load beforehand, another has to change
        flags = [f"--{name}={value}" for name, value in vars(options).items() if name != "rooms" and value != ""]
        return max(subprocess.run([sys.executable, "-m", "tests.mutants", room, *flags], check=False).returncode for room in rooms)
    return 0 if _room(rooms[0], options) else 1


def load(targets: set[str]) -> None:
    """Load what does not load a target; found out in forks. The catalogue is read, too."""
    for name in LIBRARIES:
        process = os.fork()
        if not process:
            importlib.import_module(name)
            os._exit(bool(targets & set(sys.modules)))
        if os.waitpid(process, 0)[1] == 0:
            importlib.import_module(name)
    if "bot.catalog" in sys.modules:
        sys.modules["bot.catalog"].catalog()


def _room(name: str, options: argparse.Namespace) -> bool:
    patterns, tests = ROOMS[name]
    load({_name(file) for pattern in patterns for file in ROOT.glob(pattern)})
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
