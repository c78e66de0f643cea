"""The whole loop through the service, over real sockets: paste or finding, click, page of the practice platform, callback, proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.jobs import snapshot
from bot.jobs.driving import binding
from bot.jobs.world import World
from bot.model import Facts, Finding, Identity, Mode, Person, Place
from bot.ports import Card
from bot.service import Service
from handlers.http import HttpClient
from handlers.sandbox import Practice, practice_people
from handlers.store import open_store
from handlers.system import SystemRandomness
from handlers.vault import FernetVault
from tests.practice import PROVIDERS, SCOPE, http, practice, visit

__all__ = ["http", "practice"]

every = pytest.mark.parametrize(("platform", "brand"), PROVIDERS, ids=lambda value: value or "-")
CODES = {
    "lark": "99991679",
    "dingtalk": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
    "kuaishou": "K0003",
    "slack": "missing_scope",
}
ALICE, PLACE = Person("slack", "T1", "U1", "Alice"), Place("slack", "T1", "C1")


@pytest.fixture
async def service(practice: Practice, http: HttpClient, tmp_path: Path) -> AsyncIterator[Service]:
    """The service as `wire` would build it, for the practice apps."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", practice.clock)
    world = World(
        store=store,
        http=http,
        vault=FernetVault(["a key of more than thirty-two characters"]),
        clock=practice.clock,
        random=SystemRandomness(),
        apps=practice.apps,
        public_url="http://127.0.0.1:8710",
    )
    yield Service(world)
    await store.close()


async def offered(service: Service, practice: Practice, platform: str, brand: str) -> SimpleNamespace:
    """A card about a missing scope of the practice app, and the personal link of a click on it."""
    app = practice.app(platform, brand)
    finding = Finding(
        platform, (CODES[platform],), scopes=(SCOPE[platform, brand],), scopes_mode=Mode.ALL, identity=Identity.USER, app_id=app.app_id,
        hints={"brand": brand} if brand else {},
    )  # fmt: skip
    card = Card("card", PLACE, ALICE, snapshot.make((finding,), Facts(), asker=ALICE), "en", practice.clock.now())
    if await service.world.store.card("card") is None:
        await service.world.store.put_card(card)
    clicked = await service.click("card", "reauthorize", ALICE, PLACE)
    assert clicked.url, clicked.toast.en
    return SimpleNamespace(app=app, ticket=clicked.url.rpartition("/")[2])


async def walk(service: Service, practice: Practice, platform: str, brand: str, who: str = "alice", *, approve: bool = True) -> Any:
    """From the click to the outcome page."""
    offer = await offered(service, practice, platform, brand)
    page = await service.confirm(offer.ticket)
    assert page.practice
    started = await service.start(offer.ticket)
    seen = visit(started.url, who, approve=approve)
    assert seen.query, seen.page
    flow_id = await service.finish(platform, offer.app.app_id, seen.query, started.cookie)
    return (await service.outcome(flow_id, started.cookie)).view


@every
async def test_from_the_click_to_the_proof(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Each provider: approved on its page, exchanged, identified, compared, proven; one token, with the right person's account."""
    view = await walk(service, practice, platform, brand)

    assert view.state == "proven", view
    assert view.proof.text.en
    (token,) = await service.world.store.tokens_of(ALICE)
    alice = next(person for person in practice_people() if person.key == "alice")
    assert token.subject == alice.account(platform, token.app_id)


@every
async def test_saying_no_is_no(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Refused on the platform's page: told kindly, nothing kept."""
    view = await walk(service, practice, platform, brand, approve=False)

    assert (view.state, view.may_retry) == ("refused", True)
    assert list(await service.world.store.tokens_of(ALICE)) == []


@every
async def test_another_account_is_thrown_away(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Alice is expected and Bob signs in: nothing kept, and where the platform revokes, his token is dead."""
    alice = next(person for person in practice_people() if person.key == "alice")
    app = practice.app(platform, brand)
    await service.world.store.bind_account(ALICE, binding(platform, app.app_id), alice.account(platform, app.app_id))

    view = await walk(service, practice, platform, brand, "bob")

    assert view.state == "wrong_account"
    assert list(await service.world.store.tokens_of(ALICE)) == []


@every
async def test_one_may_take_it_back_and_give_it_again(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Proven, revoked, and proven once more on the same card."""
    assert (await walk(service, practice, platform, brand)).state == "proven"

    await service.click("card", "revoke", ALICE, PLACE)
    assert list(await service.world.store.tokens_of(ALICE)) == []

    assert (await walk(service, practice, platform, brand)).state == "proven"
