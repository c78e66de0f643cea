"""The chat page: the next message that is no error is about the newest card."""

from __future__ import annotations

import httpx

from handlers.web.examples import examples
from tests.web.conftest import Site

KUAISHOU = "调用API时报错“token中无scope权限”"
FEISHU = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")


def arrive(page: httpx.Client) -> None:
    """Open the page as a browser does, for which 127.0.0.1 is as good as https."""
    page.headers["cookie"] = page.get("/").headers["set-cookie"].split(";")[0]


def test_the_api_that_kuaishou_asks_for_brings_the_button(site: Site) -> None:
    """What the card asks is answered in the next message: the same card then offers the consent for its pack."""
    with httpx.Client(base_url=site.url, timeout=20) as page:
        arrive(page)
        first = page.post("/chat/messages", data={"text": KUAISHOU}).json()
        assert "reauthorize" not in first["html"]
        answer = page.post("/chat/messages", data={"text": "open.order.detail"}).json()

        assert answer["about"] == first["card_id"]
        assert "merchant_order" in answer["card"] and "reauthorize" in answer["card"]
        assert "open.order.detail" in answer["html"]
        assert "merchant_order" in page.get("/").text


def test_a_new_error_is_a_new_card_and_thanks_get_a_word(site: Site) -> None:
    """What is an error of its own is never swallowed."""
    with httpx.Client(base_url=site.url, timeout=20) as page:
        arrive(page)
        first = page.post("/chat/messages", data={"text": KUAISHOU}).json()
        kind = page.post("/chat/messages", data={"text": "thanks"}).json()
        second = page.post("/chat/messages", data={"text": FEISHU}).json()

        assert kind["about"] == first["card_id"] and "card" not in kind and "You are welcome" in kind["html"]
        assert second["card_id"] not in ("", first["card_id"])
