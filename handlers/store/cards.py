"""Cards that live on, and failures remembered by request id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from sqlalchemy import Connection, Executable, Row, bindparam, delete, or_, select, update

from bot.model import Person, Place
from bot.ports import Card, Report
from handlers.store.base import Base, person_row
from handlers.store.schema import cards, key, report_ids
from handlers.store.schema import reports as seen_reports

BATCH = 500
"""Rows a transaction writes, or ids a query asks for, at most: nobody waits longer for their turn to write."""

REPORTS_AT_ONCE = 20
"""Reports forgotten in one transaction, with up to `bot.services.answer.MOST_IDS` ids each."""


# The statements of every answer, made once: making one costs more than running it.
_COLUMNS = ("version", "surface", "tenant", "chat", "need", "place", "asker", "snapshot", "locale", "message", "flow_id")
_BY_ID = select(cards).where(cards.c.id == bindparam("card"))
_SAVE = (
    update(cards)
    .where(cards.c.id == bindparam("card"), cards.c.version == bindparam("seen"))
    .values({name: bindparam(name, type_=cards.c[name].type) for name in _COLUMNS})
)
_RECENT = (
    select(cards)
    .where(cards.c.surface == bindparam("of"), cards.c.tenant == bindparam("tenant"), cards.c.chat == bindparam("chat"))
    .where(cards.c.need == bindparam("need"), cards.c.created >= bindparam("since"))
    .order_by(cards.c.created.desc(), cards.c.id.desc())
    .limit(1)
)


class Answers(Base):
    async def put_card(self, card: Card) -> bool:
        values = {"id": card.id, "created": card.created, "version": card.version, **_card_columns(card)}
        return await self._write(lambda c: c.execute(self._put_card, values).one_or_none() is not None)

    @cached_property
    def _put_card(self) -> Executable:
        return self._insert(cards).on_conflict_do_nothing().returning(cards.c.id)

    async def card(self, card_id: str) -> Card | None:
        row = await self._read(lambda c: c.execute(_BY_ID, {"card": card_id}).one_or_none())
        return None if row is None else _card(row)

    async def save_card(self, card: Card) -> bool:
        values = {"card": card.id, "seen": card.version, "version": card.version + 1, **_card_columns(card)}
        return await self._write(lambda c: c.execute(_SAVE, values).rowcount == 1)

    async def recent_card(self, place: Place, need: str, since: datetime) -> Card | None:
        values = {"of": place.surface, "tenant": place.tenant, "chat": place.chat, "need": need, "since": since}
        row = await self._read(lambda c: c.execute(_RECENT, values).one_or_none())
        return None if row is None else _card(row)

    async def cards_in(self, place: Place, limit: int = 50) -> Sequence[Card]:
        query = (
            select(cards)
            .where(cards.c.surface == place.surface, cards.c.tenant == place.tenant, cards.c.chat == place.chat)
            .order_by(cards.c.created.desc(), cards.c.id.desc())
            .limit(limit)
        )
        rows = await self._read(lambda c: c.execute(query).all())
        return [_card(row) for row in reversed(rows)]

    async def remember(self, reports: Sequence[Report]) -> None:
        """The newest word wins, but what somebody pasted never replaces what the app itself reported."""
        for report in reports:
            # In one order everywhere, so that two processes cannot wait for each other.
            ids = sorted({key(each) for each in report.request_ids})
            report_id = 0
            for start in range(0, len(ids), BATCH):
                report_id = await self._write(partial(self._remember, report, report_id, ids[start : start + BATCH]))

    def _remember(self, report: Report, report_id: int, ids: Sequence[str], c: Connection) -> int:
        """One transaction of `remember`: point some ids to a report, and drop the reports to which nothing points any more. Returns its id."""
        held = select(seen_reports.c.id).where(seen_reports.c.id == report_id).with_for_update()
        if not report_id or c.execute(held).one_or_none() is None:
            kept = seen_reports.insert().values(
                tenant=report.tenant, platform=report.platform, finding=report.finding, seen=report.seen, source=report.source
            )
            report_id = int(c.execute(kept.returning(seen_reports.c.id)).scalar_one())
        these = (report_ids.c.request_id.in_(ids), report_ids.c.tenant == report.tenant)
        before = set(c.execute(select(report_ids.c.report_id).where(*these)).scalars())
        pasted = report.source == "paste"
        insert = self._insert(report_ids)
        query = insert.on_conflict_do_update(
            index_elements=[report_ids.c.request_id, report_ids.c.tenant],
            set_={"report_id": insert.excluded.report_id, "pasted": insert.excluded.pasted},
            where=or_(report_ids.c.pasted.is_(True), insert.excluded.pasted.is_(False)),
        )
        c.execute(query, [{"request_id": each, "tenant": report.tenant, "report_id": report_id, "pasted": pasted} for each in ids])
        pointed_to = select(report_ids.c.report_id).where(report_ids.c.report_id == seen_reports.c.id)
        c.execute(delete(seen_reports).where(seen_reports.c.id.in_(before | {report_id}), ~pointed_to.exists()))
        return report_id

    async def recall(self, request_ids: Sequence[str], tenant: str = "") -> Report | None:
        """What this tenant saw, else what was reported for everybody (tenant ""); never what another tenant saw."""
        for start in range(0, len(request_ids), BATCH):
            wanted = request_ids[start : start + BATCH]
            if found := await self._read(partial(self._recall, wanted, tenant)):
                return found
        return None

    def _recall(self, wanted: Sequence[str], tenant: str, c: Connection) -> Report | None:
        query = (
            select(report_ids.c.request_id, seen_reports)
            .join(seen_reports, seen_reports.c.id == report_ids.c.report_id)
            .where(report_ids.c.request_id.in_(wanted), report_ids.c.tenant.in_({tenant, ""}))
        )
        rows = {(row.request_id, row.tenant): row for row in c.execute(query)}
        for asked in wanted:
            kept_as = key(asked)
            if row := rows.get((kept_as, key(tenant))) or rows.get((kept_as, "")):
                return Report((asked,), row.platform, row.finding, row.seen, row.source, row.tenant)
        return None

    async def _forget_answers(self, before: datetime) -> int:
        gone = await self._write(lambda c: c.execute(delete(cards).where(cards.c.created < before)).rowcount)
        while forgotten := await self._write(partial(self._forget_reports, before)):
            gone += forgotten
        return gone

    def _forget_reports(self, before: datetime, c: Connection) -> int:
        """One transaction's worth of old reports, with the ids that still point to them."""
        old = select(seen_reports.c.id).where(seen_reports.c.seen < before).order_by(seen_reports.c.seen).limit(REPORTS_AT_ONCE)
        ids = list(c.execute(old).scalars())
        c.execute(delete(report_ids).where(report_ids.c.report_id.in_(ids)))
        return c.execute(delete(seen_reports).where(seen_reports.c.id.in_(ids))).rowcount


def _card_columns(card: Card) -> dict[str, Any]:
    return {
        "surface": card.place.surface,
        "tenant": card.place.tenant,
        "chat": card.place.chat,
        "need": card.need,
        "place": asdict(card.place),
        "asker": person_row(card.asker),
        "snapshot": card.snapshot,
        "locale": card.locale,
        "message": card.message,
        "flow_id": card.flow_id,
    }


def _card(row: Row[Any]) -> Card:
    return Card(
        id=row.id,
        place=Place(**row.place),
        asker=None if row.asker is None else Person(**row.asker),
        snapshot=row.snapshot,
        locale=row.locale,
        created=row.created,
        message=row.message,
        flow_id=row.flow_id,
        need=row.need,
        version=row.version,
    )
