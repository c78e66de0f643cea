"""The jobs every door calls: answer a question, act on a click, carry a consent from the confirm page to the proof.

A door translates in, calls one of these, translates out. Nothing here knows a surface's wire format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.model import ConsentView, Diagnosis, Locale, Person, Place, Question, Reply, Text
from bot.ports import Card


@dataclass(frozen=True, slots=True)
class Answer:
    """What to post. `card` is stored already (its `message` is filled in by `posted`). `notice` goes privately to the asker
    (a live secret was pasted …). `existing` is set when an older card in this chat answers the same need: update or point to it."""

    card: Card
    reply: Reply
    diagnoses: tuple[Diagnosis, ...]
    notice: Text | None = None
    existing: Card | None = None


@dataclass(frozen=True, slots=True)
class Clicked:
    """The answer to a click, always within the door's time limit. `toast` for the clicker alone; `whisper` a private message with
    the personal link; `card` the redrawn shared card, when it changed; `share` a reply to post publicly."""

    toast: Text
    whisper: Reply | None = None
    card: Reply | None = None
    share: Reply | None = None
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """What the private confirm page shows before anything happens."""

    person: Person
    app_name: str
    app_id: str
    platform_title: Text
    scopes: tuple[tuple[str, Text], ...]
    origin: Text
    practice: bool
    adds_up: bool
    locale: Locale
    in_client: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser (303), and the value of the browser-binding cookie."""

    url: str = field(repr=False)
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page after the callback says; the card in the chat says the same."""

    view: ConsentView
    locale: Locale
    practice: bool = False


class Refused(Exception):
    """A request that changes nothing, with the sentence for the person and a stable code (`unknown_ticket`, `expired`, `used`, `not_yours` …)."""

    def __init__(self, code: str, sentence: Text) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


class Service:
    """One object per process; holds ports, no state of its own."""

    async def answer(self, question: Question) -> Answer | None:
        """Redact, extract, diagnose, remember. None: nothing to say (only when the question was not direct, or a mute holds)."""
        raise NotImplementedError

    async def posted(self, card_id: str, place: Place) -> None:
        """A door tells where the card now stands, so that it can be redrawn there."""
        raise NotImplementedError

    async def draw(self, card_id: str, surface: str, locale: Locale | None = None, audience: str = "channel") -> Reply | None:
        """A stored card as it is now, for any surface."""
        raise NotImplementedError

    async def click(self, card_id: str, action: str, person: Person, place: Place, index: int = 0) -> Clicked:
        """Any button, any time, by anybody, after any restart: there is always an answer."""
        raise NotImplementedError

    async def confirm(self, ticket: str) -> ConfirmPage:
        """Look at a personal link without using it. Raises `Refused`."""
        raise NotImplementedError

    async def start(self, ticket: str, *, in_client: bool = False) -> Started:
        """The POST of the confirm page. Raises `Refused`."""
        raise NotImplementedError

    async def finish(self, platform: str, app_id: str, query: Mapping[str, str], cookie: str) -> str:
        """The platform's answer (POST from our own page). Returns the flow id of the outcome page. Raises `Refused`."""
        raise NotImplementedError

    async def outcome(self, flow_id: str, cookie: str) -> Outcome:
        """What became of it. Raises `Refused`."""
        raise NotImplementedError

    async def resume(self) -> int:
        """Go on with every flow that a stopped process left in the middle; returns how many moved."""
        raise NotImplementedError
