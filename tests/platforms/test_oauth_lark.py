"""What only Feishu and Lark do: S256, brands, offline_access, codes of the in-client page, the device grant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.model import App
from bot.oauth.generic import s256
from bot.oauth.messages import Device, PlatformRefusal, Wait
from bot.platforms.lark import oauth
from handlers.practice.world import Fault
from tests.practice import VERIFIER, Talker, get, http, post, practice, talker, visit

__all__ = ["http", "practice", "talker"]
Make = Callable[..., Talker]


def _query(app: App, *scopes: str) -> dict[str, list[str]]:
    url = oauth.authorize_url(app, scopes=scopes, state="s", challenge=s256(VERIFIER), redirect_uri="https://bot.example/cb?x=1")
    return parse_qs(urlsplit(url).query)


@pytest.mark.parametrize(
    ("app", "accounts", "token"),
    [
        (App("lark", "cli_x", brand="feishu"), "accounts.feishu.cn", "open.feishu.cn"),
        (App("lark", "cli_x"), "accounts.feishu.cn", "open.feishu.cn"),
        (App("lark", "cli_x", brand="lark"), "accounts.larksuite.com", "open.larksuite.com"),
        (
            App("lark", "cli_x", brand="private", hosts={"open": "https://open.corp.example/", "accounts": "https://id.corp.example"}),
            "id.corp.example",
            "open.corp.example",
        ),
    ],
)
def test_each_brand_has_its_own_hosts(app: App, accounts: str, token: str) -> None:
    """Feishu, Lark and a private deployment are three pairs of hosts."""
    url = oauth.authorize_url(app, scopes=["a:b"], state="s", challenge="c", redirect_uri="https://bot.example/cb")
    request = next(oauth.exchange(app, code="c", verifier="v", redirect_uri="r"))

    assert urlsplit(url).hostname == accounts
    assert urlsplit(request.url).hostname == token
    assert urlsplit(request.url).path == "/open-apis/authen/v2/oauth/token"


@pytest.mark.parametrize(
    "app", [App("lark", "cli_x", brand="private"), App("lark", "cli_x", brand="other"), App("lark", "c", hosts={"accounts": "ftp://x"})]
)
def test_a_brand_without_usable_hosts_is_the_apps_fault(app: App) -> None:
    """No guess: without an address the developer is told."""
    with pytest.raises(PlatformRefusal) as refused:
        oauth.authorize_url(app, scopes=["a:b"], state="s", challenge="c", redirect_uri="https://bot.example/cb")

    assert (refused.value.code, refused.value.blame) == ("hosts_missing", "app")


def test_the_request_always_asks_for_s256() -> None:
    """The platform's default method is `plain`, so it is always named; blanks are %20; the redirect address is encoded whole."""
    query = _query(App("lark", "cli_x", mode="handoff"), "a:b", "c:d", "a:b")

    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"] == [s256(VERIFIER)]
    assert query["scope"] == ["a:b c:d"]
    assert query["redirect_uri"] == ["https://bot.example/cb?x=1"]


def test_offline_access_is_asked_for_in_broker_mode_only() -> None:
    """Handoff mode keeps no token, so it needs no refresh token; and a forbidden scope stays out."""
    assert "offline_access" in _query(App("lark", "c", mode="broker"), "a:b")["scope"][0].split()
    assert "offline_access" not in _query(App("lark", "c", mode="handoff"), "a:b")["scope"][0].split()
    assert "offline_access" not in _query(App("lark", "c", never_ask=frozenset({"offline_access"})), "a:b")["scope"][0].split()


async def test_a_wrong_or_missing_verifier_yields_no_token(talker: Make) -> None:
    """PKCE: the challenge of the request needs its own verifier."""
    one = talker("lark", "feishu")

    for verifier in ("x" * 43, "", "too-short"):
        with pytest.raises(PlatformRefusal) as refused:
            await one.exchange(one.code(), verifier=verifier)
        assert (refused.value.code, refused.value.blame) == ("20049", "code")


async def test_a_verifier_without_a_challenge_is_refused(talker: Make) -> None:
    """RFC 9700 §4.8: stripping the challenge from the request does not disarm PKCE."""
    one = talker("lark", "feishu")
    url = oauth.authorize_url(one.app, scopes=[one.scope], state="s", challenge="", redirect_uri=one.app.redirect_uri)
    code = visit(url).query["code"]

    with pytest.raises(PlatformRefusal) as refused:
        await one.exchange(code)

    assert refused.value.code == "20049"


async def test_the_redirect_address_of_both_steps_must_agree(talker: Make) -> None:
    """20071 when the token request names another one."""
    one = talker("lark", "feishu")

    with pytest.raises(PlatformRefusal) as refused:
        await one.exchange(one.code(), redirect_uri=one.app.redirect_uri + "/other")

    assert (refused.value.code, refused.value.blame) == ("20071", "app")


async def test_scopes_that_the_app_lacks_end_on_the_platforms_error_page(talker: Make) -> None:
    """One scope that is not switched on kills the whole page (20027), also when it is in a draft or waits for the admin."""
    one = talker("lark", "feishu")

    assert "20027" in visit(one.url(one.scope, "drive:drive")).page
    assert "20027" in visit(one.url("calendar:calendar:readonly")).page  # in the draft
    one.practice.world.submit(one.app.app_id)
    assert "20027" in visit(one.url("calendar:calendar:readonly")).page  # waiting for the admin
    one.practice.world.approve(one.app.app_id)
    assert (await one.token("calendar:calendar:readonly")).scopes >= {"calendar:calendar:readonly"}


async def test_grants_add_up(talker: Make) -> None:
    """The newest token carries what was granted before; a token issued before does not gain."""
    one = talker("lark", "lark")
    first = await one.token("docx:document:readonly", who="bob")

    second = await one.token("task:task:read", who="bob")

    assert second.scopes >= {"docx:document:readonly", "task:task:read"}
    assert "task:task:read" not in first.scopes


async def test_the_code_may_come_as_a_string(talker: Make) -> None:
    """`code: "0"` was seen on Lark: it is success, and `"20065"` is that error."""
    one = talker("lark", "lark")
    code = one.code()
    one.practice.world.faults.append(Fault("/lark/open-apis/authen/v2/oauth/token", "string_code", times=2))

    token = await one.exchange(code)
    with pytest.raises(PlatformRefusal) as replayed:
        await one.exchange(code)

    assert token.access_token
    assert replayed.value.code == "20065"


async def test_the_old_access_token_lives_a_minute_after_a_refresh(talker: Make) -> None:
    """A call that is under way survives the rotation; later the old token is over."""
    one = talker("lark", "feishu")
    token = await one.token()
    await one.ask(oauth.refresh(one.app, token))

    assert (await one.ask(oauth.whoami(one.app, token))).ids
    one.practice.clock.push(61)
    with pytest.raises(PlatformRefusal) as over:
        await one.ask(oauth.whoami(one.app, token))

    assert over.value.blame == "token"


async def test_no_refresh_when_the_console_forbids_it(talker: Make) -> None:
    """20074 is the developer's to fix, and the old pair is not spent by it."""
    one = talker("lark", "feishu")
    token = await one.token()
    console = one.practice.world.consoles[one.app.app_id]
    console.may_refresh = False
    try:
        with pytest.raises(PlatformRefusal) as refused:
            await one.ask(oauth.refresh(one.app, token))
    finally:
        console.may_refresh = True

    assert (refused.value.code, refused.value.blame) == ("20074", "app")
    assert (await one.ask(oauth.refresh(one.app, token))).access_token


async def test_a_code_of_the_in_client_page_needs_neither_verifier_nor_redirect(talker: Make) -> None:
    """`tt.requestAccess` yields a code for the same token endpoint; it lives three minutes and works once."""
    one = talker("lark", "lark")
    wish = {"app_id": one.app.app_id, "person": "alice", "scopes": ["docx:document:readonly"]}
    answer = post(f"{one.practice.base}/lark/practice/client-code", json=wish).json()

    token = await one.exchange(oauth.read_callback(answer), verifier="", redirect_uri="")
    late = post(f"{one.practice.base}/lark/practice/client-code", json=wish).json()["code"]
    one.practice.clock.push(181)
    with pytest.raises(PlatformRefusal) as over:
        await one.exchange(late, verifier="", redirect_uri="")

    assert "docx:document:readonly" in token.scopes
    assert over.value.code == "20004"


@pytest.mark.parametrize(
    ("query", "code", "blame"),
    [
        ({"error": "access_denied"}, "access_denied", "user"),
        ({"error": "invalid_scope", "error_description": "x"}, "invalid_scope", "app"),
        ({"errno": "2700002", "errString": "user refused"}, "2700002", "user"),
        ({"errno": "2700002", "errString": "code: 20027, msg: not applied"}, "20027", "app"),
        ({"errno": "103", "errString": "not supported"}, "103", "platform"),
        ({"errno": "10236"}, "10236", "app"),
        ({}, "no_code", "platform"),
        ({"code": ""}, "no_code", "platform"),
        ({"code": "a b"}, "no_code", "platform"),
        ({"code": "x" * 3000}, "no_code", "platform"),
    ],
)
def test_a_callback_without_a_code_says_why(query: dict[str, str], code: str, blame: str) -> None:
    """Refusal, misconfiguration, an old client and nonsense are four answers."""
    with pytest.raises(PlatformRefusal) as refused:
        oauth.read_callback(query)

    assert (refused.value.code, refused.value.blame) == (code, blame)


async def _device(one: Talker, *, decide: str) -> Device:
    device: Device = await one.ask(oauth.device_start(one.app, scopes=[one.scope]))
    if decide:
        page = get(device.verification_uri_complete)
        assert device.user_code in page.text
        form = {"user_code": device.user_code, "person": "bob", "decision": decide}
        post(device.verification_uri, data=form).raise_for_status()
    return device


async def test_the_device_grant_waits_then_yields_a_token(talker: Make) -> None:
    """Pending while nobody decided, slower when asked too soon, and a token after approval: once."""
    one = talker("lark", "feishu")
    device = await _device(one, decide="")

    assert await one.ask(oauth.device_poll(one.app, device, device.interval)) == Wait(5.0)
    assert await one.ask(oauth.device_poll(one.app, device, device.interval)) == Wait(10.0)
    one.practice.clock.push(20)
    post(device.verification_uri, data={"user_code": device.user_code, "person": "bob", "decision": "approve"})
    token = await one.ask(oauth.device_poll(one.app, device, 10.0))

    account = await one.ask(oauth.whoami(one.app, token))
    assert account.name == "Bob"
    assert device.device_code not in repr(device)
    with pytest.raises(PlatformRefusal):
        await one.ask(oauth.device_poll(one.app, device, 10.0))


async def test_the_device_grant_ends_on_refusal_and_on_time(talker: Make) -> None:
    """access_denied is the person's word; a late code is over."""
    one = talker("lark", "feishu")
    with pytest.raises(PlatformRefusal) as refused:
        await one.ask(oauth.device_poll(one.app, await _device(one, decide="refuse"), 5.0))
    late = await _device(one, decide="")
    one.practice.clock.push(241)
    with pytest.raises(PlatformRefusal) as over:
        await one.ask(oauth.device_poll(one.app, late, 5.0))

    assert refused.value.blame == "user"
    assert over.value.blame == "code"


async def test_a_poll_that_times_out_backs_off(talker: Make) -> None:
    """RFC 8628 §3.5: the wait doubles, up to a minute."""
    one = talker("lark", "feishu")
    device = await _device(one, decide="")
    nowhere = replace(one.app, hosts={"open": "http://127.0.0.1:9", "accounts": "http://127.0.0.1:9"})

    assert await one.ask(oauth.device_poll(nowhere, device, 5.0)) == Wait(10.0)
    assert await one.ask(oauth.device_poll(nowhere, device, 50.0)) == Wait(60.0)


async def test_the_device_address_is_a_setting(talker: Make) -> None:
    """No page documents it, so an app may name its own."""
    one = talker("lark", "feishu")
    moved = replace(one.app, hosts={**one.app.hosts, "device": "https://open.corp.example/device_authorization"})

    assert next(oauth.device_start(moved, scopes=[one.scope])).url == "https://open.corp.example/device_authorization"
