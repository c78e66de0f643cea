"""Platforms that can be diagnosed: one folder each, found by name or through the entry point group `whyforbidden.platforms`.

A folder holds `pack.toml` (one entry per error code), `scopes.csv` where the platform has scopes, and only those of
`parse.py`, `links.py`, `oauth.py`, `checks.py` that the platform needs. The protocols below say what each may offer.

A conversation with a platform is a generator: it yields a `Request`, is sent the `Response`, and returns its result
(or raises `PlatformRefusal`). So everything vendor-specific can be tested without a network:

    talk = oauth.exchange(app, code="…", verifier="…", redirect_uri="…")
    request = next(talk)
    talk.send(Response(200, {}, b"{…}"))   # raises StopIteration with the Token
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol, TypeVar

from bot.model import Account, App, AppFacts, Diagnosis, Finding, Link, Proof, Request, Response, SupportItem, Token

T = TypeVar("T")
Talk = Generator[Request, Response, T]


class Links(Protocol):
    """`links.py`: every link is built from a template for a known host; ids and scopes are encoded."""

    def links(self, finding: Finding, scopes: Sequence[str], app: App | None) -> tuple[Link, ...]:
        """Console, documentation and troubleshooter links for this finding; the first `console` link is the primary one."""
        ...

    def support(self, finding: Finding) -> tuple[SupportItem, ...]:
        """What this platform's support asks for, filled from the finding."""
        ...


class OAuth(Protocol):
    """`oauth.py`: user authorization as values (RFC 6749 code flow, each vendor's own names)."""

    MAX_SCOPES: int
    PKCE: bool
    ADDS_UP: bool  # does a new grant keep the earlier ones?

    def authorize_url(self, app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:
        """The address to send the browser to."""
        ...

    def read_callback(self, query: Mapping[str, str]) -> str:
        """The code. Raises `PlatformRefusal` (blame `user` when declined, `app` when misconfigured)."""
        ...

    def exchange(self, app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]: ...
    def refresh(self, app: App, token: Token) -> Talk[Token]: ...
    def whoami(self, app: App, token: Token) -> Talk[Account]: ...
    def revoke(self, app: App, token: Token) -> Talk[bool]:
        """True when the platform withdrew it, False when it offers no way."""
        ...


class Checks(Protocol):
    """`checks.py`: looking, never changing. Each answers only what it saw."""

    def app_facts(self, app: App) -> Talk[AppFacts]: ...
    def prove(self, app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Talk[Proof]:
        """Repeat something harmless with the new token (user_info, scope list, members/auth)."""
        ...


@cache
def packages() -> Mapping[str, str]:
    """Platform name → importable package, ours first, then third parties' (`whyforbidden.platforms` entry points)."""
    found = {m.name: f"{__name__}.{m.name}" for m in iter_modules(__path__) if m.ispkg}
    for point in entry_points(group="whyforbidden.platforms"):
        found.setdefault(point.name, point.value)
    return found


@cache
def module(platform: str, part: str) -> ModuleType | None:
    """The module `part` (`parse`, `links`, `oauth`, `checks`) of a platform, or None when it has none. Imported on first use."""
    package = packages().get(platform)
    if package is None:
        return None
    try:
        return import_module(f"{package}.{part}")
    except ModuleNotFoundError as missing:
        if missing.name in (package, f"{package}.{part}"):
            return None
        raise
