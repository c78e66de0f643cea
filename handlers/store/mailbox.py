"""The inbox and the outbox: work that is done by whoever is alive.

A row stands under an id that is the same for every delivery of the same thing, so a repeated delivery changes nothing. Whoever takes a row holds it
until `due`: a process that dies lets that time pass, and any other takes the row then. A row ends `done` (its body goes at once, its id stays for a
day, against late repetitions) or `dead` (it could not be done, with the reason; `whyforbidden retry` opens it again).

Both boxes are one table each with the same columns, and one class. PostgreSQL hands out rows with `SKIP LOCKED`; SQLite has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, and_, bindparam, case, delete, func, literal, select, update

from bot.ports import Clock
from handlers.chat.job import Job
from handlers.store.base import Base, Turns
from handlers.store.schema import Moment

OPEN, DONE, DEAD = "open", "done", "dead"
BATCH = 500


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits at one door, since when, and how many rows are dead."""

    open: int
    oldest: datetime | None
    dead: int


class Mailbox(Base):
    """One table of jobs, over the store's engine."""

    def __init__(self, engine: Engine, clock: Clock, turns: Turns | None, table: Table) -> None:
        super().__init__(engine, clock, turns)
        self._table = table
        # The three statements of every job are made once: making them costs more than running them.
        t = table.c
        self._put = self._insert(table).on_conflict_do_nothing().returning(t.id)
        mine = and_(t.id == bindparam("job"), t.holder == bindparam("mine"), t.state == OPEN)
        self._finish = update(table).where(mine, t.turn == bindparam("seen")).values(state=DONE, body={}, holder="", due=bindparam("now"))
        self._reopen = update(table).where(mine).values(holder="", due=bindparam("now"), tries=0)

    # ------------------------------------------------------------ putting in

    async def put(self, job: Job, *, holder: str = "", until: datetime | None = None) -> bool:
        """Keep a job, at once held by `holder` if one is named; False when its id is known already."""
        values = self._values(job, due=until or job.created, holder=holder, tries=1 if holder else 0)
        return await self._write(lambda c: c.execute(self._put, values).one_or_none() is not None)

    async def want(self, job: Job) -> None:
        """Keep a job, or want the known one anew: once more after whoever is at it now has finished."""
        t = self._table.c
        held = and_(t.state == OPEN, t.holder != "", t.due > job.created)
        query = (
            self._insert(self._table)
            .values(self._values(job, due=job.created, holder="", tries=0))
            .on_conflict_do_update(
                index_elements=[t.id],
                set_={
                    "state": OPEN,
                    "body": job.body,
                    "turn": t.turn + 1,
                    "reason": "",
                    "tries": case((held, t.tries), else_=0),
                    "holder": case((held, t.holder), else_=""),
                    "due": case((held, t.due), else_=literal(job.created, Moment())),
                },
            )
        )
        await self._write(lambda c: c.execute(query))

    # ------------------------------------------------------------ taking out

    async def take(self, doors: Sequence[str], holder: str, now: datetime, until: datetime, limit: int = 20) -> Sequence[Job]:
        """Jobs that nobody holds (any more), oldest first, each given to one caller only."""
        t = self._table.c
        free = (t.state == OPEN, t.due <= now, t.door.in_(tuple(doors)))
        if not await self._read(lambda c: c.execute(select(t.id).where(*free).limit(1)).first()):
            return []  # a look costs no turn at writing
        chosen = select(t.id).where(*free).order_by(t.created, t.id).limit(limit).with_for_update(skip_locked=True)
        query = update(self._table).where(t.id.in_(chosen)).values(holder=holder, due=until, tries=t.tries + 1).returning(self._table)
        rows = await self._write(lambda c: c.execute(query).all())
        return [_job(row) for row in sorted(rows, key=lambda row: (row.created, row.id))]

    async def renew(self, holder: str, until: datetime) -> int:
        """Hold everything that is held for longer; returns how much that is."""
        t = self._table.c
        query = update(self._table).where(t.holder == holder, t.state == OPEN).values(due=until)
        return await self._write(lambda c: c.execute(query).rowcount)

    async def holds(self, job_id: str, holder: str, now: datetime) -> bool:
        """Whether this job is still ours: a process that stood still may have lost it."""
        t = self._table.c
        query = select(t.id).where(t.id == job_id, t.holder == holder, t.state == OPEN, t.due > now)
        return await self._read(lambda c: c.execute(query).first() is not None)

    # ------------------------------------------------------------ ending

    async def done(self, job: Job, holder: str, now: datetime) -> bool:
        """Finished. False when somebody else holds it now. Wanted anew meanwhile, it is open again."""
        given = {"job": job.id, "mine": holder, "now": now}

        def work(c: Connection) -> bool:
            return c.execute(self._finish, {**given, "seen": job.turn}).rowcount == 1 or c.execute(self._reopen, given).rowcount == 1

        return await self._write(work)

    async def later(self, job: Job, holder: str, due: datetime, reason: str) -> bool:
        """It did not work this time: anybody's again from `due` on."""
        return await self._end(job.id, holder, {"holder": "", "due": due, "reason": reason[:200]})

    async def dead(self, job: Job, holder: str, now: datetime, reason: str) -> bool:
        """It cannot be done. The body stays, for `retry`."""
        return await self._end(job.id, holder, {"holder": "", "state": DEAD, "due": now, "reason": reason[:200]})

    async def drop(self, job_id: str, now: datetime) -> bool:
        """Nobody wants it any more, whoever holds it: the question was taken back."""
        t = self._table.c
        query = update(self._table).where(t.id == job_id, t.state == OPEN).values(state=DONE, body={}, holder="", due=now)
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def release(self, holder: str, now: datetime) -> int:
        """Hand back everything: the process stops, others go on."""
        t = self._table.c
        query = update(self._table).where(t.holder == holder, t.state == OPEN).values(holder="", due=now)
        return await self._write(lambda c: c.execute(query).rowcount)

    async def _end(self, job_id: str, holder: str, values: Mapping[str, Any]) -> bool:
        t = self._table.c
        query = update(self._table).where(t.id == job_id, t.holder == holder, t.state == OPEN).values(**values)
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    # ------------------------------------------------------------ looking, and the operator's part

    async def letters(self, limit: int = 200) -> Sequence[Job]:
        """The dead ones, newest first."""
        t = self._table.c
        query = select(self._table).where(t.state == DEAD).order_by(t.due.desc(), t.id).limit(limit)
        return await self._read(lambda c: [_job(row) for row in c.execute(query).all()])

    async def revive(self, now: datetime, ids: Sequence[str] = ()) -> int:
        """Open dead jobs again (all without `ids`); returns how many."""
        t = self._table.c
        query = update(self._table).where(t.state == DEAD).values(state=OPEN, holder="", due=now, reason="", tries=1)
        if ids:
            query = query.where(t.id.in_(tuple(ids)))
        return await self._write(lambda c: c.execute(query).rowcount)

    async def depth(self) -> Mapping[str, Depth]:
        """Door → what waits there."""
        t = self._table.c
        waiting, dead = case((t.state == OPEN, 1), else_=0), case((t.state == DEAD, 1), else_=0)
        oldest = func.min(case((t.state == OPEN, t.created)))
        query = select(t.door, func.sum(waiting), oldest, func.sum(dead)).where(t.state.in_((OPEN, DEAD))).group_by(t.door)
        rows = await self._read(lambda c: c.execute(query).all())
        return {door: Depth(int(opened), since, int(gone)) for door, opened, since, gone in rows}

    async def forget(self, done_before: datetime, dead_before: datetime, batch: int = BATCH) -> int:
        """Let go of rows that ended before; in short transactions, so that nobody waits for a sweep."""
        gone = 0
        for state, before in ((DONE, done_before), (DEAD, dead_before), (OPEN, dead_before)):
            while count := await self._write(lambda c, s=state, b=before: self._forget(c, s, b, batch)):  # type: ignore[misc]
                gone += count
                if count < batch:
                    break
        return gone

    def _forget(self, connection: Connection, state: str, before: datetime, batch: int) -> int:
        t = self._table.c
        ended = t.created if state == OPEN else t.due  # open for so long: its door is no longer opened anywhere
        old = select(t.id).where(t.state == state, ended < before).limit(batch)
        return connection.execute(delete(self._table).where(t.id.in_(old))).rowcount

    def _values(self, job: Job, *, due: datetime, holder: str, tries: int) -> dict[str, Any]:
        return {
            "id": job.id,
            "door": job.door,
            "kind": job.kind,
            "lane": job.lane,
            "body": job.body,
            "created": job.created,
            "due": due,
            "holder": holder,
            "tries": tries,
            "turn": 0,
            "state": OPEN,
            "reason": "",
        }


def _job(row: Row[Any]) -> Job:
    return Job(row.id, row.door, row.kind, row.lane, row.body, row.created, row.tries, row.turn, row.reason)
