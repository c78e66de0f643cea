"""What the web door needs to know, and the chat page's own messenger."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field

from bot.model import App, Person, Place, Reply
from bot.ports import Card, Clock, Randomness
from bot.service import Service
from handlers.practice.people import PracticePerson
from handlers.settings import Settings
from handlers.store import SqlStore
from handlers.system import SystemClock, SystemRandomness
from handlers.tokens import Broker
from handlers.web.addresses import Hosts, origin_of
from handlers.web.limits import Limits
from handlers.web.sessions import Visitors

QUEUE = 100  # events a slow browser may fall behind before it is told to fetch everything anew


class WebMessenger:
    """Speaks to open chat pages through server-sent events. A page that is not open reads the card anew when it opens."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[tuple[str, str]]]] = defaultdict(set)

    def listen(self, chat: str) -> asyncio.Queue[tuple[str, str]]:
        """Events (name, data) for one chat from now on."""
        queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(QUEUE)
        self._listeners[chat].add(queue)
        return queue

    def leave(self, chat: str, queue: asyncio.Queue[tuple[str, str]]) -> None:
        """The page was closed."""
        self._listeners[chat].discard(queue)
        if not self._listeners[chat]:
            del self._listeners[chat]

    def listeners(self, chat: str) -> tuple[int, int]:
        """How many pages are open, in one chat and in all."""
        return len(self._listeners.get(chat, ())), sum(len(queues) for queues in self._listeners.values())

    def tell(self, chat: str, name: str, data: str) -> bool:
        """True when somebody listens. A full queue loses nothing: the page fetches every card when it catches up."""
        for queue in (listeners := self._listeners.get(chat, set())):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((name, data))
        return bool(listeners)

    async def update(self, card: Card, reply: Reply) -> bool:  # noqa: ARG002 - the page asks for the card in its own language
        """Tell open pages that a card changed."""
        self.tell(card.place.chat, "card", card.id)
        return True

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:  # noqa: ARG002 - one person a chat here
        """A private line under the card."""
        return self.tell(place.chat, "whisper", json.dumps({"card": place.message, "text": reply.fallback}))


@dataclass(slots=True)
class Web:
    """One per server."""

    service: Service
    store: SqlStore
    settings: Settings
    messenger: WebMessenger = field(default_factory=WebMessenger)
    apps: tuple[App, ...] = ()
    tokens: Broker | None = None
    people: tuple[PracticePerson, ...] = ()
    clock: Clock = field(default_factory=SystemClock)
    random: Randomness = field(default_factory=SystemRandomness)
    hosts: Hosts = field(init=False)
    limits: Limits = field(init=False)
    visitors: Visitors = field(init=False)

    def __post_init__(self) -> None:
        self.hosts = Hosts(self.settings.base_url)
        self.limits = Limits(self.settings)
        self.visitors = Visitors(self.store, self.clock, self.random, self.people)

    @property
    def desk(self) -> str:
        """Where the practice platform has its desk: calls to make fail, consoles to fix them. Empty without practice."""
        hosts = next((app.hosts for app in self.apps if app.practice and app.hosts), {})
        return origin_of(next(iter(hosts.values()))) + "/" if self.practice and hosts else ""

    @property
    def practice(self) -> bool:
        """Whether the practice platform stands behind this page."""
        return bool(self.people)
