"""Whoever consents with an account takes it from nobody: two people with one account of a platform both keep their tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.model import Person
from bot.oauth.messages import Token
from bot.oauth.tokens import TamperedError, seal, unseal
from bot.ports import StoredToken
from bot.service import Service
from bot.services.results import Grant
from handlers.compose import Runtime
from handlers.practice import Practice
from tests.handlers.test_tokens import FEISHU, NOW, World, world
from tests.practice import ALICE, PROVIDERS, practice, process, put_card, ticket_of, visit

__all__ = ["practice", "world"]

BOB = replace(ALICE, user_id="U-bob", name="Bob")


@pytest.fixture
async def runtime(practice: Practice, tmp_path: Path) -> AsyncIterator[Runtime]:
    """A whole process for the practice apps."""
    made = process(f"sqlite:///{tmp_path / 'store.db'}", practice.apps)
    yield made
    await made.close()


async def consent(service: Service, practice: Practice, person: Person, platform: str, brand: str) -> str:
    """A person of the chat goes the whole way, signing in at the platform as Alice; the state that they see."""
    app = practice.app(platform, brand)
    await put_card(service, app, person, person.user_id)
    ticket = await ticket_of(service, person, person.user_id)
    started = await service.start(ticket)
    seen = visit(started.url, "alice")
    flow_id = await service.finish(app.platform, app.app_id, seen.query, started.cookie)
    return (await service.outcome(flow_id, started.cookie)).view.state


def named(grants: tuple[Grant, ...]) -> list[tuple[str, str]]:
    return [(each.app_id, each.account) for each in grants]


@pytest.mark.parametrize(("platform", "brand"), PROVIDERS, ids=lambda value: value or "-")
async def test_both_keep_their_consent(runtime: Runtime, practice: Practice, platform: str, brand: str) -> None:
    """Bob consents with the account that Alice used: her grant stays hers, his is his, and taking his back leaves hers."""
    service = Service(replace(runtime.service.context, clock=practice.clock))

    assert await consent(service, practice, ALICE, platform, brand) == "proven"
    hers = named(tuple(await service.grants(ALICE)))
    assert await consent(service, practice, BOB, platform, brand) == "proven"
    his = tuple(await service.grants(BOB))

    assert hers == named(his) == named(tuple(await service.grants(ALICE)))
    await service.revoke(BOB, his[0])
    assert list(await service.grants(BOB)) == []
    assert named(tuple(await service.grants(ALICE))) == hers


async def test_nobody_takes_back_what_somebody_else_granted(runtime: Runtime, practice: Practice) -> None:
    """Bob has no token of the account: revoking it in his name does nothing to hers."""
    service = Service(replace(runtime.service.context, clock=practice.clock))
    await consent(service, practice, ALICE, "lark", "feishu")
    (hers,) = await service.grants(ALICE)

    assert not await service.revoke(BOB, hers)
    assert list(await service.grants(ALICE)) == [hers]


async def keep(world: World, person: Person, refresh: str, minutes: int = 0) -> StoredToken:
    token = Token(f"access of {person.name}", frozenset({"x"}), 7200, refresh, 604_800)
    row = seal(world.vault, FEISHU, token, subject="ou_1", now=NOW, person=person, granted=NOW + timedelta(minutes=minutes))
    await world.store.put_token(row)
    return row


async def test_the_app_gets_the_newest_consents_token_and_an_older_one_where_that_is_over(world: World) -> None:
    """Tokens are handed out by account: which person's it is does not matter to the app, that it works does."""
    await keep(world, ALICE, "r0")
    await keep(world, BOB, "gone", minutes=1)
    assert (await world.broker.hand_out(FEISHU, "ou_1")).access_token == "access of Bob"

    world.clock.at = NOW + timedelta(hours=3)
    handed = await world.broker.hand_out(FEISHU, "ou_1")

    assert handed.access_token == "a1"  # Bob's grant is over at the platform, Alice's was refreshed
    assert [each.person for each in await world.store.all_tokens()] == [ALICE]


async def test_one_refresh_token_in_two_rows_is_used_once(world: World) -> None:
    """A platform that hands the same refresh token to both: the refresh for one serves the other, too."""
    await keep(world, ALICE, "r0")
    await keep(world, BOB, "r0")
    world.clock.at = NOW + timedelta(hours=3)

    assert await world.broker.freshen(FEISHU, "ou_1", ALICE)
    assert await world.broker.freshen(FEISHU, "ou_1", BOB)

    rows = await world.store.tokens_for("lark", "cli_1", "ou_1")
    assert [unseal(world.vault, row).access_token for row in rows] == ["a1", "a1"]
    assert len(world.platform.requests) == 1


async def test_separate_refresh_tokens_are_refreshed_separately(world: World) -> None:
    """Bob's row keeps what it holds when Alice's is refreshed."""
    await keep(world, ALICE, "r0")
    await keep(world, BOB, "bob's own")
    world.clock.at = NOW + timedelta(hours=3)

    assert await world.broker.freshen(FEISHU, "ou_1", ALICE)

    kept = await world.store.token("lark", "cli_1", "ou_1", BOB)
    assert kept is not None
    assert unseal(world.vault, kept).refresh_token == "bob's own"


async def test_forgetting_an_account_forgets_everybodys_token(world: World) -> None:
    """The app's own wish is about the account, not about one of its people."""
    await keep(world, ALICE, "r0")
    await keep(world, BOB, "r1")

    await world.broker.forget(FEISHU, "ou_1", by=None)

    assert list(await world.store.all_tokens()) == []


async def test_a_sealed_token_moved_to_another_person_is_not_believed(world: World) -> None:
    """Whoever can write the store but has no key cannot give one person's token to another."""
    row = await keep(world, ALICE, "r0")

    with pytest.raises(TamperedError):
        unseal(world.vault, replace(row, person=BOB))
