"""The page inside the Feishu/Lark client: what the vendor's script would do is played by a stand-in, codes come from the practice platform."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from handlers.settings import Settings
from handlers.web.examples import examples
from tests.browser.conftest import Demo
from tests.browser.steps import SECONDS, open_link, outcome, paste

TEXT = next(e.text for e in examples(practice=True) if e.file == "lark-in-client.json")
SCRIPT = str(Settings.model_fields["lark_jssdk_url"].default)

# `tt` as the vendor documents it. A code is fetched from the practice platform as the client would get it from the real one.
STAND_IN = """
window.asked = [];
window.h5sdk = { ready: (f) => setTimeout(f, 0), error: () => {} };
const code = (scopes, done, fail) => window.practiceCode(JSON.stringify(scopes)).then((answer) => {
  const body = JSON.parse(answer);
  body.code ? done({ code: body.code }) : fail(body);
});
window.tt = {
  requestAccess: (o) => { window.asked.push(["requestAccess", o.scopeList]); BEHAVIOUR },
  requestAuthCode: (o) => { window.asked.push(["requestAuthCode"]); code([], o.success, o.fail); },
};
"""
GRANTS = "code(o.scopeList, (r) => o.success({ ...r, state: o.state }), o.fail);"
REFUSES = "o.fail({ errno: 2700002, errString: 'user refused' });"
TOO_OLD = "o.fail({ errno: 103, errString: 'feature not supported' });"


def in_client(page: Page, demo: Demo, script: str | None) -> tuple[Page, object]:
    """The in-client page of a fresh offer, with the vendor's script replaced (None: it does not load, as outside the client)."""
    turn = paste(page, TEXT)
    consent = open_link(turn)
    consent.route(SCRIPT, lambda route: route.fulfill(body=script, content_type="text/javascript") if script is not None else route.abort())

    def code(scopes: str) -> str:
        return page.request.post(
            f"{practice(demo)}/practice/client-code",
            data=f'{{"app_id": "cli_a200practice0002", "person": "alice", "scopes": {scopes}}}',
            headers={"Content-Type": "application/json"},
        ).text()

    consent.expose_function("practiceCode", code)
    consent.goto(consent.url + "/in-client")
    return consent, turn


def practice(demo: Demo) -> str:
    """Where the practice platform's Lark listens."""
    return f"http://127.0.0.1:{demo.port + 1}/lark"


def test_success(page: Page, demo: Demo) -> None:
    """requestAccess is asked for exactly the missing scope, and its code leads to the proof."""
    consent, turn = in_client(page, demo, STAND_IN.replace("BEHAVIOUR", GRANTS))
    consent.click("#go-on")

    outcome(consent, "proven")
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)


def test_exactly_the_missing_scope_is_asked_for(page: Page, demo: Demo) -> None:
    """The scope list holds the recommended scope and nothing else of the alternatives."""
    consent, _ = in_client(page, demo, STAND_IN.replace("BEHAVIOUR", "document.title = JSON.stringify(o.scopeList);"))
    consent.click("#go-on")

    expect(consent).to_have_title(re.compile(r"^\["), timeout=SECONDS)
    asked = json.loads(consent.title())

    assert [scope for scope in asked if scope != "offline_access"] == ["docx:document:readonly"]


def test_refusal(page: Page, demo: Demo) -> None:
    """2700002 is a no, told kindly on page and card."""
    consent, turn = in_client(page, demo, STAND_IN.replace("BEHAVIOUR", REFUSES))
    consent.click("#go-on")

    outcome(consent, "refused")
    expect(turn.locator("[data-state=refused]")).to_be_visible(timeout=SECONDS)


@pytest.mark.parametrize("script", [STAND_IN.replace("BEHAVIOUR", TOO_OLD), STAND_IN.replace("BEHAVIOUR", "") + "delete window.tt.requestAccess;"],
                         ids=["errno-103", "old-sdk"])  # fmt: skip
def test_old_clients_fall_back_to_an_auth_code(page: Page, demo: Demo, script: str) -> None:
    """Without requestAccess the page asks for a plain code; such a code carries no new scope, and the card says what is missing."""
    consent, turn = in_client(page, demo, script)
    consent.click("#go-on")

    expect(consent.locator("#outcome")).to_be_visible(timeout=SECONDS)
    assert consent.locator("#outcome").get_attribute("data-state") in ("insufficient", "proven")
    expect(turn.locator("[data-state=insufficient], [data-state=proven]")).to_be_visible(timeout=SECONDS)


def test_outside_the_client_the_browser_flow_takes_over(page: Page, demo: Demo) -> None:
    """Where the vendor's script does not load or knows no client, the ordinary page is used."""
    consent, _ = in_client(page, demo, None)
    consent.click("#go-on")

    consent.wait_for_url(lambda url: not url.endswith("/in-client"))
    expect(consent.locator("#go-on")).to_be_visible()
    expect(consent.locator("#in-client")).to_have_count(0)
