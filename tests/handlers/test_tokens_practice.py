"""The broker against the practice platform, over real sockets: every provider's refresh and withdrawal, each with its own rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.oauth.tokens import seal, unseal
from handlers.practice import Practice
from handlers.practice.run import MovableClock
from handlers.store import SqlStore, open_store
from handlers.system import SystemRandomness
from handlers.tokens import Broker, NoToken
from handlers.vault import FernetVault
from tests.practice import PROVIDERS, Talker, http, practice, talker

__all__ = ["http", "practice", "talker"]

every = pytest.mark.parametrize(("platform", "brand"), PROVIDERS, ids=lambda value: value or "-")
Make = Callable[..., Talker]


@dataclass
class Kept:
    """A broker that keeps one fresh grant of Alice."""

    one: Talker
    store: SqlStore
    broker: Broker
    vault: FernetVault
    clock: MovableClock

    async def token(self) -> str:
        return (await self.broker.hand_out(self.one.app, "alice")).access_token


@pytest_asyncio.fixture
async def keep(talker: Make, practice: Practice, tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    """`await keep("lark", "feishu")`: Alice has consented; broker and platform share the clock."""
    vault = FernetVault(["a key of more than thirty-two characters"])
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", practice.clock)

    async def make(platform: str, brand: str) -> Kept:
        one = talker(platform, brand)
        await store.put_token(seal(vault, one.app, await one.token(), subject="alice", now=practice.clock.now()))
        return Kept(one, store, Broker(store, one.http, vault, practice.clock, SystemRandomness()), vault, practice.clock)

    yield make
    await store.close()


@every
async def test_an_old_token_is_refreshed_once_for_everybody(keep: Callable[..., object], platform: str, brand: str) -> None:
    """Three days later five callers at once get the same new token, and the platform knows it."""
    kept: Kept = await keep(platform, brand)  # type: ignore[misc]
    before = await kept.token()
    kept.clock.push(3 * 86_400)
    after = set(await asyncio.gather(*(kept.token() for _ in range(5))))

    assert len(after) == 1
    assert before not in after
    assert await kept.token() in after
    row = await kept.store.token(platform, kept.one.app.app_id, "alice", None)
    assert row is not None
    assert row.version == 1
    token = unseal(kept.vault, row)
    assert token.refresh_token
    if (platform, brand) != ("kuaishou", "shop"):  # the shop has no call that tells whose token it is
        await kept.one.ask(kept.one.oauth.whoami(kept.one.app, token))


@every
async def test_a_grant_that_was_withdrawn_at_the_platform_is_over(keep: Callable[..., object], platform: str, brand: str) -> None:
    """The app is sent to ask for consent again, and nothing useless is kept."""
    kept: Kept = await keep(platform, brand)  # type: ignore[misc]
    kept.one.practice.world.withdraw(kept.one.app.app_id, "alice")
    kept.clock.push(3 * 86_400)

    with pytest.raises(NoToken, match="over"):
        await kept.token()
    assert await kept.store.token(platform, kept.one.app.app_id, "alice", None) is None


@every
async def test_a_wrong_app_secret_costs_nobody_their_grant(keep: Callable[..., object], platform: str, brand: str) -> None:
    """The developer is told; with the right secret the grant goes on."""
    kept: Kept = await keep(platform, brand)  # type: ignore[misc]
    kept.clock.push(3 * 86_400)
    right = kept.one.app
    kept.one = replace(kept.one, app=replace(right, secret="wrong"))
    with pytest.raises(NoToken, match="app"):
        await kept.token()

    kept.one = replace(kept.one, app=right)
    assert await kept.token()


@every
async def test_forgetting_withdraws_where_the_platform_offers_it(keep: Callable[..., object], platform: str, brand: str) -> None:
    """Slack revokes; the others offer no way, which is said."""
    kept: Kept = await keep(platform, brand)  # type: ignore[misc]

    assert await kept.broker.forget(kept.one.app, "alice", by=None) is (platform == "slack")
    with pytest.raises(NoToken, match="unknown"):
        await kept.token()


async def test_a_token_that_the_platform_hands_out_again_is_not_asked_for_twelve_times(keep: Callable[..., object]) -> None:
    """DingTalk returns the same access token until its two hours are over: in its last minute one refresh serves all who wait."""
    kept: Kept = await keep("dingtalk", "")  # type: ignore[misc]
    kept.clock.push(7200 - 60)
    await asyncio.gather(*(kept.token() for _ in range(12)))

    row = await kept.store.token("dingtalk", kept.one.app.app_id, "alice", None)
    assert row is not None
    assert row.version == 1
