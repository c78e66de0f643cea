"""The reader's test: for each of the twelve tasks the page names the files to touch, few of them shared, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.walls import ROOT

PAGE = ROOT / "docs" / "contributing.md"
TASKS = ("code", "scope", "masking rule", "remedy", "platform", "surface", "sentence", "state", "setting", "migration", "check", "command")
MOST_SHARED = 3
_ROW = re.compile(r"^\| (own|shared) \| `([^`]+)` \|", re.M)


def rows(task: str) -> list[tuple[str, str]]:
    """`own` or `shared`, and the path, for each row of a task's table."""
    text = PAGE.read_text("utf-8").partition(f"### Add a {task}\n")[2]
    return _ROW.findall(re.split(r"^##", text, maxsplit=1, flags=re.M)[0])


def places(path: str) -> list[Path]:
    """What a path with `<names>` in it means here: every platform or surface that has such a file."""
    return list(ROOT.glob(re.sub(r"<[^>]+>", "*", path).rstrip("/")))


@pytest.mark.parametrize("task", TASKS)
def test_the_page_names_the_files_of_a_task(task: str) -> None:
    """At least one file, at most three shared ones, each of them there."""
    found = rows(task)

    assert found
    assert sum(kind == "shared" for kind, _ in found) <= MOST_SHARED
    assert [path for _, path in found if not places(path)] == []


def test_there_are_no_other_tasks() -> None:
    """A task that is added to the page is held to the same."""
    assert tuple(re.findall(r"^### Add an? (.+)$", PAGE.read_text("utf-8"), re.M)) == TASKS
