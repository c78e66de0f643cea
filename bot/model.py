"""The words everything speaks: frozen values, no behaviour beyond reading themselves.

Only stdlib types and masked text; every value is immutable, so that it can be shared between threads, cached, and compared in tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from bot.redact.masked import Masked, TakesMasked

Locale = Literal["en", "zh"]


class Cause(StrEnum):
    """Why the call was refused. Scope trouble, document trouble and token trouble are different answers."""

    APP_SCOPE_MISSING = "app_scope_missing"
    USER_SCOPE_MISSING = "user_scope_missing"
    RESOURCE_PERMISSION = "resource_permission"
    TOKEN_INVALID = "token_invalid"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_MISSING = "token_missing"
    TOKEN_WRONG_TYPE = "token_wrong_type"
    APP_CREDENTIALS = "app_credentials"
    APP_NOT_AVAILABLE = "app_not_available"
    BOT_NOT_IN_CHAT = "bot_not_in_chat"
    CONTACT_RANGE = "contact_range"
    IP_NOT_ALLOWED = "ip_not_allowed"
    RATE_LIMITED = "rate_limited"
    TENANT_POLICY = "tenant_policy"
    RESOURCE_NOT_FOUND = "resource_not_found"
    BAD_REQUEST = "bad_request"
    USER_DENIED = "user_denied"
    REDIRECT_URI = "redirect_uri"
    AUTH_CODE_INVALID = "auth_code_invalid"
    REFRESH_TOKEN_INVALID = "refresh_token_invalid"
    SERVER_ERROR = "server_error"
    OTHER = "other"


class Who(StrEnum):
    """Who can fix it."""

    DEVELOPER = "developer"
    ORG_ADMIN = "org_admin"
    USER = "user"
    RESOURCE_OWNER = "resource_owner"
    PLATFORM_SUPPORT = "platform_support"
    NOBODY_RETRY = "nobody_retry"


class Identity(StrEnum):
    """As whom the refused call was made."""

    USER = "user"
    APP = "app"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """Whether one of the named scopes is enough, or every one is needed."""

    ANY = "any"
    ALL = "all"


class StepState(StrEnum):
    """What is known about a step; `UNKNOWN` is honest, never hidden."""

    DONE = "done"
    TODO = "todo"
    UNKNOWN = "unknown"


class RemedyState(StrEnum):
    """What a live look showed about a remedy. `OPEN`: it is what is missing; `UNKNOWN`: nobody could look."""

    OPEN = "open"
    DONE = "done"
    RULED_OUT = "ruled_out"
    UNKNOWN = "unknown"


class Surface(StrEnum):
    """Where an answer is shown. `WEB` is the chat page; `HTML` the same card as a fragment."""

    TEXT = "text"
    JSON = "json"
    LARK = "lark"
    SLACK = "slack"
    DINGTALK = "dingtalk"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages."""

    en: str
    zh: str

    def in_(self, locale: Locale) -> str:
        """The sentence in `locale`."""
        return self.zh if locale == "zh" else self.en


# ---------------------------------------------------------------- asking


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a surface. `tenant` is the workspace, organisation or, on the chat page, the browser session's realm."""

    surface: str
    tenant: str
    user_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands. `thread` and `message` are ids in the surface's own form, empty when it has none."""

    surface: str
    tenant: str
    chat: str
    thread: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Question(TakesMasked):
    """Something a person put to the bot, masked before anything here sees it; `unread`: too long for that, so its text is left out.

    `direct` is False when the bot merely overheard it: then silence is allowed. `private`: only the asker reads the place, so the whole card may be shown
    there. `card`: the id of the card that answers it, fixed beforehand where another process may take the question over; `live`: a secret that looks
    usable was masked in it. `always_new`: each question is a turn of its own there (the chat page), never merged into an earlier one's card.
    `under`: ids of the messages that it is written below; `follows`: there are no threads, so it may be about the newest card of its asker."""

    text: Masked
    surface: str
    asker: Person | None = None
    place: Place | None = None
    locale: Locale | None = None
    direct: bool = True
    private: bool = False
    card: str = ""
    live: bool = False
    always_new: bool = False
    unread: bool = False
    under: tuple[str, ...] = ()
    follows: bool = False


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class FiredSignal:
    """A named rule that spoke for or against "somebody has this error now": its id, its weight in log-odds, and where (offsets in the text)."""

    rule: str
    weight: float
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the poster says of the world: never proof, and never a missing scope.

    `held`, `requested`: scopes one says to have, or to have asked for. `tried`, `environment`: names of the rules that matched
    (`reinstalled`, `proxy`, …). `identity`: as whom the call is said to be made.
    """

    held: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    tried: frozenset[str] = frozenset()
    environment: frozenset[str] = frozenset()
    identity: Identity = Identity.UNKNOWN


@dataclass(frozen=True, slots=True)
class Finding:
    """One error as read out of a text. Everything here is a claim of the paste, nothing is authority.

    `has_it` (0..1): how likely it is that somebody has this error now, rather than writes about it; `signals` say why.
    `surroundings`: the masked text of the block around it, at most 4,000 characters.

    `message` is already redacted. `span` are offsets (start, end) in the redacted text. `hints` are small
    facts under fixed names (`brand`, `host`, `token_type`, `sub_code`, `violation`, `api`, `time`, `method_id`, `entry`, `body`, `params`):
    `entry` names a catalogue entry found by its wording instead of a code. `count` is how often the paste repeats it.
    """

    platform: str
    codes: tuple[str, ...] = ()
    message: str = ""
    request_ids: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    scopes_mode: Mode = Mode.ANY
    identity: Identity = Identity.UNKNOWN
    app_id: str | None = None
    resource: str | None = None
    http_status: int | None = None
    hints: Mapping[str, str] = field(default_factory=dict)
    span: tuple[int, int] = (0, 0)
    count: int = 1
    has_it: float = 1.0
    signals: tuple[FiredSignal, ...] = ()
    claims: Claims = field(default_factory=Claims)
    surroundings: str = ""


# ---------------------------------------------------------------- knowing


@dataclass(frozen=True, slots=True)
class Rival:
    """Another possible cause, and what would tell it apart."""

    cause: Cause
    who_fixes: Who
    tells: Text


@dataclass(frozen=True, slots=True)
class Variant:
    """When one code means several things: if `pattern` (regular expression, case ignored) is in the message, this reading holds."""

    pattern: str
    cause: Cause
    who_fixes: Who
    identity: Identity = Identity.UNKNOWN
    what: Text | None = None
    steps: tuple[Text, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalogue knows about one code of one platform.

    `remedies` are ids of `bot/remedies.toml`, the likeliest first.
    `code_shown` is False for entries known by their wording alone (their key is a name of ours, not a platform code).
    `retired` says since when and why the platform no longer returns it; entries are retired, never deleted.
    """

    platform: str
    code: str
    title: Text
    what: Text
    cause: Cause
    who_fixes: Who
    steps: tuple[Text, ...]
    docs: str
    sample: str
    identity: Identity = Identity.UNKNOWN
    http_status: int | None = None
    variants: tuple[Variant, ...] = ()
    rivals: tuple[Rival, ...] = ()
    code_shown: bool = True
    retired: str | None = None
    remedies: tuple[str, ...] = ()


class Level(StrEnum):
    """How much a scope opens, narrowest first."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of the catalogue. `identities` are the token kinds it exists for."""

    platform: str
    name: str
    identities: frozenset[Identity]
    level: Level
    title: Text
    note: Text | None = None


# ---------------------------------------------------------------- the world, as far as it was asked


@dataclass(frozen=True, slots=True)
class App:
    """An application whose users may be sent to re-authorize (one entry of apps.toml).

    `brand` is `feishu`, `lark`, `shop` or `general` (Kuaishou), or empty. `hosts` overrides the platform's own
    base URLs by name (private deployments, the practice platform). `secret` never leaves memory.
    """

    platform: str
    app_id: str
    name: str = ""
    brand: str = ""
    secret: str = field(default="", repr=False)
    redirect_uri: str = ""
    mode: Literal["broker", "handoff"] = "broker"
    owners: tuple[str, ...] = ()
    never_ask: frozenset[str] = frozenset()
    hosts: Mapping[str, str] = field(default_factory=dict)
    notify_url: str = ""
    entry_url: str = ""
    app_key: str = field(default="", repr=False)
    practice: bool = False


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What the platform told about an app. `None` always means "not known", never "no"."""

    enabled: Mapping[str, frozenset[Identity]] | None = None
    pending: frozenset[str] = frozenset()
    redirect_uris: tuple[str, ...] | None = None
    published: bool | None = None
    status: str | None = None
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known beside the paste when a diagnosis is made. Empty is fine: steps then say `unknown`.

    `answers`: what was answered to telling questions (question id → answer id); claims of the asker, as the paste's are. `unseen`: the apps at which
    the newest look failed (app id → the platform's reason).
    """

    apps: tuple[App, ...] = ()
    app_facts: Mapping[str, AppFacts] = field(default_factory=dict)
    granted: frozenset[str] | None = None
    now: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- answering


@dataclass(frozen=True, slots=True)
class Link:
    """A link that we built from a template for a known host. `rel`: console, docs, troubleshooter, faq, support, practice."""

    rel: str
    url: str
    label: Text


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, whether it is done, and how we know."""

    text: Text
    state: StepState = StepState.UNKNOWN
    evidence: Text | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which scope to ask for, why, and what else would do."""

    recommended: tuple[str, ...]
    reason: Text
    alternatives: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    similar: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A consent that may be started: app and scopes are configured and known, never taken from a paste on trust."""

    platform: str
    app_id: str
    scopes: tuple[str, ...]
    app_name: str = ""


@dataclass(frozen=True, slots=True)
class SupportItem:
    """One thing that the platform's support asks for; `value` is None while it is missing."""

    name: Text
    value: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that speaks for a remedy, or against it (`weight` below zero; log-odds). `rule` names the row or the look that it comes from."""

    rule: str
    weight: float
    text: Text


@dataclass(frozen=True, slots=True)
class Seen:
    """What fixed it for others: `fixed` of `of` public threads about the same error, with the addresses of up to two."""

    fixed: int
    of: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that a person can do about a refused call (an id of `bot/remedies.toml`), as it is done on this platform.

    `likelihood` (0..1) that this is the decisive one; `evidence` for and against it, the strongest first.
    """

    id: str
    who: Who
    title: Text
    text: Text
    likelihood: float = 0.0
    link: Link | None = None
    evidence: tuple[Evidence, ...] = ()
    state: RemedyState = RemedyState.UNKNOWN
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a telling question."""

    id: str
    text: Text


@dataclass(frozen=True, slots=True)
class TellingQuestion:
    """The question whose answer tells the likely remedies apart."""

    id: str
    text: Text
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer to one finding.

    `remedies`: what the asker, or somebody else, can do, the likeliest first, never empty when `diagnose` made it; `question`: the one whose
    answer would tell the likely remedies apart, None where the first is sure enough.

    `app_known`: the platform was asked about the app, so looking again makes sense. `awaits_approval`: what is missing waits for the
    organisation's administrator, who can be asked. `only_an_id`: nothing but a request id was pasted, so nobody knows yet what is wrong.
    """

    finding: Finding
    cause: Cause
    who_fixes: Who
    confidence: float
    title: Text
    verdict: Text
    platform_title: Text
    choice: Choice | None = None
    steps: tuple[Step, ...] = ()
    links: tuple[Link, ...] = ()
    rivals: tuple[Rival, ...] = ()
    offers: tuple[Offer, ...] = ()
    no_offer: Text | None = None
    notes: tuple[Text, ...] = ()
    support: tuple[SupportItem, ...] = ()
    entry: Entry | None = None
    app_known: bool = False
    awaits_approval: bool = False
    only_an_id: bool = False
    remedies: tuple[Remedy, ...] = ()
    question: TellingQuestion | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a surface shows. `body` is card JSON or plain text; `fallback` the one line for notifications and screen readers."""

    surface: str
    body: Mapping[str, Any] | str
    fallback: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a card. `action` is one of the names in `ACTIONS`; with `url` it is a plain link. `index` tells which diagnosis, offer or
    answer; `copy` is the text that it takes away, for pages that can copy by themselves."""

    action: str
    label: Text
    url: str = ""
    index: int = 0
    primary: bool = False
    copy: Text | None = None


ACTIONS = frozenset(
    "answer ask_admin check details handover helpful mute open reauthorize revoke share support unhelpful".split()  # noqa: SIM905 (a list of names)
)


@dataclass(frozen=True, slots=True)
class Proof:
    """How we know that the refused call would now work. `ok` None: could not be looked up, and `text` says why."""

    ok: bool | None
    text: Text
    kind: str = "scopes"


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What a card says about a consent under way (made by `bot/consent/machine.py`, drawn by `bot/card/__init__.py`).

    `state` is a name of the state table. `sentence` says what happened and what to do now; `account` whom the platform named. `advice`: what is good to know about taking the consent back.
    """

    state: str
    sentence: Text
    scopes: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    account: str = ""
    proof: Proof | None = None
    may_retry: bool = False
    app_name: str = ""
    advice: Text | None = None
