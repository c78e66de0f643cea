"""The consent loop on the real SQL store, and eight processes' worth of services racing for one callback."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.model import Question
from bot.redact import redact
from bot.service import Service
from bot.services import card_snapshot
from handlers.store import open_store
from handlers.vault import FernetVault
from tests.consent_world import ALICE, APP, BOB, PLACE, Hands, Scene, teach
from tests.peers import postgres_database

RACERS = 8


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.fixture(scope="module")
def postgres() -> str:
    return postgres_database("service")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}" if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def on(url: str, name: str, **changes: object) -> Scene:
    """A scene on a real store and a real vault. `name` keeps its ids apart from the other tests' in the same database."""
    scene = Scene(store=open_store(url))
    scene.dice.salt = name
    scene.restart(vault=FernetVault(["a key of more than thirty-two characters"]), **changes)
    return scene


async def test_the_loop_on_a_real_store(url: str) -> None:
    """Paste to proof on SQL, with a new process (new connections, same data) between every two steps."""
    scene = on(url, "loop")
    person = replace(ALICE, user_id=f"loop-{url[:6]}")
    card = await scene.card(person, card_id="loop")

    def again() -> None:
        scene.store = open_store(url)
        scene.restart(store=scene.store)

    clicked = await scene.click(person, card_id=card.id)
    again()
    started = await scene.service.start(clicked.url.rpartition("/")[2])
    again()
    query = scene.platform.consent(started.url)
    flow_id = await scene.finish(query, started.cookie)
    again()

    assert (await scene.service.outcome(flow_id, started.cookie)).view.state == "proven"
    (kept,) = await scene.store.tokens_of(person)
    assert kept.subject == "ou_alice"
    assert [row["action"] for row in await scene.service.audit()][-1] == "consent.proven"
    assert await scene.service.resume() == 0


async def test_one_callback_raced_by_eight(url: str) -> None:
    """Eight services on one store get the same callback at once: one exchange, one token, one proof, everybody sees the same outcome."""
    scene = on(url, "race", messengers={})
    person = replace(ALICE, user_id=f"race-{url[:6]}")
    await scene.card(person, card_id="race")
    started = await scene.started(person, "race")
    query = scene.platform.consent(started.url)
    stores = [open_store(url) for _ in range(RACERS)]
    services = [Service(replace(scene.context, store=store)) for store in stores]

    flows = await asyncio.gather(*(service.finish("lark", APP.app_id, query, started.cookie) for service in services))
    await asyncio.gather(*(service.resume() for service in services))

    assert len(set(flows)) == 1
    assert (len(scene.platform.exchanged), scene.platform.refused, scene.platform.proofs) == (1, [], 1)
    assert len(await scene.store.tokens_of(person)) == 1
    assert await scene.state(flows[0]) == "proven"


async def test_one_link_started_by_eight(url: str) -> None:
    """Eight browsers open one link at once: each gets a cookie, exactly one of them can finish."""
    scene = on(url, "link", messengers={})
    person = replace(ALICE, user_id=f"link-{url[:6]}")
    await scene.card(person, card_id="link")
    ticket = await scene.ticket(person, "link")
    stores = [open_store(url) for _ in range(RACERS)]
    services = [Service(replace(scene.context, store=store)) for store in stores]
    starts = await asyncio.gather(*(service.start(ticket) for service in services))
    answers = [scene.platform.consent(started.url) for started in starts]

    async def back(service: Service, number: int) -> str:
        try:
            await service.finish("lark", APP.app_id, answers[number], starts[number].cookie)
        except Refused as no:
            return no.code
        return "done"

    ends = Counter(await asyncio.gather(*(back(service, number) for number, service in enumerate(services))))

    assert ends == {"done": 1, "unknown_state": RACERS - 1}
    assert len(scene.platform.exchanged) == 1


async def test_two_people_at_once_get_a_consent_each(url: str) -> None:
    """One card that two people asked for, both click, start and come back at the same moments: two tokens, each its owner's."""
    scene = on(url, "two", messengers={})
    people = {"alice": replace(ALICE, user_id=f"two-a-{url[:6]}"), "mallory": replace(BOB, user_id=f"two-b-{url[:6]}")}
    card = await scene.card(people["alice"], card_id="two")
    assert await scene.store.save_card(card_snapshot.with_asker(card, people["mallory"]))
    services = {who: Service(replace(scene.context, store=open_store(url))) for who in people}

    async def way(who: str) -> str:
        clicked = await services[who].click("two", "reauthorize", people[who], PLACE)
        started = await services[who].start(clicked.url.rpartition("/")[2])
        flow_id = await services[who].finish("lark", APP.app_id, scene.platform.consent(started.url, who), started.cookie)
        return str((await services[who].outcome(flow_id, started.cookie)).view.state)

    assert await asyncio.gather(*(way(who) for who in people)) == ["proven", "proven"]
    for who, person in people.items():
        (token,) = await scene.store.tokens_of(person)
        assert token.subject == f"ou_{who}"


@pytest.mark.parametrize("seconds", [60, -60])
async def test_replicas_whose_clocks_differ_by_a_minute(url: str, seconds: int) -> None:
    """Every second step is another replica's, whose clock is a minute off: proven, nothing done twice, and no link outlives ten minutes."""
    scene = on(url, f"skew{seconds}", messengers={})
    person = replace(ALICE, user_id=f"skew{seconds}-{url[:6]}")
    await scene.card(person, card_id=f"skew{seconds}")
    skewed = Hands()
    skewed.at = scene.clock.at + timedelta(seconds=seconds)
    other = Service(replace(scene.context, store=open_store(url), clock=skewed))
    clicked = await scene.click(person, card_id=f"skew{seconds}")
    ticket = clicked.url.rpartition("/")[2]

    started = await other.start(ticket)
    flow_id = await scene.finish(scene.platform.consent(started.url), started.cookie)
    seen = await other.outcome(flow_id, started.cookie)

    assert seen.view.state == "proven"
    assert (len(scene.platform.exchanged), scene.platform.proofs) == (1, 1)
    late = (await scene.click(person, card_id=f"skew{seconds}")).url.rpartition("/")[2]
    for clock in (scene.clock, skewed):
        clock.go(600)
    for service in (scene.service, other):
        with pytest.raises(Refused, match="expired"):
            await service.confirm(late)


async def test_a_mute_outlives_the_process(url: str) -> None:
    """ "Not allowed here" is said once: the next process leaves overheard errors of that need alone, and answers who asks."""
    scene = on(url, "mute", messengers={})
    place = replace(PLACE, chat=f"mute-{url[:6]}")
    text = '{"code":99991679,"msg":"required one of these privileges: [docx:document]","error":{"log_id":"20260301120000000000000000000000AA"}}'
    overheard = Question(redact(text).text, "slack", asker=ALICE, place=place, direct=False)
    first = await scene.service.answer(overheard)
    assert first is not None
    assert (await scene.service.click(first.card.id, "mute", BOB, place)).toast.en.startswith("Quiet")

    again = Service(replace(scene.context, store=open_store(url)))

    assert await again.answer(overheard) is None
    assert await again.answer(replace(overheard, direct=True)) is not None


async def test_eight_clicks_at_once_leave_one_offer(url: str) -> None:
    """The button hit eight times: eight links, one of them alive."""
    scene = on(url, "click", messengers={})
    person = replace(ALICE, user_id=f"click-{url[:6]}")
    await scene.card(person, card_id="click")
    services = [Service(replace(scene.context, store=open_store(url))) for _ in range(RACERS)]

    clicks = await asyncio.gather(*(service.click("click", "reauthorize", person, PLACE) for service in services))
    ends: Counter[str] = Counter()
    for clicked in clicks:
        try:
            await scene.service.confirm(clicked.url.rpartition("/")[2])
        except Refused as no:
            ends[no.code] += 1
        else:
            ends["alive"] += 1

    assert ends == {"alive": 1, "superseded": RACERS - 1}
