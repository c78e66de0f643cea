"""What the jobs hand back to a door. Published through `bot.service`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.model import ConsentView, Diagnosis, Identity, Locale, Person, Reply, Text
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
class Replied:
    """The answer to a reply under `card`. `reply`: the card as it is now, to be redrawn in place, None when it did not change; `said`: a short
    word where the reply stands, None for silence."""

    card: Card
    reply: Reply | None = None
    said: Text | None = None


@dataclass(frozen=True, slots=True)
class Clicked:
    """The answer to a click, always within the door's time limit. `toast` for the clicker alone; `whisper` a private message with
    the personal link; `card` the redrawn shared card, when it changed; `share` a reply to post publicly; `copy` text to take away letter
    by letter, for doors that show such text their own way (it is in `whisper` too)."""

    toast: Text
    whisper: Reply | None = None
    card: Reply | None = None
    share: Reply | None = None
    copy: Text | None = None
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this caller do that with a document? `ok` None: it could not be found out, and `text` says why. `identity`: who was asked for."""

    ok: bool | None
    identity: Identity
    text: Text


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """What the private confirm page shows before anything happens. `authorize_url` is where the form will lead (its origin goes into
    the page's content policy); empty in handoff mode means the app's own entry."""

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
    platform: str = ""
    authorize_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser (303), and the value of the browser-binding cookie.

    `state`, `app_id` and `scopes` are for the page inside the vendor's client, which asks through the vendor's script instead of `url`.
    """

    url: str = field(repr=False)
    cookie: str = field(repr=False)
    state: str = field(default="", repr=False)
    app_id: str = ""
    scopes: tuple[str, ...] = ()
    flow_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page after the callback says; the card in the chat says the same. `working`: look again in a moment."""

    view: ConsentView
    locale: Locale
    practice: bool = False
    working: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """One consent of a person, of which a token is kept."""

    platform: str
    app_id: str
    app_name: str
    platform_title: Text
    account: str
    scopes: tuple[str, ...]
    granted: datetime | None
