"""The whole authorization loop of every provider, over real sockets, against the practice platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot import platforms
from bot.oauth.messages import PlatformRefusal
from handlers.practice import practice_people
from handlers.practice.world import Fault
from tests.practice import PROVIDERS, Talker, diagnosis, http, practice, talker, visit

__all__ = ["http", "practice", "talker"]

every = pytest.mark.parametrize(("platform", "brand"), PROVIDERS, ids=lambda value: value or "-")
REUSED = {"lark": "20065", "dingtalk": "invalidCode", "kuaishou": "100200105", "slack": "code_already_used"}
SPENT = {"lark": "20073", "dingtalk": "invalidRefreshToken", "kuaishou": "refreshToken.discarded", "slack": "invalid_refresh_token"}
Make = Callable[..., Talker]


@every
async def test_consent_leads_to_a_token_of_the_person_who_gave_it(talker: Make, platform: str, brand: str) -> None:
    """Authorize, exchange, whoami: the account is the one that was picked on the page, and the scope is in the token."""
    one = talker(platform, brand)

    token = await one.token(who="bob")
    account = await one.ask(one.oauth.whoami(one.app, token))

    bob = next(person for person in practice_people() if person.key == "bob")
    assert next(iter(account.ids.values())) == bob.account(platform, one.app.app_id)
    assert account.platform == platform
    if one.oauth.tells_scopes:
        assert one.scope in token.scopes
    assert token.expires_in
    assert token.refresh_token


@every
async def test_the_new_token_is_proven_by_a_harmless_call(talker: Make, platform: str, brand: str) -> None:
    """`prove` says yes after a real answer of the platform."""
    one = talker(platform, brand)
    checks = platforms.checks(platform)

    proof = await one.ask(checks.prove(one.app, await one.token(), diagnosis(platform), (one.scope,)))  # type: ignore[union-attr]

    assert proof.ok is True
    assert proof.text.en
    assert proof.text.zh


@every
async def test_a_refusal_comes_back_as_the_persons_own(talker: Make, platform: str, brand: str) -> None:
    """Refuse on the page: state intact, blame `user`, no code."""
    one = talker(platform, brand)

    seen = visit(one.url(), approve=False)

    assert seen.query["state"] == "state-1"
    with pytest.raises(PlatformRefusal) as refused:
        one.oauth.read_callback(seen.query)
    assert (refused.value.code, refused.value.blame) == ("access_denied", "user")


@every
async def test_a_code_works_once_and_its_second_use_kills_the_token(talker: Make, platform: str, brand: str) -> None:
    """RFC 6749 §4.1.2: the replay is refused and what the first use yielded is revoked."""
    one = talker(platform, brand)
    code = one.code()
    token = await one.exchange(code)

    with pytest.raises(PlatformRefusal) as replayed:
        await one.exchange(code)

    assert (replayed.value.code, replayed.value.blame, replayed.value.retryable) == (REUSED[platform], "code", False)
    with pytest.raises(PlatformRefusal) as dead:
        await one.ask(one.oauth.refresh(one.app, token))
    assert dead.value.blame == "token"


@every
async def test_an_unregistered_redirect_address_gets_a_page_and_never_a_code(talker: Make, platform: str, brand: str) -> None:
    """The platform shows its own error page, and the foreign address learns nothing."""
    one = talker(platform, brand)

    seen = visit(one.url(redirect_uri="http://127.0.0.1:1/elsewhere"))

    assert not seen.query
    expected = {"lark": "20029", "dingtalk": "url.notInWhiteList", "kuaishou": "K0009", "slack": "bad_redirect_uri"}
    assert expected[platform] in seen.page


@every
async def test_a_refresh_token_works_once_and_its_second_use_kills_the_family(talker: Make, platform: str, brand: str) -> None:
    """Rotation: a new refresh token each time; the old one is refused and takes the new one with it."""
    one = talker(platform, brand)
    first = await one.token()

    second = await one.ask(one.oauth.refresh(one.app, first))

    assert second.refresh_token != first.refresh_token
    assert second.scopes >= first.scopes - {"offline_access"} or not one.oauth.tells_scopes
    with pytest.raises(PlatformRefusal) as spent:
        await one.ask(one.oauth.refresh(one.app, first))
    assert (spent.value.code, spent.value.blame) == (SPENT[platform], "token")
    with pytest.raises(PlatformRefusal):
        await one.ask(one.oauth.refresh(one.app, second))


@every
async def test_a_wrong_app_secret_is_the_apps_fault_and_is_not_repeated_in_the_error(talker: Make, platform: str, brand: str) -> None:
    """The developer is told, not the user; neither secret nor code stands in the exception."""
    one = talker(platform, brand).with_app(secret="a-wrong-secret-of-the-developer")
    code = one.code()

    with pytest.raises(PlatformRefusal) as refused:
        await one.exchange(code)

    assert refused.value.blame == "app"
    assert "a-wrong-secret" not in str(refused.value)
    assert code not in str(refused.value)


@every
async def test_a_late_code_is_refused(talker: Make, platform: str, brand: str) -> None:
    """A code lives as long as the platform's page says, not a second longer."""
    one = talker(platform, brand)
    life = {"lark": 300, "dingtalk": 300, "kuaishou": 120, "slack": 600}[platform]
    code = one.code()
    one.practice.clock.push(life + 1)

    with pytest.raises(PlatformRefusal) as late:
        await one.exchange(code)

    assert late.value.blame == "code"


@every
async def test_a_code_of_another_app_is_refused(talker: Make, platform: str, brand: str) -> None:
    """A code belongs to the app it was issued to (here: none that exists)."""
    one = talker(platform, brand)
    code = one.code()
    stranger = one.with_app(app_id="somebody-else")

    with pytest.raises(PlatformRefusal) as refused:
        await stranger.exchange(code)

    assert refused.value.blame in ("app", "code")


@every
async def test_withdrawing_the_grant_ends_the_token(talker: Make, platform: str, brand: str) -> None:
    """Slack by its API; elsewhere the person does it on the platform. Afterwards the token identifies nobody and refreshes to nothing."""
    one = talker(platform, brand)
    token = await one.token(who="chenwei")

    offered = await one.ask(one.oauth.revoke(one.app, token))

    assert offered is (platform == "slack")
    if not offered:
        one.practice.world.withdraw(one.app.app_id, "chenwei")
    with pytest.raises(PlatformRefusal) as dead:
        await one.ask(one.oauth.refresh(one.app, token))
    assert dead.value.blame == "token"
    if (platform, brand) != ("kuaishou", "shop"):  # the shop has no call that tells whose token it is
        with pytest.raises(PlatformRefusal):
            await one.ask(one.oauth.whoami(one.app, token))


@every
async def test_forbidden_and_too_many_scopes_never_leave(talker: Make, platform: str, brand: str) -> None:
    """`never_ask` of the configuration and the platform's limit hold before any address is built."""
    one = talker(platform, brand)

    with pytest.raises(PlatformRefusal) as forbidden:
        one.with_app(never_ask=frozenset({one.scope})).url()
    with pytest.raises(PlatformRefusal) as many:
        one.url(*(f"scope:{number}" for number in range(one.oauth.max_scopes + 1)))

    assert (forbidden.value.code, many.value.code) == ("scope_forbidden", "too_many_scopes")


@every
async def test_a_platform_that_is_down_says_so(talker: Make, platform: str, brand: str) -> None:
    """An HTML error page, a redirect and an empty answer are the platform's trouble, and never a token."""
    one = talker(platform, brand)
    path = {"lark": f"/{brand}/open-apis/authen", "dingtalk": "/dingtalk/v1.0", "slack": "/slack/api"}.get(platform, "/kuaishou")
    for kind, retryable in (("html", True), ("empty", False), ("redirect", False), ("429", True)):
        code = one.code()
        one.practice.world.faults.append(Fault(path, kind))

        with pytest.raises(PlatformRefusal) as down:
            await one.exchange(code)

        assert down.value.retryable is retryable, kind
        assert down.value.blame in ("platform", "rate", "app")


async def test_a_rate_limit_tells_how_long_to_wait(talker: Make) -> None:
    """429 with `x-ogw-ratelimit-reset`: blame `rate`, and the seconds of the header."""
    one = talker("lark", "feishu")
    code = one.code()
    one.practice.world.faults.append(replace(Fault("/feishu/open-apis", "429"), seconds=7))

    with pytest.raises(PlatformRefusal) as limited:
        await one.exchange(code)

    assert (limited.value.blame, limited.value.retry_after, limited.value.code) == ("rate", 7.0, "99991400")
