"""A link must not skip the confirm page: nothing of a request's path goes into a form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handlers.web.examples import examples
from tests.security.browsers import BROWSERS, settled
from tests.security.conftest import Surfer, apart, flow_of
from tests.web.conftest import Site, served

TEXT = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")
STEPS = (
    "%5C..%5C..%5C",
    "%5c..%5c..%5c",
    "..%5C..%5C..%5C",
    "%2e%2e%2f%2e%2e%2f",
    "%2F..%2F..%2F",
    "..%2f..%2f..%2f",
    "%09..%5C..%5C",
    "\\..\\..\\",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("place", ["/consent/callback/{step}{ticket}/start", "/consent/callback/lark/{step}{ticket}%2Fstart"])
def test_hole_03_the_callback_page_of_an_odd_path_holds_no_form(site: Site, surfer: Surfer, step: str, place: str) -> None:
    """One sentence; the ticket, the dots and the slashes are not repeated, and the consent has not been started."""
    link = surfer.link(surfer.ask(TEXT))
    answer = surfer.send(
        "GET", place.format(step=step, ticket=link.rpartition("/")[2]) + "?code=x&state=y", headers={"Accept": "text/html"}
    )

    assert answer.status_code in (400, 404)
    assert "<form" not in answer.text
    assert link.rpartition(".")[2] not in answer.text
    assert flow_of(site, link)["state"] == "offered"


@pytest.mark.parametrize(
    ("platform", "app_id"), [("lark", "cli_unknown"), ("nowhere", "x"), ("lark", "%3Cb%3E"), ("slack", "cli_a100practice0001")]
)
def test_hole_03_only_configured_apps_have_a_callback_page(surfer: Surfer, platform: str, app_id: str) -> None:
    """An app that is not configured gets one sentence, by GET and by POST."""
    for answer in (
        surfer.send("GET", f"/consent/callback/{platform}/{app_id}?code=x&state=y", headers={"Accept": "text/html"}),
        surfer.send("POST", f"/consent/callback/{platform}/{app_id}", data={"code": "x", "state": "y"}, headers={"Accept": "text/html"}),
    ):
        assert answer.status_code == 400
        assert 'data-code="bad_callback"' in answer.text
        assert "<form" not in answer.text


def test_hole_03_the_form_names_the_configured_app(site: Site, surfer: Surfer) -> None:
    """The ordinary callback page still posts to itself."""
    app = site.runtime.apps[0]
    page = surfer.send("GET", f"/consent/callback/{app.platform}/{app.app_id}?code=x&state=y")

    assert re.findall(r'<form[^>]* action="([^"]*)"', page.text) == [f"/consent/callback/{app.platform}/{app.app_id}"]


@pytest.mark.parametrize("name", BROWSERS)
def test_hole_03_no_browser_is_led_past_the_confirm_page(name: str, tmp_path: Path) -> None:
    """The victim opens the attacker's link in a real browser, script and all: nothing is posted, nothing starts, the page says why.

    The link is for somebody of a chat, whom no browser cookie protects. The ordinary way still works in the same browser.
    """
    from tests.web.test_consent_pages import link as chat_link

    with served(tmp_path) as site, BROWSERS[name]() as open_tab:
        app = next(app for app in site.runtime.apps if app.brand == "feishu")
        tab = open_tab()
        for step in ("%5C..%5C..%5C", "%5C..%5C..%5C..%5C"):
            link = apart(lambda: chat_link(site, app))
            ticket = link.rpartition("/")[2]
            for path in (f"/consent/callback/lark/{step}{ticket}%5Cstart", f"/consent/callback/{step}consent%5C{ticket}/start"):
                tab.go(f"{site.url}{path}?code=x&state=y")
                assert settled(tab, "document.readyState === 'complete'")
                assert not settled_quickly(
                    tab, "location.pathname.endsWith('/authorize') || location.port !== '" + site.url.rpartition(":")[2] + "'"
                )
                assert tab.js("document.getElementById('problem') !== null"), tab.js("document.body.innerText")
            assert flow_of(site, link)["state"] == "offered"

        tab.go(site.url + link)
        tab.js("void document.getElementById('go-on').click()")
        assert settled(tab, f"location.port !== '{site.url.rpartition(':')[2]}'"), "the confirm page no longer leads to the platform"
        assert flow_of(site, link)["state"] == "started"


def settled_quickly(tab: object, condition: str) -> bool:
    """Whether it becomes true within the time that a script of a page needs."""
    import time

    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        try:
            if tab.js(condition):  # type: ignore[attr-defined]
                return True
        except Exception:
            return True  # the page is being left
        time.sleep(0.1)
    return False
