"""The broker: tokens sealed, refreshed once, handed to their app only, forgotten when they should be."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.model import App, Person
from bot.oauth.messages import PlatformRefusal, Request, Response, Token
from bot.oauth.tokens import TamperedError, outlook, over, renewed, seal, unseal, usable
from bot.ports import StoredToken
from handlers.store import SqlStore, open_store
from handlers.system import SystemRandomness
from handlers.tokens import Broker, NoToken, rotate
from handlers.vault import FernetVault

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALICE = Person("slack", "T1", "U1", "Alice")
FEISHU = App("lark", "cli_1", brand="feishu", secret="s")
KEY = "a key of more than thirty-two characters"


@dataclass
class Clock:
    """Stands where it is put."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


Answer = Response | PlatformRefusal | Callable[[Request], Response]


@dataclass
class Platform:
    """A token endpoint with single-use refresh tokens `r0`, `r1`, …; `answers` go first; `before` runs while a request is on its way."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    before: list[Callable[[], object]] = field(default_factory=list)
    valid: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        self.asked.set()
        await asyncio.sleep(0.01)
        for wait in self.before:
            await wait()  # type: ignore[misc]
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, PlatformRefusal):
                raise answer
            return answer if isinstance(answer, Response) else answer(request)
        body = {**(request.json or {}), **(request.form or {})}
        if body.get("refresh_token") != f"r{self.valid}":
            return reply(400, code=20073, error="invalid_grant", error_description="refresh token used")
        self.valid += 1
        return reply(200, code=0, access_token=f"a{self.valid}", refresh_token=f"r{self.valid}", expires_in=7200, scope="x y")


def reply(status: int, **body: object) -> Response:
    return Response(status, {}, json.dumps(body).encode())


@dataclass
class World:
    """One broker with everything it stands on."""

    store: SqlStore
    platform: Platform
    clock: Clock
    vault: FernetVault
    broker: Broker
    path: Path

    async def keep(self, token: Token | None = None, app: App = FEISHU) -> StoredToken:
        made = token or Token("a0", frozenset({"x"}), 7200, "r0", 604_800)
        row = seal(self.vault, app, made, subject="ou_1", now=self.clock.now(), person=ALICE)
        await self.store.put_token(row)
        return row

    async def kept(self) -> Token | None:
        row = await self.store.token("lark", "cli_1", "ou_1", ALICE)
        return row and unseal(self.vault, row)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, platform, vault = Clock(), Platform(), FernetVault([KEY])
    path = tmp_path / "store.db"
    store = open_store(f"sqlite:///{path}", clock)
    yield World(store, platform, clock, vault, Broker(store, platform, vault, clock, SystemRandomness()), path)
    await store.close()


async def test_a_good_token_is_handed_out_without_asking_the_platform(world: World) -> None:
    """Scopes and the end come with it."""
    await world.keep()
    handed = await world.broker.hand_out(FEISHU, "ou_1")

    assert (handed.access_token, handed.scopes, handed.expires) == ("a0", ("x",), NOW + timedelta(hours=2))
    assert world.platform.requests == []
    assert "a0" not in repr(handed)


async def test_two_minutes_before_its_end_a_token_is_refreshed_first(world: World) -> None:
    """A call that starts now has to arrive while the token is good; the new pair, scopes and times are kept."""
    await world.keep()
    world.clock.at = NOW + timedelta(seconds=7200 - 121)
    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "a0"

    world.clock.at = NOW + timedelta(seconds=7200 - 120)
    handed = await world.broker.hand_out(FEISHU, "ou_1")
    assert (handed.access_token, handed.scopes) == ("a1", ("x", "y"))
    assert handed.expires == world.clock.at + timedelta(hours=2)
    row = await world.store.token("lark", "cli_1", "ou_1", ALICE)
    assert row is not None
    assert (row.granted, row.person) == (NOW, ALICE)
    assert unseal(world.vault, row).refresh_token == "r1"


async def test_many_callers_at_once_cause_one_refresh(world: World) -> None:
    """All get the new token."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)
    handed = await asyncio.gather(*(world.broker.hand_out(FEISHU, "ou_1") for _ in range(12)))

    assert {each.access_token for each in handed} == {"a1"}
    assert len(world.platform.requests) == 1


async def test_a_caller_that_hangs_up_does_not_lose_the_new_pair(world: World) -> None:
    """The refresh token is used up by then, so the answer is written down all the same."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)
    task = asyncio.ensure_future(world.broker.hand_out(FEISHU, "ou_1"))
    await asyncio.wait_for(world.platform.asked.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "a1"
    assert len(world.platform.requests) == 1


@pytest.mark.parametrize("code", [20073, 20064, 20037, 20026])
async def test_a_refused_refresh_token_ends_the_grant(code: int, world: World) -> None:
    """The app hears that the person has to consent again; the useless row goes, and the audit says why."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)
    world.platform.answers = [reply(400, code=code, error="invalid_grant")]

    with pytest.raises(NoToken) as no:
        await world.broker.hand_out(FEISHU, "ou_1")
    assert (no.value.reason, no.value.code) == ("over", str(code))
    assert await world.kept() is None
    assert [row["action"] for row in await world.store.audit_rows()] == ["token_lost"]
    with pytest.raises(NoToken, match="unknown"):
        await world.broker.hand_out(FEISHU, "ou_1")


async def test_a_lost_race_uses_the_winners_token_and_deletes_nothing(world: World) -> None:
    """Another process (whose lease we did not see) refreshed while our request was on its way: 20073, then the row is read again."""
    row = await world.keep()
    world.clock.at = NOW + timedelta(hours=3)

    async def other() -> None:
        await world.store.save_token(
            replace(seal(world.vault, FEISHU, Token("theirs", expires_in=7200), subject="ou_1", now=world.clock.at, person=ALICE))
        )

    world.platform.before, world.platform.valid = [other], 5

    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "theirs"
    assert row.version == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PlatformRefusal("timeout", blame="platform", retryable=True), "later"),
        (reply(500, code=20050), "later"),
        (reply(503, code=20072), "later"),
        (Response(502, {}, b"<html>bad gateway</html>"), "later"),
        (Response(429, {"retry-after": "7"}, b"{}"), "later"),
        (Response(200, {}, b"\xff\x00"), "later"),
        (Response(200, {}, b'{"code": 0}'), "later"),
        (reply(400, code=20002, error="invalid_client"), "app"),
        (reply(400, code=20074), "app"),
    ],
)
async def test_other_troubles_never_cost_the_token(answer: Answer, reason: str, world: World) -> None:
    """A platform that is down, slow, busy or talks nonsense, and a wrong app secret: the refresh token is still there for the next time."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)
    world.platform.answers = [answer]

    with pytest.raises(NoToken) as no:
        await world.broker.hand_out(FEISHU, "ou_1")
    assert no.value.reason == reason
    if isinstance(answer, Response) and answer.status == 429:
        assert no.value.retry_after == 7
    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "a1"


async def test_a_token_without_refresh_ends_with_its_time(world: World) -> None:
    """Without `offline_access` there is nothing to keep alive; nobody is asked."""
    await world.keep(Token("a0", frozenset({"x"}), 7200))
    world.clock.at = NOW + timedelta(hours=3)

    with pytest.raises(NoToken, match="over"):
        await world.broker.hand_out(FEISHU, "ou_1")
    assert world.platform.requests == []


async def test_sealing_anew_during_a_refresh_does_not_lose_the_new_pair(world: World) -> None:
    """Rotation of the key moves the row's version while the refresh token is being used up; the new pair wins."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)

    async def again() -> None:
        assert await rotate(world.store, world.vault) == 1

    world.platform.before = [again]

    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "a1"
    assert (token := await world.kept()) is not None
    assert token.refresh_token == "r1"


async def test_a_new_consent_during_a_refresh_wins(world: World) -> None:
    """Its scopes are the newer ones."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)

    async def consent() -> None:
        await world.keep(Token("fresh consent", frozenset({"x", "z"}), 7200, "r-new", 604_800))

    world.platform.before = [consent]

    handed = await world.broker.hand_out(FEISHU, "ou_1")
    assert (handed.access_token, handed.scopes) == ("fresh consent", ("x", "z"))


async def test_the_wish_to_forget_outlives_a_refresh_under_way(world: World) -> None:
    """What was forgotten does not come back with the platform's answer."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)

    async def forget() -> None:
        world.platform.before = []
        await world.broker.forget(FEISHU, "ou_1", by=ALICE)

    world.platform.before = [forget]

    with pytest.raises(NoToken, match="unknown"):
        await world.broker.hand_out(FEISHU, "ou_1")
    assert await world.kept() is None


async def test_forgetting_tells_whether_the_platform_withdrew_it(world: World) -> None:
    """Feishu offers no way, so the grant stands there and we say so; what is not there cannot be forgotten."""
    await world.keep()

    assert await world.broker.forget(FEISHU, "ou_1", by=ALICE) is False
    assert await world.broker.forget(FEISHU, "ou_1", by=ALICE) is None
    (row,) = await world.store.audit_rows()
    assert row["action"] == "token_forgotten"
    assert row["actor"]["user_id"] == "U1"


async def test_the_sweep_forgets_only_what_can_never_be_used_again(world: World) -> None:
    """A refresh token that is still good, or of unknown end, keeps its row."""
    await world.keep()
    world.clock.at = NOW + timedelta(days=6)
    assert await world.broker.sweep() == 0
    world.clock.at = NOW + timedelta(days=7)
    assert await world.broker.sweep() == 1
    assert await world.kept() is None

    await world.keep(Token("a", expires_in=None))
    world.clock.at = NOW + timedelta(days=999)
    assert await world.broker.sweep() == 0


async def test_no_token_lies_readable_on_the_disk(world: World) -> None:
    """Neither in the file nor in what WAL keeps beside it."""
    await world.keep(Token("u-plain-access", frozenset(), 7200, "ur-plain-refresh"))
    files = [each.read_bytes() for each in world.path.parent.iterdir()]

    assert any(b"cli_1" in each for each in files)
    assert not any(b"u-plain-access" in each or b"ur-plain-refresh" in each for each in files)


async def test_a_sealed_token_moved_to_another_row_is_not_believed(world: World) -> None:
    """Whoever can write the store but has no key cannot give one user's token to another."""
    row = await world.keep()
    with pytest.raises(TamperedError):
        unseal(world.vault, replace(row, subject="ou_2"))
    with sqlite3.connect(world.path) as connection:
        connection.execute("UPDATE tokens SET subject = 'ou_2'")
    connection.close()

    with pytest.raises(NoToken, match="unreadable"):
        await world.broker.hand_out(FEISHU, "ou_2")


async def test_a_lost_key_is_an_answer_and_forgetting_still_works(world: World) -> None:
    """The person consents again; nothing crashes."""
    await world.keep()
    stranger = Broker(world.store, world.platform, FernetVault(["another key of more than 32 characters"]), world.clock, SystemRandomness())

    with pytest.raises(NoToken, match="unreadable"):
        await stranger.hand_out(FEISHU, "ou_1")
    assert await stranger.forget(FEISHU, "ou_1", by=None) is False


async def test_after_sealing_anew_the_old_key_can_go(world: World) -> None:
    """Every row opens with the new key alone."""
    await world.keep()
    new = "the new key, also more than 32 characters"
    assert await rotate(world.store, FernetVault([new, KEY])) == 1

    broker = Broker(world.store, world.platform, FernetVault([new]), world.clock, SystemRandomness())
    assert (await broker.hand_out(FEISHU, "ou_1")).access_token == "a0"


# ---------------------------------------------------------------- the pure part


def test_what_a_refresh_leaves_out_stays() -> None:
    """RFC 6749: no scope means the same scopes, no refresh token means the old one goes on."""
    old = Token("a", frozenset({"x"}), 1, "r", 2, "s", {"team": "T"})

    assert renewed(old, Token("b", expires_in=9)) == Token("b", frozenset({"x"}), 9, "r", None, "s", {"team": "T"})
    assert renewed(old, Token("b", frozenset({"y"}), refresh_token="r2")).refresh_token == "r2"


@pytest.mark.parametrize(
    ("code", "blame", "expected"),
    [
        ("20073", "token", "over"),
        ("invalid_grant", "app", "over"),
        ("20003", "code", "over"),
        ("20021", "user", "over"),
        ("20002", "app", "app"),
        ("20050", "platform", "later"),
        ("429", "rate", "later"),
    ],
)
def test_what_a_refused_refresh_means(code: str, blame: str, expected: str) -> None:
    """By whose fault it is; RFC 6749's `invalid_grant` always means that the grant is over."""
    assert outlook(PlatformRefusal(code, blame=blame)) == expected  # type: ignore[arg-type]


def test_a_token_without_an_end_never_runs_out() -> None:
    """Slack without rotation."""
    row = StoredToken("slack", "A1", "U1", "sealed")

    assert usable(row, NOW)
    assert not over(row, NOW)


async def test_a_winner_that_writes_at_the_last_moment_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading the row again and deleting it another process may write; the row is deleted only as it was read."""
    await world.keep()
    world.clock.at = NOW + timedelta(hours=3)
    world.platform.valid = 5
    drop = world.store.drop_token

    async def slow_drop(platform: str, app_id: str, subject: str, person: Person | None, version: int | None = None) -> bool:
        await world.store.save_token(
            seal(world.vault, FEISHU, Token("theirs", expires_in=7200), subject="ou_1", now=world.clock.at, person=ALICE)
        )
        return await drop(platform, app_id, subject, person, version)

    monkeypatch.setattr(world.store, "drop_token", slow_drop)

    with pytest.raises(NoToken, match="over"):
        await world.broker.hand_out(FEISHU, "ou_1")
    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "theirs"


async def test_the_sweep_does_not_delete_what_was_renewed_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consent that comes while the sweep looks stays."""
    await world.keep()
    world.clock.at = NOW + timedelta(days=8)
    rows = world.store.all_tokens

    async def slow_rows() -> object:
        found = await rows()
        await world.keep(Token("fresh consent", expires_in=7200))
        return found

    monkeypatch.setattr(world.store, "all_tokens", slow_rows)

    assert await world.broker.sweep() == 0
    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "fresh consent"
