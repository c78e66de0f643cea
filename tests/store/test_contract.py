"""What every store has to do, run over a SQLite file and over PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.model import Person, Place
from bot.ports import Card, Report, StoredToken
from handlers.notify import Notice
from handlers.store import SqlStore, StoreError, open_store
from handlers.store.schema import meta
from tests.peers import postgres_database

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
ALICE = Person("slack", "T1", "U1", "Alice")
BOB = Person("slack", "T1", "U2", "Bob")
PLACE = Place("slack", "T1", "C1", "17.1", "17.2")
HOSTILE = "a\x00b\ud800c\u202e😀'\"; DROP TABLE cards;--"


class Hands:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def postgres() -> str:
    """One database for this file; the tables are emptied before each test."""
    return postgres_database("contract")


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'store.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = open_store(url, Hands())
    if request.param == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in meta.sorted_tables)
        await opened._write(lambda c: c.execute(text(f"TRUNCATE {names} RESTART IDENTITY")))
    yield opened
    await opened.close()


def card(card_id: str = "c1", **changes: object) -> Card:
    made = Card(card_id, PLACE, ALICE, {"title": "x", "codes": ["1"]}, "en", NOW, need="lark|a|s")
    return replace(made, **changes)  # type: ignore[arg-type]


def token(**changes: object) -> StoredToken:
    made = StoredToken(
        "lark", "cli_1", "ou_1", "sealed-1", frozenset({"b", "a"}), NOW + timedelta(hours=2), NOW + timedelta(days=7), NOW, ALICE
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# ---------------------------------------------------------------- answers


async def test_a_card_comes_back_as_it_was_put(store: SqlStore) -> None:
    """Every field survives, to the microsecond."""
    await store.put_card(card(flow_id="f", message="m"))

    assert card(flow_id="f", message="m") == await store.card("c1")
    assert await store.card("other") is None


async def test_hostile_text_survives_in_a_snapshot(store: SqlStore) -> None:
    """NUL, lone surrogates and SQL in a paste harm no database, and come back unchanged."""
    await store.put_card(card(snapshot={"message": HOSTILE}))

    assert (kept := await store.card("c1")) is not None
    assert kept.snapshot == {"message": HOSTILE}


async def test_hostile_and_endless_keys_are_found_again(store: SqlStore) -> None:
    """A request id with NUL, or longer than an index takes, is remembered and found."""
    for request_id in (HOSTILE, "x" * 50_000):
        await store.remember([Report((request_id,), "lark", {"codes": ["1"]}, NOW)])

        assert (found := await store.recall((request_id,))) is not None
        assert found.finding == {"codes": ["1"]}
    assert await store.recall(("x" * 49_999,)) is None


async def test_a_card_is_saved_only_over_the_version_that_was_read(store: SqlStore) -> None:
    """The second of two writers learns that it lost."""
    await store.put_card(card())

    assert await store.save_card(card(message="first"))
    assert not await store.save_card(card(message="second"))
    assert (kept := await store.card("c1")) is not None
    assert (kept.message, kept.version) == ("first", 1)
    assert not await store.save_card(card("nobody"))


async def test_the_recent_card_is_the_newest_of_this_chat_and_need(store: SqlStore) -> None:
    """Threads of one chat count together; other chats, tenants and needs do not."""
    await store.put_card(card("old", created=NOW - timedelta(minutes=5)))
    await store.put_card(card("new", created=NOW - timedelta(minutes=1)))
    await store.put_card(card("elsewhere", place=replace(PLACE, chat="C2")))
    await store.put_card(card("foreign", place=replace(PLACE, tenant="T2")))
    await store.put_card(card("different", need="other"))
    there = replace(PLACE, thread="99", message="")

    assert (found := await store.recent_card(there, "lark|a|s", NOW - timedelta(minutes=10))) is not None
    assert found.id == "new"
    assert await store.recent_card(there, "lark|a|s", NOW) is None


async def test_the_history_of_a_chat_is_its_newest_cards_oldest_first(store: SqlStore) -> None:
    """A limit cuts off the old end."""
    for minute in range(4):
        await store.put_card(card(f"c{minute}", created=NOW + timedelta(minutes=minute)))
    await store.put_card(card("elsewhere", place=replace(PLACE, chat="C2")))

    assert [each.id for each in await store.cards_in(PLACE, 3)] == ["c1", "c2", "c3"]


async def test_what_one_tenant_saw_is_not_told_to_another(store: SqlStore) -> None:
    """A log id leads to one's own report first, then to one that was reported for everybody."""
    await store.remember([Report(("r1",), "lark", {"of": "T1"}, NOW, "paste", "T1"), Report(("r2",), "lark", {"of": "all"}, NOW, "app")])
    await store.remember([Report(("r2",), "lark", {"of": "T1"}, NOW, "paste", "T1")])

    assert (mine := await store.recall(("r1",), "T1")) is not None
    assert mine == Report(("r1",), "lark", {"of": "T1"}, NOW, "paste", "T1")
    assert await store.recall(("r1",), "T2") is None
    assert await store.recall(("r1",)) is None
    assert (own := await store.recall(("r2",), "T1")) is not None
    assert own.finding == {"of": "T1"}
    assert (common := await store.recall(("r2",), "T2")) is not None
    assert common.finding == {"of": "all"}


async def test_a_paste_does_not_replace_what_the_app_reported(store: SqlStore) -> None:
    """The app knows better; its own newer word does replace."""
    await store.remember([Report(("r",), "lark", {"n": 1}, NOW, "app")])
    await store.remember([Report(("r",), "lark", {"n": 2}, NOW, "paste")])
    assert (kept := await store.recall(("r",))) is not None
    assert kept.finding == {"n": 1}

    await store.remember([Report(("r",), "lark", {"n": 3}, NOW, "app")])
    assert (kept := await store.recall(("r",))) is not None
    assert kept.finding == {"n": 3}


# ---------------------------------------------------------------- flows


async def test_a_flow_moves_by_compare_and_set(store: SqlStore) -> None:
    """A second move from the same version changes nothing."""
    assert await store.put_flow("f", {"state": "offered", "n": [1]}, state="offered", owner="o", supersede=True) == []
    assert await store.flow("f") == ({"state": "offered", "n": [1]}, 0)

    assert await store.save_flow("f", {"state": "started"}, state="started", version=0)
    assert not await store.save_flow("f", {"state": "refused"}, state="refused", version=0)
    assert await store.flow("f") == ({"state": "started"}, 1)
    assert await store.flow("nobody") is None


async def test_a_new_offer_ends_the_owners_waiting_ones_in_the_same_step(store: SqlStore) -> None:
    """Waiting ones end, in column and row, and their movers lose; one in the middle of its exchange and other owners' ones go on."""
    for flow_id, state, owner in (("a", "offered", "o"), ("b", "started", "o"), ("c", "authorized+", "o"), ("d", "offered", "p")):
        await store.put_flow(flow_id, {"state": state}, state=state, owner=owner, supersede=False)

    assert {"a", "b"} == set(await store.put_flow("e", {"state": "offered"}, state="offered", owner="o", supersede=True))
    assert await store.flow("a") == ({"state": "superseded"}, 1)
    assert not await store.save_flow("b", {"state": "authorized"}, state="authorized", version=0)
    assert await store.flow("c") == ({"state": "authorized+"}, 0)
    assert {"d", "e"} == set(await store.flows_in(["offered", "started"]))
    assert await store.flows_in([]) == []


# ---------------------------------------------------------------- tokens


async def test_a_token_comes_back_and_is_saved_by_compare_and_set(store: SqlStore) -> None:
    """Every field survives; the second of two writers loses."""
    await store.put_token(token())
    assert await store.token("lark", "cli_1", "ou_1", ALICE) == token()
    assert await store.token("lark", "cli_2", "ou_1", ALICE) is None

    assert await store.save_token(token(sealed="sealed-2"))
    assert not await store.save_token(token(sealed="sealed-3"))
    assert await store.token("lark", "cli_1", "ou_1", ALICE) == token(sealed="sealed-2", version=1)


async def test_a_new_consent_outruns_a_refresh_under_way(store: SqlStore) -> None:
    """Putting over an existing token moves its version on."""
    await store.put_token(token())
    await store.put_token(token(sealed="consented again", expires=None))

    assert not await store.save_token(token(sealed="refreshed"))
    assert await store.token("lark", "cli_1", "ou_1", ALICE) == token(sealed="consented again", expires=None, version=1)


async def test_two_people_keep_a_token_each_for_one_account(store: SqlStore) -> None:
    """Consenting with an account that somebody else used before takes nothing from them; saving and dropping touch one's own row."""
    await store.put_token(token())
    await store.put_token(token(sealed="bob's", person=BOB, granted=NOW + timedelta(minutes=1)))
    await store.put_token(token(sealed="nobody's", person=None, granted=None))
    assert await store.save_token(token(sealed="bob's, refreshed", person=BOB, granted=NOW + timedelta(minutes=1)))

    assert [each.sealed for each in await store.tokens_of(ALICE)] == ["sealed-1"]
    assert [each.sealed for each in await store.tokens_of(BOB)] == ["bob's, refreshed"]
    assert await store.token("lark", "cli_1", "ou_1", ALICE) == token()
    everybody = await store.tokens_for("lark", "cli_1", "ou_1")
    assert [each.sealed for each in everybody] == ["bob's, refreshed", "sealed-1", "nobody's"]  # the newest consent first
    assert [each.person for each in everybody] == [BOB, ALICE, None]

    assert await store.drop_token("lark", "cli_1", "ou_1", BOB)
    assert not await store.drop_token("lark", "cli_1", "ou_1", BOB)
    assert [each.person for each in await store.all_tokens()] == [None, ALICE]


async def test_a_token_is_dropped_once_and_by_version_when_asked(store: SqlStore) -> None:
    """A loser of a race cannot delete the winner's token."""
    await store.put_token(token())
    await store.save_token(token(sealed="winner"))

    assert not await store.drop_token("lark", "cli_1", "ou_1", ALICE, version=0)
    assert await store.drop_token("lark", "cli_1", "ou_1", ALICE, version=1)
    assert not await store.drop_token("lark", "cli_1", "ou_1", ALICE)


async def test_a_persons_tokens_are_found_whatever_the_name(store: SqlStore) -> None:
    """Names change; surface, tenant and id are the person."""
    await store.put_token(token())
    await store.put_token(token(app_id="cli_2"))
    await store.put_token(token(subject="ou_2", person=BOB))

    assert [each.app_id for each in await store.tokens_of(replace(ALICE, name="Alice B."))] == ["cli_1", "cli_2"]
    assert len(await store.all_tokens()) == 3


async def test_a_lease_has_one_holder_until_it_ends(store: SqlStore) -> None:
    """The holder may prolong it and give it back; others wait."""
    soon = NOW + timedelta(seconds=10)

    assert await store.lease("n", "a", soon, NOW)
    assert not await store.lease("n", "b", soon, NOW)
    assert await store.lease("n", "a", soon, NOW)
    assert await store.lease("other", "b", soon, NOW)
    assert await store.lease("n", "b", soon + timedelta(1), soon)
    assert not await store.lease("n", "a", soon, NOW)
    assert await store.lease("n", "b", NOW, NOW)
    assert await store.lease("n", "a", soon, NOW)


async def test_an_account_is_bound_once(store: SqlStore) -> None:
    """The same account again is fine, another is not; forgetting makes room."""
    assert await store.account_of(ALICE, "lark") is None
    assert await store.bind_account(ALICE, "lark", "ou_1")
    assert await store.bind_account(replace(ALICE, name="A."), "lark", "ou_1")
    assert not await store.bind_account(ALICE, "lark", "ou_2")
    assert await store.bind_account(BOB, "lark", "ou_2")
    assert await store.account_of(ALICE, "lark") == "ou_1"

    assert await store.unbind_account(ALICE, "lark")
    assert await store.bind_account(ALICE, "lark", "ou_2")


# ---------------------------------------------------------------- manners


async def test_a_claim_is_true_once_within_its_time(store: SqlStore) -> None:
    """A redelivered event finds its key taken, until the time is over."""
    assert await store.claim("event", NOW, 10)
    assert not await store.claim("event", NOW + timedelta(seconds=9), 10)
    assert await store.claim("event", NOW + timedelta(seconds=10), 10)
    assert not await store.claim("event", NOW + timedelta(seconds=11), 10)


async def test_a_mute_holds_for_its_chat_and_time(store: SqlStore) -> None:
    """Without an end it holds for good; muting again replaces it."""
    await store.mute(PLACE, "need", NOW + timedelta(hours=1), ALICE)
    assert await store.muted(replace(PLACE, thread="other"), "need", NOW)
    assert not await store.muted(PLACE, "need", NOW + timedelta(hours=1))
    assert not await store.muted(replace(PLACE, chat="C2"), "need", NOW)
    assert not await store.muted(PLACE, "other", NOW)

    await store.mute(PLACE, "need", None, BOB)
    assert await store.muted(PLACE, "need", NOW + timedelta(days=999))


async def test_feedback_counts_each_person_once(store: SqlStore) -> None:
    """The last word of a person counts."""
    await store.put_card(card())
    await store.feedback("c1", ALICE, True)
    await store.feedback("c1", ALICE, False)
    await store.feedback("c1", BOB, True)

    assert await store.voices("c1") == (1, 1)


async def test_the_audit_trail_is_in_order_and_ready_for_json_lines(store: SqlStore) -> None:
    """Rows hold plain values only."""
    await store.audit(NOW + timedelta(seconds=1), ALICE, "clicked", {"scopes": ("a",)})
    await store.audit(NOW, None, "offered", {})

    first, second = await store.audit_rows()
    assert first == {"at": "2026-11-21T12:00:00.123456+00:00", "actor": None, "action": "offered", "detail": {}}
    assert second["detail"] == {"scopes": ["a"]}
    assert second["actor"] == {"surface": "slack", "tenant": "T1", "user_id": "U1", "name": "Alice"}
    assert [second] == await store.audit_rows(since=NOW + timedelta(seconds=1))


async def test_a_notice_is_kept_once_and_taken_by_one(store: SqlStore) -> None:
    """A repeated step keeps nothing new, also after delivery; a taken notice is nobody else's until its hold ends."""
    notice = Notice("k", "lark", "cli_1", '{"a":1}', NOW)
    assert await store.put_notice(notice)
    assert not await store.put_notice(notice)

    assert [replace(notice, tries=1)] == await store.take_notices(NOW, NOW + timedelta(minutes=1))
    assert await store.take_notices(NOW, NOW + timedelta(minutes=1)) == []
    await store.notice_later("k", NOW + timedelta(seconds=5))
    assert [replace(notice, tries=2)] == await store.take_notices(NOW + timedelta(seconds=5), NOW + timedelta(minutes=1))
    await store.notice_done("k")
    assert await store.take_notices(NOW + timedelta(days=1), NOW + timedelta(days=1)) == []
    assert not await store.put_notice(notice)


# ---------------------------------------------------------------- as a whole


async def test_the_sweep_forgets_what_is_over_and_nothing_else(store: SqlStore) -> None:
    """Old rows go, tokens and bindings stay, young rows stay."""
    old = NOW - timedelta(days=40)
    store._clock.at = old  # type: ignore[attr-defined]
    await store.put_flow("old", {}, state="proven", owner="o", supersede=True)
    store._clock.at = NOW  # type: ignore[attr-defined]
    await store.put_flow("young", {}, state="proven", owner="p", supersede=True)
    for name, when in (("old", old), ("young", NOW)):
        await store.put_card(card(name, created=when))
        await store.feedback(name, ALICE, True)
        await store.remember([Report((name,), "lark", {}, when)])
        await store.claim(name, when, 9)
        await store.audit(when, None, name, {})
        await store.put_notice(Notice(name, "lark", "cli_1", "{}", when))
    await store.put_token(token(granted=old))
    await store.bind_account(ALICE, "lark", "ou_1")

    assert await store.sweep(NOW, retention_days=30, audit_days=365) == 6
    assert await store.card("old") is None
    assert await store.flow("old") is None
    assert await store.recall(("old",)) is None
    assert await store.voices("old") == (0, 0)
    assert await store.card("young")
    assert await store.flow("young")
    assert await store.recall(("young",))
    assert not await store.claim("young", NOW, 9)
    assert await store.token("lark", "cli_1", "ou_1", ALICE)
    assert await store.account_of(ALICE, "lark")
    assert [row["action"] for row in await store.audit_rows()] == ["old", "young"]
    assert await store.sweep(NOW, retention_days=30, audit_days=30) == 1


async def test_many_tasks_of_one_process_share_the_store(store: SqlStore) -> None:
    """Of a hundred tasks that move the same flow one wins, and none fails."""
    await store.put_flow("f", {}, state="started", owner="o", supersede=True)

    won = await asyncio.gather(*(store.save_flow("f", {"by": n}, state="authorized", version=0) for n in range(100)))
    assert won.count(True) == 1
    kept = await store.flow("f")
    assert kept == ({"by": won.index(True)}, 1)


async def test_a_time_without_a_zone_is_refused(store: SqlStore) -> None:
    """A time that could mean two moments is a mistake of ours and is not stored."""
    with pytest.raises(StoreError, match="TypeError"):
        await store.claim("h", NOW.replace(tzinfo=None), 9)


async def test_the_store_says_whether_it_answers(store: SqlStore) -> None:
    """`/readyz` asks this."""
    assert await store.ready()
