"""The smaller holes: links that live too long, loopback under other names, shared tenants, stale events, HEAD, redirects, open files, metrics."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bot.consent.flow import LIFE, SKEW, Flow, State
from bot.consent.machine import Begin, DeviceShown, Moved, TimedOut, advance
from bot.errors import Refused
from bot.model import Person, Place
from bot.oauth.messages import PlatformRefusal
from bot.oauth.messages import Request as Call
from handlers import doctor
from handlers.http import HttpClient
from handlers.lark.webhook import Gate
from handlers.serve import _prepare
from handlers.settings import SettingsError, exposed, load_settings
from handlers.system import is_local, leads_here
from handlers.web.examples import examples
from tests.inbound import API_KEY, Inbound
from tests.security.conftest import newcomer
from tests.web.conftest import Site, served

TEXT = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")
LOG_ID = "2024110416232661C50BC902DF30E6C183"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------- a personal link lives ten minutes in all


def flow(mode: str = "broker") -> Flow:
    return Flow("f", "lark", "a", Person("slack", "T", "U"), Place("slack", "T", "C"), "c", created=NOW, expires=NOW + LIFE, mode=mode)


def test_hole_10_starts_do_not_extend_a_link() -> None:
    """However often it is started, the last moment stays where it was, within ten minutes of the click."""
    one, at = flow(), NOW
    for number in range(20):
        at += timedelta(seconds=25)
        moved = advance(one, Begin(at, f"s{number}", "c", "v"))
        assert isinstance(moved, Moved)
        one = moved.flow
    assert one.state is State.STARTED
    assert one.expires == NOW + LIFE
    assert one.expires + SKEW <= NOW + timedelta(minutes=10)
    assert isinstance(advance(one, TimedOut(one.expires)), Moved)


def test_hole_10_nor_does_a_code_for_another_device() -> None:
    """The platform's own time for the code does not count beyond the link's."""
    moved = advance(flow("device"), DeviceShown(NOW + timedelta(minutes=5), "d", NOW + timedelta(minutes=40)))

    assert isinstance(moved, Moved)
    assert moved.flow.expires == NOW + LIFE


def test_hole_10_a_started_link_is_over_in_time(tmp_path: Path) -> None:
    """Over HTTP: started again and again, and refused once the first ten minutes are over."""
    with served(tmp_path) as site:
        surfer = newcomer(site)
        link = surfer.link(surfer.ask(TEXT))
        assert surfer.send("POST", link + "/start").status_code == 303
        later = datetime.now(UTC) + timedelta(minutes=10)
        site.runtime.service.context = replace(site.runtime.service.context, clock=Still(later))
        assert surfer.send("GET", link, headers={"Accept": "text/html"}).status_code == 410
        assert surfer.send("POST", link + "/start", headers={"Accept": "text/html"}).status_code == 410


class Still:
    """A clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    async def until(self, moment: datetime) -> None:
        await asyncio.sleep(0)


# ---------------------------------------------------------------- this machine under other names

HERE = ("localhost", "localhost.", "LocalHost", "a.localhost", "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
        "017700000001", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1", "::ffff:7f00:1", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "::1%lo")  # fmt: skip
ELSEWHERE = (
    "",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "10.0.0.1",
    "8.8.8.8",
    "2130706434.example",
    "0x08080808",
    "::2",
    "fe80::1",
    "127",
    "1",
    "x",
)


@pytest.mark.parametrize("name", HERE)
def test_hole_10_loopback_in_every_spelling(name: str) -> None:
    """All of these reach this machine."""
    assert is_local(name)
    assert leads_here(name)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_hole_10_and_nothing_else_is_loopback(name: str) -> None:
    """What only looks like it."""
    assert not is_local(name)


@pytest.mark.parametrize("name", [*HERE[:-4], "0.0.0.0", "0", "[::]", "::"])  # noqa: S104 - nothing listens
async def test_hole_10_nothing_is_sent_to_this_machine(name: str) -> None:
    """The way out refuses them all, and the unspecified address too, which systems connect to themselves."""
    host = f"[{name}]" if ":" in name and not name.startswith("[") else name
    async with HttpClient() as client:
        with pytest.raises(PlatformRefusal) as refused:
            await client.send(Call("GET", f"https://{host}/"))
    assert refused.value.code == "address_refused"


def test_hole_10_an_unspecified_address_is_not_this_machine_alone() -> None:
    """Listening there is listening wide."""
    assert not is_local("0.0.0.0")  # noqa: S104 - nothing listens
    assert not load_settings(host="::").local_only
    with pytest.raises(SettingsError, match="https"):
        load_settings(public_url="http://0.0.0.0:8080")


# ---------------------------------------------------------------- web visitors are strangers to each other


def test_hole_10_one_visitor_does_not_find_anothers_error(tmp_path: Path) -> None:
    """B asks for a log_id that A pasted, at the page and at the API: nothing of A's error comes back; A finds it."""
    with served(tmp_path) as site:
        a, b = newcomer(site), newcomer(site)
        a.ask(TEXT)
        theirs = b.send("POST", "/chat/messages", files={"text": (None, LOG_ID)}).text
        again = a.send("POST", "/chat/messages", files={"text": (None, LOG_ID)}).text
        looked_up = b.send(
            "GET", f"/v1/reports/{LOG_ID}", headers={"Authorization": f"Bearer {site.runtime.settings.api_keys[0].get_secret_value()}"}
        )

    assert "sheets:spreadsheet" not in theirs
    assert "sheets:spreadsheet" in again
    assert looked_up.status_code == 404


# ---------------------------------------------------------------- events are fresh


@pytest.mark.parametrize(
    "time",
    [
        {},
        {"create_time": "nan"},
        {"create_time": "inf"},
        {"create_time": ""},
        {"create_time": None},
        {"create_time": "-1"},
        {"create_time": "0"},
        {"create_time": []},
    ],
)
def test_hole_10_an_event_without_a_time_is_not_fresh(time: dict[str, object]) -> None:
    """Else a recorded one could be replayed for ever."""
    gate = Gate("", "token", lambda: NOW)
    good = {"header": {"token": "token", "create_time": str(int(NOW.timestamp() * 1000))}}
    assert gate.open({}, json.dumps(good).encode())
    with pytest.raises(Refused):
        gate.open({}, json.dumps({"header": {"token": "token", **time}}).encode())


# ---------------------------------------------------------------- HEAD, redirects, metrics


async def test_hole_10_head_is_answered_as_get_is(tmp_path: Path) -> None:
    """The same status and headers, no body, and nothing begins."""
    app = Inbound(str(tmp_path))
    for path in (b"/", b"/healthz", b"/readyz", b"/docs", b"/openapi.json", b"/static/chat.js", b"/consent/x.y", b"/nowhere", b"/metrics"):
        head, get = await app.send("HEAD", path), await app.send("GET", path)
        assert head.status == get.status, path
        assert head.body == b""
        assert head.headers["content-type"] == get.headers["content-type"]
        assert "set-cookie" not in head.headers
    assert (await app.send("HEAD", b"/v1/explain")).status == 405


def test_hole_10_head_over_a_real_connection(site: Site) -> None:
    """Two on one connection, which a body would break; and the live stream's HEAD ends."""
    surfer = newcomer(site)
    with httpx.Client(base_url=site.url, trust_env=False, timeout=10) as client:
        assert [client.head("/").status_code, client.head("/docs").status_code] == [200, 200]
        assert client.head("/chat/events", headers={"Cookie": f"__Host-wf-session={surfer.session}"}).status_code == 200


async def test_hole_10_no_redirect_repeats_the_host(tmp_path: Path) -> None:
    """Neither for a slash too many nor for another name of ours; what redirects leads to the configured address."""
    app = Inbound(str(tmp_path), public_url="http://127.0.0.1:8080")
    for path in (b"/docs/", b"/v1/explain/", b"/static", b"/consent/x.y/", b"/chat/events/"):
        answer = await app.send("GET", path, host="localhost:9999")
        assert "location" not in answer.headers
        assert answer.status in (401, 404, 405), path
    moved = await app.send("GET", b"/", host="localhost:8080")
    assert (moved.status, moved.headers["location"]) == (307, "http://127.0.0.1:8080/")


@pytest.mark.parametrize(
    ("settings", "headers", "host", "status"),
    [
        ({}, {}, "127.0.0.1:8080", 200),
        ({"host": "0.0.0.0"}, {}, "127.0.0.1:8080", 200),  # noqa: S104 - from this machine, by a loopback name
        ({"host": "0.0.0.0", "public_url": "https://bot.example.com"}, {}, "bot.example.com", 401),  # noqa: S104
        ({"public_url": "https://bot.example.com"}, {"x-forwarded-for": "192.0.2.1"}, "127.0.0.1", 401),
        ({"public_url": "https://bot.example.com"}, {"authorization": f"Bearer {API_KEY}"}, "bot.example.com", 200),
        ({"public_url": "https://bot.example.com"}, {"authorization": "Bearer wrong"}, "bot.example.com", 401),
    ],
)
async def test_hole_10_metrics_want_a_key(
    settings: dict[str, str], headers: dict[str, str], host: str, status: int, tmp_path: Path
) -> None:
    """From elsewhere; this machine reads them as it is."""
    answer = await Inbound(str(tmp_path), **settings).send("GET", b"/metrics", headers, host=host)

    assert answer.status == status
    assert (b"whyforbidden_http_seconds" in answer.body) == (status == 200)


async def test_hole_10_metrics_are_not_for_another_machine(tmp_path: Path) -> None:
    """A caller from the network has no loopback address, whatever it says."""
    app = Inbound(str(tmp_path), host="0.0.0.0")  # noqa: S104 - nothing listens

    assert (await app.send("GET", b"/metrics", client="192.0.2.9")).status == 401


# ---------------------------------------------------------------- open files


async def test_hole_10_files_that_everybody_may_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """At start and by the doctor; private ones are not."""
    monkeypatch.chdir(tmp_path)
    apps = tmp_path / "my-apps.toml"
    for file in (Path(".env"), apps):
        file.write_text("", "utf-8")
        file.chmod(0o644)
    settings = load_settings(store_url=f"sqlite:///{tmp_path}/s.db", apps_file=apps)

    _prepare(settings)
    said = capfd.readouterr().err
    assert "chmod 600 .env" in said
    assert f"chmod 600 {apps}" in said
    async with HttpClient() as http:
        found = [check for check in await doctor.examine(settings, http, ()) if check.about == "files"]
    assert [check.ok for check in found] == [False, False]

    for file in (Path(".env"), apps):
        file.chmod(0o600)
    assert exposed(apps) == ()
