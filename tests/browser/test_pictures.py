"""The whole loop in both languages, light and dark, wide and phone-narrow; the pictures are the README's (`--pictures` keeps them in docs/img)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from handlers.web.examples import examples
from tests.browser.conftest import Demo
from tests.browser.steps import SECONDS, open_link, outcome, paste

TEXT = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")
IMAGES = Path(__file__).parents[2] / "docs" / "img"


@pytest.mark.parametrize(
    ("name", "locale", "scheme", "width", "height"),
    [
        ("en", "en-US", "light", 900, 940),
        ("zh", "zh-CN", "light", 900, 940),
        ("en-dark", "en-US", "dark", 900, 940),
        ("zh-phone", "zh-CN", "dark", 390, 844),
        ("en-phone", "en-US", "light", 390, 844),
    ],
)
def test_the_loop_in_pictures(
    chromium: Browser,
    demo: Demo,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    name: str,
    locale: str,
    scheme: Literal["light", "dark"],
    width: int,
    height: int,
) -> None:
    """Paste, button, personal page, consent, green; nothing is wider than the screen at any step."""
    folder = IMAGES if request.config.getoption("--pictures") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    context = chromium.new_context(viewport={"width": width, "height": height}, locale=locale, color_scheme=scheme)
    page = context.new_page()
    page.goto(demo.url)
    turn = paste(page, TEXT)
    consent = open_link(turn)
    _fits(consent)
    consent.screenshot(path=folder / f"confirm-{name}.png")
    page.bring_to_front()
    turn.scroll_into_view_if_needed()
    turn.locator(".slot").evaluate("node => node.scrollIntoView()")
    _fits(page)
    page.screenshot(path=folder / f"card-{name}.png")
    consent.click("#go-on")
    _fits(consent)
    consent.locator("form button").first.click()
    outcome(consent, "proven")
    _fits(consent)
    expect(turn.locator("[data-state=proven]")).to_be_visible(timeout=SECONDS)
    page.bring_to_front()
    turn.locator(".slot").evaluate("node => node.scrollIntoView()")
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"proven-{name}.png")
    context.close()


def _fits(page: Page) -> None:
    """No sideways scrolling."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
