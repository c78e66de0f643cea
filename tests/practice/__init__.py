"""The browser's side of an authorization, and shared fixtures for everything that talks to the practice platform over real sockets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bot import platforms
from bot.model import App, Cause, ConsentView, Diagnosis, Facts, Finding, Identity, Mode, Person, Place, Text, Who
from bot.oauth.generic import converse, s256
from bot.oauth.messages import Token
from bot.platforms.api import OAuth
from bot.ports import Card
from bot.service import Service
from bot.services import card_snapshot
from handlers.compose import Runtime, build
from handlers.http import HttpClient
from handlers.practice import Practice, running
from handlers.settings import load_settings

VERIFIER = "verifier-of-a-test_0123456789-0123456789-abcdefghij"
SCOPE = {
    ("lark", "feishu"): "sheets:spreadsheet",
    ("lark", "lark"): "docx:document:readonly",
    ("dingtalk", ""): "Contact.User.Read",
    ("kuaishou", "shop"): "merchant_item",
    ("kuaishou", "general"): "user_info",
    ("slack", ""): "search:read",
}
PROVIDERS = tuple(SCOPE)
CODES = {
    "lark": "99991679",
    "dingtalk": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
    "kuaishou": "K0003",
    "slack": "missing_scope",
}
ALICE, PLACE = Person("slack", "T1", "U1", "Alice"), Place("slack", "T1", "C1")
KEY = "a key of more than thirty-two characters"


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """A practice platform of this test file's own."""
    with running() as one:
        yield one


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """The real way out, on loopback."""
    async with HttpClient(practice=True) as client:
        yield client


@dataclass(frozen=True)
class Visit:
    """What a person's browser saw: a redirect back to the app, or a page of the platform."""

    query: dict[str, str]
    page: str
    status: int


def visit(url: str, who: str = "alice", *, approve: bool = True) -> Visit:
    """Open the authorize page as a browser does, decide, and stop where the app would take over."""
    with httpx.Client(trust_env=False) as browser:
        shown = browser.get(url)
        if 'id="approve"' not in shown.text:
            return Visit({}, shown.text, shown.status_code)
        action = unescape(re.search(r'<form method="post" action="([^"]+)"', shown.text)[1])  # type: ignore[index]
        base = f"{shown.url.scheme}://{shown.url.netloc.decode()}"
        answer = browser.post(base + action, data={"person": who, "decision": "approve" if approve else "refuse"})
        location = answer.headers.get("location", "")
        return Visit(dict(parse_qsl(urlsplit(location).query)), answer.text, answer.status_code)


def get(url: str, **more: Any) -> httpx.Response:
    """One GET of a browser."""
    return httpx.get(url, trust_env=False, **more)


def post(url: str, **more: Any) -> httpx.Response:
    """One POST of a browser or a script."""
    return httpx.post(url, trust_env=False, **more)


@dataclass(frozen=True)
class Talker:
    """One provider, its practice app, and how to speak to it."""

    practice: Practice
    http: HttpClient
    app: App
    scope: str

    @property
    def oauth(self) -> OAuth:
        """The provider under test."""
        return _oauth(self.app)

    def url(self, *scopes: str, state: str = "state-1", redirect_uri: str = "") -> str:
        """The authorize address."""
        return str(
            self.oauth.authorize_url(
                self.app,
                scopes=scopes or (self.scope,),
                state=state,
                challenge=s256(VERIFIER),
                redirect_uri=redirect_uri or self.app.redirect_uri,
            )
        )

    def code(self, *scopes: str, who: str = "alice") -> str:
        """A fresh code."""
        seen = visit(self.url(*scopes), who)
        assert seen.status == 303, seen.page
        return str(self.oauth.read_callback(seen.query))

    async def exchange(self, code: str, **changes: str) -> Token:
        """Code for token; `changes` spoil the verifier or the redirect address."""
        given = {"code": code, "verifier": VERIFIER, "redirect_uri": self.app.redirect_uri, **changes}
        return await self.ask(self.oauth.exchange(self.app, **given))  # type: ignore[no-any-return]

    async def token(self, *scopes: str, who: str = "alice") -> Token:
        """The whole way to a token."""
        return await self.exchange(self.code(*scopes, who=who))

    async def ask(self, talk: Any) -> Any:
        """Hold a conversation."""
        return await converse(self.http, talk)

    def with_app(self, **changes: Any) -> Talker:
        """The same with another configuration of the app."""
        return replace(self, app=replace(self.app, **changes))


def _oauth(app: App) -> OAuth:
    found = platforms.oauth(app.platform)
    assert found is not None
    return found


# ---------------------------------------------------------------- a whole process, and the person in front of it


def process(url: str, apps: Sequence[App]) -> Runtime:
    """Everything that `wire` puts together, for the practice apps, on the store at `url`."""
    settings = load_settings(store_url=url, practice=True, secret_key=KEY, public_url="http://127.0.0.1:8710", _env_file=None)
    return build(settings, apps=apps)


async def put_card(service: Service, app: App, person: Person = ALICE, card_id: str = "card") -> None:
    """A card about a missing scope of this app, unless it stands there already."""
    finding = Finding(
        app.platform, (CODES[app.platform],), scopes=(SCOPE[app.platform, app.brand],), scopes_mode=Mode.ALL, identity=Identity.USER,
        app_id=app.app_id, hints={"brand": app.brand} if app.brand else {},
    )  # fmt: skip
    if await service.context.store.card(card_id) is None:
        kept = card_snapshot.make((finding,), Facts(), asker=person)
        await service.context.store.put_card(Card(card_id, PLACE, person, kept, "en", service.context.now(), need=f"need-{card_id}"))


async def ticket_of(service: Service, person: Person = ALICE, card_id: str = "card") -> str:
    """Click the button; the ticket of the personal link."""
    clicked = await service.click(card_id, "reauthorize", person, PLACE)
    assert clicked.url, clicked.toast.en
    return clicked.url.rpartition("/")[2]


async def walk(service: Service, app: App, who: str = "alice", *, approve: bool = True) -> ConsentView:
    """From the card to the outcome page."""
    await put_card(service, app)
    ticket = await ticket_of(service)
    assert (await service.confirm(ticket)).practice
    started = await service.start(ticket)
    seen = visit(started.url, who, approve=approve)
    assert seen.query, seen.page
    flow_id = await service.finish(app.platform, app.app_id, seen.query, started.cookie)
    return (await service.outcome(flow_id, started.cookie)).view


@pytest.fixture
def talker(practice: Practice, http: HttpClient) -> Callable[..., Talker]:
    """`talker("lark", "feishu")`."""

    def make(platform: str, brand: str = "") -> Talker:
        return Talker(practice, http, practice.app(platform, brand), SCOPE[platform, practice.app(platform, brand).brand])

    return make


def diagnosis(platform: str, resource: str | None = None, **hints: str) -> Diagnosis:
    """A bare diagnosis, for the checks that read one."""
    empty = Text("", "")
    return Diagnosis(Finding(platform, resource=resource, hints=hints), Cause.USER_SCOPE_MISSING, Who.USER, 1.0, empty, empty, empty)
