"""The state table: every pair of state and event, what a move changes, what a refusal leaves alone, and the row that is stored."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.consent import machine
from bot.consent.flow import ENDED, LIFE, REFUSED, SKEW, WAITING
from bot.consent.machine import (
    EVENTS,
    TABLE,
    UNFINISHED,
    AppGranted,
    AppShort,
    Begin,
    Broke,
    CodeCame,
    Declined,
    DeviceShown,
    Effect,
    Event,
    FellShort,
    Flow,
    Kind,
    Matched,
    Mismatched,
    Move,
    Moved,
    Proved,
    Refusal,
    Replaced,
    State,
    TimedOut,
    TokenCame,
    Unclear,
    Unproved,
    Withdrawn,
    advance,
    consent_view,
    diagram,
    done,
    from_row,
    judge,
    lacking,
    postpone,
    to_row,
)
from bot.consent.messages import REASONS, every_sentence
from bot.i18n import say
from bot.model import Mode, Person, Place, Proof, Text
from bot.oauth.messages import Account
from handlers.store.flows import SUPERSEDABLE

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
YES, NO, UNKNOWN = (Proof(ok, Text("seen.", "看到了。"), "user_info") for ok in (True, False, None))

SAMPLES: dict[Kind, Event] = {
    Begin: Begin(LATER, "state-hash-2", "cookie-hash-2", "sealed-verifier-2", "https://bot.example/back"),
    DeviceShown: DeviceShown(LATER, "sealed-device", LATER + timedelta(minutes=4), 5.0),
    CodeCame: CodeCame(LATER, "sealed-code"),
    Declined: Declined(LATER, "access_denied"),
    TokenCame: TokenCame(LATER, "sealed-token", ("docx:document:readonly",), LATER + timedelta(hours=2)),
    Matched: Matched(LATER, "ou_alice", "Alice"),
    FellShort: FellShort(LATER, "ou_alice", "Alice", ("docx:document",)),
    Mismatched: Mismatched(LATER, "Mallory"),
    AppGranted: AppGranted(LATER, "ou_alice", ("docx:document:readonly",), "Alice"),
    AppShort: AppShort(LATER, "ou_alice", (), ("docx:document:readonly",), "Alice"),
    Proved: Proved(LATER, YES),
    Unproved: Unproved(LATER, NO),
    Unclear: Unclear(LATER, UNKNOWN),
    Broke: Broke(LATER, "20002", "app", "log-1"),
    TimedOut: TimedOut(LATER),
    Replaced: Replaced(LATER),
    Withdrawn: Withdrawn(LATER),
}

# Written out by hand, as the judge of the table: everything that is not here is refused.
MOVES: dict[tuple[str, str], str] = {
    ("offered", "Begin"): "started",
    ("offered", "Broke"): "failed",
    ("offered", "TimedOut"): "expired",
    ("offered", "Replaced"): "superseded",
    ("offered", "Withdrawn"): "revoked",
    ("started", "Begin"): "started",
    ("started", "CodeCame"): "authorized",
    ("started", "Declined"): "refused",
    ("started", "Broke"): "failed",
    ("started", "TimedOut"): "expired",
    ("started", "Replaced"): "superseded",
    ("started", "Withdrawn"): "revoked",
    ("authorized", "TokenCame"): "authorized",
    ("authorized", "Matched"): "granted",
    ("authorized", "FellShort"): "insufficient",
    ("authorized", "Mismatched"): "wrong_account",
    ("authorized", "Broke"): "failed",
    ("granted", "Proved"): "proven",
    ("granted", "Unproved"): "insufficient",
    ("granted", "Unclear"): "granted",
    ("granted", "Withdrawn"): "revoked",
    ("proven", "Proved"): "proven",
    ("proven", "Unproved"): "insufficient",
    ("proven", "Withdrawn"): "revoked",
    ("insufficient", "Proved"): "proven",
    ("insufficient", "Unproved"): "insufficient",
    ("insufficient", "Withdrawn"): "revoked",
}
DEVICE_MOVES = {key: target for key, target in MOVES.items() if key != ("started", "CodeCame")} | {
    ("offered", "DeviceShown"): "started",
    ("started", "TokenCame"): "authorized",
}
HANDOFF_MOVES = {key: target for key, target in MOVES.items() if key != ("started", "CodeCame")} | {
    ("started", "AppGranted"): "granted",
    ("started", "AppShort"): "insufficient",
    ("started", "Mismatched"): "wrong_account",
}


#: What has to be done in the world after each move, in this order: a card that is not redrawn shows a state that is over, a person who is not told
#: waits, a token that is not discarded lives on.
EFFECTS: dict[tuple[str, str], str] = {
    ("offered", "Begin"): "show",
    ("offered", "DeviceShown"): "show poll",
    ("offered", "Broke"): "tell show",
    ("offered", "TimedOut"): "show",
    ("offered", "Replaced"): "show",
    ("offered", "Withdrawn"): "show",
    ("started", "Begin"): "",
    ("started", "CodeCame"): "exchange",
    ("started", "Declined"): "notify show",
    ("started", "TokenCame"): "identify",
    ("started", "Mismatched"): "tell show",
    ("started", "AppGranted"): "show",
    ("started", "AppShort"): "show",
    ("started", "Broke"): "tell show",
    ("started", "TimedOut"): "show",
    ("started", "Replaced"): "show",
    ("started", "Withdrawn"): "show",
    ("authorized", "TokenCame"): "identify",
    ("authorized", "Matched"): "keep show prove",
    ("authorized", "FellShort"): "keep notify show",
    ("authorized", "Mismatched"): "discard tell show",
    ("authorized", "Broke"): "discard tell show",
    ("granted", "Proved"): "notify show",
    ("granted", "Unproved"): "notify show",
    ("granted", "Unclear"): "notify show",
    ("granted", "Withdrawn"): "forget notify show",
    ("proven", "Proved"): "notify show",
    ("proven", "Unproved"): "notify show",
    ("proven", "Withdrawn"): "forget notify show",
    ("insufficient", "Proved"): "notify show",
    ("insufficient", "Unproved"): "notify show",
    ("insufficient", "Withdrawn"): "forget notify show",
}


def flow(state: State = State.OFFERED, **changes: object) -> Flow:
    """A consent in some state, with everything filled in that could be lost."""
    whole = Flow(
        id="f1",
        platform="lark",
        app_id="cli_a",
        person=Person("slack", "T1", "U1", "Alice"),
        place=Place("slack", "T1", "C1", "171.1", "171.2"),
        card_id="c1",
        created=NOW,
        expires=NOW + LIFE,
        state=state,
        asked=("docx:document:readonly",),
        needed=("docx:document:readonly", "docx:document"),
        alternatives=("docx:document",),
        ticket_hash="ticket-hash",
        state_hash="state-hash",
        cookie_hash="cookie-hash",
        verifier="sealed-verifier",
        redirect_uri="https://bot.example/back",
        account="ou_alice",
        account_name="Alice",
        proof=YES,
        changed=NOW,
        token_expires=NOW,
        todo=(Effect.SHOW,),
        tries=2,
        not_before=NOW,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "kind"), EFFECTS, ids="-".join)
def test_every_move_leaves_to_be_done_what_is_written(state: str, kind: str) -> None:
    """Nothing is forgotten and nothing is added, in whichever mode the move is possible."""
    event = next(sample for known, sample in SAMPLES.items() if known.__name__ == kind)
    results = [advance(flow(State(state), mode=mode, todo=()), event) for mode in ("broker", "device", "handoff")]

    done_after = {" ".join(map(str, result.effects)) for result in results if isinstance(result, Moved)}
    assert done_after == {EFFECTS[state, kind]}
    assert {(str(known), each.__name__) for known, row in TABLE.items() for each, rule in row.items() if isinstance(rule, Move)} == set(
        EFFECTS
    )


def test_the_names_in_stored_rows_stay_as_they_are() -> None:
    """A row outlives the version that wrote it: renaming one of these would lose consents that are under way."""
    assert [str(each) for each in Effect] == [
        "poll",
        "exchange",
        "identify",
        "keep",
        "prove",
        "discard",
        "forget",
        "show",
        "tell",
        "notify",
    ]
    assert [str(each) for each in State] == (
        [
            "offered",
            "started",
            "authorized",
            "granted",
            "proven",
            "refused",
            "wrong_account",
            "insufficient",
            "expired",
            "superseded",
            "failed",
            "revoked",
        ]
    )
    assert flow(State.SUPERSEDED, todo=()).column == "superseded."  # shown already, unlike what the store itself writes
    assert Broke(LATER, "x").blame == "platform"  # whose fault it is where nobody said


@pytest.mark.parametrize("kind", [REFUSED, ENDED, "user_info"])
@pytest.mark.parametrize("state", [State.INSUFFICIENT, State.PROVEN])
def test_a_grant_is_over_when_its_token_is_refused_or_not_renewed(state: State, kind: str) -> None:
    """Any other failed proof means that the scope did not do, not that the grant is gone."""
    failed = replace(flow(state), proof=Proof(False, Text("no.", "否。"), kind))

    assert failed.over == (state is State.INSUFFICIENT and kind in ("refused", "ended"))


@pytest.mark.parametrize("mode", ["broker", "handoff", "device"])
@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", State)
def test_every_pair_is_decided_as_written(state: State, kind: Kind, mode: str) -> None:
    """Each (state, event) pair moves to the one written target, or is refused with a sentence in both languages and changes nothing."""
    before = flow(state, mode=mode)
    untouched = to_row(before)
    target = {"broker": MOVES, "handoff": HANDOFF_MOVES, "device": DEVICE_MOVES}[mode].get((str(state), kind.__name__))

    result = advance(before, SAMPLES[kind])

    assert to_row(before) == untouched
    if target is None:
        assert isinstance(result, Refusal)
        assert result.code in REASONS
        assert result.sentence.en
    else:
        assert isinstance(result, Moved)
        assert str(result.flow.state) == target
        assert result.flow.changed == LATER


def test_the_table_has_no_hole() -> None:
    """Every state has a row and every row every event."""
    assert set(TABLE) == set(State)
    assert all(set(row) == set(EVENTS) == set(SAMPLES) for row in TABLE.values())


def test_every_state_can_be_reached_and_the_ends_are_ends() -> None:
    """From `offered` every state is reachable, and the eight answers that are over stay over (a new try is a new consent)."""
    seen, queue = {State.OFFERED}, [State.OFFERED]
    while queue:
        for rule in TABLE[queue.pop()].values():
            if isinstance(rule, Move) and rule.target not in seen:
                seen.add(rule.target)
                queue.append(rule.target)

    assert seen == set(State)
    ends = {state for state in State if not any(isinstance(rule, Move) for rule in TABLE[state].values())}
    assert ends == {State.REFUSED, State.WRONG_ACCOUNT, State.EXPIRED, State.SUPERSEDED, State.FAILED, State.REVOKED}


def test_the_store_supersedes_what_the_table_supersedes() -> None:
    """The store ends other offers in one step of its own; it must mean the same states as the table."""
    by_table = {str(state) for state in State if isinstance(TABLE[state][Replaced], Move)}

    assert set(SUPERSEDABLE) == by_table == {str(state) for state in WAITING}


def test_proof_is_the_only_way_to_proven() -> None:
    """Green only with proof: nothing but a live check leads to `proven`."""
    ways = {kind for row in TABLE.values() for kind, rule in row.items() if isinstance(rule, Move) and rule.target is State.PROVEN}

    assert ways == {Proved}


def test_a_code_erases_the_state_it_came_with() -> None:
    """Single use: after the code there is no state hash left that a second answer could match."""
    moved = advance(flow(State.STARTED), SAMPLES[CodeCame])

    assert isinstance(moved, Moved)
    assert moved.flow.state_hash == ""
    assert moved.flow.code == "sealed-code"
    assert moved.effects == (Effect.EXCHANGE,)


def test_a_token_replaces_code_and_verifier() -> None:
    """Once traded, neither code nor verifier stays in the row; the token waits sealed until it is kept."""
    authorized = flow(State.AUTHORIZED, code="sealed-code", todo=(Effect.EXCHANGE,))
    moved = advance(authorized, SAMPLES[TokenCame])

    assert isinstance(moved, Moved)
    assert (moved.flow.code, moved.flow.verifier, moved.flow.token) == ("", "", "sealed-token")
    kept = advance(moved.flow, SAMPLES[Matched])
    assert isinstance(kept, Moved)
    assert kept.effects[0] is Effect.KEEP
    assert done(kept.flow, Effect.KEEP).token == ""


def test_another_accounts_token_is_discarded_and_told() -> None:
    """Whose token came back counts: nothing is kept, the token is withdrawn, and both are told."""
    moved = advance(flow(State.AUTHORIZED, token="sealed-token", granted=("docx:document",)), SAMPLES[Mismatched])

    assert isinstance(moved, Moved)
    assert moved.effects == (Effect.DISCARD, Effect.TELL, Effect.SHOW)
    assert Effect.KEEP not in moved.flow.todo
    assert moved.flow.granted == ()
    assert done(moved.flow, Effect.DISCARD).token == ""


def test_a_token_that_is_not_kept_yet_survives_other_moves() -> None:
    """A proof that comes while the token still waits does not lose it; a withdrawal does."""
    waiting = flow(State.GRANTED, token="sealed-token", todo=(Effect.KEEP, Effect.SHOW, Effect.PROVE))

    proved, withdrawn = advance(waiting, SAMPLES[Proved]), advance(waiting, SAMPLES[Withdrawn])

    assert isinstance(proved, Moved)
    assert proved.flow.todo[0] is Effect.KEEP
    assert isinstance(withdrawn, Moved)
    assert Effect.KEEP not in withdrawn.flow.todo


def test_a_second_start_replaces_the_first() -> None:
    """Two browsers with one link: the later start's state and cookie count, the earlier ones are dead."""
    moved = advance(flow(State.STARTED), SAMPLES[Begin])

    assert isinstance(moved, Moved)
    assert (moved.flow.state_hash, moved.flow.cookie_hash, moved.flow.verifier) == ("state-hash-2", "cookie-hash-2", "sealed-verifier-2")


def test_links_end_within_ten_minutes_even_on_a_slow_clock() -> None:
    """Life plus the skew that two clocks may have is not more than ten minutes."""
    assert LIFE + SKEW <= timedelta(minutes=10)


@pytest.mark.parametrize("state", State)
def test_a_row_comes_back_as_it_went(state: State) -> None:
    """Through JSON and back nothing is lost, in any state."""
    whole = flow(state, code="c", token="t", missing=("x",), refresh_expires=NOW, widened=True, needed_mode=Mode.ALL, in_client=True)
    if state is State.SUPERSEDED:
        whole = replace(whole, todo=())

    assert from_row(json.loads(json.dumps(to_row(whole)))) == whole


def test_a_row_of_another_version_is_read() -> None:
    """Fields that an older version did not write take defaults, unknown ones are dropped."""
    row = to_row(flow())
    for name in ("widened", "attempt", "todo", "proof", "needed_mode"):
        del row[name]

    read = from_row({**row, "from_the_future": 1})

    assert (read.widened, read.attempt, read.todo, read.proof, read.needed_mode) == (False, 1, (), None, Mode.ANY)


def test_a_consent_that_the_store_superseded_is_still_to_be_shown() -> None:
    """The store ends older offers itself; whoever reads such a row next knows that its card does not say so yet, and only once."""
    row = {**to_row(flow(State.STARTED, todo=())), "state": "superseded"}

    read = from_row(row)

    assert read.todo == (Effect.SHOW,)
    assert (read.state_hash, read.verifier) == ("", "")
    assert "superseded" in UNFINISHED
    shown = done(read, Effect.SHOW)
    assert shown.column not in UNFINISHED
    assert from_row(to_row(shown)).todo == ()


@pytest.mark.parametrize("state", State)
def test_unfinished_work_is_found_after_a_restart(state: State) -> None:
    """A flow with effects left, or one that waits for the person, is in the columns that `resume` looks at; a finished one is not."""
    assert flow(state, todo=(Effect.SHOW,)).column in UNFINISHED
    assert (flow(state, todo=()).column in UNFINISHED) == (state in WAITING)


def test_no_secret_shows_in_a_flow_s_repr() -> None:
    """Neither hashes nor sealed texts stand in what a log or a traceback would print."""
    secrets = {name: f"very-{name}" for name in ("ticket_hash", "state_hash", "cookie_hash", "verifier", "code", "token", "device")}

    assert not any(value in repr(flow(**secrets)) for value in secrets.values())
    assert not any(word in repr(SAMPLES[kind]) for kind in (Begin, CodeCame, TokenCame, DeviceShown) for word in ("sealed",))


def test_done_takes_the_first_effect_only() -> None:
    """An effect is ticked off when it is its turn, so that a stale process cannot tick off another's."""
    waiting = flow(todo=(Effect.NOTIFY, Effect.SHOW))

    assert done(waiting, Effect.SHOW) == waiting
    assert done(waiting, Effect.NOTIFY).todo == (Effect.SHOW,)
    assert postpone(waiting, LATER).tries == waiting.tries + 1


# ---------------------------------------------------------------- judging


@pytest.mark.parametrize(
    ("needed", "mode", "granted", "missing"),
    [
        (("a", "b"), Mode.ANY, {"b"}, ()),
        (("a", "b"), Mode.ANY, {"c"}, ("a", "b")),
        (("a", "b"), Mode.ANY, set(), ("a", "b")),
        (("a", "b"), Mode.ALL, {"b"}, ("a",)),
        (("a", "b"), Mode.ALL, {"a", "b", "c"}, ()),
        ((), Mode.ANY, set(), ()),
    ],
)
def test_any_and_all(needed: tuple[str, ...], mode: Mode, granted: set[str], missing: tuple[str, ...]) -> None:
    """One of "any" is enough, "all" needs each."""
    assert lacking(needed, mode, granted) == missing


ALICE = Account("lark", {"open_id": "ou_alice", "union_id": "on_alice"}, "Alice")


@pytest.mark.parametrize(
    ("expected", "bound", "who", "right"),
    [
        ("ou_alice", True, ALICE, True),
        ("on_alice", True, ALICE, True),
        ("ou_bob", True, ALICE, False),
        ("", True, ALICE, True),
        ("", False, ALICE, False),
        ("", True, Account("lark", {}), False),
        ("Alice", True, ALICE, False),
    ],
)
def test_whose_token_it_is(expected: str, bound: bool, who: Account, right: bool) -> None:
    """The expected account, by any of its ids but never by its name; without one, the account that could be bound; nobody is nobody."""
    event = judge(flow(expected=expected, granted=("docx:document:readonly",)), who, bound=bound, tells_scopes=True, at=NOW)

    assert isinstance(event, Matched if right else Mismatched)


def test_granted_is_compared_with_needed() -> None:
    """Success without the scope is not success; a platform that tells no scopes leaves the word to the live check."""
    empty = flow(expected="ou_alice", granted=())

    short = judge(empty, ALICE, bound=True, tells_scopes=True, at=NOW)
    silent = judge(empty, ALICE, bound=True, tells_scopes=False, at=NOW)

    assert isinstance(short, FellShort)
    assert short.missing == ("docx:document:readonly",)
    assert isinstance(silent, Matched)


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize("state", State)
def test_every_state_says_what_happened_in_both_languages(state: State) -> None:
    """Each state has its own kind sentence, filled in, in English and Chinese."""
    view = consent_view(flow(state), app_name="Weekly report", platform=Text("Feishu", "飞书"))

    assert view.state == str(state)
    assert view.sentence.en != view.sentence.zh
    assert "{" not in view.sentence.en + view.sentence.zh
    assert len(view.sentence.en) < 260


def test_all_sentences_have_chinese_twins() -> None:
    """No sentence about a consent falls back to English."""
    assert [msgid for msgid in every_sentence() if say(msgid).zh == msgid] == []


def test_the_sentence_names_the_widening() -> None:
    """When the narrow scope did not do, the card says so and names the next one."""
    view = consent_view(flow(State.INSUFFICIENT, missing=(), proof=NO))

    assert "docx:document:readonly" in view.sentence.en
    assert "docx:document." in view.sentence.en
    assert view.may_retry


def test_an_app_set_up_wrongly_is_not_the_users_to_fix() -> None:
    """A wrong secret is told as the developer's to fix, and the user gets no button to try the same again."""
    view = consent_view(flow(State.FAILED, reason="20002", blame="app", proof=None), app_name="Weekly report")

    assert "developer" in view.sentence.en
    assert not view.may_retry


def test_diagram_shows_every_move() -> None:
    """The Mermaid text holds each move of the table once, and marks start and ends."""
    text = diagram()

    assert text.startswith("stateDiagram-v2\n    [*] --> offered\n")
    for state, row in TABLE.items():
        for kind, rule in row.items():
            if isinstance(rule, Move):
                line = next(line for line in text.splitlines() if line.startswith(f"    {state} --> {rule.target}: "))
                assert kind.__name__ in line.partition(": ")[2].split(", ")
    assert "    expired --> [*]" in text


def test_the_row_knows_every_field() -> None:
    """A new field of `Flow` cannot be forgotten in its row."""
    assert {item.name for item in fields(Flow)} <= set(to_row(flow()))
    assert machine.__all__
