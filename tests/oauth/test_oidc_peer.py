"""Code + PKCE, refresh, revocation and the device grant against an authorization server that is not ours (npm `oidc-provider`)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from bot.model import App
from bot.oauth.generic import Generic, converse, s256
from bot.oauth.messages import Device, PlatformRefusal, Token, Wait
from handlers.http import HttpClient
from tests.peers import absent, free_port

PEERS = Path(__file__).parents[1] / "peers"
REDIRECT = "http://127.0.0.1:8710/consent/callback/generic/whyforbidden"
VERIFIER = "a-verifier-of-sufficient-length-0123456789-abcdef"
GENERIC = Generic(
    name="generic",
    authorize="/auth",
    token="/token",
    userinfo="/me",
    revocation="/token/revocation",
    device="/device/auth",
    prompt="consent",
)
SCOPES = ("openid", "offline_access", "read:things")


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    """The peer's client, as an app of ours."""
    node = shutil.which("node")
    if node is None:
        absent("no Node.js on this machine")
    if not (PEERS / "node_modules" / "oidc-provider").exists():
        absent("oidc-provider is not installed (make peers)")
    port = free_port()
    command = [node, str(PEERS / "oidc" / "server.mjs"), str(port), REDIRECT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as peer:
        assert peer.stdout is not None
        issuer = json.loads(peer.stdout.readline())["issuer"]
        yield App("generic", "whyforbidden", secret="a-secret-of-the-peer-0123456789", redirect_uri=REDIRECT, hosts={"issuer": issuer})
        assert peer.stdin is not None
        peer.stdin.close()
        peer.wait(10)


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """The real way out."""
    async with HttpClient(practice=True) as client:
        yield client


@dataclass(frozen=True)
class Form:
    """A form of the peer's pages."""

    action: str
    fields: dict[str, str]


def _form(page: httpx.Response) -> Form:
    action = re.search(r'action="([^"]+)"', page.text)
    assert action, page.text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return Form(urljoin(str(page.url), unescape(action[1])), hidden)


def _walk(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Follow redirects as a browser, and stop in front of our own callback."""
    while answer.is_redirect:
        target = urljoin(str(answer.url), answer.headers["location"])
        if target.startswith(REDIRECT):
            return answer
        answer = browser.get(target)
    return answer


def _sign_in(app: App, *, approve: bool = True, scopes: tuple[str, ...] = SCOPES, challenge: str = "") -> dict[str, str]:
    """A person at the peer's pages: log in as `alice`, then consent or cancel. Returns the callback's query."""
    url = GENERIC.authorize_url(app, scopes=scopes, state="st-1", challenge=challenge or s256(VERIFIER), redirect_uri=REDIRECT)
    with httpx.Client(trust_env=False) as browser:
        page = _walk(browser, browser.get(url))
        while not page.is_redirect:
            form = _form(page)
            if not approve:
                cancel = re.search(r'href="([^"]+/abort)"', page.text)
                assert cancel
                page = _walk(browser, browser.get(urljoin(str(page.url), cancel[1])))
                continue
            answers = {**form.fields, "login": "alice", "password": "any"} if form.fields["prompt"] == "login" else form.fields
            page = _walk(browser, browser.post(form.action, data=answers))
    return dict(parse_qsl(urlsplit(page.headers["location"]).query))


async def _token(app: App, http: HttpClient) -> Token:
    code = GENERIC.read_callback(_sign_in(app))
    return await converse(http, GENERIC.exchange(app, code=code, verifier=VERIFIER, redirect_uri=REDIRECT))


async def test_a_code_becomes_a_token_of_the_person_who_signed_in(app: App, http: HttpClient) -> None:
    """The whole loop: state returned, S256 verified by the peer, scopes as asked, userinfo names alice."""
    query = _sign_in(app)
    token = await converse(http, GENERIC.exchange(app, code=GENERIC.read_callback(query), verifier=VERIFIER, redirect_uri=REDIRECT))
    account = await converse(http, GENERIC.whoami(app, token))

    assert query["state"] == "st-1"
    assert token.scopes == set(SCOPES)
    assert token.expires_in == 3600
    assert account.ids == {"sub": "alice"}


async def test_a_refusal_is_the_persons_own(app: App) -> None:
    """Cancel on the page: access_denied, blame `user`."""
    with pytest.raises(PlatformRefusal) as refused:
        GENERIC.read_callback(_sign_in(app, approve=False))

    assert (refused.value.code, refused.value.blame) == ("access_denied", "user")


@pytest.mark.parametrize("spoiled", [{"verifier": "x" * 43}, {"verifier": ""}, {"redirect_uri": REDIRECT + "/other"}])
async def test_a_wrong_verifier_or_redirect_address_is_refused(app: App, http: HttpClient, spoiled: dict[str, str]) -> None:
    """The peer holds PKCE and the redirect address as the RFCs say."""
    code = GENERIC.read_callback(_sign_in(app))

    with pytest.raises(PlatformRefusal) as refused:
        await converse(http, GENERIC.exchange(app, **{"code": code, "verifier": VERIFIER, "redirect_uri": REDIRECT, **spoiled}))

    assert (refused.value.code, refused.value.blame) == ("invalid_grant", "code")


async def test_a_code_used_twice_takes_its_token_with_it(app: App, http: HttpClient) -> None:
    """RFC 6749 §4.1.2, as another implementation does it."""
    code = GENERIC.read_callback(_sign_in(app))
    token = await converse(http, GENERIC.exchange(app, code=code, verifier=VERIFIER, redirect_uri=REDIRECT))

    with pytest.raises(PlatformRefusal):
        await converse(http, GENERIC.exchange(app, code=code, verifier=VERIFIER, redirect_uri=REDIRECT))
    with pytest.raises(PlatformRefusal) as dead:
        await converse(http, GENERIC.whoami(app, token))

    assert dead.value.blame == "token"


async def test_refresh_rotates_and_a_spent_token_ends_the_family(app: App, http: HttpClient) -> None:
    """A new pair each time; the old refresh token is refused, and the new one with it."""
    first = await _token(app, http)
    second = await converse(http, GENERIC.refresh(app, first))

    assert second.refresh_token != first.refresh_token
    assert (await converse(http, GENERIC.whoami(app, second))).ids == {"sub": "alice"}
    for spent in (first, second):
        with pytest.raises(PlatformRefusal) as refused:
            await converse(http, GENERIC.refresh(app, spent))
        assert (refused.value.code, refused.value.blame) == ("invalid_grant", "token")


async def test_a_revoked_grant_is_over(app: App, http: HttpClient) -> None:
    """RFC 7009: after it neither refreshing nor asking who it is works."""
    token = await _token(app, http)

    assert await converse(http, GENERIC.revoke(app, token)) is True

    with pytest.raises(PlatformRefusal):
        await converse(http, GENERIC.refresh(app, token))
    with pytest.raises(PlatformRefusal):
        await converse(http, GENERIC.whoami(app, token))


async def test_a_wrong_secret_is_the_apps_fault(app: App, http: HttpClient) -> None:
    """invalid_client."""
    stranger = App("generic", app.app_id, secret="wrong", hosts=app.hosts)
    code = GENERIC.read_callback(_sign_in(app))

    with pytest.raises(PlatformRefusal) as refused:
        await converse(http, GENERIC.exchange(stranger, code=code, verifier=VERIFIER, redirect_uri=REDIRECT))

    assert (refused.value.code, refused.value.blame) == ("invalid_client", "app")


def _decide(device: Device, *, approve: bool) -> None:
    """The person opens the page with the code filled in, compares it, logs in, and decides."""
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        page = browser.get(device.verification_uri_complete)
        for _ in range(6):
            if 'action="' not in page.text:
                return
            form = _form(page)
            answers = dict(form.fields)
            if answers.get("prompt") == "login":
                answers |= {"login": "bob", "password": "any"}
            elif not approve and 'name="abort"' in page.text:
                answers["abort"] = "yes"
            page = browser.post(form.action, data=answers)


async def test_the_device_grant_waits_for_the_person_and_works_once(app: App, http: HttpClient) -> None:
    """authorization_pending until somebody decides, then a token of that person, then invalid_grant."""
    device = await converse(http, GENERIC.device_start(app, scopes=SCOPES))

    pending = await converse(http, GENERIC.device_poll(app, device, device.interval))
    _decide(device, approve=True)
    token = await converse(http, GENERIC.device_poll(app, device, device.interval))

    assert pending == Wait(device.interval)
    assert isinstance(token, Token)
    assert (await converse(http, GENERIC.whoami(app, token))).ids == {"sub": "bob"}
    with pytest.raises(PlatformRefusal):
        await converse(http, GENERIC.device_poll(app, device, device.interval))


async def test_the_device_grant_ends_when_the_person_declines(app: App, http: HttpClient) -> None:
    """access_denied ends the polling with blame `user`."""
    device = await converse(http, GENERIC.device_start(app, scopes=SCOPES))
    _decide(device, approve=False)

    with pytest.raises(PlatformRefusal) as refused:
        await converse(http, GENERIC.device_poll(app, device, device.interval))

    assert (refused.value.code, refused.value.blame) == ("access_denied", "user")
