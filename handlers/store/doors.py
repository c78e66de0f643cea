"""What each process last said about its chat doors, for the doctor and for other replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from handlers.store.base import Base
from handlers.store.schema import doors


@dataclass(frozen=True, slots=True)
class DoorReport:
    """A door as its process saw it at `seen`; so since `since`."""

    door: str
    process: str
    state: str
    reason: str
    since: datetime
    seen: datetime


class Doors(Base):
    async def report_doors(self, reports: Sequence[DoorReport]) -> None:
        """Replace what this process said before."""

        def work(c: Connection) -> None:
            for one in reports:
                said = {"state": one.state, "reason": one.reason[:200], "since": one.since, "seen": one.seen}
                insert = self._insert(doors).values(door=one.door, process=one.process, **said)
                c.execute(insert.on_conflict_do_update(index_elements=[doors.c.door, doors.c.process], set_=said))

        if reports:
            await self._write(work)

    async def door_reports(self, since: datetime) -> Mapping[str, Sequence[DoorReport]]:
        """Door → what processes said about it since then."""
        rows = await self._read(lambda c: c.execute(select(doors).where(doors.c.seen >= since).order_by(doors.c.door, doors.c.seen)).all())
        found: dict[str, list[DoorReport]] = {}
        for row in rows:
            found.setdefault(row.door, []).append(DoorReport(row.door, row.process, row.state, row.reason, row.since, row.seen))
        return found

    async def leave_doors(self, process: str) -> None:
        """The process stops in good order."""
        await self._write(lambda c: c.execute(delete(doors).where(doors.c.process == process)))

    async def forget_doors(self, before: datetime) -> int:
        """Processes that said nothing for long."""
        return await self._write(lambda c: c.execute(delete(doors).where(doors.c.seen < before)).rowcount)
