"""One ordinary paste must not fill the disk or stop the bot for others: everything about it costs O(paste)."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from sqlalchemy import event, func, select

from bot.explain import explain
from bot.model import Finding, Person, Place, Question
from bot.ports import Report
from bot.redact import redact
from bot.services import card_snapshot
from bot.services.answer import MOST_IDS
from handlers.compose import Runtime, build
from handlers.settings import load_settings
from handlers.store import open_store
from handlers.store.cards import BATCH
from handlers.store.schema import report_ids, reports
from handlers.system import SystemClock
from tests.bench.pastes import feishu_error, one_error_many_ids

IDS = 20_000


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A whole process with a store of its own."""
    monkeypatch.chdir(tmp_path)
    return build(load_settings(store_url=f"sqlite:///{tmp_path}/store.db", practice=True), apps=[])


def asked(text: str, who: str = "U1") -> Question:
    return Question(redact(text).text, "web", Person("web", "t", who), Place("web", "t", who), "en", direct=True)


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("store.db*"))


async def test_twenty_thousand_log_ids_are_answered_at_four_times_their_size_at_most(runtime: Runtime, tmp_path: Path) -> None:
    """1 MB: answered, others are answered meanwhile, the first and the last id lead to it later, and neither store nor card holds them all."""
    text = one_error_many_ids(IDS)
    await runtime.service.command(asked(feishu_error()))
    before = size(tmp_path)

    large = asyncio.create_task(runtime.service.command(asked(text)))
    await asyncio.sleep(0.2)
    short = await runtime.service.command(asked(feishu_error(1), "U2"))
    meanwhile = not large.done()
    answer = await large
    grown = size(tmp_path) - before
    (found,) = answer.diagnoses
    first, last = found.finding.request_ids[0], found.finding.request_ids[-1]
    later = [await runtime.service.answer(asked(each, "U1")) for each in (first, last)]
    await runtime.close()

    assert short.diagnoses and meanwhile
    assert found.finding.codes == ("99991672",)
    assert found.finding.count > IDS / 2
    assert grown <= 4 * len(text)
    assert len(json.dumps(answer.card.snapshot)) < 20_000
    assert [each and each.diagnoses[0].finding.codes for each in later] == [("99991672",)] * 2


async def test_a_report_is_one_row_and_its_ids_are_written_a_few_at_a_time(tmp_path: Path) -> None:
    """However many ids it has; another writer gets in between two batches."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    rows: list[int] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith("INSERT INTO report_ids"):
            rows.append(len(parameters) if many else 1)

    ids = tuple(f"id-{number}" for number in range(3 * BATCH + 1))
    for _ in range(2):  # the same paste again adds nothing
        await store.remember([Report(ids, "lark", {"codes": ["1"]}, SystemClock().now())])
    counts = await store._read(
        lambda c: [c.execute(select(func.count()).select_from(table)).scalar_one() for table in (reports, report_ids)]
    )
    await store.close()

    assert counts == [1, len(ids)]
    assert max(rows) == BATCH


async def test_somebody_else_writes_between_two_batches(tmp_path: Path) -> None:
    """A claim made while a long paste is remembered is there before the paste is done."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    ids, done = tuple(f"id-{number}" for number in range(40 * BATCH)), asyncio.Event()

    async def remember() -> None:
        await store.remember([Report(ids, "lark", {}, SystemClock().now())])
        done.set()

    task = asyncio.create_task(remember())
    got_in = 0
    while not done.is_set():
        await store.claim(f"c{got_in}", SystemClock().now(), 60)
        got_in += 1
    await task
    await store.close()

    assert got_in > 3


def test_reading_takes_time_in_proportion_to_the_ids() -> None:
    """Eight times the lines: about eight times the time, not sixty-four."""
    explain(one_error_many_ids(100))

    def spent(lines: int) -> float:
        text, began = one_error_many_ids(lines), process_time()
        explain(text)
        return process_time() - began

    assert spent(8_000) < 20 * spent(1_000)


async def test_many_ids_without_an_error_ask_the_store_a_few_times_only(runtime: Runtime) -> None:
    """A list of log_ids of which none is known."""
    statements: list[str] = []

    @event.listens_for(runtime.store._engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    bare = Finding("lark", request_ids=tuple(f"2024110416232661C50BC902DF{number:06X}" for number in range(5_000)))
    from bot.services import answer

    await answer._recall(runtime.service.context, bare, "t")
    await runtime.close()

    assert sum("report_ids" in each for each in statements) <= MOST_IDS / BATCH + 1


def test_a_card_says_how_many_ids_it_does_not_show_also_when_it_is_drawn_again() -> None:
    """Nothing is left out silently."""
    finding = explain(one_error_many_ids(300)).findings[0]
    kept = card_snapshot.read_finding(json.loads(json.dumps(card_snapshot.finding_row(finding))))
    again = card_snapshot.finding_row(kept)

    assert len(kept.request_ids) == card_snapshot.MOST_IDS
    assert int(again["hints"]["more_ids"]) == len(finding.request_ids) - card_snapshot.MOST_IDS


async def test_a_paste_that_is_never_done_is_given_up_with_a_sentence(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that reads it is ended; the asker is told what to do."""
    monkeypatch.setattr(runtime.workers, "_longest", 0.05)

    answer = await runtime.service.command(asked(one_error_many_ids(4_000)))
    with suppress(Exception):
        await runtime.close()

    assert answer.card.snapshot["why"]["en"].startswith("Reading this text took too long")
