"""What a reader can hold: how long and how branched functions are, how long modules and pattern literals. `python -m tests.house.sizes` lists the largest.

Lengths are lines of code with their comments, without the docstring; the branches of a function are counted by ruff (C901).
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.walls import ROOT

MOST_LINES, MOST_BRANCHES, MOST_MODULE, MOST_PATTERN = 50, 10, 400, 300
FOLDERS = ("bot", "handlers")
_SIGNS = ("(?", "\\b", "\\s", "\\d", "[^", "|", "\\w")


def files() -> list[Path]:
    """Our source."""
    return [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{node.name}.")
        else:
            yield from _functions(node, prefix)


def long_functions() -> dict[str, int]:
    """`file::name` → lines, for functions over the limit."""
    found = {}
    for file in files():
        for name, node in _functions(ast.parse(file.read_text("utf-8"))):
            first = node.body[0]
            told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
            docstring = (first.end_lineno or 0) - first.lineno + 1 if told else 0
            lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
            if lines > MOST_LINES:
                found[f"{_name(file)}::{name}"] = lines
    return found


def branched_functions() -> dict[str, int]:
    """`file::name` → branches, for functions over the limit, as ruff counts them."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--config", f"lint.mccabe.max-complexity={MOST_BRANCHES}",
               "--output-format", "json", "--exit-zero", "--ignore-noqa", *FOLDERS]  # fmt: skip
    rows = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    found = {}
    for row in rows:
        name, _, rest = row["message"].partition("` is too complex (")
        found[f"{_name(Path(row['filename']))}::{name.removeprefix('`')}"] = int(rest.split()[0])
    return found


def long_modules() -> dict[str, int]:
    """File → lines, for modules over the limit."""
    counts = {_name(file): len(file.read_text("utf-8").splitlines()) for file in files()}
    return {name: lines for name, lines in counts.items() if lines > MOST_MODULE}


def long_patterns() -> dict[str, int]:
    """File → characters of its longest literal that looks like a pattern, over the limit."""
    found: dict[str, int] = {}
    for file in files():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_long_pattern(node.value):
                found[_name(file)] = max(found.get(_name(file), 0), len(node.value))
    return found


def _is_long_pattern(text: str) -> bool:
    return len(text) > MOST_PATTERN and sum(text.count(sign) for sign in _SIGNS) > 10


MEASURES = {"function": long_functions, "branches": branched_functions, "module": long_modules, "pattern": long_patterns}


if __name__ == "__main__":
    for kind, measure in MEASURES.items():
        for name, value in sorted(measure().items(), key=lambda pair: -pair[1]):
            sys.stdout.write(f"{kind}\t{value}\t{name}\n")
