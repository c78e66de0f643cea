"""A served process with the practice platform beside it, and people at its chat page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import pytest

from tests.web.conftest import Site, served

T = TypeVar("T")
SESSION = "__Host-wf-session"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server a test file."""
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@dataclass
class Surfer:
    """A browser as far as cookies go. It keeps them over plain http on loopback, as browsers do."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: object) -> httpx.Response:
        """A request from a page of ours."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie, **(headers or {})}
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(method, self.site.url + path, headers=given, **how)  # type: ignore[arg-type]
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def ask(self, text: str) -> str:
        """Ask at the chat page; the card's id."""
        return str(self.send("POST", "/chat/messages", files={"text": (None, text)}).json()["card_id"])

    def link(self, card: str) -> str:
        """Press the card's re-authorize button; the path of the personal link."""
        answer = self.send("POST", f"/chat/cards/{card}/click", json={"action": "reauthorize", "index": 0}).json()
        return str(answer["url"]).removeprefix(self.site.url)

    @property
    def session(self) -> str:
        """The secret that the browser holds."""
        return self.cookies.get(SESSION, "")


@pytest.fixture
def surfer(site: Site) -> Surfer:
    """Somebody who has just opened the chat page."""
    return newcomer(site)


def newcomer(site: Site) -> Surfer:
    """One more."""
    one = Surfer(site)
    one.send("GET", "/")
    return one


def apart(work: Callable[[], T]) -> T:
    """Do something in a thread: Playwright keeps an event loop in this one, so that no other may run here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def flow_of(site: Site, link: str) -> dict[str, object]:
    """The row of a personal link's consent."""
    kept = apart(lambda: asyncio.run(site.runtime.store.flow(re.sub(r"^/consent/|\..*", "", link))))
    assert kept is not None
    return dict(kept[0])
