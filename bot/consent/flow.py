"""One consent on its way: the frozen value that the state table moves, and its form as a row of the store.

Secrets stand in it only as hashes (ticket, state, cookie) or sealed by the vault (verifier, code, token), so a row may be stored as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.model import Mode, Person, Place, Proof, Text

#: A minute by which the clocks of two of our own processes may differ.
SKEW = timedelta(minutes=1)
#: How long a personal link and a `state` live. With `SKEW` on top they still end within ten minutes (RFC 9700 §4.7 asks for a short life).
LIFE = timedelta(minutes=9)


class State(StrEnum):
    """Where a consent stands. The first five are the way to the proof, the others are ends, each with its own answer."""

    OFFERED = "offered"
    STARTED = "started"
    AUTHORIZED = "authorized"
    GRANTED = "granted"
    PROVEN = "proven"
    REFUSED = "refused"
    WRONG_ACCOUNT = "wrong_account"
    INSUFFICIENT = "insufficient"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    REVOKED = "revoked"


class Effect(StrEnum):
    """Something to be done in the world because of a move. Effects wait in the flow's row, so that a killed process loses none."""

    POLL = "poll"  # ask whether the code shown for another device was entered
    EXCHANGE = "exchange"  # trade the code for a token
    IDENTIFY = "identify"  # ask whose token it is, and compare what was granted
    KEEP = "keep"  # put the token into the store
    PROVE = "prove"  # repeat something harmless with the new token
    DISCARD = "discard"  # withdraw the token at the platform and forget it
    FORGET = "forget"  # withdraw and delete a kept token
    SHOW = "show"  # redraw the card
    TELL = "tell"  # say it privately to whom it concerns
    NOTIFY = "notify"  # send the signed word to the app


@dataclass(frozen=True, slots=True)
class Flow:
    """A consent under way.

    `mode` is the app's (`broker`, `handoff`), or `device` for a code that is entered on another device. `needed` and `needed_mode` are what
    the refused call needs, `asked` what the consent page is asked for (a part of it), `alternatives` what would be asked next if that is
    not enough. `expected` is an id of the account that must come back; empty while the person has none bound. `todo` are effects still to
    be done, first one first; `tries` counts attempts at it, `not_before` says when the next may be; `interval` is the pace of polling.
    `withdrawn`: the platform says that it has withdrawn the consent, so there is nothing left for its owner to do.
    """

    id: str
    platform: str
    app_id: str
    person: Person
    place: Place
    card_id: str
    created: datetime
    expires: datetime
    mode: str = "broker"
    index: int = 0
    state: State = State.OFFERED
    asked: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    needed_mode: Mode = Mode.ANY
    alternatives: tuple[str, ...] = ()
    widened: bool = False
    expected: str = ""
    locale: str = "en"
    redirect_uri: str = ""
    attempt: int = 1
    log_id: str = ""
    withdrawn: bool = False

    ticket_hash: str = field(default="", repr=False)
    state_hash: str = field(default="", repr=False)
    cookie_hash: str = field(default="", repr=False)
    verifier: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    in_client: bool = False
    token: str = field(default="", repr=False)
    device: str = field(default="", repr=False)
    interval: float = 0.0
    token_expires: datetime | None = None
    refresh_expires: datetime | None = None

    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    account: str = ""
    account_name: str = ""
    proof: Proof | None = None
    reason: str = ""
    blame: str = ""
    changed: datetime | None = None

    todo: tuple[Effect, ...] = ()
    tries: int = 0
    not_before: datetime | None = None

    @property
    def owner(self) -> str:
        """Key of "one live offer per person and app"."""
        return "|".join((*person_key(self.person), self.platform, self.app_id))

    @property
    def over(self) -> bool:
        """Was the grant itself found to be over (its token refused, or not renewed)? Then the same has to be granted again."""
        return self.state is State.INSUFFICIENT and self.proof is not None and self.proof.kind in (REFUSED, ENDED)

    @property
    def column(self) -> str:
        """The store's state column: the state, with `+` while something is still to be done (see `UNFINISHED`).

        The store itself writes `superseded` when a newer offer ends this one; `_SHOWN` says that the card has been redrawn since.
        """
        if self.state in WAITING:
            return str(self.state)
        if self.todo:
            return f"{self.state}+"
        return _SHOWN if self.state is State.SUPERSEDED else str(self.state)


_SHOWN = "superseded."
#: Kinds of a proof that says more than "the call still fails": the platform refuses the token; it no longer renews it.
REFUSED, ENDED = "refused", "ended"
#: The states that wait for the person: they end by time, and by a newer offer.
WAITING = (State.OFFERED, State.STARTED)
#: What the store's state column may say of a flow that `Service.resume` has to look at.
UNFINISHED = (*(str(state) for state in (*WAITING, State.SUPERSEDED)), *(f"{state}+" for state in State if state not in WAITING))


def person_key(person: Person) -> tuple[str, str, str]:
    """Who somebody is; the name is no part of it."""
    return person.surface, person.tenant, person.user_id


def same_person(one: Person | None, other: Person | None) -> bool:
    """Is it the same human on the same surface? Unknown people are nobody's twin."""
    return one is not None and other is not None and person_key(one) == person_key(other)


_TIMES = ("created", "expires", "changed", "not_before", "token_expires", "refresh_expires")
_NAMES = ("asked", "needed", "alternatives", "granted", "missing")


def to_row(flow: Flow) -> dict[str, Any]:
    """The flow as a JSON object."""
    row = {item.name: getattr(flow, item.name) for item in fields(flow)}
    for name in _TIMES:
        row[name] = row[name].isoformat() if row[name] else None
    for name in (*_NAMES, "todo"):
        row[name] = [str(value) for value in row[name]]
    row["state"], row["needed_mode"], row["column"] = str(flow.state), str(flow.needed_mode), flow.column
    row["person"], row["place"] = person_row(flow.person), place_row(flow.place)
    proof = flow.proof
    row["proof"] = {"ok": proof.ok, "en": proof.text.en, "zh": proof.text.zh, "kind": proof.kind} if proof else None
    return row


def from_row(row: Mapping[str, Any]) -> Flow:
    """The flow of a row. Fields that an older version did not write take their defaults; unknown ones are dropped."""
    known = {item.name for item in fields(Flow)}
    values = {name: value for name, value in row.items() if name in known}
    for name in _TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in _NAMES:
        values[name] = tuple(values.get(name) or ())
    values["todo"] = tuple(Effect(value) for value in values.get("todo") or ())
    values["state"], values["needed_mode"] = State(values["state"]), Mode(values.get("needed_mode") or "any")
    if values["state"] is State.SUPERSEDED and not str(row.get("column", "")).startswith(State.SUPERSEDED):
        # the store ended it: the card does not say so yet, and what only a callback could use is useless now
        values |= {"todo": (Effect.SHOW,), "verifier": "", "state_hash": ""}
    values["person"], values["place"] = Person(**values["person"]), Place(**values["place"])
    proof = values.get("proof")
    values["proof"] = Proof(proof["ok"], Text(proof["en"], proof["zh"]), proof["kind"]) if proof else None
    return Flow(**values)


def person_row(person: Person) -> dict[str, str]:
    """A person as JSON."""
    return {"surface": person.surface, "tenant": person.tenant, "user_id": person.user_id, "name": person.name}


def place_row(place: Place) -> dict[str, str]:
    """A place as JSON."""
    return {"surface": place.surface, "tenant": place.tenant, "chat": place.chat, "thread": place.thread, "message": place.message}
