"""Rooms, floors and circles of `bot/`. `python -m tests.house.walls` prints the plan."""

from __future__ import annotations

import re

from tests.house.walls import arrows, floors, imports, report, rooms, upward

MOST_ROOMS = 17  # ten packages and seven modules


def test_the_rooms_are_few_and_nobody_imports_upward() -> None:
    """At most sixteen rooms; every import leads to a lower floor, so there is no circle. The plan is printed (`pytest -s`)."""
    plan = arrows()
    levels, circle = floors(plan)
    print(f"\n{report()}")

    assert len(rooms()) <= MOST_ROOMS
    assert circle == []
    assert upward(plan, levels) == []


def test_the_plan_sees_a_circle() -> None:
    """Two rooms that import each other, and the one above them, stand on no floor."""
    levels, circle = floors({"a": frozenset(), "b": frozenset({"a", "c"}), "c": frozenset({"b"}), "d": frozenset({"c"})})

    assert (levels, circle) == ([["a"]], ["b", "c", "d"])
    assert upward({"a": frozenset({"b"}), "b": frozenset()}, [["a", "b"]]) == [("a", "b")]


def test_an_import_inside_a_function_says_why() -> None:
    """Such an import hides an arrow; it is right only where loading costs, and then the line says what it saves."""
    silent = [f"{each.file}:{each.number}" for each in imports() if each.inside and not re.search(r"noqa: PLC0415 \(\w.{10,}\)", each.line)]

    assert silent == []
