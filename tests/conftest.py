"""Before any test: compile the message catalogues, so that the tests see both languages as an installed copy would."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from hatch_build import compile_messages

compile_messages(Path(__file__).parent.parent)
settings.register_profile("busy", deadline=None)  # what may take long has its own tests; a busy machine is no failure
settings.load_profile("busy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what the code draws now into tests/golden/; look at the difference before you commit it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/ from what is drawn now")
    parser.addoption("--pictures", action="store_true", help="keep the browser tests' pictures in docs/img/, where the README shows them")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was skipped and why: a skip that nobody sees is a test that nobody runs."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[told.removeprefix("Skipped: ")] += 1
    terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} × {reason}")
    if not reasons:
        terminalreporter.write_line("nothing")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """What a command or a server sets up for logging ends with the test."""
    yield
    root = logging.getLogger()
    structlog.reset_defaults()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, structlog.stdlib.ProcessorFormatter)]
    root.setLevel(logging.WARNING)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("slack/nothing.en.json", drawn)`: the drawn text is the one on file."""
    folder = Path(__file__).parent / "golden"

    def same(name: str, drawn: str) -> None:
        file = folder / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(drawn, encoding="utf-8")
        assert file.is_file(), f"no golden file {name}: run pytest --update-golden and look at it"
        assert drawn == file.read_text(encoding="utf-8")

    return same
