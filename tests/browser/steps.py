"""What a person does on the pages, as words for the tests."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

SECONDS = 10_000


def paste(page: Page, text: str) -> Locator:
    """Paste a text and send it; the card that answers."""
    page.fill("#paste", text)
    page.click("#send")
    expect(page.locator("#send")).to_be_enabled(timeout=SECONDS)
    expect(page.locator(".turn:not([data-card])")).to_have_count(0, timeout=SECONDS)
    return page.locator(".turn[data-card]").last


def open_link(turn: Locator) -> Page:
    """Press the card's re-authorize button; the confirm page opens at once."""
    with turn.page.context.expect_page() as opened:
        turn.locator("[data-action=reauthorize]").first.click()
    opened.value.wait_for_url("**/consent/**", timeout=SECONDS)
    return opened.value


def decide(consent: Page, *, approve: bool = True, sign_in: str | None = None) -> None:
    """Go on from the confirm page, sign in on the practice platform, approve or refuse."""
    consent.click("#go-on")
    if sign_in:
        consent.get_by_label(sign_in).check()
    consent.get_by_role("button", name="Approve" if approve else "Refuse").click()


def outcome(consent: Page, state: str) -> None:
    """The page after the callback says this state."""
    expect(consent.locator(f"#outcome[data-state={state}]")).to_be_visible(timeout=SECONDS)
