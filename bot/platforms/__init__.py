"""Platforms that can be diagnosed: one folder each, found by name or through the entry point group `whyforbidden.platforms`.

A folder holds `pack.toml` (one entry per error code), `scopes.csv` where the platform has scopes, and only those of
`parse.py`, `links.py`, `advice.py`, `oauth.py`, `checks.py` that the platform needs. The protocols below say what each may offer.

A conversation with a platform is a generator: it yields a `Request`, is sent the `Response`, and returns its result
(or raises `PlatformRefusal`). So everything vendor-specific can be tested without a network:

    talk = oauth.exchange(app, code="…", verifier="…", redirect_uri="…")
    request = next(talk)
    talk.send(Response(200, {}, b"{…}"))   # raises StopIteration with the Token
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol, TypeVar

from bot.model import App, AppFacts, Cause, Choice, Diagnosis, Entry, Finding, Link, Proof, Step, SupportItem, Text, Who
from bot.oauth.messages import Account, Request, Response, Token

T = TypeVar("T")
Talk = Generator[Request, Response, T]


class Links(Protocol):
    """`links.py`: every link is built from a template for a known host; ids and scopes are encoded."""

    def links(self, finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
        """Console, documentation and troubleshooter links for this finding; the first `console` link is the primary one.

        `scopes` are known to the catalogue; ids out of the finding are used only when their shape is right. `cause` picks the page.
        """
        ...

    def document(self, url: str, finding: Finding, app: App | None) -> str:
        """An entry's documentation page as this finding's brand has it. May be missing."""
        ...

    def support(self, finding: Finding) -> tuple[SupportItem, ...]:
        """What this platform's support asks for, filled from the finding."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """What a platform's `advice.py` is told about one diagnosis in the making. `granted` and `facts` are None when nothing is known."""

    finding: Finding
    cause: Cause
    who_fixes: Who
    entry: Entry | None = None
    choice: Choice | None = None
    app: App | None = None
    facts: AppFacts | None = None
    granted: frozenset[str] | None = None
    links: tuple[Link, ...] = ()
    personal: bool = False  # every recommended scope exists for users' tokens, so that a user could grant it


class Advice(Protocol):
    """`advice.py`: what only somebody who knows this platform would say. Every function may be missing."""

    def scopes(self, finding: Finding, granted: frozenset[str] | None, facts: AppFacts | None) -> tuple[tuple[str, ...], Text] | None:
        """The scopes behind an error that names none, and how we know (from the API that was called, for example)."""
        ...

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Steps for causes that this platform solves in its own way; empty: use the entry's."""
        ...

    def notes(self, case: Case) -> tuple[Text, ...]:
        """Facts that keep people from going in circles."""
        ...

    def consent_helps(self, case: Case) -> bool:
        """May a consent fix a cause that is not plainly a user's (an app-wide scope that is granted by authorizing, for example)?"""
        ...

    def when(self, request_id: str, finding: Finding) -> Text | None:
        """What a bare request id tells by itself: date, time, region; None when it tells nothing."""
        ...


class OAuth(Protocol):
    """`oauth.py`: user authorization as values (RFC 6749 code flow, each vendor's own names)."""

    MAX_SCOPES: int
    PKCE: bool
    ADDS_UP: bool  # does a new grant keep the earlier ones?
    # Where they differ from the rule: TELLS_SCOPES = False (a token's scopes are not told), REVOKES = True (`revoke` withdraws the grant),
    # `withdrawing() -> Text` (how its owner withdraws it where `revoke` cannot).

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
    """The module `part` (`parse`, `links`, `advice`, `oauth`, `checks`) of a platform, or None when it has none. Imported on first use."""
    package = packages().get(platform)
    if package is None:
        return None
    try:
        return import_module(f"{package}.{part}")
    except ModuleNotFoundError as missing:
        if missing.name in (package, f"{package}.{part}"):
            return None
        raise


def title(platform: str, brand: str = "") -> Text:
    """What people call a platform; a platform without a title of its own is called by its folder's name."""
    package = packages().get(platform)
    titles: Mapping[str, Text] = getattr(import_module(package), "TITLES", {}) if package else {}
    return titles.get(brand) or titles.get("") or Text(platform, platform)
