"""Random lives of consents: people, repeats, foreign hands, time, failures and restarts in any order. Some things always hold."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.consent.machine import TABLE, Move, State
from bot.errors import Refused
from bot.model import Person
from bot.oauth.messages import Response
from tests.chaos import LONG
from tests.consent_world import ALICE, BOB, NARROW, WIDE, Scene, Timeout, once, teach

T = TypeVar("T")
PEOPLE = st.sampled_from([ALICE, BOB])
ACCOUNT = {"U1": "alice", "U2": "mallory"}
# With repeats: which states may follow which, straight from the table.
NEXT = {state: {rule.target for rule in row.values() if isinstance(rule, Move)} for state, row in TABLE.items()}


class Life(RuleBasedStateMachine):
    """Two people, each with an own card for the same app; any step at any time."""

    @initialize()
    def begin(self) -> None:
        self.scene = Scene(voice=False)
        self.links: list[tuple[Person, str]] = []
        self.starts: list[tuple[Person, Any]] = []
        self.answers: list[tuple[Person, str, dict[str, str], str]] = []
        self.seen: dict[str, State] = {}
        self.run(self.scene.card(ALICE, card_id="U1"))
        self.run(self.scene.card(BOB, card_id="U2"))

    def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        async def safe() -> T | None:
            try:
                return await work
            except Refused:
                return None

        return asyncio.run(safe())

    # ------------------------------------------------------------ what people do

    @rule(person=PEOPLE, whose=PEOPLE)
    def click(self, person: Person, whose: Person) -> None:
        clicked = self.run(self.scene.click(person, card_id=whose.user_id))
        assert clicked is not None
        if person is not whose:
            assert clicked.url == ""
        elif clicked.url:
            self.links.append((person, clicked.url.rpartition("/")[2]))

    @rule(which=st.integers(0, 9))
    def look(self, which: int) -> None:
        if self.links:
            before = dict(self.scene.store.flows)
            self.run(self.scene.service.confirm(self.links[which % len(self.links)][1]))
            assert self.scene.store.flows == before

    @rule(which=st.integers(0, 9))
    def start(self, which: int) -> None:
        if self.links:
            person, ticket = self.links[which % len(self.links)]
            started = self.run(self.scene.service.start(ticket))
            if started:
                self.starts.append((person, started))

    @rule(which=st.integers(0, 9), approve=st.booleans(), account=st.sampled_from(["own", "own", "alice", "mallory"]))
    def consent(self, which: int, approve: bool, account: str) -> None:
        if self.starts:
            person, started = self.starts[which % len(self.starts)]
            who = ACCOUNT[person.user_id] if account == "own" else account
            self.answers.append((person, who, self.scene.platform.consent(started.url, who, approve=approve), started.cookie))

    @rule(which=st.integers(0, 9))
    def come_back(self, which: int) -> None:
        if self.answers:
            _, _, query, cookie = self.answers[which % len(self.answers)]
            self.run(self.scene.finish(query, cookie))

    @rule(which=st.integers(0, 9), other=st.integers(0, 9))
    def come_back_with_foreign_parts(self, which: int, other: int) -> None:
        """Code of one, state of another, cookie of a third: never a token for it unless all three belong together."""
        if len(self.answers) > 1:
            _, _, query, _ = self.answers[which % len(self.answers)]
            _, _, _, cookie = self.answers[other % len(self.answers)]
            self.run(self.scene.finish(query, cookie))

    @rule(which=st.integers(0, 9))
    def reload(self, which: int) -> None:
        if self.starts:
            _, started = self.starts[which % len(self.starts)]
            self.run(self.scene.service.outcome(started.flow_id, started.cookie))

    @rule(person=PEOPLE, action=st.sampled_from(["check", "revoke", "details", "mute", "support", "helpful"]))
    def other_button(self, person: Person, action: str) -> None:
        clicked = self.run(self.scene.click(person, action, card_id=person.user_id))
        assert clicked is not None
        assert clicked.toast.en

    @rule(person=PEOPLE, account=st.sampled_from(["own", "own", "own", "alice", "mallory"]))
    def whole_way(self, person: Person, account: str) -> None:
        """Somebody walks straight through, so that the later states are visited often; now and then signed in as somebody else."""
        who = ACCOUNT[person.user_id] if account == "own" else account

        async def walk() -> None:
            started = await self.scene.started(person, person.user_id)
            query = self.scene.platform.consent(started.url, who)
            self.starts.append((person, started))
            self.answers.append((person, who, query, started.cookie))
            await self.scene.finish(query, started.cookie)

        if self.run(self.scene.click(person, card_id=person.user_id)).url:  # type: ignore[union-attr]
            self.run(walk())

    # ------------------------------------------------------------ what the world does

    @rule(seconds=st.sampled_from([1, 10, 61, 200, 601]))
    def time_goes(self, seconds: int) -> None:
        self.scene.clock.go(seconds)

    @rule()
    def restart(self) -> None:
        self.scene.restart()
        self.run(self.scene.service.resume())

    @rule(
        path=st.sampled_from(["/oauth/token", "/user_info", "/test/call", "/test/app"]),
        answer=st.sampled_from([Timeout(), Response(500, {}, b""), Response(200, {}, b"<html>"), Response(429, {}, b"")]),
    )
    def hiccup(self, path: str, answer: Any) -> None:
        self.scene.platform.faults = [once(path, answer)]

    @rule(works=st.sampled_from([{NARROW, WIDE}, {WIDE}, set()]), drop=st.sampled_from([set(), {NARROW}]))
    def platform_changes(self, works: set[str], drop: set[str]) -> None:
        self.scene.platform.works_with, self.scene.platform.drop = works, drop

    # ------------------------------------------------------------ what always holds

    @invariant()
    def moves_follow_the_table(self) -> None:
        for flow_id, (row, _, _, _) in self.scene.store.flows.items():
            now, before = State(row["state"]), self.seen.get(flow_id, State.OFFERED)
            assert now is before or now in _reachable(before), f"{before} → {now}"
            self.seen[flow_id] = now
            event(f"reached {now}")

    @invariant()
    def a_code_is_taken_once(self) -> None:
        assert len(self.scene.platform.exchanged) == len(set(self.scene.platform.exchanged))

    @invariant()
    def nobody_holds_another_accounts_token(self) -> None:
        for token in self.scene.store.tokens.values():
            bound = self.scene.store.accounts[(token.person.surface, token.person.tenant, token.person.user_id, "lark/" + token.app_id)]
            assert token.subject == bound

    @invariant()
    def green_has_a_proof(self) -> None:
        for row, _, _, _ in self.scene.store.flows.values():
            if row["state"] == "proven":
                assert row["proof"]["ok"] is True

    @invariant()
    def one_live_offer_a_person(self) -> None:
        owners = [owner for _, column, owner, _ in self.scene.store.flows.values() if column in ("offered", "started")]
        assert len(owners) == len(set(owners))

    @invariant()
    def no_ended_consent_keeps_a_secret(self) -> None:
        for row, column, _, _ in self.scene.store.flows.values():
            if not column.endswith("+") and column not in ("offered", "started", "superseded"):
                assert (row["code"], row["token"], row["verifier"]) == ("", "", "")


def _reachable(start: State) -> set[State]:
    seen, queue = set(), [start]
    while queue:
        for target in NEXT[queue.pop()] - seen:
            seen.add(target)
            queue.append(target)
    return seen


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


pytestmark = pytest.mark.chaos
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=80 if LONG else 30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
