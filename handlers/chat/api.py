"""What a surface brings so that `handlers/chat/door.py` can answer on it. mypy holds every surface to these protocols.

The door does what is the same everywhere (once, limits, masking, rows, order, retries, one sentence for each trouble); a surface translates in and out.
Whatever a surface sends may raise `PlatformRefusal`: retryable ones make the door try again in a while, the others are told and end the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bot.model import Locale, Person, Place, Reply, Text
from bot.ports import Card
from bot.services.results import Answer, Clicked

Body = Mapping[str, Any]
LIMIT = "limit"
"""The key under which it is said that somebody asked too much."""


class Asked(Protocol):
    """A question as a surface received it: a frozen dataclass of JSON values, whose fields `pack.text()` and `pack.secret()` mark what must not be
    kept as it came. `key` is the same for every delivery of the same question; within a `lane` answers come in order.

    `direct`: the bot itself was asked, so there is always an answer. `private`: only the asker sees it. `source`: the message asked about; `edited`: in
    a new wording.
    """

    @property
    def key(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def person(self) -> Person: ...
    @property
    def place(self) -> Place: ...
    @property
    def direct(self) -> bool: ...
    @property
    def private(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def edited(self) -> bool: ...
    @property
    def under(self) -> tuple[str, ...]: ...
    @property
    def follows(self) -> bool: ...
    @property
    def words(self) -> str: ...


class Pressed(Protocol):
    """A click. `button` is (card id, action, index); None for one that is not, or no longer, ours."""

    @property
    def key(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def person(self) -> Person: ...
    @property
    def place(self) -> Place: ...
    @property
    def button(self) -> tuple[str, str, int] | None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """Who somebody is. `locale` None: neither English nor Chinese, or not told; then the text decides."""

    name: str = ""
    locale: Locale | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole text of a question, with its files and what it points to, and a sentence for each part that could not be read."""

    text: str
    troubles: Sequence[Text] = ()


A_contra = TypeVar("A_contra", bound=Asked, contravariant=True)
P_contra = TypeVar("P_contra", bound=Pressed, contravariant=True)


class Voice(Protocol):
    """What is said without having been asked: cards that changed, and private words (consents, dead letters)."""

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card where it stands, and its shared copies. False: it does not stand anywhere any more."""
        ...

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person privately, near `place` or directly. False: they cannot be reached."""
        ...


class Surface(Voice, Protocol[A_contra, P_contra]):
    """One chat."""

    name: str

    async def who(self, ask: A_contra) -> Known:
        """The asker. Never waits long for the platform: what it does not tell at once stays unknown."""
        ...

    async def read(self, ask: A_contra) -> Reading:
        """Everything that is asked about. The text may hold secrets; the door masks it before it goes on."""
        ...

    async def own(self, ask: A_contra, reading: Reading, known: Known) -> bool:
        """Whether the surface answered by itself: something that only exists there (words that stand for buttons)."""
        ...

    async def answer(self, ask: A_contra, known: Known, found: Answer, *, again: bool) -> Place | None:
        """Put the answer where it belongs; where it stands now, None for an answer that only its asker sees. `again`: an earlier try may have come as far
        as the platform, which is asked first where it can tell."""
        ...

    async def standing(self, card: Card, reply: Reply) -> str | None:
        """An older card of this chat answers the same: bring it up to date; its address (may be empty), None when it is gone."""
        ...

    async def point(self, ask: A_contra, known: Known, card: Card, link: str, said: Text) -> None:
        """Say where the older card stands."""
        ...

    async def say(self, ask: A_contra, known: Known, said: Text, key: str) -> None:
        """A sentence where the answer would stand. `key` makes a repetition harmless, where the platform can."""
        ...

    async def aside(self, ask: A_contra, known: Known, said: Text) -> None:
        """A sentence for the asker alone."""
        ...

    async def clicked(self, pressed: P_contra, clicked: Clicked) -> Body:
        """What goes back to the clicker with the acknowledgement, and what has to be done before."""
        ...

    async def after(self, pressed: P_contra, clicked: Clicked, body: Body, *, told: bool) -> None:
        """Everything else that follows. `told`: `body` reached the clicker; else the time was over, and it is shown another way."""
        ...
