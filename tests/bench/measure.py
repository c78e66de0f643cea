"""Taking a measurement and its floor in turn, and what a line of the table is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_benchmark.stats import Stats as _Stats

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.executable)
COMMAND = PYTHON.with_name("whyforbidden")
SLICE = 0.02  # seconds that one side of a pair runs at least, so that neither finds the processor's caches full of the other

Action = Callable[[], object]


class Stats(_Stats):
    """pytest-benchmark's figures over a series, with the types that it does not declare."""

    def __init__(self, values: Sequence[float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        for value in values:
            self.update(value)  # type: ignore[no-untyped-call]

    @property
    def middle(self) -> float:
        """The median."""
        return float(self.median)

    @property
    def spread(self) -> float:
        """The distance between the quartiles."""
        return float(self.iqr)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was measured, the figure, its limit. `spread` is the distance between the quartiles."""

    what: str
    value: float
    limit: float | None
    unit: str = "×"
    spread: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the figure is within its limit, if it has one."""
        return self.limit is None or self.value <= self.limit


def processor_time(action: Action, times: int = 1) -> float:
    """Processor seconds of `times` runs; what other programs do meanwhile is not counted."""
    start = time.process_time()
    for _ in range(times):
        action()
    return time.process_time() - start


def in_turn(subject: Action, floor: Action, *, rounds: int, scale: float = 1.0) -> Stats:
    """The ratios subject : floor (times `scale`) of `rounds` pairs, each pair measured back to back in alternating order."""
    many = [_enough(action) for action in (subject, floor)]
    ratios: list[float] = []
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds):
            spent = [0.0, 0.0]
            for side in (0, 1) if number % 2 else (1, 0):
                spent[side] = processor_time((subject, floor)[side], many[side]) / many[side]
            ratios.append(spent[0] / spent[1] * scale)
    finally:
        gc.unfreeze()
    return Stats(ratios)


def _enough(action: Action) -> int:
    action()  # first times are for caches
    once = processor_time(action)
    return max(1, round(SLICE / max(once, 1e-7)))


def ratio(what: str, subject: Action, floor: Action, limit: float | None, *, rounds: int = 15, scale: float = 1.0) -> Row:
    """A line of the table from `in_turn`."""
    found = in_turn(subject, floor, rounds=rounds, scale=scale)
    return Row(what, found.middle, limit, spread=found.spread)


# ---------------------------------------------------------------- programs


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a program cost: seconds on the wall, and its largest size in MiB."""

    wall: float
    mib: float


# Started by a small program of its own: a child's peak counts from the moment of the fork, when it is still as large as its parent.
_STARTER = """
import os, subprocess, sys, time
text = sys.stdin.buffer.read()
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
child.stdin.write(text)
child.stdin.close()
_, status, used = os.wait4(child.pid, 0)
print(time.perf_counter() - start, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def run(command: Sequence[str | Path], stdin: bytes = b"") -> Run:
    """Run a program to its end. Raises `RuntimeError` when it fails."""
    starter = [PYTHON, "-S", "-c", _STARTER, *command]
    done = subprocess.run(starter, input=stdin, capture_output=True, cwd=ROOT, env=environment(), check=True, timeout=60)
    wall, kib, status = done.stdout.split()
    if int(status):
        raise RuntimeError(f"{command[0]} ended with {int(status)}: {done.stderr.decode()}")
    return Run(float(wall), int(kib) / 1024)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our own environment, with bytecode kept as on any user's machine."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | dict(more or {})


def programs(what: str, ours: Sequence[str | Path], floor: Sequence[str | Path], limit: float, rounds: int = 11) -> tuple[Row, float]:
    """A line for the start of a program beside another one, and the largest size of ours in MiB."""
    for command in (ours, floor):
        run(command)
    ratios: list[float] = []
    sizes: list[float] = []
    for number in range(rounds):
        pair = [run(command) for command in ((ours, floor) if number % 2 else (floor, ours))]
        mine, theirs = pair if number % 2 else pair[::-1]
        ratios.append(mine.wall / theirs.wall)
        sizes.append(mine.mib)
    found = Stats(ratios)
    return Row(what, found.middle, limit, spread=found.spread), max(sizes)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, so that it can be quoted as it is."""
    lines = [("what", "measured", "spread", "limit", ""), ("---", "---:", "---:", "---:", "---")]
    for row in rows:
        digits = 2 if row.unit == "×" else 0
        shown = [f"{number:.{digits}f} {row.unit}" for number in (row.value, row.spread)]
        limit, verdict = ("", "") if row.limit is None else (f"≤ {row.limit:g} {row.unit}", "ok" if row.holds else "BROKEN")
        lines.append((row.what, shown[0], f"± {shown[1]}" if row.spread else "", limit, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)
