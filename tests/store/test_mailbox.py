"""What both boxes of jobs have to do, over a SQLite file and over PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from handlers.chat.job import Job
from handlers.store import DoorReport, SqlStore, open_store, preview
from handlers.store.schema import meta
from tests.peers import postgres_database

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
SOON, LATER = NOW + timedelta(seconds=10), NOW + timedelta(seconds=20)


@pytest.fixture(scope="module")
def postgres() -> str:
    """One database for this file; the tables are emptied before each test."""
    return postgres_database("mailbox")


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'store.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = open_store(url)
    if request.param == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in meta.sorted_tables)
        await opened._write(lambda c: c.execute(text(f"TRUNCATE {names} RESTART IDENTITY")))
    yield opened
    await opened.close()


def job(name: str = "m1", **changes: object) -> Job:
    return replace(Job(name, "slack", "question", "C1", {"ask": {"text": "99991679"}}, NOW), **changes)  # type: ignore[arg-type]


async def test_a_job_is_kept_once_whoever_brings_it(store: SqlStore) -> None:
    """Twenty deliveries at once: one is new."""
    kept = await asyncio.gather(*(store.inbox.put(job(), holder=f"p{n}", until=SOON) for n in range(20)))

    assert kept.count(True) == 1


async def test_what_somebody_holds_is_nobody_elses_until_the_time_is_over(store: SqlStore) -> None:
    """A process that dies lets the time pass; then the job is given out again, with its body, as one that was begun before."""
    await store.inbox.put(job(), holder="dead", until=SOON)

    assert await store.inbox.take(["slack"], "alive", NOW, LATER) == []
    assert await store.inbox.take(["lark"], "alive", LATER, LATER) == []
    [again] = await store.inbox.take(["slack"], "alive", SOON, LATER)
    assert (again.body, again.tries, again.again) == ({"ask": {"text": "99991679"}}, 2, True)
    assert not await store.inbox.done(again, "dead", LATER)
    assert await store.inbox.holds("m1", "alive", SOON)
    assert await store.inbox.done(again, "alive", LATER)
    assert not await store.inbox.put(job())


async def test_two_who_take_at_once_never_get_the_same_job(store: SqlStore) -> None:
    """Thirty jobs, four takers."""
    for number in range(30):
        await store.inbox.put(job(f"m{number}"))
    taken = await asyncio.gather(*(store.inbox.take(["slack"], f"p{n}", NOW, LATER, 10) for n in range(4)))
    names = [one.id for part in taken for one in part]

    assert len(names) == len(set(names))
    assert len(names) + len(await store.inbox.take(["slack"], "rest", NOW, LATER, 30)) == 30


async def test_who_lives_holds_on_and_who_stops_hands_back(store: SqlStore) -> None:
    """Prolonged, the job stays; released, it is anybody's at once."""
    await store.inbox.put(job(), holder="p1", until=SOON)
    assert await store.inbox.renew("p1", LATER) == 1

    assert await store.inbox.take(["slack"], "p2", SOON, LATER) == []
    assert await store.inbox.release("p1", NOW) == 1
    assert len(await store.inbox.take(["slack"], "p2", NOW, LATER)) == 1


async def test_what_fails_comes_again_later_and_is_dead_in_the_end(store: SqlStore) -> None:
    """With its reason; opened again by the operator, it counts as begun before."""
    await store.inbox.put(job(), holder="p1", until=SOON)
    [mine] = [job()]
    assert await store.inbox.later(mine, "p1", LATER, "timeout")
    assert await store.inbox.take(["slack"], "p1", SOON, LATER) == []
    [mine] = await store.inbox.take(["slack"], "p1", LATER, LATER + timedelta(seconds=9))
    assert await store.inbox.dead(mine, "p1", LATER, "http_500")
    [letter] = await store.inbox.letters()

    assert (letter.id, letter.reason) == ("m1", "http_500")
    assert (await store.inbox.depth())["slack"].dead == 1
    assert await store.inbox.revive(LATER, ["other"]) == 0
    assert await store.inbox.revive(LATER) == 1
    assert (await store.inbox.take(["slack"], "p1", LATER, LATER))[0].again


async def test_a_card_that_changes_while_it_is_redrawn_is_redrawn_once_more(store: SqlStore) -> None:
    """However often it changed meanwhile: once."""
    await store.outbox.want(job("redraw:c1"))
    [first] = await store.outbox.take(["slack"], "p1", NOW, SOON)
    for _ in range(3):
        await store.outbox.want(job("redraw:c1"))
    assert await store.outbox.take(["slack"], "p2", NOW, SOON) == []
    await store.outbox.done(first, "p1", NOW)
    [second] = await store.outbox.take(["slack"], "p2", NOW, SOON)
    await store.outbox.done(second, "p2", NOW)

    assert (first.turn, second.turn) == (0, 3)
    assert await store.outbox.take(["slack"], "p2", LATER, LATER) == []
    await store.outbox.want(job("redraw:c1", created=LATER))
    assert len(await store.outbox.take(["slack"], "p2", LATER, LATER)) == 1


async def test_a_question_that_was_taken_back_is_not_answered(store: SqlStore) -> None:
    """Whoever holds it."""
    await store.inbox.put(job(), holder="p1", until=SOON)

    assert await store.inbox.drop("m1", NOW)
    assert not await store.inbox.done(job(), "p1", NOW)
    assert await store.inbox.take(["slack"], "p2", LATER, LATER) == []


async def test_finished_jobs_are_forgotten_in_short_steps(store: SqlStore) -> None:
    """Done ones after a day, dead ones later; open ones only when their door was closed for good."""
    for number in range(7):
        await store.inbox.put(job(f"m{number}"), holder="p", until=SOON)
    for number in range(4):
        await store.inbox.done(job(f"m{number}"), "p", NOW)
    await store.inbox.dead(job("m4"), "p", NOW, "why")

    assert await store.inbox.forget(LATER, NOW, batch=3) == 4
    assert await store.inbox.forget(LATER, LATER, batch=3) == 3
    assert await store.inbox.depth() == {}


async def test_a_process_tells_about_its_doors(store: SqlStore) -> None:
    """The newest word of each counts, until it leaves or says nothing for long."""
    said = DoorReport("slack", "p1", "up", "", NOW, NOW)
    await store.report_doors([said, replace(said, process="p2", state="down", reason="503")])
    await store.report_doors([replace(said, seen=SOON)])

    assert [(one.process, one.state) for one in (await store.door_reports(NOW))["slack"]] == [("p2", "down"), ("p1", "up")]
    await store.leave_doors("p1")
    assert await store.forget_doors(SOON) == 1
    assert await store.door_reports(NOW) == {}


async def test_a_migration_can_be_looked_at_before(tmp_path: Path) -> None:
    """Its statements are shown and taken back; on a store that is up to date there are none."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    shown = preview(url)

    assert any("CREATE TABLE inbox" in one for one in shown)
    assert preview(url) == shown
    await open_store(url).close()
    assert preview(url) == []
