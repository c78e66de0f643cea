"""What every part of the store shares: running SQL in a worker thread, one transaction per port operation."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from bot.model import Person
from bot.ports import Clock
from handlers.store.engine import StoreError, begin_writing
from handlers.system import SystemClock

T = TypeVar("T")
Work = Callable[[Connection], Any]


class Turns:
    """Whose turn it is to write. SQLite has one writer at a time: threads of this process queue here, which is fair and faster than its busy timeout,
    and what waits together is written together: one transaction, one wait for the disk."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: deque[tuple[Work, Future[Any]]] = deque()

    def queue(self, work: Work) -> Future[Any]:
        """Stand in line."""
        done: Future[Any] = Future()
        self._waiting.append((work, done))
        return done

    def write(self, done: Future[Any], run: Callable[[Work, bool], Any]) -> None:
        """Write everything that waits, unless somebody else has written this already."""
        with self._turn:
            if not done.done():
                self._together([self._waiting.popleft() for _ in range(len(self._waiting))], run)

    @staticmethod
    def _together(group: Sequence[tuple[Work, Future[Any]]], run: Callable[[Work, bool], Any]) -> None:
        outcomes: list[tuple[Any, Exception | None]] = []

        def work(c: Connection) -> None:
            for each, _ in group:
                try:
                    with c.begin_nested() if len(group) > 1 else nullcontext():
                        outcomes.append((each(c), None))
                except Exception as error:
                    if len(group) == 1:
                        raise
                    outcomes.append((None, error))

        try:
            run(work, True)
        except Exception as error:  # noqa: BLE001 (nothing was written)
            outcomes = [(None, error)] * len(group)
        for (_, done), (result, failed) in zip(group, outcomes, strict=True):
            if failed is not None:
                done.set_exception(failed)
            else:
                done.set_result(result)


class Base:
    """One engine, and the turns of its writers (SQLite)."""

    def __init__(self, engine: Engine, clock: Clock | None = None, turns: Turns | None = None) -> None:
        self._engine = engine
        self._clock = clock or SystemClock()
        self._turns = turns or (Turns() if engine.dialect.name == "sqlite" else None)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._run, work, False)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        if self._turns is None:
            return await asyncio.to_thread(self._run, work, True)
        done = self._turns.queue(work)
        await asyncio.to_thread(self._turns.write, done, self._run)
        try:
            written: T = done.result()
        except SQLAlchemyError as error:
            raise _told(error) from None
        return written

    def _run(self, work: Callable[[Connection], T], writing: bool) -> T:
        try:
            with self._engine.connect() as connection:
                if writing:
                    begin_writing(connection)
                with connection.begin():
                    return work(connection)
        except SQLAlchemyError as error:
            raise _told(error) from None

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """`INSERT` that knows `ON CONFLICT`; both databases spell it alike."""
        return sqlite.insert(table) if self._engine.dialect.name == "sqlite" else postgresql.insert(table)


def _told(error: SQLAlchemyError) -> StoreError:
    """The statement and its values stay out of the message: they may hold what must not be logged."""
    orig = getattr(error, "orig", None)
    return StoreError(f"The store did not answer ({type(orig or error).__name__}).")


def person_row(person: Person | None) -> Mapping[str, Any] | None:
    """A person as JSON."""
    return None if person is None else asdict(person)
