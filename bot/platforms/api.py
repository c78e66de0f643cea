"""What a platform may offer, as types. A platform is a folder; each part is one module of it that ends in one value:

    part        module          value       what it answers
    reading     parse.py        SPEC        how this platform's errors look (`bot/platforms/spec.py`)
    links       links.py        LINKS       where to click
    advice      advice.py       ADVICE      what only somebody who knows this platform would say
    oauth       oauth.py        OAUTH       how a user's consent is asked for and taken back
    checks      checks.py       CHECKS      looking whether it works now, never changing anything

The folder's `__init__.py` holds `PLATFORM`, which names the parts that are there. Parts are loaded one by one, when they are first asked for: reading an
error never loads what is needed to exchange a code. mypy checks each value where it is made, so a part that breaks its form does not pass `make check`;
`bot/platforms/__init__.py` checks the same once more at run time, because a third party's part was checked by nobody.

Whatever is optional has a default here, so that callers ask for a value and never whether a name exists.

A conversation with a platform is a generator: it yields a `Request`, is sent the `Response`, and returns its result (or raises `PlatformRefusal`). So
everything vendor-specific can be tested without a network:

    talk = oauth.exchange(app, code="…", verifier="…", redirect_uri="…")
    request = next(talk)
    talk.send(Response(200, {}, b"{…}"))   # raises StopIteration with the Token
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.model import App, AppFacts, Cause, Choice, Diagnosis, Entry, Finding, Identity, Link, Proof, Step, SupportItem, Text, Who
from bot.oauth.messages import Account, Device, Talk, Token, Wait

Part = Literal["parse", "links", "advice", "oauth", "checks"]


@dataclass(frozen=True, slots=True)
class Platform:
    """`PLATFORM` of a folder. `titles`: what people call it, by brand; "" is the platform as a whole. `parts`: the modules that are there."""

    titles: Mapping[str, Text]
    parts: frozenset[Part] = frozenset()


# ---------------------------------------------------------------- links


def same_page(url: str, finding: Finding, app: App | None) -> str:  # noqa: ARG001 (the form of `Links.document`)
    """Documentation is the same for every brand."""
    return url


def nothing_to_collect(finding: Finding) -> tuple[SupportItem, ...]:  # noqa: ARG001 (the form of `Links.support`)
    """Nobody knows what this platform's support asks for."""
    return ()


def no_home(finding: Finding, app: App | None) -> tuple[str, str]:  # noqa: ARG001 (the form of `Links.home`)
    """Neither a console nor an app's id that pages could be named by."""
    return "", ""


@dataclass(frozen=True, slots=True)
class Links:
    """Every link is built from a template for a known host; ids out of the finding are used only when their shape is right, and encoded.

    `links(finding, scopes, app, cause)`: console, documentation and troubleshooter; the first `console` link is the primary one. `scopes` are known to
    the catalogue. `document(url, finding, app)`: an entry's documentation page as this finding's brand has it. `support(finding)`: what this platform's
    support asks for, filled from the finding. `home(finding, app)`: the console's address and the app's id where its shape is right, else "".
    """

    links: Callable[[Finding, Sequence[str], App | None, Cause], tuple[Link, ...]]
    document: Callable[[str, Finding, App | None], str] = same_page
    support: Callable[[Finding], tuple[SupportItem, ...]] = nothing_to_collect
    home: Callable[[Finding, App | None], tuple[str, str]] = no_home


# ---------------------------------------------------------------- advice


@dataclass(frozen=True, slots=True)
class Case:
    """What the advice is told about one diagnosis in the making. `granted` and `facts` are None when nothing is known.

    `held`: those of the recommended scopes that the user has granted, themselves or through a wider one.
    """

    finding: Finding
    cause: Cause
    who_fixes: Who
    entry: Entry | None = None
    choice: Choice | None = None
    app: App | None = None
    facts: AppFacts | None = None
    granted: frozenset[str] | None = None
    links: tuple[Link, ...] = ()
    held: frozenset[str] = frozenset()
    personal: bool = False  # every recommended scope exists for users' tokens, so that a user could grant it


ScopesOf = Callable[[Finding, frozenset[str] | None, AppFacts | None], tuple[tuple[str, ...], Text] | None]


def no_steps(case: Case) -> tuple[Step, ...]:  # noqa: ARG001 (the form of `Advice.steps`)
    """The entry's own steps will do."""
    return ()


def no_notes(case: Case) -> tuple[Text, ...]:  # noqa: ARG001 (the form of `Advice.notes`)
    """Nothing to add."""
    return ()


def never(case: Case) -> bool:  # noqa: ARG001 (the form of `Advice.consent_helps`)
    """Consent fixes what is plainly the user's, and nothing else."""
    return False


def silent_id(request_id: str, finding: Finding) -> Text | None:  # noqa: ARG001 (the form of `Advice.when`)
    """A request id tells nothing by itself."""
    return None


@dataclass(frozen=True, slots=True)
class Advice:
    """What only somebody who knows this platform would say.

    `scopes(finding, granted, facts)`: the scopes behind an error that names none, and how we know (from the API that was called, for example); None where
    a platform's errors always name them. `steps(case)`: steps for causes that this platform solves in its own way; empty: use the entry's. `notes(case)`:
    facts that keep people from going in circles. `consent_helps(case)`: may a consent fix a cause that is not plainly a user's (an app-wide scope that is
    granted by authorizing, for example)? `when(request_id, finding)`: what a bare request id tells by itself: date, time, region.
    """

    scopes: ScopesOf | None = None
    steps: Callable[[Case], tuple[Step, ...]] = no_steps
    notes: Callable[[Case], tuple[Text, ...]] = no_notes
    consent_helps: Callable[[Case], bool] = never
    when: Callable[[str, Finding], Text | None] = silent_id


# ---------------------------------------------------------------- consent


class AuthorizeUrl(Protocol):
    """The address to send the browser to."""

    def __call__(self, app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:
        """`challenge` is the S256 one of RFC 7636; empty where there is none. Raises `PlatformRefusal` for what may not be asked for."""
        ...


class Exchange(Protocol):
    """The code for a token."""

    def __call__(self, app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:
        """Raises `PlatformRefusal`."""
        ...


class DeviceStart(Protocol):
    """Begin a device grant (RFC 8628)."""

    def __call__(self, app: App, *, scopes: Sequence[str]) -> Talk[Device]:
        """Raises `PlatformRefusal`."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceGrant:
    """RFC 8628: a code that is typed on another device. `poll(app, device, interval)` asks once; `interval` in seconds. `site(app)`: the address on whose
    site the page has to stand where people type the code."""

    start: DeviceStart
    poll: Callable[[App, Device, float], Talk[Token | Wait]]
    site: Callable[[App], str]


def as_asked(app: App, scopes: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001 (the form of `OAuth.requested`)
    """The consent page shows what was asked for, and nothing beside it."""
    return tuple(scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """User authorization as values: the code flow of RFC 6749, in each vendor's own names.

    `max_scopes`: most scopes of one request. `pkce`: does the platform check it? `adds_up`: does a new grant keep the earlier ones? `tells_scopes`: does a
    token say which scopes it has? `revokes`: does `revoke` withdraw the grant (it returns False where there is no way)? `withdrawing()`: how its owner
    takes a grant back where `revoke` cannot. `in_client`: can the vendor's own client ask
    for the consent, on a page that it shows itself? `requested(app, scopes)`: the scopes that stand on the platform's page when `scopes` are asked for.
    `read_callback(query)`: the code; raises `PlatformRefusal` (blame `user` when declined, `app` when misconfigured).
    """

    max_scopes: int
    pkce: bool
    adds_up: bool
    authorize_url: AuthorizeUrl
    read_callback: Callable[[Mapping[str, str]], str]
    exchange: Exchange
    refresh: Callable[[App, Token], Talk[Token]]
    whoami: Callable[[App, Token], Talk[Account]]
    revoke: Callable[[App, Token], Talk[bool]]
    tells_scopes: bool = True
    revokes: bool = False
    in_client: bool = False
    requested: Callable[[App, Sequence[str]], tuple[str, ...]] = as_asked
    withdrawing: Callable[[], Text] | None = None
    device: DeviceGrant | None = None


# ---------------------------------------------------------------- looking


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of asking the administrator. `code` is the platform's, `0` when the request went out."""

    ok: bool
    code: str
    text: Text


class DocumentAnswer(Protocol):
    """May it? `ok` None: there is no answer, and `text` says why. `identity`: for whom it was asked."""

    @property
    def ok(self) -> bool | None: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def text(self) -> Text: ...


class CheckDocument(Protocol):
    """Ask whether an action on a document is allowed."""

    def __call__(
        self, app: App, token_or_link: str, type_: str = "", action: str = "view", user_token: str | None = None, *, wait: float = 0.0
    ) -> Talk[DocumentAnswer]:
        """For the person with `user_token`, else for the app. `wait`: seconds until there is room for one more question; above 0 nothing is sent."""
        ...


@dataclass(frozen=True, slots=True)
class Documents:
    """Questions about one document. `pace`: seconds between two questions for one app. `understands(document, type, action)`: is this a question that can
    be asked? `check`: ask it."""

    pace: float
    understands: Callable[[str, str, str], bool]
    check: CheckDocument


@dataclass(frozen=True, slots=True)
class Checks:
    """Looking, never changing. Each answers only what it saw, and is None where the platform offers no such look.

    `prove(app, token, diagnosis, needed)`: repeat something harmless with the new token. `app_facts(app)`: scopes, versions and redirect addresses as the
    console has them. `apply_scopes(app)`: ask the administrator to approve what the app has applied for (the one thing that changes something: it sends a
    message). `documents`: may this account do that with this document? `app_token(app)`: the app's own token, which shows that id and secret are right.
    """

    prove: Callable[[App, Token, Diagnosis, Sequence[str]], Talk[Proof]]
    app_facts: Callable[[App], Talk[AppFacts]] | None = None
    app_token: Callable[[App], Talk[str]] | None = None
    apply_scopes: Callable[[App], Talk[Applied]] | None = None
    documents: Documents | None = None


NO_ADVICE = Advice()
