"""Cards that live on, and failures remembered by request id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, delete, or_, select, update

from bot.model import Person, Place
from bot.ports import Card, Report
from handlers.store.base import Base, person_row
from handlers.store.schema import cards
from handlers.store.schema import reports as seen_reports


class Answers(Base):
    async def put_card(self, card: Card) -> None:
        await self._write(
            lambda c: c.execute(cards.insert().values(id=card.id, created=card.created, version=card.version, **_card_columns(card)))
        )

    async def card(self, card_id: str) -> Card | None:
        row = await self._read(lambda c: c.execute(select(cards).where(cards.c.id == card_id)).one_or_none())
        return None if row is None else _card(row)

    async def save_card(self, card: Card) -> bool:
        query = (
            update(cards)
            .where(cards.c.id == card.id, cards.c.version == card.version)
            .values(version=card.version + 1, **_card_columns(card))
        )
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def recent_card(self, place: Place, need: str, since: datetime) -> Card | None:
        query = (
            select(cards)
            .where(cards.c.surface == place.surface, cards.c.tenant == place.tenant, cards.c.chat == place.chat)
            .where(cards.c.need == need, cards.c.created >= since)
            .order_by(cards.c.created.desc(), cards.c.id.desc())
            .limit(1)
        )
        row = await self._read(lambda c: c.execute(query).one_or_none())
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
        # In one order everywhere, so that two processes cannot wait for each other.
        ordered = sorted(reports, key=lambda r: (r.request_id, r.tenant))

        def work(c: Connection) -> None:
            for report in ordered:
                insert = self._insert(seen_reports).values(
                    request_id=report.request_id,
                    tenant=report.tenant,
                    platform=report.platform,
                    finding=report.finding,
                    seen=report.seen,
                    source=report.source,
                )
                new = insert.excluded
                c.execute(
                    insert.on_conflict_do_update(
                        index_elements=[seen_reports.c.request_id, seen_reports.c.tenant],
                        set_={"platform": new.platform, "finding": new.finding, "seen": new.seen, "source": new.source},
                        where=or_(seen_reports.c.source == "paste", new.source != "paste"),
                    )
                )

        if ordered:
            await self._write(work)

    async def recall(self, request_id: str, tenant: str = "") -> Report | None:
        """What this tenant saw, else what was reported for everybody (tenant ""); never what another tenant saw."""
        query = (
            select(seen_reports)
            .where(seen_reports.c.request_id == request_id, seen_reports.c.tenant.in_({tenant, ""}))
            .order_by(case((seen_reports.c.tenant == tenant, 0), else_=1))
            .limit(1)
        )
        row = await self._read(lambda c: c.execute(query).one_or_none())
        if row is None:
            return None
        return Report(request_id, row.platform, row.finding, row.seen, row.source, row.tenant)

    async def _forget_answers(self, before: datetime) -> int:
        def work(c: Connection) -> int:
            gone = c.execute(delete(seen_reports).where(seen_reports.c.seen < before)).rowcount
            return gone + c.execute(delete(cards).where(cards.c.created < before)).rowcount

        return await self._write(work)


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
