"""What an authorization itself needs from the world: somebody who sends, a box that locks, and the form in which a token is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.model import Person
from bot.oauth.messages import Request, Response


class Http(Protocol):
    async def send(self, request: Request) -> Response:
        """Send and read whole. Raises `PlatformRefusal(blame="platform", retryable=True)` on time-out, refusal, or an answer over the size limit."""
        ...


class Vault(Protocol):
    """Encryption at rest; keys rotate: the first seals, all open."""

    def seal(self, plain: str) -> str: ...
    def open(self, sealed: str) -> str: ...


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A user's token in broker mode: what one person of a surface let one app do as one account of the platform.

    Two people may consent with the same account (a shared one, or one human on two surfaces); each has a token of their own, because each
    proved that the account is theirs: the platform asked them to sign in. Neither is refused and nothing moves from one to the other.
    `sealed` is the vault's text; `version` guards against two refreshes.
    """

    platform: str
    app_id: str
    subject: str
    sealed: str = field(repr=False)
    scopes: frozenset[str] = frozenset()
    expires: datetime | None = None
    refresh_expires: datetime | None = None
    granted: datetime | None = None
    person: Person | None = None
    version: int = 0
