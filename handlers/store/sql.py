"""The whole store: opening, readiness, forgetting in time, closing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import text

from bot.ports import Clock
from handlers.store.cards import Answers
from handlers.store.claims import Manners
from handlers.store.engine import StoreError, open_engine
from handlers.store.flows import Consents
from handlers.store.sessions import Sessions


class SqlStore(Answers, Consents, Manners, Sessions):
    """The `Store` port."""

    async def ready(self) -> bool:
        """Does the store answer?"""
        try:
            await self._read(lambda c: c.execute(text("SELECT 1")))
        except StoreError:
            return False
        return True

    async def sweep(self, now: datetime, *, retention_days: int, audit_days: int) -> int:
        """Forget what is over: claims, leases past their time; reports, cards, flows, notices after `retention_days`; the audit
        trail after `audit_days`. Tokens and account bindings stay (they end with the grant). Returns how many rows went."""
        before = now - timedelta(days=retention_days)
        gone = await self._forget_answers(before)
        gone += await self._forget_consents(now, before)
        gone += await self._forget_sessions(now)
        return gone + await self._forget_manners(now, before, now - timedelta(days=audit_days))

    async def close(self) -> None:
        """Give the connections back."""
        await asyncio.to_thread(self._engine.dispose)


def open_store(url: str, clock: Clock | None = None) -> SqlStore:
    """A store ready for use. Raises `StoreError` with one sentence for the operator."""
    return SqlStore(open_engine(url), clock)
