"""The browser's side of an authorization, and shared fixtures for everything that talks to the practice platform over real sockets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bot.model import App, Cause, Diagnosis, Finding, Text, Token, Who
from bot.oauth import converse, s256
from bot.platforms import module
from handlers.http import HttpClient
from handlers.sandbox import Practice, running

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
    def oauth(self) -> Any:
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


def _oauth(app: App) -> ModuleType:
    found = module(app.platform, "oauth")
    assert found is not None
    return found


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
