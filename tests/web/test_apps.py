"""What configured apps do over HTTP: fetch their users' tokens with their own key, and answer for consents that were handed to them."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bot.model import App, Person
from bot.oauth.messages import Token
from bot.oauth.signing import canonical, sign, signed
from bot.oauth.tokens import seal
from handlers.compose import build
from tests.practice import put_card, ticket_of, visit
from tests.web.conftest import KEY, Site, served

OWN_KEY, OTHER_KEY, HANDOFF_KEY = "own-key-of-the-feishu-app", "own-key-of-the-slack-app!", "own-key-of-the-lark-app!!"
ENTRY = "http://127.0.0.1:1/entry?from=bot"
ALICE = Person("slack", "T1", "U1", "Alice")


def configured(apps: Sequence[App]) -> tuple[App, ...]:
    """Feishu's app in broker mode with a key, Slack's with another, Lark's in hand-off mode."""
    changed = {
        "feishu": {"app_key": OWN_KEY},
        "lark": {"app_key": HANDOFF_KEY, "mode": "handoff", "entry_url": ENTRY},
        "": {"app_key": OTHER_KEY},
    }
    return tuple(replace(app, **changed[app.brand]) if app.platform in ("lark", "slack") else app for app in apps)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for this file."""
    with served(tmp_path_factory.mktemp("apps"), configured) as site:
        yield site


def app_of(site: Site, brand: str) -> App:
    """A configured app."""
    return next(app for app in site.runtime.apps if app.brand == brand and app.platform in ("lark", "slack"))


# ---------------------------------------------------------------- the token


@pytest.fixture(scope="module")
def subject(site: Site) -> str:
    """Somebody who has consented: the account under which the token is kept."""

    async def way() -> str:
        app, other = app_of(site, "feishu"), build(site.runtime.settings, apps=site.runtime.apps)  # connections belong to one event loop
        await put_card(other.service, app)
        started = await other.service.start(await ticket_of(other.service))
        await other.service.finish("lark", app.app_id, visit(started.url).query, started.cookie)
        (kept,) = await other.store.tokens_of(ALICE)
        await other.close()
        return kept.subject

    return asyncio.run(way())


def ask(site: Site, subject: str, key: str = "") -> httpx.Response:
    """Ask for somebody's token."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.post(f"{site.url}/v1/tokens", json={"subject": subject}, headers=headers, trust_env=False)


def test_an_app_fetches_its_users_token_with_its_own_key(site: Site, subject: str) -> None:
    """The access token with scopes and end; never the refresh token; never to be cached."""
    answer = ask(site, subject, OWN_KEY)

    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "scopes", "expires_at"}
    assert "sheets:spreadsheet" in answer.json()["scopes"]
    assert datetime.fromisoformat(answer.json()["expires_at"]) > datetime.now(UTC)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("wrong", 401), (OWN_KEY[:-1], 401), (OWN_KEY.upper(), 401), (KEY, 403), (OTHER_KEY, 404), (HANDOFF_KEY, 404)],
    ids=["none", "wrong", "shortened", "shouted", "operator", "another-app", "another-brand"],
)
def test_nobody_else_gets_it(site: Site, subject: str, key: str, status: int) -> None:
    """No key, a wrong one, the operator's, another app's: no token, and nothing about whose it is."""
    answer = ask(site, subject, key)

    assert answer.status_code == status
    assert "access_token" not in answer.text
    assert subject not in answer.text


def test_a_token_that_is_over_sends_the_app_to_ask_for_consent(site: Site) -> None:
    """Nothing to refresh with: a status of its own, and one sentence that says what to do."""
    app, long_ago = app_of(site, "feishu"), datetime(2026, 1, 1, tzinfo=UTC)
    token = Token("u-old", frozenset({"x"}), 7200)
    asyncio.run(site.runtime.store.put_token(seal(site.runtime.vault, app, token, subject="ou_gone", now=long_ago, person=ALICE)))

    answer = ask(site, "ou_gone", OWN_KEY)

    assert answer.status_code == 409
    assert "authorize again" in answer.json()["error"]


# ---------------------------------------------------------------- hand-off


def handed_off(site: Site, person: Person) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Click and confirm: the consent's id, what the app is asked, and the query it comes in."""

    async def make() -> str:
        service = site.runtime.service
        await put_card(service, app_of(site, "lark"), person, f"card-{person.user_id}")
        return await ticket_of(service, person, f"card-{person.user_id}")

    path = f"{site.url}/consent/{asyncio.run(make())}"
    page = httpx.get(path, trust_env=False)
    assert "form-action 'self' http://127.0.0.1:1;" in page.headers["content-security-policy"]
    to = httpx.post(f"{path}/start", headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False)
    assert to.status_code == 303
    assert to.headers["location"].startswith(ENTRY + "&")
    query = dict(parse_qsl(urlsplit(to.headers["location"]).query))
    asked = json.loads(urlsafe_b64decode(query["request"] + "=" * (-len(query["request"]) % 4)))
    return asked["consent"], asked, query


def answer_with(site: Site, asked: dict[str, Any], key: str = HANDOFF_KEY, **changes: Any) -> httpx.Response:
    """The app's word, signed."""
    said = {
        "consent": asked["consent"],
        "outcome": "granted",
        "scopes": asked["scopes"],
        "account": {"id": "ou_1", "name": "Alice"},
        "works": True,
    }
    body = signed(key, said | changes, now=datetime.now(UTC), nonce="n" * 20 + str(next(_numbers)))
    return httpx.post(asked["answer_to"], json=body, trust_env=False)


_numbers = iter(range(10_000))


def test_an_app_in_hand_off_mode_is_asked_and_answers(site: Site) -> None:
    """Signed out to the app's own entry, signed back to ours: proven by the app's word, and no token is kept here."""
    flow_id, asked, query = handed_off(site, Person("slack", "T1", "UH1", "Alice"))
    assert query["signature"] == sign(HANDOFF_KEY, query["timestamp"], query["nonce"], canonical(asked))
    assert asked["answer_to"] == f"{site.url}/v1/consents/{flow_id}"

    answer = answer_with(site, asked)

    assert (answer.status_code, answer.json()) == (200, {"state": "proven"})
    assert all(row.app_id != asked["app_id"] for row in asyncio.run(site.runtime.store.all_tokens()))


def test_what_the_app_did_not_sign_is_refused(site: Site) -> None:
    """Another app's key, another consent's answer, a changed word, nothing at all, and the same answer twice."""
    _, asked, _ = handed_off(site, Person("slack", "T1", "UH2", "Alice"))
    good = signed(HANDOFF_KEY, {"consent": asked["consent"], "outcome": "refused"}, now=datetime.now(UTC), nonce="once-and-never-again")
    bad = [
        answer_with(site, asked, OWN_KEY),
        answer_with(site, asked, consent="another"),
        httpx.post(asked["answer_to"], json={**good, "outcome": "granted"}, trust_env=False),
        httpx.post(asked["answer_to"], json={}, trust_env=False),
    ]
    assert [answer.status_code for answer in bad] == [403] * 4

    assert httpx.post(asked["answer_to"], json=good, trust_env=False).json() == {"state": "refused"}
    assert httpx.post(asked["answer_to"], json=good, trust_env=False).status_code == 403
