"""The rooms of `bot/` and who imports whom, read from the source: rooms, arrows, floors, circles, and imports inside functions.

A room is a package or a module directly in `bot/`. It stands one floor above the highest room that it imports. `python -m tests.house.walls` prints the plan.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOT = ROOT / "bot"


@dataclass(frozen=True)
class Import:
    """One import of ours. `inside`: it stands in a function; `line` is the source line."""

    file: str
    number: int
    target: str
    inside: bool
    line: str


def _of_tree(tree: ast.AST, *, inside: bool = False) -> Iterator[tuple[ast.stmt, str, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node, f"{node.module}.{alias.name}", inside) for alias in node.names)
        else:
            yield from _of_tree(node, inside=inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def imports(folder: Path = BOT) -> list[Import]:
    """Every import in a folder."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        source = file.read_text("utf-8")
        lines = source.splitlines()
        for node, target, inside in _of_tree(ast.parse(source)):
            found.append(Import(str(file.relative_to(ROOT)), node.lineno, target, inside, lines[node.lineno - 1]))
    return found


@cache
def rooms() -> list[str]:
    """The packages and modules directly in `bot/`."""
    return sorted(
        path.stem
        for path in BOT.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path.is_dir() and list(path.glob("*.py")))
    )


def room_of(target: str) -> str:
    """The room of a dotted name or of a file; empty when it is not in `bot/`."""
    parts = target.removesuffix(".py").replace("/", ".").split(".")
    return parts[1] if parts[0] == "bot" and len(parts) > 1 and parts[1] in rooms() else ""


def arrows() -> Mapping[str, frozenset[str]]:
    """Room → the rooms that it imports."""
    found: dict[str, set[str]] = {room: set() for room in rooms()}
    for each in imports():
        source, target = room_of(each.file), room_of(each.target)
        if source and target and source != target:
            found[source].add(target)
    return {room: frozenset(targets) for room, targets in found.items()}


def floors(plan: Mapping[str, frozenset[str]]) -> tuple[list[list[str]], list[str]]:
    """The rooms floor by floor, lowest first; and the rooms that stand in a circle (or above one)."""
    left, built, levels = dict(plan), set[str](), list[list[str]]()
    while ready := sorted(room for room, below in left.items() if below <= built):
        levels.append(ready)
        built.update(ready)
        for room in ready:
            del left[room]
    return levels, sorted(left)


def upward(plan: Mapping[str, frozenset[str]], levels: list[list[str]]) -> list[tuple[str, str]]:
    """Arrows that do not lead to a lower floor."""
    floor = {room: number for number, level in enumerate(levels) for room in level}
    return sorted((a, b) for a, targets in plan.items() for b in targets if floor.get(b, 99) >= floor.get(a, 99))


def report() -> str:
    """The plan in words."""
    plan = arrows()
    levels, circle = floors(plan)
    lines = [f"{len(plan)} rooms, {len(levels)} floors, {sum(map(len, plan.values()))} arrows, {len(upward(plan, levels))} of them upward"]
    lines += [f"  {number}  {' '.join(level)}" for number, level in reversed(list(enumerate(levels)))]
    if circle:
        lines.append(f"in a circle, or above one: {' '.join(circle)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(report() + "\n")
