"""Talking to a platform, as values: what is sent, what comes back, and what is understood of it. No network here; an edge sends.

The rules of `bot/model.py` hold here too: only stdlib types, and every value but the exception is immutable.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.errors import Blame, BotError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to be sent by an edge. At most one of `json` and `form`. `secret` marks a query that must never be logged."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def data(self) -> Mapping[str, Any]:
        """The body as a JSON object; an empty one when it is none (HTML error pages, empty bodies)."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Token:
    """A user's token as a platform gave it. Times are seconds from the moment of the answer."""

    access_token: str = field(repr=False)
    scopes: frozenset[str] = frozenset()
    expires_in: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_in: int | None = None
    subject: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is. `ids` holds every id the platform gave (open_id, union_id, user_id …), the first is the main one."""

    platform: str
    ids: Mapping[str, str]
    name: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A device authorization under way (RFC 8628 §3.2). Times in seconds; the device code is a secret."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str = ""
    expires_in: int = 240
    interval: float = 5.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: poll again after `interval` seconds, and never sooner from now on."""

    interval: float


class PlatformRefusal(BotError):  # noqa: N818 (an answer of the platform, no error of ours)
    """A platform said no to one of our own calls.

    `blame`: whose fault (`app` wrong secret or configuration, `user` declined, `code`, `token`, `platform` down, `rate`).
    `retry_after` in seconds where the platform named one.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        blame: Blame = "platform",
        request_id: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, blame=blame, detail=message)
        self.message = message
        self.request_id = request_id
        self.retryable = retryable
        self.retry_after = retry_after


Talk = Generator[Request, Response, T]
"""A conversation with a platform: it yields requests, is sent their responses, and returns its result (or raises `PlatformRefusal`)."""
