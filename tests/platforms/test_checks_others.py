"""What DingTalk, Kuaishou and Slack can prove, and what they honestly cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bot.model import App
from bot.oauth.messages import PlatformRefusal, Response, Token
from bot.platforms.dingtalk import checks as dingtalk
from bot.platforms.kuaishou import checks as kuaishou
from bot.platforms.slack import checks as slack
from handlers.practice import Practice, running
from tests.practice import Talker, diagnosis, http, talker

__all__ = ["http", "talker"]
Make = Callable[..., Talker]


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each test."""
    with running() as one:
        yield one


async def test_dingtalk_does_not_claim_what_it_cannot_see(talker: Make) -> None:
    """A scope without a harmless call of its own stays unproven, and the sentence says what to do."""
    one = talker("dingtalk")

    proof = await one.ask(dingtalk.prove(one.app, await one.token(), diagnosis("dingtalk"), ("Contact.User.mobile",)))

    assert proof.ok is None
    assert "Contact.User.mobile" in proof.text.zh


async def test_dingtalk_is_not_proven_while_the_call_is_still_refused(talker: Make) -> None:
    """The scope was switched off meanwhile: consent alone proves nothing."""
    one = talker("dingtalk")
    token = await one.token()
    one.practice.world.consoles[one.app.app_id].online.pop("Contact.User.Read")

    proof = await one.ask(dingtalk.prove(one.app, token, diagnosis("dingtalk"), ("Contact.User.Read",)))

    assert proof.ok is False


async def test_kuaishou_proves_by_the_list_of_packs(talker: Make) -> None:
    """The pack that was granted is proven, another one is not; nothing is sent for it."""
    one = talker("kuaishou", "shop")
    token = await one.token("merchant_item")
    before = len(one.practice.world.seen)

    yes = await one.ask(kuaishou.prove(one.app, token, diagnosis("kuaishou"), ("merchant_item",)))
    no = await one.ask(kuaishou.prove(one.app, token, diagnosis("kuaishou"), ("merchant_order",)))

    assert [(proof.ok, proof.kind) for proof in (yes, no)] == [(True, "scopes"), (False, "scopes")]
    assert len(one.practice.world.seen) == before


async def test_the_general_kuaishou_reads_the_profile(talker: Make) -> None:
    """A live call with the new token, which fails once the person has withdrawn."""
    one = talker("kuaishou", "general")
    token = await one.token("user_info")

    yes = await one.ask(kuaishou.prove(one.app, token, diagnosis("kuaishou"), ("user_info",)))
    one.practice.world.withdraw(one.app.app_id, "alice")
    with pytest.raises(PlatformRefusal) as withdrawn:
        await one.ask(kuaishou.prove(one.app, token, diagnosis("kuaishou"), ("user_info",)))

    assert (yes.ok, yes.kind) == (True, "user_info")
    assert withdrawn.value.code == "AUTHORIZATION_REVOKED"


async def test_slack_proves_by_its_own_scope_header(talker: Make) -> None:
    """A scope that Slack does not list for the token is not there, whatever the token answer said."""
    one = talker("slack")
    token = await one.token("search:read")
    claimed = Token(token.access_token, scopes=token.scopes | {"user:stars:read", "stars:read"}, subject=token.subject, extra=token.extra)

    yes = await one.ask(slack.prove(one.app, token, diagnosis("slack"), ("search:read",)))
    no = await one.ask(slack.prove(one.app, claimed, diagnosis("slack"), ("stars:read",)))

    assert (yes.ok, no.ok) == (True, False)


async def test_slack_knows_which_scopes_went_to_the_bots_token(talker: Make) -> None:
    """Bot and user scopes in one consent: the person's token does not list the bot's, and that is no failure."""
    one = talker("slack")
    token = await one.token("channels:read", "search:read")

    proof = await one.ask(slack.prove(one.app, token, diagnosis("slack"), ("channels:read", "search:read")))

    assert token.extra["kind"] == "user"
    assert proof.ok is True


def test_slack_falls_back_to_the_token_answer_where_the_header_is_missing() -> None:
    """Some proxies strip headers: then the answer's own list counts."""
    talk = slack.prove(App("slack", "1.2"), Token("xoxb-1", scopes=frozenset({"chat:write"})), diagnosis("slack"), ("chat:write",))
    next(talk)

    with pytest.raises(StopIteration) as done:
        talk.send(Response(200, {}, b'{"ok":true,"team_id":"T1","user_id":"U1"}'))

    assert done.value.value.ok is True
