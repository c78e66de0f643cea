"""The consent pages over real HTTP, as a browser, a prefetcher and a thief meet them. What they may never do is held here, line by line."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx
import pytest
import structlog

import handlers.compose
import handlers.http
import handlers.notify
import handlers.tokens
from bot.model import App, Person
from handlers.admin import audit
from handlers.log import configure
from tests.practice import put_card, ticket_of, visit
from tests.web.conftest import KEY, Site

OWN = {"Sec-Fetch-Site": "same-origin"}
# one connection for all browsers, which keeps no cookies: each browser has its own
WIRE = httpx.Client(trust_env=False, cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])))


@dataclass
class Browser:
    """A browser that keeps cookies as one over https does, and follows nothing by itself."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Accept": "text/html", **({"Cookie": cookie} if cookie else {}), **more}

    def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return self._kept(WIRE.get(self.site.url + path, headers=self._headers({})))

    def post(self, path: str, data: object = None, **headers: str) -> httpx.Response:
        """Send a form of ours."""
        given = self._headers({**OWN, "Content-Type": "application/x-www-form-urlencoded", **headers})
        body = str(httpx.QueryParams(data)) if data else ""  # type: ignore[arg-type]
        return self._kept(WIRE.post(self.site.url + path, content=body, headers=given))

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer


@pytest.fixture
def app(site: Site) -> App:
    """Feishu's practice app."""
    return next(app for app in site.runtime.apps if app.brand == "feishu")


@pytest.fixture
def browser(site: Site) -> Browser:
    """A fresh one."""
    return Browser(site)


_count = iter(range(1000))


def link(site: Site, app: App, person: Person | None = None) -> str:
    """The path of a personal link for somebody new."""

    async def make() -> str:
        number = next(_count)
        who = person or Person("slack", "T1", f"UW{number}", "Alice")
        await put_card(site.runtime.service, app, who, f"card{number}")
        return await ticket_of(site.runtime.service, who, f"card{number}")

    return "/consent/" + asyncio.run(make())


@dataclass(frozen=True)
class Way:
    """A consent that the platform has just answered."""

    path: str
    query: dict[str, str]
    flow_id: str


def answered(site: Site, app: App, browser: Browser, *, approve: bool = True) -> Way:
    """Open, confirm, decide on the platform's page."""
    to = browser.post(link(site, app) + "/start").headers["location"]
    query = visit(to, approve=approve).query
    return Way(f"/consent/callback/{app.platform}/{app.app_id}", query, query["state"].partition(".")[0])


def state_of(site: Site, flow_id: str) -> str:
    """Where the consent stands."""
    kept = asyncio.run(site.runtime.store.flow(flow_id))
    assert kept is not None
    return str(kept[0]["state"])


# ---------------------------------------------------------------- the way


def test_from_the_link_to_the_outcome(site: Site, app: App, browser: Browser) -> None:
    """Confirm page, start, platform, relay page, outcome: each GET looks, each POST acts, and the code leaves the address at once."""
    path = link(site, app)
    page = browser.get(path)
    assert all(word in page.text for word in ("Alice", app.name, "sheets:spreadsheet", "Slack"))
    to = browser.post(path + "/start")
    assert to.status_code == 303
    assert to.headers["location"].startswith(app.hosts["accounts"])
    query = visit(to.headers["location"]).query
    back = f"/consent/callback/lark/{app.app_id}"
    relay = browser.get(f"{back}?{httpx.QueryParams(query)}")
    assert query["code"] in relay.text
    assert state_of(site, query["state"].partition(".")[0]) == "started", "a GET changes nothing"

    done = browser.post(back, query)

    assert done.status_code == 303
    assert done.headers["location"] == "/consent/done/" + query["state"].partition(".")[0]
    assert 'data-state="proven"' in browser.get(done.headers["location"]).text


def test_the_cookie_binds_to_this_host_and_this_browser(site: Site, app: App, browser: Browser) -> None:
    """`__Host-`, Secure, HttpOnly, SameSite=Lax, whole site, no domain, ten minutes at most."""
    (cookie,) = browser.post(link(site, app) + "/start").headers.get_list("set-cookie")

    parts = [part.strip().lower() for part in cookie.split(";")]
    assert parts[0].startswith("__host-")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= set(parts)
    assert not any(part.startswith("domain") for part in parts)
    assert int(next(part for part in parts if part.startswith("max-age=")).removeprefix("max-age=")) <= 600


def test_two_consents_in_one_browser_do_not_disturb_each_other(site: Site, app: App, browser: Browser) -> None:
    """Started one after the other, answered in the other order."""
    first, second = answered(site, app, browser), answered(site, app, browser)

    for way in (second, first):
        browser.post(way.path, way.query)
        assert 'data-state="proven"' in browser.get(f"/consent/done/{way.flow_id}").text


def test_prefetching_everything_a_hundred_times_consumes_nothing(site: Site, app: App, browser: Browser) -> None:
    """Confirm page, in-client page, callback and outcome: GET as often as anybody likes; the way still leads to the proof."""
    path = link(site, app)
    robot = Browser(site)
    for _ in range(100):
        assert robot.get(path).status_code == 200
    assert robot.get(path + "/in-client").status_code == 200
    query = visit(browser.post(path + "/start").headers["location"]).query
    back = f"/consent/callback/lark/{app.app_id}"
    for _ in range(100):
        robot.get(f"{back}?{httpx.QueryParams(query)}")
        robot.get("/consent/done/" + query["state"].partition(".")[0])

    browser.post(back, query)

    assert state_of(site, query["state"].partition(".")[0]) == "proven"


# ---------------------------------------------------------------- bad input


def test_a_callback_without_or_with_a_foreign_state_changes_nothing(site: Site, app: App, browser: Browser) -> None:
    """Missing, empty, invented, another consent's, another browser's cookie, another app's and another platform's path."""
    way, other = answered(site, app, browser), answered(site, app, browser)
    lark = next(one for one in site.runtime.apps if one.brand == "lark")
    tries = [
        (browser, way.path, {"code": way.query["code"]}),
        (browser, way.path, {**way.query, "state": ""}),
        (browser, way.path, {**way.query, "state": f"{way.flow_id}.invented"}),
        (browser, way.path, {**way.query, "state": f"{way.flow_id}.{other.query['state'].partition('.')[2]}"}),
        (Browser(site), way.path, way.query),
        (Browser(site, {f"__Host-wf-consent-{way.flow_id}": "x" * 64}), way.path, way.query),
        (browser, f"/consent/callback/lark/{lark.app_id}", way.query),
        (browser, f"/consent/callback/slack/{app.app_id}", way.query),
        (browser, "/consent/callback/lark/nobody", way.query),
    ]
    for who, path, query in tries:
        answer = who.post(path, query)
        assert answer.status_code == 400, (path, query)
        assert 'id="problem"' in answer.text
        assert state_of(site, way.flow_id) == "started"

    browser.post(way.path, way.query)
    assert state_of(site, way.flow_id) == "proven"


@pytest.mark.parametrize(
    "more",
    [[("code", "another")], [("state", "another")], [("error", "x"), ("error", "y")], [("error", "e" * 5000)]],
    ids=["two-codes", "two-states", "two-errors", "endless"],
)
def test_a_callback_with_anything_twice_is_refused(site: Site, app: App, browser: Browser, more: list[tuple[str, str]]) -> None:
    """Two codes, two states: whichever one meant, we do not guess; by GET and by POST."""
    way = answered(site, app, browser)
    fields = [*way.query.items(), *more]

    assert 'id="problem"' in browser.get(f"{way.path}?{httpx.QueryParams(fields)}").text  # type: ignore[arg-type]
    assert browser.post(way.path, fields).status_code == 400
    assert state_of(site, way.flow_id) == "started"


def test_a_replayed_callback_shows_the_same_outcome(site: Site, app: App, browser: Browser) -> None:
    """The back button, a reload, a second code: one exchange, one token, the same page."""
    way = answered(site, app, browser)
    first = browser.post(way.path, way.query)

    again = browser.post(way.path, way.query)
    other = browser.post(way.path, {**way.query, "code": "another"})

    assert {answer.headers["location"] for answer in (first, again, other)} == {f"/consent/done/{way.flow_id}"}
    assert state_of(site, way.flow_id) == "proven"


def test_a_late_callback_is_told_and_not_exchanged(site: Site, app: App, browser: Browser) -> None:
    """After the state's time the outcome page says so."""
    way = answered(site, app, browser)

    async def age() -> None:
        store = site.runtime.store
        row, version = await store.flow(way.flow_id)  # type: ignore[misc]
        over = {**row, "expires": (site.runtime.clock.now() - timedelta(seconds=1)).isoformat()}
        assert await store.save_flow(way.flow_id, over, state="started", version=version)

    asyncio.run(age())
    browser.post(way.path, way.query)

    assert 'data-state="expired"' in browser.get(f"/consent/done/{way.flow_id}").text


def test_a_callback_with_an_error_is_the_persons_no(site: Site, app: App, browser: Browser) -> None:
    """Declined on the platform's page."""
    way = answered(site, app, browser, approve=False)
    browser.post(way.path, way.query)

    assert 'data-state="refused"' in browser.get(f"/consent/done/{way.flow_id}").text


def test_no_parameter_leads_anywhere(site: Site, app: App, browser: Browser) -> None:
    """`redirect`, `next`, `return_to`: none is read, neither in the address nor in the form."""
    evil = dict.fromkeys(("redirect", "redirect_uri", "next", "return_to", "url", "continue"), "https://evil.example/")
    path = link(site, app)
    assert "evil.example" not in browser.get(f"{path}?{httpx.QueryParams(evil)}").text
    to = browser.post(f"{path}/start?{httpx.QueryParams(evil)}", evil).headers["location"]
    assert "evil.example" not in to
    query = visit(to).query
    back = f"/consent/callback/lark/{app.app_id}"
    assert "evil.example" not in browser.get(f"{back}?{httpx.QueryParams({**query, **evil})}").text

    done = browser.post(f"{back}?{httpx.QueryParams(evil)}", {**query, **evil})

    assert done.headers["location"].startswith("/consent/done/")
    assert "evil.example" not in browser.get(done.headers["location"]).text


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}])
def test_somebody_elses_page_starts_and_finishes_nothing(site: Site, app: App, browser: Browser, headers: dict[str, str]) -> None:
    """A form elsewhere that knows link, code and state, sent by the right browser: refused, and the person goes on."""
    path = link(site, app)
    assert browser.post(path + "/start", **headers).status_code == 403
    way = answered(site, app, browser)

    assert browser.post(way.path, way.query, **headers).status_code == 403
    assert state_of(site, way.flow_id) == "started"


def test_an_old_browser_is_judged_by_its_origin(site: Site, app: App) -> None:
    """Without Sec-Fetch-Site the Origin has to be ours; a header that a page could invent counts for nothing."""
    path = site.url + link(site, app) + "/start"
    foreign = {"Origin": "https://evil.example", "X-Public-Origin": "https://evil.example"}

    assert httpx.post(path, headers=foreign).status_code == 403
    assert httpx.post(path, headers={"Origin": "null"}).status_code == 403
    assert httpx.post(path, headers={"Origin": site.url}).status_code == 303


# ---------------------------------------------------------------- what the pages carry


def test_every_consent_page_is_closed_to_the_outside(site: Site, app: App, browser: Browser) -> None:
    """Strict policy, no referrer, no store, no frame; nothing foreign is loaded; the form may lead to the platform's origin alone."""
    path = link(site, app)
    confirm = browser.get(path)
    way = answered(site, app, browser)
    relay = browser.get(f"{way.path}?{httpx.QueryParams(way.query)}")
    browser.post(way.path, way.query)
    done = browser.get(f"/consent/done/{way.flow_id}")

    for page in (confirm, relay, done):
        policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert re.findall(r'(?:src|href)="(https?:)?//', page.text) == []
        origins = {"'self'"} | ({_origin(app.hosts["accounts"])} if page is confirm else set())
        assert set(policy["form-action"].split()) == origins


def test_only_the_in_client_page_loads_the_vendors_script(site: Site, app: App, browser: Browser) -> None:
    """By its exact address from the settings; other platforms' apps get no such page."""
    sdk = site.runtime.settings.lark_jssdk_url
    page = browser.get(link(site, app) + "/in-client")
    slack = next(one for one in site.runtime.apps if one.platform == "slack")

    assert f'<script src="{sdk}"' in page.text
    assert f"script-src 'self' {sdk};" in page.headers["content-security-policy"]
    assert '<script src="http' not in browser.get(link(site, app)).text
    assert '<script src="http' not in browser.get(link(site, slack) + "/in-client").text


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# ---------------------------------------------------------------- what is written down


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every log line of every logger, at DEBUG."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {record.getMessage()} {record.exc_text or ''}")

    ear, root = Ear(), logging.getLogger()
    before = root.level
    configure("debug", "json")
    for module in (handlers.http, handlers.tokens, handlers.notify, handlers.compose):  # a logger keeps the settings of its first use
        monkeypatch.setattr(module, "log", structlog.get_logger(module.__name__))
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(ear)
    root.setLevel(before)
    configure("warning", "json")


def test_no_secret_of_a_consent_is_written_anywhere(
    site: Site, app: App, browser: Browser, loud: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Link, state, cookie, code, token and the app's secret: in no log line, no output, no metric, no audit row; on the good way and the bad."""
    path = link(site, app)
    browser.get(path)
    query = visit(browser.post(path + "/start").headers["location"]).query
    back = f"/consent/callback/lark/{app.app_id}"
    Browser(site).post(back, query)
    browser.get(f"{back}?{httpx.QueryParams(query)}")
    browser.post(back, query)
    handed, *_ = [
        asyncio.run(site.runtime.broker.hand_out(app, row.subject))
        for row in asyncio.run(site.runtime.store.all_tokens())
        if (row.platform, row.app_id) == ("lark", app.app_id)
    ]
    metrics = httpx.get(f"{site.url}/metrics", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False).text
    trail = json.dumps(list(asyncio.run(site.runtime.service.audit())))

    written = "\n".join([*loud, *capfd.readouterr(), metrics, trail])
    secrets = {
        "link": path.rpartition(".")[2],
        "state": query["state"].partition(".")[2],
        "code": query["code"],
        "token": handed.access_token,
        "app secret": app.secret,
        "cookie": next(value for name, value in browser.cookies.items() if name.endswith(query["state"].partition(".")[0])),
    }
    assert [name for name, secret in secrets.items() if secret in written] == []
    assert "http_sent" in written, "the log was not listened to"


async def test_the_audit_is_exported_as_json_lines(site: Site, app: App) -> None:
    """Who clicked, what was offered, consented and proven: actor, app, scopes, time on every line."""
    browser = Browser(site)
    way = await asyncio.to_thread(answered, site, app, browser)
    await asyncio.to_thread(browser.post, way.path, way.query)
    rows = [json.loads(line) async for line in audit(site.runtime.settings)]

    mine = [row for row in rows if row["detail"].get("flow") == way.flow_id]
    assert [row["action"] for row in mine] == [f"consent.{name}" for name in ("offered", "started", "authorized", "granted", "proven")]
    clicked = [row for row in rows if row["action"] == "clicked" and row["actor"] == mine[0]["actor"]]
    assert [row["detail"]["button"] for row in clicked] == ["reauthorize"]
    assert all(row["at"] and row["actor"]["user_id"] and row["detail"]["app"] == app.app_id for row in (*mine, *clicked))
    assert {tuple(row["detail"]["asked"]) for row in mine} == {("sheets:spreadsheet",)}
