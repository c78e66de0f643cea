"""Being polite and accountable: claims, mutes, feedback, the audit trail, and notices to apps that wait to be delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from bot.model import Person, Place
from handlers.notify import Notice
from handlers.store.base import Base, person_row
from handlers.store.schema import audit, cards, claims, feedback, mutes, notices


class Manners(Base):
    async def claim(self, key: str, now: datetime, ttl_seconds: float) -> bool:
        until = now + timedelta(seconds=ttl_seconds)
        query = (
            self._insert(claims)
            .values(key=key, until=until)
            .on_conflict_do_update(index_elements=[claims.c.key], set_={"until": until}, where=claims.c.until <= now)
            .returning(claims.c.key)
        )
        return await self._write(lambda c: c.execute(query).one_or_none() is not None)

    async def mute(self, place: Place, need: str, until: datetime | None, by: Person) -> None:
        values = {"until": until, "by": person_row(by)}
        query = (
            self._insert(mutes)
            .values(surface=place.surface, tenant=place.tenant, chat=place.chat, need=need, **values)
            .on_conflict_do_update(index_elements=[mutes.c.surface, mutes.c.tenant, mutes.c.chat, mutes.c.need], set_=values)
        )
        await self._write(lambda c: c.execute(query))

    async def muted(self, place: Place, need: str, now: datetime) -> bool:
        query = (
            select(mutes.c.need)
            .where(mutes.c.surface == place.surface, mutes.c.tenant == place.tenant, mutes.c.chat == place.chat, mutes.c.need == need)
            .where(or_(mutes.c.until.is_(None), mutes.c.until > now))
        )
        return await self._read(lambda c: c.execute(query).first() is not None)

    async def feedback(self, card_id: str, person: Person, helpful: bool) -> None:
        """One voice a person and card; the last word counts."""
        query = (
            self._insert(feedback)
            .values(card_id=card_id, surface=person.surface, tenant=person.tenant, user_id=person.user_id, helpful=helpful)
            .on_conflict_do_update(
                index_elements=[feedback.c.card_id, feedback.c.surface, feedback.c.tenant, feedback.c.user_id], set_={"helpful": helpful}
            )
        )
        await self._write(lambda c: c.execute(query))

    async def voices(self, card_id: str) -> tuple[int, int]:
        """How many found a card helpful, and how many did not."""
        rows = await self._read(lambda c: list(c.execute(select(feedback.c.helpful).where(feedback.c.card_id == card_id)).scalars()))
        return sum(rows), len(rows) - sum(rows)

    async def audit(self, at: datetime, actor: Person | None, action: str, detail: Mapping[str, Any]) -> None:
        query = audit.insert().values(at=at, actor=person_row(actor), action=action, detail=detail)
        await self._write(lambda c: c.execute(query))

    async def audit_rows(self, since: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """Oldest first; each row is ready for JSON lines: `at` (ISO 8601), `actor`, `action`, `detail`."""
        query = select(audit).order_by(audit.c.at, audit.c.id)
        if since is not None:
            query = query.where(audit.c.at >= since)
        rows = await self._read(lambda c: c.execute(query).all())
        return [{"at": row.at.isoformat(), "actor": row.actor, "action": row.action, "detail": row.detail} for row in rows]

    # ------------------------------------------------------------ notices to apps

    async def put_notice(self, notice: Notice) -> bool:
        """Keep it for delivery; False when `key` was kept (or delivered) before, so that a repeated step notifies once."""
        query = (
            self._insert(notices)
            .values(
                key=notice.key,
                platform=notice.platform,
                app_id=notice.app_id,
                body=notice.body,
                created=notice.created,
                due=notice.created,
                tries=0,
                done=False,
            )
            .on_conflict_do_nothing()
            .returning(notices.c.key)
        )
        return await self._write(lambda c: c.execute(query).one_or_none() is not None)

    async def take_notices(self, now: datetime, until: datetime, limit: int = 20) -> Sequence[Notice]:
        """Due notices, each given to one caller only until `until`."""
        n = notices.c
        due = select(n.key).where(n.done.is_(False), n.due <= now).order_by(n.due).limit(limit).with_for_update(skip_locked=True)
        query = update(notices).where(n.key.in_(due)).values(due=until, tries=n.tries + 1).returning(notices)
        rows = await self._write(lambda c: c.execute(query).all())
        return [Notice(row.key, row.platform, row.app_id, row.body, row.created, row.tries) for row in rows]

    async def notice_done(self, key: str) -> None:
        """Delivered or given up. The key stays until the sweep, against a second delivery; the body goes."""
        await self._write(lambda c: c.execute(update(notices).where(notices.c.key == key).values(done=True, body="")))

    async def notice_later(self, key: str, due: datetime) -> None:
        await self._write(lambda c: c.execute(update(notices).where(notices.c.key == key).values(due=due)))

    async def _forget_manners(self, now: datetime, before: datetime, audit_before: datetime) -> int:
        def work(c: Connection) -> int:
            gone = c.execute(delete(claims).where(claims.c.until <= now)).rowcount
            gone += c.execute(delete(mutes).where(mutes.c.until <= now)).rowcount
            gone += c.execute(delete(notices).where(notices.c.created < before)).rowcount
            gone += c.execute(delete(audit).where(audit.c.at < audit_before)).rowcount
            gone += c.execute(delete(feedback).where(feedback.c.card_id.not_in(select(cards.c.id)))).rowcount
            return gone

        return await self._write(work)
