"""From a pasted refusal to a proven consent, on the real page."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from handlers.web.examples import examples
from tests.browser.conftest import Demo
from tests.browser.steps import SECONDS, decide, open_link, outcome, paste

SAMPLES = {e.file: e.text for e in examples(practice=True)}
UNFOLD = "node => node.querySelectorAll('details').forEach(d => { d.open = true; })"
WITH_CONSENT = ("feishu-99991679.json", "lark-in-client.json", "dingtalk-permission.json", "kuaishou-scope.txt")


@pytest.mark.parametrize("file", WITH_CONSENT)
def test_green(page: Page, file: str) -> None:
    """Paste, re-authorize, approve: the card in the chat turns green by itself, with its proof."""
    turn = paste(page, SAMPLES[file])
    consent = open_link(turn)
    expect(consent.locator(".facts")).to_contain_text("Alice")
    decide(consent)
    outcome(consent, "proven")
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)
    assert page.problems == []  # type: ignore[attr-defined]


def test_a_slack_scope_turns_green_and_is_withdrawn_there(page: Page) -> None:
    """What Slack's API answers, as the desk shows it: consent, proof; and taken back, Slack has withdrawn it, so nothing is left to do."""
    turn = paste(page, '{"ok":false,"error":"missing_scope","needed":"search:read","provided":"chat:write,users:read"}')
    decide(open_link(turn))
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)
    turn.locator("[data-action=revoke]").click()
    expect(turn.locator("[data-state=revoked]")).to_be_visible(timeout=SECONDS)
    expect(turn.locator("[data-state=revoked]")).not_to_contain_text("cannot withdraw")
    assert page.problems == []  # type: ignore[attr-defined]


def test_every_example_gets_a_card(page: Page) -> None:
    """Each example on the empty page answers with a card that names what to do."""
    for text in SAMPLES.values():
        turn = paste(page, text)
        expect(turn.locator(".bot").first).not_to_be_empty()
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_confirm_page_hides_nothing(page: Page) -> None:
    """What the platform's page will ask for stands on ours: the missing scope, and the one that keeps the grant alive."""
    consent = open_link(paste(page, SAMPLES["feishu-99991679.json"]))
    shown = consent.locator(".scopes code").all_inner_texts()
    consent.click("#go-on")
    asked = parse_qs(urlsplit(consent.url).query)["scope"][0].split()
    assert sorted(shown) == sorted(asked)


def test_refusal_is_told_kindly_and_may_be_repeated(page: Page) -> None:
    """A refusal is said on the card, and the button is there to try again."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    consent = open_link(turn)
    decide(consent, approve=False)
    outcome(consent, "refused")
    expect(turn.locator("[data-state=refused]")).to_be_visible(timeout=SECONDS)
    decide(open_link(turn))
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)


def test_wrong_account(page: Page) -> None:
    """Bob signing in for Alice is noticed: nothing is kept, and the card says so."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    consent = open_link(turn)
    decide(consent, sign_in="Bob")
    outcome(consent, "wrong_account")
    expect(consent.locator("#advice")).to_contain_text("withdraw")
    expect(turn.locator("[data-state=wrong_account]")).to_be_visible(timeout=SECONDS)


def test_every_button_twice(page: Page) -> None:
    """No button is dead, whether pressed once or twice."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    turn.evaluate(UNFOLD)
    actions = [button.get_attribute("data-action") for button in turn.locator("button[data-action]").all()]
    assert "reauthorize" in actions
    for action in actions:
        for _ in range(2):
            button = turn.locator(f"button[data-action={action}]").first
            if not button.count():
                continue
            turn.evaluate(UNFOLD)
            button.click()
            if button.get_attribute("data-copy"):
                expect(button).to_have_text("Copied")
                continue
            expect(turn.locator(".whisper")).to_be_visible(timeout=SECONDS)
            expect(turn.locator(".whisper p, .whisper a").first).to_be_visible()


def test_a_link_is_used_once_and_getting_it_uses_nothing(page: Page) -> None:
    """A hundred prefetches consume nothing; the second start after the end is answered."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    consent = open_link(turn)
    link = consent.url
    for _ in range(100):
        assert page.request.get(link).ok
    decide(consent)
    outcome(consent, "proven")
    again = page.context.new_page()
    again.goto(link)
    expect(again.locator("#problem")).to_be_visible()


def test_a_stolen_callback_is_worth_nothing(page: Page, chromium: object, demo: Demo) -> None:
    """The platform's answer in another browser changes nothing; the right browser goes on."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    consent = open_link(turn)
    stolen: list[str] = []
    consent.on("request", lambda request: stolen.append(request.url) if "code=" in request.url else None)
    consent.route(re.compile(r"/consent/callback/"), lambda route: route.abort())
    decide(consent)
    consent.wait_for_timeout(500)
    assert stolen
    thief = page.context.browser.new_context()  # type: ignore[union-attr]
    other = thief.new_page()
    other.goto(stolen[0])
    expect(other.locator("#problem")).to_be_visible(timeout=SECONDS)
    thief.close()
    consent.unroute_all()
    consent.goto(stolen[0])
    outcome(consent, "proven")


def test_restart_between_any_two_steps(context: BrowserContext, demo: Demo) -> None:
    """Kill the process after each step; the card and the consent go on where they were."""
    page = context.new_page()
    page.goto(demo.url)
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    card = turn.get_attribute("data-card")
    demo.restart()
    page.reload()
    turn = page.locator(f"#turn-{card}")
    consent = open_link(turn)
    demo.restart()
    consent.reload()
    consent.click("#go-on")
    demo.restart()
    consent.reload()
    consent.get_by_role("button", name="Approve").click()
    outcome(consent, "proven")
    demo.restart()
    page.reload()
    expect(page.locator(f"#turn-{card} [data-state=proven]")).to_be_visible(timeout=SECONDS)


def test_nothing_is_lost_on_bad_input(page: Page) -> None:
    """Empty text and a wrong file get one sentence; the text stays in the box."""
    page.fill("#paste", "   ")
    page.click("#send")
    expect(page.locator("#under.bad")).to_be_visible()
    page.set_input_files("#file", {"name": "card.png", "mimeType": "image/png", "buffer": b"\x89PNG\x00\x00"})
    page.fill("#paste", "see the picture")
    page.click("#send")
    expect(page.locator("#under.bad")).to_contain_text("card.png")
    expect(page.locator("#paste")).to_have_value("see the picture")


def test_an_example_leaves_the_draft_alone(page: Page) -> None:
    """Trying an example does not throw away what stands in the box."""
    page.fill("#paste", "my own half-written question")
    page.locator("[data-try]").last.click()
    expect(page.locator(".turn[data-card]").last).to_be_visible(timeout=SECONDS)
    expect(page.locator("#paste")).to_have_value("my own half-written question")


def test_a_huge_paste_is_attached_as_a_file(page: Page) -> None:
    """A long log from the clipboard becomes an attachment, and is read to its end."""
    page.evaluate(
        """(error) => {
          const data = new DataTransfer();
          data.setData("text/plain", "all is well\\n".repeat(20000) + error);
          document.getElementById("paste").dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        SAMPLES["feishu-99991679.json"],
    )
    expect(page.locator("#under")).to_have_text("paste.txt")
    page.click("#send")
    expect(page.locator(".turn[data-card]").last).to_contain_text("99991679", timeout=SECONDS)


def test_what_was_pasted_is_shown_without_unseen_signs(page: Page) -> None:
    """A bidi override or a terminal escape in a paste turns nothing round in the asker's own words either; the lines stay."""
    turn = paste(page, SAMPLES["feishu-99991679.json"] + "\n\u202eeveryone@ \u200b\x1b[31mred")
    assert turn.locator(".mine pre").inner_text().endswith("\neveryone@ red")


def test_a_log_file_is_read(page: Page) -> None:
    """A .log file is read like a paste."""
    page.set_input_files("#file", {"name": "app.log", "mimeType": "text/plain", "buffer": SAMPLES["feishu-99991679.json"].encode()})
    page.click("#send")
    expect(page.locator(".turn[data-card]").last).to_contain_text("99991679", timeout=SECONDS)


def test_from_a_scope_nobody_enabled_to_green(page: Page) -> None:
    """The app lacks the scope: the developer is sent to the console, publishes, the admin approves; then the person consents."""
    turn = paste(
        page,
        '{"code":99991679,"msg":"required one of these privileges: [drive:drive]","error":{"log_id":"20241104162326AAAAAAAAAAAAAAAAAAAA"}}',
    )
    expect(turn.locator("[data-action=reauthorize]")).to_have_count(0)
    with page.context.expect_page() as opened:
        turn.locator(".slot a").first.click()
    console = opened.value
    console.click("#add")
    turn.locator("[data-action=check]").first.click()
    expect(turn.locator("[data-action=reauthorize]")).to_have_count(0)
    console.get_by_role("button", name="Publish a version").click()
    console.get_by_role("button", name="Approve as the admin").click()
    turn.locator("[data-action=check]").first.click()
    expect(turn.locator("[data-action=reauthorize]").first).to_be_visible(timeout=SECONDS)
    decide(open_link(turn))
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)


def test_withdrawing(page: Page) -> None:
    """A proven consent can be taken back from the card, and the card says what is left to do."""
    turn = paste(page, SAMPLES["feishu-99991679.json"])
    decide(open_link(turn))
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)
    turn.locator("[data-action=revoke]").click()
    expect(turn.locator("[data-state=revoked]")).to_be_visible(timeout=SECONDS)


def test_it_stays_small(demo: Demo) -> None:
    """After all this the demo, with its practice platform, holds at most 200 MiB and no Lark SDK."""
    assert demo.process is not None
    status = Path(f"/proc/{demo.process.pid}/status")
    if not status.exists():
        pytest.skip("no /proc on this system")
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) / 1024 <= 200
    assert "lark_oapi" not in Path(f"/proc/{demo.process.pid}/maps").read_text()
