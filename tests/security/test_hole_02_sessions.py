"""Whoever sees a name, a page, an export or the store cannot act as somebody: the cookie is a secret of its own, hashed and rotated."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from handlers.admin import audit
from handlers.store import open_store
from handlers.system import SystemRandomness
from handlers.web.examples import examples
from handlers.web.names import codename
from handlers.web.sessions import GRACE, IDLE, LONGEST, TURN, UNUSED, Visitor, Visitors
from tests.browser.conftest import Demo
from tests.security.browsers import BROWSERS, settled
from tests.security.conftest import SESSION, Surfer, flow_of, newcomer
from tests.web.conftest import Site, served

TEXT = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def desk(tmp_path: Path, time: Time) -> Visitors:
    """The sessions of a store of its own."""
    return Visitors(open_store(f"sqlite:///{tmp_path}/store.db"), time, SystemRandomness())


def cookie(value: str) -> Request:
    """A request with this cookie."""
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", f"{SESSION}={value}".encode())]})


async def known(desk: Visitors, value: str) -> Visitor | None:
    return await desk.of(cookie(value), "en")


# ---------------------------------------------------------------- over HTTP


def test_hole_02_nothing_that_is_kept_or_shown_is_the_cookie(site: Site, surfer: Surfer) -> None:
    """Neither pages nor cards, flows, audit and the file of the store hold the session's secret, the ticket or the state."""
    card = surfer.ask(TEXT)
    link = surfer.link(card)
    page = surfer.send("GET", link, headers={"Accept": "text/html"}).text
    started = surfer.send("POST", link + "/start")
    chat = surfer.send("GET", "/").text
    exported = asyncio.run(_exported(site))
    folder = Path(str(site.runtime.settings.store_url).removeprefix("sqlite:///")).parent
    kept = b"".join(file.read_bytes() for file in folder.glob("store.db*") if not file.name.endswith(".key"))
    state = httpx.URL(started.headers["location"]).params["state"]
    secrets = [surfer.session, link.rpartition(".")[2], state.rpartition(".")[2], *(v for k, v in surfer.cookies.items() if "consent" in k)]

    assert all(len(secret) >= 40 for secret in secrets)
    for secret in secrets:
        assert secret not in exported
        assert secret.encode() not in kept
    assert surfer.session not in page + chat
    person = str(flow_of(site, link)["person"]["user_id"])  # type: ignore[index]
    assert person not in page
    assert person.encode() in kept, "the test looks into the wrong file"


async def _exported(site: Site) -> str:
    return "\n".join([line async for line in audit(site.runtime.settings)])


@pytest.mark.parametrize("value", ["a" * 43, "b" * 64, "c" * 32 + ".alice", "", "%00", "x" * 5000])
def test_hole_02_a_planted_cookie_is_never_taken_over(site: Site, value: str) -> None:
    """A value that we did not issue is nobody's: the page gives a new one, and what needs a visitor finds none."""
    planted = Surfer(site, {SESSION: value})
    assert planted.send("GET", "/chat/events").status_code == 401
    planted.send("GET", "/")

    assert planted.session not in ("", value)


def test_hole_02_who_knows_the_id_is_not_the_person(site: Site, surfer: Surfer) -> None:
    """The id on cards and in flows opens nothing, with or without the practice role behind it."""
    link = surfer.link(card := surfer.ask(TEXT))
    person = str(flow_of(site, link)["person"]["user_id"])  # type: ignore[index]
    assert surfer.send("GET", f"/chat/cards/{card}").status_code == 200
    for value in (person, person.partition(".")[0], surfer.session[:-1], surfer.session.upper()):
        assert Surfer(site, {SESSION: value}).send("GET", f"/chat/cards/{card}").status_code == 404


def test_hole_02_somebody_elses_link_does_nothing_in_this_browser(site: Site, surfer: Surfer) -> None:
    """A visitor's personal link works in the visitor's browser only: looking, starting, and the in-client page."""
    link = surfer.link(surfer.ask(TEXT))
    victim = newcomer(site)
    for other in (victim, Surfer(site)):
        for answer in (
            other.send("GET", link, headers={"Accept": "text/html"}),
            other.send("GET", link + "/in-client", headers={"Accept": "text/html"}),
            other.send("POST", link + "/start", headers={"Accept": "text/html"}),
        ):
            assert answer.status_code == 403
            assert 'data-code="not_yours"' in answer.text
    assert flow_of(site, link)["state"] == "offered"
    assert surfer.send("POST", link + "/start").status_code == 303


def test_hole_02_a_new_role_is_a_new_cookie(surfer: Surfer) -> None:
    """Signing in as somebody else rotates the session."""
    before = surfer.session
    assert surfer.send("POST", "/chat/person", json={"person": "bob"}).status_code == 200

    assert surfer.session not in ("", before)


def test_hole_02_a_visitor_has_a_name_that_can_be_checked(tmp_path: Path) -> None:
    """Without the practice people: the confirm page names the visitor as the chat page does, and never by an id."""
    with served(tmp_path, practice=False) as site:
        surfer = newcomer(site)
        chat = surfer.send("GET", "/").text
        link = surfer.link(surfer.ask(TEXT))
        page = surfer.send("GET", link, headers={"Accept": "text/html"}).text
        who = flow_of(site, link)["person"]

    assert isinstance(who, dict)
    name = f"Visitor {codename(who['user_id'])}"
    assert re.fullmatch(r"Visitor [a-z]+-[a-z]+-\d\d", name)
    assert f"<b>{name}</b>" in chat
    assert f"<dd>{name}</dd>" in page
    assert who["user_id"] not in page


# ---------------------------------------------------------------- their life


async def test_hole_02_a_session_is_known_by_its_cookie_only(desk: Visitors) -> None:
    """The cookie is found, its hash and the visitor's id are not."""
    who = await desk.begin("en")

    found = await known(desk, who.cookie)
    assert found is not None
    assert found.person == who.person
    assert await known(desk, who.session.secret) is None
    assert await known(desk, who.session.person) is None


async def test_hole_02_a_rotated_cookie_is_over_after_a_minute(desk: Visitors, time: Time) -> None:
    """The visitor stays the same; the old value works a moment longer for pages under way, and the new one goes on."""
    who = await desk.begin("en")
    turned = await desk.turn(who, "en")

    assert turned.cookie not in ("", who.cookie)
    assert turned.person == who.person
    assert await known(desk, who.cookie) is not None
    time.at += GRACE
    assert await known(desk, who.cookie) is None
    assert await known(desk, turned.cookie) is not None


async def test_hole_02_two_rotations_at_once_leave_the_browser_signed_in(desk: Visitors) -> None:
    """Two pages that load together: one of them sets a cookie, and that one is good."""
    who = await desk.begin("en")
    both = await asyncio.gather(desk.turn(who, "en"), desk.turn(who, "en"))
    cookies = [one.cookie for one in both if one.cookie and one.cookie != who.cookie]

    assert len(cookies) == 1
    assert await known(desk, cookies[0]) is not None


async def test_hole_02_rotation_is_due_every_day(desk: Visitors, time: Time) -> None:
    """Not before."""
    who = await desk.begin("en")
    time.at += TURN - timedelta(seconds=1)
    assert await desk.fresh(who, "en") is who
    time.at += timedelta(seconds=1)
    assert (await desk.fresh(who, "en")).cookie not in ("", who.cookie)


async def test_hole_02_a_session_ends_when_nobody_uses_it(desk: Visitors, time: Time) -> None:
    """After a week without use; each use within it counts."""
    who = await desk.begin("en")
    for _ in range(3):
        assert await known(desk, who.cookie) is not None
        time.at += IDLE - timedelta(hours=2)
    assert await known(desk, who.cookie) is not None
    time.at += IDLE
    assert await known(desk, who.cookie) is None


async def test_hole_02_a_session_ends_after_a_month_in_any_case(desk: Visitors, time: Time) -> None:
    """However it is used."""
    who = await desk.begin("en")
    end = time.at + LONGEST
    while time.at < end:
        assert await known(desk, who.cookie) is not None
        time.at += timedelta(hours=6)
    assert await known(desk, who.cookie) is None


async def test_hole_02_robots_sessions_are_forgotten(tmp_path: Path, time: Time) -> None:
    """One that was never used again goes after a day, with the sweep."""
    store = open_store(f"sqlite:///{tmp_path}/other.db")
    await Visitors(store, time, SystemRandomness()).begin("en")
    time.at += UNUSED

    assert await store.sweep(time.at, retention_days=30, audit_days=30) == 1


# ---------------------------------------------------------------- real browsers


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    running = Demo(folder)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("name", BROWSERS)
def test_hole_02_the_whole_loop_in_a_real_browser(name: str, tmp_path: Path) -> None:
    """Ask, press, confirm, approve, proven: sessions, cookies and origins as real browsers send them."""
    with demo(tmp_path) as site, BROWSERS[name]() as open_tab:
        tab = open_tab()
        tab.go(site.url)
        form = "(() => { const f = new FormData(); f.set('text', document.querySelector('[data-try]').dataset.try); return f })()"
        card = tab.js(f"fetch('/chat/messages', {{method: 'POST', body: {form}}}).then((r) => r.json()).then((b) => b.card_id)")
        body = "body: JSON.stringify({action: 'reauthorize', index: 0}), headers: {'Content-Type': 'application/json'}"
        url = tab.js(f"fetch('/chat/cards/{card}/click', {{method: 'POST', {body}}}).then((r) => r.json()).then((b) => b.url)")

        stranger = httpx.get(url, headers={"Accept": "text/html"}, trust_env=False)
        tab.go(url)
        tab.js("void document.getElementById('go-on').click()")
        assert settled(tab, "document.body.innerText.includes('Approve')")
        tab.js("void [...document.querySelectorAll('button')].find((b) => b.innerText.includes('Approve')).click()")

        assert settled(tab, "document.querySelector('#outcome[data-state=proven]') !== null"), tab.js("document.body.innerText")
        assert stranger.status_code == 403
