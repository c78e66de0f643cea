"""The whole loop through the service, over real sockets: paste or finding, click, page of the practice platform, callback, proof."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from bot.model import ConsentView, Person, Place, Question, Reply
from bot.oauth.tokens import unseal
from bot.ports import Card
from bot.redact import redact
from bot.service import Service
from bot.services.consent_runner import binding
from handlers.compose import Runtime
from handlers.http import HttpClient
from handlers.practice import Practice, practice_people
from tests.practice import ALICE, PLACE, PROVIDERS, practice, process, put_card, ticket_of, visit, walk

__all__ = ["practice"]

every = pytest.mark.parametrize(("platform", "brand"), PROVIDERS, ids=lambda value: value or "-")
TOKEN, WHO = "/feishu/open-apis/authen/v2/oauth/token", "/feishu/open-apis/authen/v1/user_info"


@pytest.fixture
async def runtime(practice: Practice, tmp_path: Path) -> AsyncIterator[Runtime]:
    """A whole process for the practice apps."""
    made = process(f"sqlite:///{tmp_path / 'store.db'}", practice.apps)
    yield made
    await made.close()


@pytest.fixture
def service(runtime: Runtime, practice: Practice) -> Service:
    """Its service, on the practice platform's clock, which can be pushed."""
    return Service(replace(runtime.service.context, clock=practice.clock))


@every
async def test_from_the_click_to_the_proof(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Each provider: approved on its page, exchanged, identified, compared, proven; one token, with the right person's account."""
    view = await walk(service, practice.app(platform, brand))

    assert view.state == "proven", view
    assert view.proof is not None
    assert view.proof.text.en
    (token,) = await service.context.store.tokens_of(ALICE)
    alice = next(person for person in practice_people() if person.key == "alice")
    assert token.subject == alice.account(platform, token.app_id)


@every
async def test_saying_no_is_no(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Refused on the platform's page: told kindly, nothing kept."""
    view = await walk(service, practice.app(platform, brand), approve=False)

    assert (view.state, view.may_retry) == ("refused", True)
    assert list(await service.context.store.tokens_of(ALICE)) == []


@every
async def test_another_account_is_thrown_away_and_both_are_told(runtime: Runtime, practice: Practice, platform: str, brand: str) -> None:
    """Alice is expected and Bob signs in: nothing kept. Where the platform revokes, his grant is withdrawn; elsewhere the page tells him how
    to withdraw it himself, and Alice hears the same privately."""
    ears, service = Ears(), runtime.service
    runtime.messengers["slack"] = ears
    alice = next(person for person in practice_people() if person.key == "alice")
    app = practice.app(platform, brand)
    await runtime.store.bind_account(ALICE, binding(platform, app.app_id), alice.account(platform, app.app_id))

    view = await walk(service, app, "bob")

    assert view.state == "wrong_account"
    assert list(await runtime.store.tokens_of(ALICE)) == []
    told = {"lark": "settings of", "dingtalk": "Workbench", "kuaishou": "subscription"}.get(platform)
    assert (view.advice is None) == (platform == "slack")
    assert not told or (view.advice and told in view.advice.en)
    ((who, whisper),) = ears.whispered
    assert who == ALICE.user_id
    assert not told or told in whisper
    assert not told or told in ears.shown[-1]
    assert not told or practice.world.granted(app.app_id, "bob"), "only the practice platform's own page could withdraw it"


@every
async def test_grants_that_pile_up_are_named_with_the_way_back(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """The proven card and the list of one's grants say that consents add up (not on Kuaishou) and how one is taken back."""
    view = await walk(service, practice.app(platform, brand))
    question = Question(redact("/whyforbidden grants").text, "slack", asker=ALICE, place=PLACE, direct=True, private=True)
    listed = str((await service.command(question)).reply.body)

    if platform == "kuaishou":
        assert view.advice is None
        assert "add up" not in listed
    else:
        assert view.advice is not None
        assert "add up" in view.advice.en
        assert "revoke" in view.advice.en
        assert "add up" in listed
        card = await service.view("card", "asker")
        assert card is not None
        assert any(view.advice in fold.lines for fold in card.folds)


@every
async def test_taking_back_says_what_is_left_to_do(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Slack withdraws for us and says so; elsewhere the card and the answer tell what only the person can do."""
    await walk(service, practice.app(platform, brand))

    clicked = await service.click("card", "revoke", ALICE, PLACE)

    drawn = await service.draw("card", "slack", "en", "asker")
    assert drawn is not None
    left = {"lark": "settings of", "dingtalk": "Workbench", "kuaishou": "subscription"}.get(platform)
    assert (left or "here and on the platform") in clicked.toast.en
    assert not left or left in str(drawn.body)


@every
async def test_one_may_take_it_back_and_give_it_again(service: Service, practice: Practice, platform: str, brand: str) -> None:
    """Proven, revoked, and proven once more on the same card."""
    assert (await walk(service, practice.app(platform, brand))).state == "proven"

    await service.click("card", "revoke", ALICE, PLACE)
    assert list(await service.context.store.tokens_of(ALICE)) == []

    assert (await walk(service, practice.app(platform, brand))).state == "proven"


# ---------------------------------------------------------------- looking again


async def keep_until(runtime: Runtime, past: timedelta) -> None:
    """Let the kept access token of Alice be over since then."""
    (row,) = await runtime.store.tokens_of(ALICE)
    assert await runtime.store.save_token(replace(row, expires=runtime.clock.now() - past))


@every
async def test_check_again_renews_an_expired_token_and_proves(runtime: Runtime, practice: Practice, platform: str, brand: str) -> None:
    """Hours later the access token is over: "check again" refreshes it once and repeats the proof with the new one."""
    service = runtime.service
    assert (await walk(service, practice.app(platform, brand))).state == "proven"
    (before,) = await runtime.store.tokens_of(ALICE)
    await keep_until(runtime, timedelta(hours=1))

    clicked = await service.click("card", "check", ALICE, PLACE)

    (after,) = await runtime.store.tokens_of(ALICE)
    assert unseal(runtime.vault, after).refresh_token != unseal(runtime.vault, before).refresh_token
    assert after.expires is not None
    assert after.expires > runtime.clock.now()
    assert clicked.card is not None
    assert [row["action"] for row in await service.audit()].count("consent.proven") == 2


@every
async def test_check_again_sees_that_the_grant_was_withdrawn(runtime: Runtime, practice: Practice, platform: str, brand: str) -> None:
    """Withdrawn at the platform, and the token over: the card is no longer green, says why, and its button asks for the same again."""
    service, app = runtime.service, practice.app(platform, brand)
    assert (await walk(service, app)).state == "proven"
    practice.world.withdraw(app.app_id, "alice")
    await keep_until(runtime, timedelta(hours=1))

    await service.click("card", "check", ALICE, PLACE)

    shown = await service.view("card")
    assert shown is not None
    assert list(await runtime.store.tokens_of(ALICE)) == []
    drawn = await service.draw("card", "slack")
    assert drawn is not None
    assert "no longer renews" in drawn.fallback + str(drawn.body)
    assert (await walk(service, app)).state == "proven"


# ---------------------------------------------------------------- a platform that misbehaves, over real sockets


def order(practice: Practice, path: str, kind: str, *, times: int = 1, seconds: float = 2) -> None:
    """Order a trouble as an operator of the practice platform does."""
    fault = {"path": path, "kind": kind, "times": times, "seconds": seconds}
    httpx.post(f"{practice.base}/practice/faults", json=fault, trust_env=False).raise_for_status()


async def begun(service: Service, practice: Practice) -> SimpleNamespace:
    """Everything up to the moment when the platform sends the browser back."""
    app = practice.app("lark", "feishu")
    await put_card(service, app)
    started = await service.start(await ticket_of(service))
    return SimpleNamespace(app=app, query=visit(started.url).query, cookie=started.cookie)


async def end(service: Service, begun: SimpleNamespace) -> ConsentView:
    """Come back, and look at the outcome."""
    flow_id = await service.finish("lark", begun.app.app_id, begun.query, begun.cookie)
    return (await service.outcome(flow_id, begun.cookie)).view


@pytest.mark.parametrize("path", [TOKEN, WHO], ids=["token", "whoami"])
@pytest.mark.parametrize("kind", ["500", "html", "429"])
async def test_a_platform_that_is_down_or_busy_is_asked_again_in_its_time(
    service: Service, practice: Practice, path: str, kind: str
) -> None:
    """500, a gateway's HTML and 429: nothing is lost, nobody is asked before the wait is over (the reset header's seconds), then it is proven."""
    way = await begun(service, practice)
    order(practice, path, kind, seconds=7)

    assert (await end(service, way)).state == "authorized"
    asked = len(practice.world.seen)
    practice.clock.push(6 if kind == "429" else 1)
    await service.resume()
    assert len(practice.world.seen) == asked
    practice.clock.push(1.5)
    await service.resume()

    assert (await end(service, way)).state == "proven"
    assert len(await service.context.store.tokens_of(ALICE)) == 1


async def test_a_platform_that_is_slow_at_the_door_is_asked_again(runtime: Runtime, practice: Practice) -> None:
    """No answer within the time to "whose token is it": asked again, proven."""
    async with HttpClient(practice=True, timeout=0.4) as impatient:
        service = Service(replace(runtime.service.context, clock=practice.clock, http=impatient))
        way = await begun(service, practice)
        order(practice, WHO, "slow", seconds=0.9)

        assert (await end(service, way)).state == "authorized"
        practice.clock.push(3)
        await asyncio.sleep(0.6)
        await service.resume()

        assert (await end(service, way)).state == "proven"


async def test_a_code_whose_answer_came_too_late_is_told(runtime: Runtime, practice: Practice) -> None:
    """The platform took the code, but its answer came after our time: the code is gone, the person is told why and clicks once more."""
    async with HttpClient(practice=True, timeout=0.4) as impatient:
        service = Service(replace(runtime.service.context, clock=practice.clock, http=impatient))
        way = await begun(service, practice)
        order(practice, TOKEN, "late", seconds=0.9)

        assert (await end(service, way)).state == "authorized"
        practice.clock.push(3)
        await asyncio.sleep(0.6)
        await service.resume()

        view = await end(service, way)
        assert (view.state, view.may_retry) == ("failed", True)
        assert "valid once" in view.sentence.en
        assert list(await runtime.store.tokens_of(ALICE)) == []
        assert (await walk(service, way.app)).state == "proven"


async def test_numbers_as_strings_are_understood_on_the_whole_way(service: Service, practice: Practice) -> None:
    """Every answer of the platform carries its `code` as a string; the loop ends proven all the same."""
    way = await begun(service, practice)
    order(practice, "/feishu", "string_code", times=99)

    view = await end(service, way)

    practice.world.faults.clear()
    assert view.state == "proven"


@pytest.mark.parametrize("kind", ["empty", "redirect"])
async def test_what_is_no_answer_ends_with_a_sentence(service: Service, practice: Practice, kind: str) -> None:
    """An empty body or a redirect from the token endpoint: failed with a reason, nothing kept."""
    way = await begun(service, practice)
    order(practice, TOKEN, kind)

    view = await end(service, way)

    assert view.state == "failed"
    assert view.sentence.zh
    assert list(await service.context.store.tokens_of(ALICE)) == []


# ---------------------------------------------------------------- people


class Ears:
    """A surface that remembers what was shown and whispered."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.whispered: list[tuple[str, str]] = []

    async def update(self, card: Card, reply: Reply) -> bool:
        """Note the card's words."""
        self.shown.append(f"{reply.fallback} {reply.body}")
        return bool(card)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Note who heard what."""
        self.whispered.append((person.user_id, f"{reply.fallback} {reply.body}"))
        return bool(place)


@every
async def test_a_wrong_secret_is_the_developers(practice: Practice, tmp_path: Path, platform: str, brand: str) -> None:
    """The owner hears it privately; the person is told that it is not theirs to fix, and gets no button to repeat it."""
    app = replace(practice.app(platform, brand), secret="not-the-secret-of-this-app", owners=("slack:T1:UOWNER",))
    runtime = process(f"sqlite:///{tmp_path / 'store.db'}", [app])
    ears = Ears()
    runtime.messengers["slack"] = ears

    view = await walk(runtime.service, app)

    assert (view.state, view.may_retry) == ("failed", False)
    assert "developer" in view.sentence.en
    assert [who for who, _ in ears.whispered] == ["UOWNER"]
    assert "not-the-secret" not in str(ears.whispered) + str(await runtime.service.audit())
    await runtime.close()


async def test_a_page_that_was_closed_turns_the_card_without_a_click(runtime: Runtime, practice: Practice) -> None:
    """The person opens the consent page and goes away: after its time the next round of housekeeping says so on the card."""
    ears = Ears()
    runtime.messengers["slack"] = ears
    await put_card(runtime.service, practice.app("lark", "feishu"))
    started = await runtime.service.start(await ticket_of(runtime.service))
    await runtime.housekeeping()
    assert "expired" not in ears.shown[-1]
    row, version = await runtime.store.flow(started.flow_id)  # type: ignore[misc]
    over = {**row, "expires": (runtime.clock.now() - timedelta(seconds=1)).isoformat()}
    assert await runtime.store.save_flow(started.flow_id, over, state="started", version=version)

    await runtime.housekeeping()

    assert "expired" in ears.shown[-1]
    assert (await runtime.service.click("card", "reauthorize", ALICE, PLACE)).url
