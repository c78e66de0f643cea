"""One choreography for every chat.

    an event → once? → too much? → masked → a row → acknowledged → read → answered → posted → remembered → the row is done

A surface (`api.py`) translates in and out; here is what is the same everywhere, and each sentence of the door's own stands in `sentences.py` once. The
row is written before the platform gets its acknowledgement: from then on the question is answered, by this process or, when it dies, by another one.
Clicks go the same way (`clicks.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from bot.i18n import joined
from bot.model import Person, Place, Question, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from bot.services.results import Answer, Replied
from handlers.chat import metrics, sentences
from handlers.chat.api import LIMIT, Asked, Known, Pressed, Reading, Surface
from handlers.chat.clicks import CLICK, Clicks
from handlers.chat.inbox import LOOK_SECONDS, RENEW_SECONDS, Inbox, unkept
from handlers.chat.job import Job
from handlers.chat.last_seen import Seen
from handlers.chat.outbox import Queued
from handlers.chat.pack import UnreadableError, masked, pack, unpack
from handlers.chat.queue import Pace, Queue, Recent
from handlers.compose import Runtime
from handlers.store import StoreError

QUESTION = "question"
DRAIN_SECONDS = 6.0
_RECENT_CARDS = 50
_MOST_APOLOGIES = 50
_SHORT = 20_000

A = TypeVar("A", bound=Asked)
P = TypeVar("P", bound=Pressed)

log = structlog.get_logger("whyforbidden.chat")


@dataclass(frozen=True, slots=True)
class Asking(Generic[A]):
    """A question on its way: `card` is the id that its card has or will have, `live` whether a usable-looking secret was masked in it."""

    job: Job
    ask: A
    card: str
    live: bool


class ChatDoor(Generic[A, P]):
    """Answers what people write and click on one surface."""

    def __init__(self, runtime: Runtime, surface: Surface[A, P], asked: type[A], pressed: type[P]) -> None:
        settings = self._settings = runtime.settings
        self._runtime = runtime
        self._surface = surface
        self._asked = asked
        self._service = runtime.service
        self._store = runtime.store
        self.queue = Queue(settings.queue_limit)
        self.inbox = Inbox(surface.name, runtime.store.inbox, runtime.clock, runtime.holder)
        self.clicks = Clicks(runtime, surface, pressed, self.queue, self.inbox)
        self.seen = Seen(surface.name, runtime.store, runtime.clock)
        self._recent = Recent()
        self._recalled = Recent()
        self._person_pace = Pace(settings.asks_per_minute)
        self._chat_pace = Pace(settings.chat_asks_per_minute)
        self._patience = Pace(1)
        self._apologies = Queue(_MOST_APOLOGIES, 2)
        self._stopping = False
        runtime.outbox.voices[surface.name] = surface
        runtime.messengers[surface.name] = Queued(runtime.outbox)

    # ------------------------------------------------------------ in

    async def take(self, ask: A) -> Text | None:
        """Keep a question; None when that is done (now or before) and it may be acknowledged, else the sentence why not."""
        if self._recent.again(ask.key):
            return None
        no = self._too_much(ask)
        if no is not None:
            self._recent.forget(ask.key)
            metrics.REFUSED.labels(self._surface.name).inc()
            return no
        keeping = asyncio.ensure_future(self._kept(ask))
        # It stands in line before it is kept: two questions of one lane keep their order, whichever row is written first.
        self.queue.put(ask.lane, partial(self._when_kept, keeping))
        try:
            await asyncio.shield(keeping)
        except Exception:
            self._recent.forget(ask.key)  # not acknowledged: it comes again
            raise
        return None

    async def _when_kept(self, keeping: asyncio.Future[Asking[A] | None]) -> None:
        asking = await keeping
        if asking is not None:
            await self._work(asking)

    async def take_or_say(self, ask: A) -> bool:
        """The same, where the acknowledgement cannot carry a sentence: it is said to the asker, at most once a minute. False when there is no room even
        for that: then the platform shall deliver it again later."""
        no = await self.take(ask)
        if no is None or not ask.direct:
            return True
        self._recent.again(ask.key)  # said once, and not answered as well
        if not self._patience.allows(ask.person.user_id):
            return True
        if self._apologies.put(ask.lane, lambda: self._surface.say(ask, Known(), no, LIMIT)):
            return True
        self._recent.forget(ask.key)
        return False

    async def recall(self, key: str) -> None:
        """Its author took the question back."""
        self._recalled.again(key)
        await self.inbox.recall(key)

    def _too_much(self, ask: A) -> Text | None:
        """Limits a person, a chat and the queue; nothing is taken then."""
        if self._stopping:
            return sentences.STOPPING
        if ask.direct:
            if not self._person_pace.allows(ask.person.user_id):
                return sentences.too_fast(self._settings.asks_per_minute)
            if not ask.private and not self._chat_pace.allows(ask.place.chat):
                return sentences.crowded(self._settings.chat_asks_per_minute)
        return sentences.busy(self._settings.queue_limit) if self.queue.full else None

    async def _kept(self, ask: A) -> Asking[A] | None:
        """The question as a row, masked; None when it is known. Without a store it is answered all the same."""
        # a short text is masked at once: the acknowledgement must not wait behind texts that are being read
        hidden = masked(ask) if len(ask.words) <= _SHORT else await self._runtime.workers.run(partial(masked, ask))
        card = self._runtime.random.token()[:22]
        body = {"ask": pack(hidden.value, self._runtime.vault), "card": card, "live": hidden.live}
        try:
            job = await self.inbox.keep(QUESTION, ask.key, ask.lane, body)
        except StoreError as error:
            log.error("question_not_kept", door=self._surface.name, why=str(error))
            job = unkept(self._surface.name, QUESTION, ask.key, ask.lane, self._runtime.clock)
        return None if job is None else Asking(job, hidden.value, card, hidden.live)

    # ------------------------------------------------------------ one question

    async def _work(self, asking: Asking[A]) -> None:
        """From the row to the end of the row, whatever happens."""
        ask, job = asking.ask, asking.job
        with metrics.timed(self._surface.name):
            try:
                await self._answer(asking)
            except PlatformRefusal as refusal:
                if await self.inbox.failed(job, refusal):
                    await self._give_up(ask, refusal.code)
                return
            except StoreError as error:
                log.error("store_gone", door=self._surface.name, why=str(error))
                await self._without_memory(asking)
                return
            except Exception as error:
                log.error("job_failed", kind=type(error).__name__, exc_info=error)
                await self._sorry(ask)
                await self.inbox.bury(job, type(error).__name__)
                return
        await self.inbox.done(job)

    async def _answer(self, asking: Asking[A]) -> None:
        ask = asking.ask
        if self._recalled.has(ask.key):
            return
        known = await self._surface.who(ask)
        old = await self._earlier(ask) if ask.edited else None
        reading = await self._surface.read(ask)
        if not reading.text.strip():
            if ask.direct:
                await self._surface.say(ask, known, joined(list(reading.troubles)) if reading.troubles else sentences.NOTHING, "nothing")
            return
        if await self._surface.own(ask, reading, known):
            return
        question = await self._question(asking, reading, known)
        replied = None if ask.edited else await self._service.reply(question)
        if replied is not None:
            await self._replied(asking, known, replied)
            return
        found = await (self._service.command(question) if ask.direct else self._service.answer(question))
        if found is None:
            return
        await self._show(asking, known, found, old)
        for number, trouble in enumerate(reading.troubles if ask.direct else ()):
            await self._surface.say(ask, known, trouble, f"trouble {number}")
        if found.notice is not None:
            await self._surface.aside(ask, known, found.notice)

    async def _question(self, asking: Asking[A], reading: Reading, known: Known) -> Question:
        ask = asking.ask
        person = Person(ask.person.surface, ask.person.tenant, ask.person.user_id, known.name or ask.person.name)
        hidden = await self._service.masked(reading.text[: self._settings.max_upload])
        live = asking.live or hidden.live
        return Question(
            hidden.text,
            self._surface.name,
            person,
            ask.place,
            known.locale,
            ask.direct,
            ask.private,
            asking.card,
            live,
            unread=hidden.unread,
            under=ask.under,
            follows=ask.follows,
        )

    # ------------------------------------------------------------ a reply under a card

    async def below_a_card(self, ask: A) -> bool:
        """Whether a card of ours stands above it. Of what is said in a chat to others, nothing else is even kept."""
        try:
            return bool(ask.under) and await self._service.stands_under(ask.place, ask.under)
        except StoreError as error:
            log.warning("not_overheard", door=self._surface.name, why=str(error))
            return False

    async def _replied(self, asking: Asking[A], known: Known, replied: Replied) -> None:
        """The card changes in place, and a word says what is new; where it cannot change, it is shown anew, with that on top."""
        ask, card = asking.ask, replied.card
        if replied.reply is not None and not (card.message and await self._surface.update(card, replied.reply)):
            stands = await self._surface.answer(ask, known, Answer(card, replied.reply, ()), again=asking.job.again)
            if stands is not None and stands.message:
                await self._service.posted(card.id, stands, source=str(card.snapshot.get("source") or ask.source))
        elif replied.said is not None:
            await self._surface.say(ask, known, replied.said, "reply")

    # ------------------------------------------------------------ where it stands

    async def _show(self, asking: Asking[A], known: Known, found: Answer, old: Card | None) -> None:
        if asking.job.again and found.card.id == asking.card and found.card.message:
            return  # an earlier try came this far
        if old is not None:
            await self._in_place(asking, known, found, old)
        else:
            await self._openly(asking, known, found)

    async def _openly(self, asking: Asking[A], known: Known, found: Answer) -> None:
        """Where the question was put; or, when the same answer stands in this chat already, a word that leads there."""
        ask, existing = asking.ask, found.existing
        if existing is not None and existing.message:
            link = await self._surface.standing(existing, found.reply)
            if link is not None:
                if ask.direct:
                    await self._surface.point(ask, known, existing, link, sentences.ALREADY)
                return
        stands = await self._surface.answer(ask, known, found, again=asking.job.again)
        if stands is not None and stands.message:
            await self._service.posted(found.card.id, stands, source=ask.source, card=found.card)

    async def _in_place(self, asking: Asking[A], known: Known, found: Answer, old: Card) -> None:
        """The question was edited: the answer that stands changes with it."""
        if found.card.id == old.id:
            await self._surface.update(old, found.reply)
        elif found.existing is not None and found.existing.message:
            await self._openly(asking, known, found)
        elif await self._surface.update(replace(old, id=found.card.id, snapshot={}), found.reply):
            await self._service.posted(old.id, replace(old.place, message=""))
            await self._service.posted(found.card.id, replace(old.place, message=old.message), source=asking.ask.source)
        else:
            await self._openly(asking, known, found)

    async def _earlier(self, ask: A) -> Card | None:
        """The card that answers an earlier wording of the same message."""
        cards = await self._store.cards_in(Place(ask.place.surface, ask.place.tenant, ask.place.chat), _RECENT_CARDS)
        return next((card for card in reversed(cards) if card.message and card.snapshot.get("source") == ask.source), None)

    # ------------------------------------------------------------ when it does not work

    async def _sorry(self, ask: A) -> None:
        if ask.direct:
            try:
                await self._surface.say(ask, Known(), sentences.BROKEN, "sorry")
            except PlatformRefusal as refusal:
                log.warning("not_apologized", why=refusal.code)

    async def _give_up(self, ask: A, reason: str) -> None:
        """A dead letter: the asker hears it privately, as soon as the platform takes anything again."""
        if ask.direct:
            await self._runtime.outbox.tell(
                ask.person, replace(ask.place, message=""), sentences.undelivered(reason), self._settings.locale
            )

    async def _without_memory(self, asking: Asking[A]) -> None:
        """The store does not answer: the explanation goes out without its buttons, and says so. What cannot be said either is left to the row."""
        ask = asking.ask
        try:
            known = await self._surface.who(ask)
            reading = await self._surface.read(ask)
            found = await self._service.forgetfully(await self._question(asking, reading, known), sentences.FORGETFUL)
            if found is not None:
                await self._surface.answer(ask, known, found, again=asking.job.again)
            await self.inbox.done(asking.job)
        except PlatformRefusal as refusal:
            await self.inbox.failed(asking.job, refusal)
        except Exception as error:
            log.error("job_failed", kind=type(error).__name__, exc_info=error)
            await self._sorry(ask)

    # ------------------------------------------------------------ what others left

    async def run(self) -> None:
        """Until cancelled: hold on to what is being answered, take up what a dead process left, and say what waits to be said."""
        await asyncio.gather(self._take_over(), self._runtime.outbox.run())

    async def _take_over(self) -> None:
        renewed = 0.0
        while True:
            try:
                if renewed <= 0.0:
                    await self.inbox.renew()
                    renewed = RENEW_SECONDS
                await self._take_up()
            except StoreError as error:
                log.warning("inbox_unreachable", door=self._surface.name, why=str(error))
            except Exception as error:
                log.error("inbox_broke", kind=type(error).__name__, exc_info=error)
            await asyncio.sleep(LOOK_SECONDS)
            renewed -= LOOK_SECONDS

    async def _take_up(self) -> None:
        room = min(self.queue.room, 20)
        for job in await self.inbox.left(room) if room > 0 else ():
            try:
                self._resume(job)
            except UnreadableError as why:
                log.error("row_unreadable", door=self._surface.name, why=str(why))
                await self.inbox.bury(job, "unreadable")

    def _resume(self, job: Job) -> None:
        if job.kind == CLICK:
            self.clicks.resume(job)
            return
        ask: Any = unpack(self._asked, job.body.get("ask") or {}, self._runtime.vault)
        self._recent.again(ask.key)
        asking = Asking(job, ask, str(job.body.get("card") or ""), bool(job.body.get("live")))
        log.info("question_taken_up", door=self._surface.name, tries=job.tries)
        self.queue.put(job.lane, partial(self._work, asking), beyond=True)

    async def close(self, seconds: float = DRAIN_SECONDS) -> None:
        """Take nothing more, finish what is at hand, hand the rest back."""
        self._stopping = True
        await asyncio.gather(self.queue.close(seconds), self._apologies.close(seconds), self._runtime.outbox.close(seconds))
        handed = await self.inbox.release()
        if handed:
            log.info("handed_back", door=self._surface.name, jobs=handed)
