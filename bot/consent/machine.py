"""Re-authorization as a state table.

Rules of this file: every transition lives in `TABLE`; every pair of state and event is decided there, a move or a refusal with a reason; a
refusal changes nothing; nothing here knows a clock, a store or a platform. Time, hashes and sealed texts come in with the events.

Theory: a personal link is *offered*; a POST on its page *starts* it (state, PKCE verifier and cookie are fixed); the platform's answer
stores the code and makes it *authorized*; the token of the right account with the needed scopes makes it *granted*; a live check makes it
*proven*. Storing the code erases the hash of the state in the same compare-and-set, so a state is used once, however many processes see
the callback.
Each move names effects; they wait in the row until they are done, so that a restart goes on where the last process stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from bot.consent.flow import LIFE, SKEW, UNFINISHED, Effect, Flow, State, from_row, person_key, same_person, to_row
from bot.consent.messages import REASONS, consent_view, may_retry
from bot.i18n import say
from bot.model import Mode, Proof, Text
from bot.oauth.messages import Account

__all__ = [
    "EVENTS", "LIFE", "SKEW", "TABLE", "UNFINISHED", "Effect", "Event", "Flow", "Kind", "Move", "Moved", "No", "Refusal", "State",
    "advance", "consent_view", "diagram", "done", "from_row", "judge", "lacking", "may_retry", "person_key", "postpone",
    "same_person", "to_row",
]  # fmt: skip


# ---------------------------------------------------------------- what can happen


@dataclass(frozen=True, slots=True)
class Begin:
    """The POST of the confirm page. A second one replaces the first: its state and cookie are the ones that count."""

    at: datetime
    state_hash: str
    cookie_hash: str
    verifier: str = field(repr=False)
    redirect_uri: str = ""
    in_client: bool = False


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """Device grant (RFC 8628): the person was shown a code to enter elsewhere. `device` is sealed, its code is a secret."""

    at: datetime
    device: str = field(repr=False)
    expires: datetime
    interval: float = 5.0


@dataclass(frozen=True, slots=True)
class CodeCame:
    """The platform sent the browser back with a code (sealed)."""

    at: datetime
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Declined:
    """The person said no on the platform's page."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TokenCame:
    """The code was traded. The token (sealed) waits in the row until we know whose it is."""

    at: datetime
    token: str = field(repr=False)
    granted: tuple[str, ...] = ()
    expires: datetime | None = None
    refresh_expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """The right account, and the scopes suffice."""

    at: datetime
    account: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class FellShort:
    """The right account, but `missing` was not granted."""

    at: datetime
    account: str
    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mismatched:
    """Somebody else's account came back."""

    at: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class AppGranted:
    """Hand-off: the app says, signed, that the scopes suffice."""

    at: datetime
    account: str
    granted: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class AppShort:
    """Hand-off: the app says, signed, that something is missing."""

    at: datetime
    account: str
    granted: tuple[str, ...]
    missing: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """A live check says that it works now."""

    at: datetime
    proof: Proof


@dataclass(frozen=True, slots=True)
class Unproved:
    """A live check says that it still fails."""

    at: datetime
    proof: Proof


@dataclass(frozen=True, slots=True)
class Unclear:
    """The live check could not be made; the proof says why."""

    at: datetime
    proof: Proof


@dataclass(frozen=True, slots=True)
class Broke:
    """It cannot go on. `blame` as in `PlatformRefusal`, `reason` a short stable code."""

    at: datetime
    reason: str
    blame: str = "platform"
    log_id: str = ""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The link's or the state's time is over."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Replaced:
    """The same person made a newer offer for the same app."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The person takes it back: an offer before it is used, or a grant after. `there`: the platform has withdrawn it already."""

    at: datetime
    there: bool = False


Event: TypeAlias = (
    Begin | DeviceShown | CodeCame | Declined | TokenCame | Matched | FellShort | Mismatched | AppGranted | AppShort | Proved | Unproved | Unclear
    | Broke | TimedOut | Replaced | Withdrawn
)  # fmt: skip
Kind: TypeAlias = type[Event]
EVENTS: tuple[Kind, ...] = (
    Begin, DeviceShown, CodeCame, Declined, TokenCame, Matched, FellShort, Mismatched, AppGranted, AppShort, Proved, Unproved,
    Unclear, Broke, TimedOut, Replaced, Withdrawn,
)  # fmt: skip


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Move:
    """Go to `target`, then do `effects`. `mode`: only for apps of this mode."""

    target: State
    effects: tuple[Effect, ...] = ()
    mode: str = ""


@dataclass(frozen=True, slots=True)
class No:
    """Nothing happens; `code` names the sentence in `REASONS`."""

    code: str


# The card is redrawn last: only there may it be tried again without holding anything else up.
_SHOW, _TELL, _NOTIFY = Effect.SHOW, Effect.TELL, Effect.NOTIFY


def _row(otherwise: str, moves: Mapping[Kind, Move]) -> dict[Kind, Move | No]:
    return {kind: moves.get(kind, No(otherwise)) for kind in EVENTS}


_AGAIN = {
    # "check again" on a finished card: the newest look counts, and one that could not look changes nothing
    Proved: Move(State.PROVEN, (_NOTIFY, _SHOW)),
    Unproved: Move(State.INSUFFICIENT, (_NOTIFY, _SHOW)),
    Withdrawn: Move(State.REVOKED, (Effect.FORGET, _NOTIFY, _SHOW)),
}

TABLE: Mapping[State, Mapping[Kind, Move | No]] = {
    State.OFFERED: _row("not_started", {
        Begin: Move(State.STARTED, (_SHOW,)),
        DeviceShown: Move(State.STARTED, (_SHOW, Effect.POLL), mode="device"),
        Broke: Move(State.FAILED, (_TELL, _SHOW)),
        TimedOut: Move(State.EXPIRED, (_SHOW,)),
        Replaced: Move(State.SUPERSEDED, (_SHOW,)),
        Withdrawn: Move(State.REVOKED, (_SHOW,)),
    }),
    State.STARTED: _row("not_authorized", {
        Begin: Move(State.STARTED),
        CodeCame: Move(State.AUTHORIZED, (Effect.EXCHANGE,), mode="broker"),
        TokenCame: Move(State.AUTHORIZED, (Effect.IDENTIFY,), mode="device"),
        AppGranted: Move(State.GRANTED, (_SHOW,), mode="handoff"),
        AppShort: Move(State.INSUFFICIENT, (_SHOW,), mode="handoff"),
        Mismatched: Move(State.WRONG_ACCOUNT, (_TELL, _SHOW), mode="handoff"),
        Declined: Move(State.REFUSED, (_NOTIFY, _SHOW)),
        Broke: Move(State.FAILED, (_TELL, _SHOW)),
        TimedOut: Move(State.EXPIRED, (_SHOW,)),
        Replaced: Move(State.SUPERSEDED, (_SHOW,)),
        Withdrawn: Move(State.REVOKED, (_SHOW,)),
    }),
    State.AUTHORIZED: _row("in_hand", {
        TokenCame: Move(State.AUTHORIZED, (Effect.IDENTIFY,)),
        Matched: Move(State.GRANTED, (Effect.KEEP, _SHOW, Effect.PROVE)),
        FellShort: Move(State.INSUFFICIENT, (Effect.KEEP, _NOTIFY, _SHOW)),
        Mismatched: Move(State.WRONG_ACCOUNT, (Effect.DISCARD, _TELL, _SHOW)),
        Broke: Move(State.FAILED, (Effect.DISCARD, _TELL, _SHOW)),
    }),
    State.GRANTED: _row("granted", {**_AGAIN, Unclear: Move(State.GRANTED, (_NOTIFY, _SHOW))}),
    State.PROVEN: _row("proven", _AGAIN),
    State.INSUFFICIENT: _row("insufficient", _AGAIN),
    State.REFUSED: _row("refused", {}),
    State.WRONG_ACCOUNT: _row("wrong_account", {}),
    State.EXPIRED: _row("expired", {}),
    State.SUPERSEDED: _row("superseded", {}),
    State.FAILED: _row("failed", {}),
    State.REVOKED: _row("revoked", {}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """The flow after a move; its effects stand in `flow.todo` too."""

    flow: Flow
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that is not possible now. Nothing has changed."""

    code: str
    sentence: Text


def advance(flow: Flow, event: Event) -> Moved | Refusal:
    """What `event` does to `flow`."""
    rule = TABLE[flow.state][type(event)]
    if isinstance(rule, Move) and rule.mode and rule.mode != flow.mode:
        rule = No("wrong_mode")
    if isinstance(rule, No):
        return Refusal(rule.code, say(REASONS[rule.code]))
    # a token that is not kept yet must not be forgotten by a later move
    carried = (Effect.KEEP,) if Effect.KEEP in flow.todo and Effect.FORGET not in rule.effects else ()
    todo = (*carried, *rule.effects)
    changed = _apply(flow, event)
    if rule.target not in (State.OFFERED, State.STARTED):
        # used up; the cookie still opens the outcome page, and the link still tells its owner why it no longer works
        changed = replace(changed, state_hash="", device="")
    if rule.target is not State.AUTHORIZED:
        changed = replace(changed, code="", verifier=changed.verifier if rule.target is State.STARTED else "")
    return Moved(replace(changed, state=rule.target, changed=event.at, todo=todo, tries=0, not_before=None), rule.effects)


def _apply(flow: Flow, event: Event) -> Flow:  # noqa: C901, PLR0911, PLR0912 (one short case for each event)
    match event:
        case Begin():
            return replace(flow, state_hash=event.state_hash, cookie_hash=event.cookie_hash, verifier=event.verifier,
                           redirect_uri=event.redirect_uri, in_client=event.in_client)  # fmt: skip
        case DeviceShown():
            return replace(flow, device=event.device, interval=event.interval, expires=min(event.expires, flow.expires))
        case CodeCame():
            return replace(flow, code=event.code)
        case TokenCame():
            return replace(flow, code="", verifier="", token=event.token, granted=event.granted, token_expires=event.expires,
                           refresh_expires=event.refresh_expires)  # fmt: skip
        case Matched():
            return replace(flow, account=event.account, account_name=event.name, missing=())
        case FellShort():
            return replace(flow, account=event.account, account_name=event.name, missing=event.missing)
        case Mismatched():
            return replace(flow, account_name=event.name, granted=())
        case AppGranted():
            return replace(flow, account=event.account, account_name=event.name, granted=event.granted)
        case AppShort():
            return replace(flow, account=event.account, account_name=event.name, granted=event.granted, missing=event.missing)
        case Proved() | Unproved() | Unclear():
            return replace(flow, proof=event.proof, missing=() if event.proof.ok else flow.missing)
        case Declined():
            return replace(flow, reason=event.reason, blame="user")
        case Broke():
            return replace(flow, reason=event.reason, blame=event.blame, log_id=event.log_id)
        case Withdrawn():
            return replace(flow, withdrawn=event.there)
        case TimedOut() | Replaced():
            return flow


def done(flow: Flow, effect: Effect) -> Flow:
    """The flow without its first effect, if that is `effect`; a token leaves the row once it is kept, discarded or forgotten."""
    if not flow.todo or flow.todo[0] is not effect:
        return flow
    token = "" if effect in (Effect.KEEP, Effect.DISCARD, Effect.FORGET) else flow.token
    return replace(flow, todo=flow.todo[1:], token=token, tries=0, not_before=None)


def postpone(flow: Flow, until: datetime) -> Flow:
    """The first effect did not succeed now: once more, not before `until`."""
    return replace(flow, tries=flow.tries + 1, not_before=until)


# ---------------------------------------------------------------- judging what came back


def lacking(needed: Sequence[str], mode: Mode, granted: Iterable[str]) -> tuple[str, ...]:
    """What is still missing: with "any one", all of them while none is there; with "all", each that is not."""
    have = set(granted)
    missing = tuple(scope for scope in needed if scope not in have)
    return () if mode is Mode.ANY and len(missing) < len(needed) else missing


def judge(flow: Flow, who: Account, *, bound: bool, tells_scopes: bool, at: datetime) -> Matched | FellShort | Mismatched:
    """Whose token it is, then whether its scopes suffice.

    `bound`: the account could be bound to the person (or was). `tells_scopes` is False for platforms whose answer names no scopes: there
    the live check has the word.
    """
    main = next(iter(who.ids.values()), "")
    if not main or not bound or (flow.expected and flow.expected not in who.ids.values()):
        return Mismatched(at, who.name)
    missing = lacking(flow.needed, flow.needed_mode, flow.granted) if tells_scopes else ()
    if missing and flow.needed_mode is Mode.ANY:
        missing = flow.asked
    return FellShort(at, main, who.name, missing) if missing else Matched(at, main, who.name)


# ---------------------------------------------------------------- the diagram


def diagram() -> str:
    """The table as a Mermaid state diagram (the README holds a copy, a test compares them)."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.OFFERED}"]
    for state, row in TABLE.items():
        targets: dict[State, list[str]] = {}
        for kind in EVENTS:
            rule = row[kind]
            if isinstance(rule, Move):
                targets.setdefault(rule.target, []).append(kind.__name__)
        lines += [f"    {state} --> {target}: {', '.join(names)}" for target, names in targets.items()]
    lines += [f"    {state} --> [*]" for state in State if not any(isinstance(rule, Move) for rule in TABLE[state].values())]
    return "\n".join(lines) + "\n"
