"""What only DingTalk, Kuaishou or Slack do on the way to a token. The loop they share is in `test_oauth_loop.py`."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.model import App
from bot.oauth.messages import PlatformRefusal
from bot.platforms.dingtalk import oauth as dingtalk
from bot.platforms.kuaishou import oauth as kuaishou
from bot.platforms.slack import oauth as slack
from tests.practice import Talker, http, practice, talker, visit

__all__ = ["http", "practice", "talker"]
Make = Callable[..., Talker]


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_dingtalk_asks_for_consent_with_the_documented_scopes_only() -> None:
    """`prompt=consent` is required; `scope` takes openid and corpid; no PKCE is documented."""
    url = dingtalk.authorize_url(
        App("dingtalk", "dingx"), scopes=["Contact.User.Read"], state="s", challenge="c", redirect_uri="https://b/cb"
    )

    assert url.startswith("https://login.dingtalk.com/oauth2/auth?")
    assert _query(url) == {
        "client_id": "dingx",
        "response_type": "code",
        "redirect_uri": "https://b/cb",
        "scope": "openid corpid",
        "state": "s",
        "prompt": "consent",
    }


def test_dingtalk_can_name_the_scopes_where_that_turns_out_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unconfirmed form is one switch away."""
    monkeypatch.setattr(dingtalk, "NAMES_SCOPES", True)

    url = dingtalk.authorize_url(
        App("dingtalk", "dingx"), scopes=["Contact.User.Read"], state="s", challenge="", redirect_uri="https://b/cb"
    )

    assert _query(url)["scope"] == "openid corpid Contact.User.Read"


def test_dingtalk_reads_the_code_by_either_name() -> None:
    """`authCode` in all answers, `code` beside it in newer ones."""
    assert dingtalk.read_callback({"authCode": "a1"}) == "a1"
    assert dingtalk.read_callback({"code": "a2"}) == "a2"


@pytest.mark.parametrize(("status", "blame"), [("cancel", "user"), ("toAdmin", "user"), ("failed", "app")])
def test_dingtalk_tells_the_suites_endings_apart(status: str, blame: str) -> None:
    """The in-client suite answers cancel, failed or toAdmin instead of a code."""
    with pytest.raises(PlatformRefusal) as refused:
        dingtalk.read_callback({"status": status})

    assert (refused.value.code, refused.value.blame) == (status, blame)


def test_dingtalk_describes_the_grant_of_an_organization_as_the_suite_wants_it() -> None:
    """Type 1 asks the organization, type 0 the person; a forbidden scope is not asked for."""
    app = App("dingtalk", "dingx", never_ask=frozenset({"Contact.User.mobile"}))

    wish = dingtalk.open_auth(app, ["qyapi_robot_sendmsg", "Calendar.Event.Read"], corp_id="corp1", organization=True)

    assert (wish.clientId, wish.corpId, wish.type) == ("dingx", "corp1", 1)
    assert wish.rpcScope == "qyapi_robot_sendmsg Calendar.Event.Read"
    with pytest.raises(PlatformRefusal):
        dingtalk.open_auth(app, ["Contact.User.mobile"], corp_id="corp1", organization=False)


async def test_dingtalk_answers_a_refresh_within_the_two_hours_with_the_same_access_token(talker: Make) -> None:
    """The pair still rotates: the refresh token is new."""
    one = talker("dingtalk")
    first = await one.token()

    second = await one.ask(dingtalk.refresh(one.app, first))

    assert second.access_token == first.access_token
    assert second.refresh_token != first.refresh_token
    assert second.extra["corpId"]


@pytest.mark.parametrize(
    ("brand", "start"),
    [("shop", "https://open.kwaixiaodian.com/oauth/authorize?"), ("general", "https://open.kuaishou.com/oauth2/authorize?")],
)
def test_kuaishou_speaks_its_own_names(brand: str, start: str) -> None:
    """`app_id` instead of client_id, scopes with commas."""
    url = kuaishou.authorize_url(
        App("kuaishou", "ks1", brand=brand),
        scopes=["merchant_item", "merchant_order"],
        state="s",
        challenge="c",
        redirect_uri="https://b/cb",
    )

    assert url.startswith(start)
    assert _query(url) == {
        "app_id": "ks1",
        "redirect_uri": "https://b/cb",
        "scope": "merchant_item,merchant_order",
        "response_type": "code",
        "state": "s",
    }


async def test_kuaishous_refresh_keeps_the_end_date(talker: Make) -> None:
    """180 days from the authorization, whatever is refreshed in between."""
    one = talker("kuaishou", "shop")
    first = await one.token()
    one.practice.clock.push(100 * 86_400)

    second = await one.ask(kuaishou.refresh(one.app, first))

    assert first.refresh_expires_in is not None
    assert second.refresh_expires_in is not None
    assert abs(first.refresh_expires_in - 100 * 86_400 - second.refresh_expires_in) <= 5


async def test_kuaishous_tokens_hold_what_was_asked_and_never_gain(talker: Make) -> None:
    """Two authorizations, two sets of packs: the second does not carry the first's."""
    one = talker("kuaishou", "shop")

    first, second = await one.token("merchant_item"), await one.token("merchant_order")

    assert first.scopes == {"merchant_item"}
    assert second.scopes == {"merchant_order"}


async def test_kuaishou_lets_only_listed_accounts_in(talker: Make) -> None:
    """K0010: neither a test user nor an authorized one."""
    one = talker("kuaishou", "shop")
    members = one.practice.world.consoles[one.app.app_id].members
    members.remove("bob")
    try:
        seen = visit(one.url(), "bob")
    finally:
        members.append("bob")

    assert not seen.query
    assert "K0010" in seen.page


async def test_kuaishou_refuses_packs_that_the_app_does_not_own(talker: Make) -> None:
    """The page says so; no code comes back."""
    seen = visit(talker("kuaishou", "shop").url("merchant_promotion"))

    assert "100200106" in seen.page


def test_slack_sends_bot_and_user_scopes_apart() -> None:
    """Known user-only scopes and those with the `user:` prefix go to `user_scope`; no challenge, unless PKCE is on for the app."""
    url = slack.authorize_url(
        App("slack", "1.2"),
        scopes=["chat:write", "search:read", "user:channels:read", "admin.users:read"],
        state="s",
        challenge="c",
        redirect_uri="https://b/cb",
    )

    assert url.startswith("https://slack.com/oauth/v2/authorize?")
    assert _query(url) == {
        "client_id": "1.2",
        "scope": "chat:write",
        "user_scope": "search:read,channels:read,admin.users:read",
        "redirect_uri": "https://b/cb",
        "state": "s",
    }


async def test_slack_names_the_person_even_when_the_token_is_the_bots(talker: Make) -> None:
    """Bot scopes only: the token is the bot's, the account is whoever installed."""
    one = talker("slack")

    token = await one.token("channels:read", who="bob")
    account = await one.ask(slack.whoami(one.app, token))

    assert token.extra["kind"] == "bot"
    assert account.ids["user_id"] == token.subject
    assert account.tenant == "T0PRACTICE"


async def test_slacks_bot_scopes_add_up_and_the_persons_are_their_own(talker: Make) -> None:
    """A later install carries the earlier bot scopes; Bob's own scopes are not Alice's."""
    one = talker("slack")
    await one.token("users:read", who="alice")

    later = await one.token("team:read", who="bob")
    own = await one.token("user:stars:read", who="alice")

    assert later.scopes >= {"users:read", "team:read"}
    assert "stars:read" in own.scopes
    assert "team:read" not in own.scopes


async def test_slack_discards_a_token_of_another_person_or_workspace(talker: Make) -> None:
    """auth.test must agree with the token answer."""
    one = talker("slack")
    token = await one.token("search:read", who="bob")
    fields = {"access_token": token.access_token, "scopes": token.scopes}

    for other in (
        type(token)(**fields, subject="U0SOMEBODYELSE", extra=token.extra),
        type(token)(**fields, subject=token.subject, extra={**token.extra, "team": "T0OTHER"}),
    ):
        with pytest.raises(PlatformRefusal) as refused:
            await one.ask(slack.whoami(one.app, other))
        assert refused.value.blame == "token"
