"""The whole store: opening, readiness, forgetting in time, closing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from bot.ports import Clock
from handlers.store.cards import Answers
from handlers.store.claims import Manners
from handlers.store.doors import Doors
from handlers.store.engine import StoreError, open_engine
from handlers.store.flows import Consents
from handlers.store.mailbox import Mailbox
from handlers.store.schema import inbox, outbox
from handlers.store.sessions import Sessions

KEYS_KEPT = timedelta(days=1)
"""For how long the ids of finished jobs stay: platforms repeat a delivery for some hours at most."""


class SqlStore(Answers, Consents, Manners, Sessions, Doors):
    """The `Store` port, with its two boxes of jobs."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        super().__init__(engine, clock)
        self.inbox = Mailbox(engine, self._clock, self._turns, inbox)
        self.outbox = Mailbox(engine, self._clock, self._turns, outbox)

    async def ready(self) -> bool:
        """Does the store answer?"""
        try:
            await self._read(lambda c: c.execute(text("SELECT 1")))
        except StoreError:
            return False
        return True

    async def sweep(self, now: datetime, *, retention_days: int, audit_days: int) -> int:
        """Forget what is over: claims, leases past their time; ids of finished jobs after a day; reports, cards, flows, notices, dead jobs after
        `retention_days`; the audit trail after `audit_days`. Tokens and account bindings stay (they end with the grant). Returns how many rows went."""
        before = now - timedelta(days=retention_days)
        gone = await self._forget_answers(before)
        gone += await self._forget_consents(now, before)
        for box in (self.inbox, self.outbox):
            gone += await box.forget(now - KEYS_KEPT, before)
        gone += await self.forget_doors(now - KEYS_KEPT)
        gone += await self._forget_sessions(now)
        return gone + await self._forget_manners(now, before, now - timedelta(days=audit_days))

    async def close(self) -> None:
        """Give the connections back."""
        await asyncio.to_thread(self._engine.dispose)


def open_store(url: str, clock: Clock | None = None) -> SqlStore:
    """A store ready for use. Raises `StoreError` with one sentence for the operator."""
    return SqlStore(open_engine(url), clock)
