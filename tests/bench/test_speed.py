"""Cheap guards beside `make bench`: what may grow only in step with the text does, and nothing 64 KB long stops the clock."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import pytest

import tests.bench.__main__ as bench
from bot.explain import explain
from tests.bench.measure import Row, processor_time, table
from tests.bench.pastes import KIB, ZOO, errors_only, feishu_error, log_with_errors, quiet_log


def seconds(text: str, times: int = 3) -> float:
    """Processor time of one reading: the best of several, so that a busy machine does not matter."""
    return min(processor_time(lambda: explain(text)) for _ in range(times))


@pytest.mark.parametrize(
    "make", [errors_only, quiet_log, lambda size: log_with_errors(size, size // (8 * KIB))], ids=["errors", "quiet", "mixed"]
)
def test_eight_times_the_text_is_eight_times_the_time(make: Callable[[int], str]) -> None:
    """Reading is linear: no more than half on top, and that only for the noise of the machine."""
    explain(feishu_error())
    small, large = make(32 * KIB), make(256 * KIB)
    assert seconds(large) <= 1.5 * 8 * seconds(small)


def test_no_hostile_text_is_far_slower_than_the_others() -> None:
    """Of all texts of the zoo none takes fifty times the median one."""
    explain(feishu_error())
    times = {name: seconds(make(32 * KIB), 1) for name, make in ZOO.items()}
    slow = 50 * statistics.median(times.values())
    assert {name: spent for name, spent in times.items() if spent > slow and seconds(ZOO[name](32 * KIB)) > slow} == {}


def test_the_zoo_is_what_it_says() -> None:
    """Every hostile text has about the size that was asked for, and the error paste is read as one error with all its scopes."""
    for name, make in ZOO.items():
        assert 0.5 <= len(make(64 * KIB)) / (64 * KIB) <= 1.1, name
    (found,) = explain(feishu_error()).findings
    assert found.codes == ("99991679",) and len(found.scopes) == 4
    assert explain(quiet_log(64 * KIB)).findings == ()


@pytest.mark.parametrize(("value", "limit", "status"), [(1.0, 2.0, 0), (3.0, 2.0, 1), (3.0, None, 0)])
def test_a_broken_limit_is_the_exit_status(
    value: float, limit: float | None, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is printed whole, and only a figure over its limit makes the command fail."""

    def measured() -> Iterator[Row]:
        yield Row("something : its floor", value, limit)

    monkeypatch.setattr(bench, "ROWS", [measured])
    assert bench.main([]) == status
    assert "something : its floor" in capsys.readouterr().out
    assert bench.main(["nothing like it"]) == 2


def test_the_table_can_be_quoted() -> None:
    """Every line of the table is a row of Markdown with as many cells as its head."""
    shown = table([Row("a : b", 1.234, 2.0, spread=0.1), Row("memory", 41.2, None, "MiB")]).splitlines()
    assert {line.count("|") for line in shown} == {6}
    assert "1.23 ×" in shown[2] and "≤ 2 ×" in shown[2] and "41 MiB" in shown[3]
