"""Browsers at the chat page. A row knows the hash of the cookie, never the cookie, so that nobody can act as somebody with what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from handlers.store.base import Base
from handlers.store.schema import web_sessions


@dataclass(frozen=True, slots=True)
class WebSession:
    """One browser. `person` is the visitor's id, which opens nothing; `secret` is the SHA-256 of the cookie in hexadecimal digits.

    `former` is the hash before the last rotation, still believed until `former_ends`: pages of the same browser may be under way with it.
    `role` is the practice person whom the visitor plays. `ends` is when it is over, however it is used.
    """

    person: str
    secret: str = field(repr=False)
    created: datetime
    turned: datetime
    ends: datetime
    role: str = ""
    former: str = field(default="", repr=False)
    former_ends: datetime | None = None


class Sessions(Base):
    async def put_session(self, session: WebSession) -> None:
        """A new browser."""
        await self._write(lambda c: c.execute(web_sessions.insert().values(person=session.person, **_columns(session))))

    async def session(self, secret: str, now: datetime) -> WebSession | None:
        """The session of a cookie's hash, unless it is over."""
        w = web_sessions.c
        query = select(web_sessions).where(
            w.ends > now, or_(w.secret == secret, and_(w.former == secret, w.former_ends > now))
        )  # fmt: skip
        row = await self._read(lambda c: c.execute(query).mappings().first())
        return None if row is None else WebSession(**row)

    async def save_session(self, session: WebSession, was: str) -> bool:
        """Compare-and-set on the hash of the cookie; False when another request has rotated it."""
        query = (
            update(web_sessions).where(web_sessions.c.person == session.person, web_sessions.c.secret == was).values(**_columns(session))
        )
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def _forget_sessions(self, now: datetime) -> int:
        def work(c: Connection) -> int:
            return c.execute(delete(web_sessions).where(web_sessions.c.ends <= now)).rowcount

        return await self._write(work)


def _columns(session: WebSession) -> dict[str, Any]:
    return {
        "secret": session.secret,
        "former": session.former,
        "former_ends": session.former_ends,
        "role": session.role,
        "created": session.created,
        "turned": session.turned,
        "ends": session.ends,
    }
