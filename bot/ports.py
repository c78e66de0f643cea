"""What the thinking needs from the world. Implementations live in `handlers/`; tests may bring their own.

Every store operation named here is atomic: it happens entirely or not at all, whichever process asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from bot.errors import OperatorError
from bot.model import Person, Place, Reply
from bot.oauth.ports import Http, StoredToken, Vault

T = TypeVar("T")

__all__ = [
    "Card", "Clock", "Http", "Messenger", "Randomness", "Report", "Store", "StoredToken", "Timer", "Vault", "WorkGivenUpError", "Workers",
]  # fmt: skip


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, with time zone (UTC)."""
        ...


class Timer(Clock, Protocol):
    """A clock that one can wait by."""

    async def until(self, moment: datetime) -> None:
        """Return when that time has come; at once when it is over. Others go on meanwhile."""
        ...


class WorkGivenUpError(OperatorError):
    """Heavy work took too long, or more memory than there is."""


class Workers(Protocol):
    """Where the thinking is done, so that nobody else has to wait for a long text."""

    async def run(self, work: Callable[[], T], *, heavy: bool = False) -> T:
        """Do what only computes, and return or raise what it does. Light work never waits for `heavy` work.

        Raises `WorkGivenUpError` for heavy work that does not come to an end.
        """
        ...


class Randomness(Protocol):
    def token(self) -> str:
        """At least 256 random bits, URL-safe, 43 characters or more (fits state, verifier and cookie)."""
        ...


@dataclass(frozen=True, slots=True)
class Card:
    """An answer that stands somewhere and lives on. `snapshot` is what `bot/card/__init__.py` needs to draw it again (redacted)."""

    id: str
    place: Place
    asker: Person | None
    snapshot: Mapping[str, Any]
    locale: str
    created: datetime
    message: str = ""
    flow_id: str = ""
    need: str = ""
    version: int = 0


class Messenger(Protocol):
    """One surface's way to speak. Raises nothing: returns False when a message could not be delivered, and logs why."""

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card where it stands."""
        ...

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person privately, near `place` where the surface can, else directly."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """A failure that was seen: by a paste, or sent in by an app. Looked up by any of its request ids."""

    request_ids: tuple[str, ...]
    platform: str
    finding: Mapping[str, Any]
    seen: datetime
    source: str = "paste"
    tenant: str = ""


class Store(Protocol):
    """Memory that survives a restart."""

    # answers
    async def put_card(self, card: Card) -> bool:
        """Insert; False when this id is known: then nothing changes."""
        ...

    async def card(self, card_id: str) -> Card | None: ...
    async def save_card(self, card: Card) -> bool:
        """Write back if nobody wrote since (`card.version`); False when somebody did."""
        ...

    async def recent_card(self, place: Place, need: str, since: datetime) -> Card | None:
        """The newest card for the same need in the same chat, for "one card per app, scopes and chat"."""
        ...

    async def cards_in(self, place: Place, limit: int = 50) -> Sequence[Card]:
        """The newest cards of one chat (surface, tenant and chat count), oldest first: the history of the chat page."""
        ...

    # failures by request id
    async def remember(self, reports: Sequence[Report]) -> None:
        """Keep each report once and point its ids to it, a bounded number of rows at a time: others may write in between."""
        ...

    async def recall(self, request_ids: Sequence[str], tenant: str = "") -> Report | None:
        """The report of the first of these ids that is known, with that id alone."""
        ...

    # consent flows: rows are opaque to the store (a JSON object), `state` and `version` are its columns
    async def put_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, owner: str, supersede: bool) -> Sequence[str]:
        """Insert; with `supersede` end this owner's other live flows in the same step and return their ids."""
        ...

    async def flow(self, flow_id: str) -> tuple[Mapping[str, Any], int] | None: ...
    async def save_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, version: int) -> bool:
        """Compare-and-set on `version`; False when somebody else moved it."""
        ...

    async def flows_in(self, states: Sequence[str]) -> Sequence[str]:
        """Ids of flows to go on with after a restart."""
        ...

    # tokens
    async def put_token(self, token: StoredToken) -> None:
        """Keep it in the place of the same person's older one for the same app and account. Other people's stay."""
        ...

    async def token(self, platform: str, app_id: str, subject: str, person: Person | None) -> StoredToken | None: ...
    async def tokens_for(self, platform: str, app_id: str, subject: str) -> Sequence[StoredToken]:
        """Everybody's tokens for this account, the newest consent first."""
        ...

    async def save_token(self, token: StoredToken) -> bool:
        """Compare-and-set on `version`."""
        ...

    async def tokens_of(self, person: Person) -> Sequence[StoredToken]: ...
    async def drop_token(self, platform: str, app_id: str, subject: str, person: Person | None, version: int | None = None) -> bool:
        """With `version`: only if nobody wrote since, so that a lost race never deletes the winner's token."""
        ...

    async def lease(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take or prolong a named lease; False while another holder has it."""
        ...

    # who is who: a person of a surface ↔ an account of a platform
    async def account_of(self, person: Person, platform: str) -> str | None: ...
    async def bind_account(self, person: Person, platform: str, subject: str) -> bool:
        """Bind once; False when another account is bound already."""
        ...

    # being polite
    async def claim(self, key: str, now: datetime, ttl_seconds: float) -> bool:
        """True for the first caller within the time: event de-duplication, rate windows."""
        ...

    async def mute(self, place: Place, need: str, until: datetime | None, by: Person) -> None: ...
    async def muted(self, place: Place, need: str, now: datetime) -> bool: ...
    async def feedback(self, card_id: str, person: Person, helpful: bool) -> None: ...
    async def audit(self, at: datetime, actor: Person | None, action: str, detail: Mapping[str, Any]) -> None: ...
    async def audit_rows(self, since: datetime | None = None) -> Sequence[Mapping[str, Any]]: ...
