"""What is to be said without anybody waiting for it: cards that changed, private words. Kept in the store, delivered by whoever has the door open.

A consent page never waits for a chat: `Queued` is the messenger that the consents know, and it only writes a row. A card is drawn when it is delivered,
so the newest state always wins, however often it changed meanwhile. Time-outs, server errors and haste are tried again in rounds; the last one makes a
dead letter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from pydantic import TypeAdapter

from bot.model import Locale, Person, Place, Reply, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card, Clock, Randomness, Store, Vault
from bot.service import Service
from bot.services import present
from handlers.chat.api import Voice
from handlers.chat.inbox import LEASE, LOOK_SECONDS, RENEW_SECONDS
from handlers.chat.job import Job
from handlers.chat.queue import Queue
from handlers.chat.retry import round_after
from handlers.store import Mailbox, StoreError

REDRAW, TELL = "redraw", "tell"
AT_ONCE = 16
_MOST = 64
_REPLY = TypeAdapter(Reply)

log = structlog.get_logger("whyforbidden.outbox")


class Outbox:
    """One process's way out. `voices` holds the surfaces whose doors are open here."""

    def __init__(self, box: Mailbox, store: Store, service: Service, vault: Vault, clock: Clock, random: Randomness, holder: str) -> None:
        self.voices: dict[str, Voice] = {}
        self._box = box
        self._store = store
        self._service = service
        self._vault = vault
        self._clock = clock
        self._random = random
        self._holder = holder
        self._queue = Queue(_MOST, AT_ONCE)
        self._wake = asyncio.Event()
        self._running = asyncio.Lock()
        self._looking = False

    # ------------------------------------------------------------ in

    async def redraw(self, card: Card) -> bool:
        """A card changed. False when that could not even be noted."""
        return await self._want(Job(f"redraw:{card.id}", card.place.surface, REDRAW, card.id, {"card": card.id}, self._clock.now()))

    async def now(self, card: Card, updating: Awaitable[bool]) -> bool:
        """Redraw at once; what does not work now is delivered later."""
        try:
            return await updating
        except PlatformRefusal as refusal:
            log.info("redrawn_later", door=card.place.surface, why=refusal.code)
            await self.redraw(card)
            return False

    async def tell(self, person: Person, place: Place, said: Text, locale: Locale) -> bool:
        """A sentence for one person alone."""
        return await self.whisper(person, place, present.whisper(said, person.surface, locale))

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Something for one person alone. It may hold a personal link, so it is sealed."""
        told = {"person": asdict(person), "place": asdict(place), "reply": _REPLY.dump_python(reply, mode="json")}
        body = {"sealed": self._vault.seal(json.dumps(told))}
        lane = f"{place.chat}:{person.user_id}"
        return await self._want(Job(f"tell:{self._random.token()[:22]}", person.surface, TELL, lane, body, self._clock.now()))

    async def _want(self, job: Job) -> bool:
        try:
            await self._box.want(job)
        except StoreError as error:
            log.error("not_noted", kind=job.kind, why=str(error))
            return False
        self._wake.set()
        return True

    # ------------------------------------------------------------ out

    async def run(self) -> None:
        """Until cancelled: deliver what is due. Every open door runs this; one at a time is at it."""
        async with self._running:
            await self._run()

    async def _run(self) -> None:
        renewed = 0.0
        while True:
            self._wake.clear()
            self._looking = True
            try:
                if renewed <= 0.0 and self._queue.waiting:
                    await self._box.renew(self._holder, self._clock.now() + LEASE)
                    renewed = RENEW_SECONDS
                while await self._round():
                    pass
            except StoreError as error:
                log.warning("outbox_unreachable", why=str(error))
            except Exception as error:
                log.error("outbox_broke", kind=type(error).__name__, exc_info=error)
            self._looking = False
            renewed -= LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)

    async def _round(self) -> bool:
        """Take what is due and put it in line; True when there may be more."""
        room = self._queue.room
        if not self.voices or room <= 0:
            return False
        now = self._clock.now()
        jobs = await self._box.take(tuple(self.voices), self._holder, now, now + LEASE, min(room, 20))
        for job in jobs:
            self._queue.put(job.lane, partial(self._deliver, job), beyond=True)
        return len(jobs) == min(room, 20)

    async def _deliver(self, job: Job) -> None:
        try:
            if job.kind == REDRAW:
                await self._redraw(job)
            else:
                await self._whisper(job)
        except PlatformRefusal as refusal:
            await self._failed(job, refusal)
        except StoreError as error:
            log.warning("outbox_unreachable", why=str(error))  # the lease runs out, and somebody tries again
        except Exception as error:
            log.error("delivery_broke", kind=type(error).__name__, exc_info=error)
            await self._box.dead(job, self._holder, self._clock.now(), type(error).__name__)
        else:
            if await self._box.done(job, self._holder, self._clock.now()):
                self._wake.set()  # it may have been wanted anew meanwhile

    async def _redraw(self, job: Job) -> None:
        card = await self._store.card(str(job.body.get("card") or ""))
        reply = await self._service.draw(card.id, job.door) if card else None
        if card is not None and reply is not None and not await self.voices[job.door].update(card, reply):
            log.info("card_gone", door=job.door)

    async def _whisper(self, job: Job) -> None:
        told: Any = json.loads(self._vault.open(str(job.body.get("sealed") or "")))
        reply = _REPLY.validate_python(told["reply"])
        if not await self.voices[job.door].whisper(Person(**told["person"]), Place(**told["place"]), reply):
            raise PlatformRefusal("unreachable_person")

    async def _failed(self, job: Job, refusal: PlatformRefusal) -> None:
        pause = round_after(job.tries, refusal)
        now = self._clock.now()
        if pause is None:
            log.error("given_up", door=job.door, kind=job.kind, tries=job.tries, why=refusal.code, advice="whyforbidden doctor --dead")
            await self._box.dead(job, self._holder, now, refusal.code)
        else:
            log.warning(
                "tried_again_later",
                door=job.door,
                kind=job.kind,
                tries=job.tries,
                why=refusal.code,
                seconds=round(pause / timedelta(seconds=1)),
            )
            await self._box.later(job, self._holder, now + pause, refusal.code)

    # ------------------------------------------------------------ ending

    async def idle(self) -> None:
        """Until everything that is due now was delivered here."""
        while self._wake.is_set() or self._looking or self._queue.waiting:  # noqa: ASYNC110 - three things, no one event
            await asyncio.sleep(0.01)

    async def close(self, seconds: float) -> None:
        """Finish what is at hand, hand the rest back."""
        await self._queue.close(seconds)
        try:
            await self._box.release(self._holder, self._clock.now())
        except StoreError as error:
            log.warning("not_handed_back", why=str(error))


class Queued:
    """The `Messenger` port of a chat: notes what is to be said, and returns at once."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def update(self, card: Card, reply: Reply) -> bool:  # noqa: ARG002 - drawn anew when it is delivered
        """Redraw a card, soon."""
        return await self._outbox.redraw(card)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person, soon."""
        return await self._outbox.whisper(person, place, reply)
