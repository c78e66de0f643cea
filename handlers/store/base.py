"""What every part of the store shares: running SQL in a worker thread, one transaction per port operation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
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


class Base:
    """One engine. SQLite has one writer at a time; threads of this process queue here, which is fair and faster than its busy timeout."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock or SystemClock()
        self._turn: threading.Lock | None = threading.Lock() if engine.dialect.name == "sqlite" else None

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._run, work, False)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._run, work, True)

    def _run(self, work: Callable[[Connection], T], writing: bool) -> T:
        turn = self._turn if writing else None
        if turn:
            turn.acquire()
        try:
            with self._engine.connect() as connection:
                if writing:
                    begin_writing(connection)
                with connection.begin():
                    return work(connection)
        except SQLAlchemyError as error:
            # The statement and its values stay out of the message: they may hold what must not be logged.
            orig = getattr(error, "orig", None)
            raise StoreError(f"The store did not answer ({type(orig or error).__name__}).") from None
        finally:
            if turn:
                turn.release()

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """`INSERT` that knows `ON CONFLICT`; both databases spell it alike."""
        return sqlite.insert(table) if self._engine.dialect.name == "sqlite" else postgresql.insert(table)


def person_row(person: Person | None) -> Mapping[str, Any] | None:
    """A person as JSON."""
    return None if person is None else asdict(person)
