"""Which buttons a card has, and what a button carries through a chat platform and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.card.labels import UNDER_WAY, label
from bot.i18n import say
from bot.model import Button, ConsentView, Diagnosis, Link, Offer, Who

_CONSOLE = ("practice", "console")


def button_value(card_id: str, button: Button) -> dict[str, Any]:
    """What a button carries through a chat platform and back: `{"card", "action", "index"}`."""
    return {"card": card_id, "action": button.action, "index": button.index}


def read_button_value(raw: object) -> tuple[str, str, int] | None:
    """A click as it came back (an object, or the same as JSON text) → (card id, action, index); None for anything that is not ours.

    Buttons of older versions may carry actions that are gone: they come back as they are, and the service answers them kindly.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            return None
    if not isinstance(raw, Mapping):
        return None
    card, action, index = raw.get("card"), raw.get("action"), raw.get("index", 0)
    if not isinstance(card, str) or not isinstance(action, str) or not isinstance(index, int) or isinstance(index, bool):
        return None
    return (card, action, index) if card and len(card) <= 200 and len(action) <= 40 and 0 <= index < 1000 else None


def _link_button(link: Link, *, primary: bool = False) -> Button:
    return Button("open", link.label, url=link.url, primary=primary)


def _main_link(diagnosis: Diagnosis, links: Sequence[Link], used: Collection[str]) -> Link | None:
    """The page that the one who must act can use: the console only where a step is done there, and only for the app's people."""
    there = any(link.rel in _CONSOLE and link.url in used for link in links)
    for_the_app = (*_CONSOLE, "docs") if there else ("docs", *_CONSOLE)
    wanted = {
        Who.DEVELOPER: for_the_app,
        Who.ORG_ADMIN: for_the_app,
        Who.PLATFORM_SUPPORT: ("support", "troubleshooter", "docs"),
    }.get(diagnosis.who_fixes, ("docs", "faq"))
    if diagnosis.only_an_id:
        wanted = ("troubleshooter", "docs")
    found = next((link for rel in wanted for link in links if link.rel == rel), None)
    if found is not None and found.rel == "docs" and diagnosis.entry is not None:
        # Of several pages the one about this very code helps most.
        return next((link for link in links if link.url == diagnosis.entry.docs), found)
    return found


def _consent_buttons(offers: Sequence[Offer], consent: ConsentView | None, audience: str) -> tuple[Button | None, list[Button]]:
    """The one main re-authorize button, or several quiet ones when the app must be chosen first, or a way to start over."""
    if not offers or (consent is not None and consent.state == "proven"):
        return None, []
    if consent is not None and consent.state in UNDER_WAY:
        return None, [Button("reauthorize", label("Start over"))] if len(offers) == 1 and consent.state == "started" else []
    if len(offers) > 1 and (consent is None or consent.may_retry):
        # A channel must not learn an app's id; its name is no secret.
        hidden = [str(number) for number in range(1, len(offers) + 1)]
        names = [offer.app_name or (offer.app_id if audience == "asker" else number) for offer, number in zip(offers, hidden, strict=True)]
        return None, [Button("reauthorize", say("Re-authorize {app}", app=name), index=index) for index, name in enumerate(names)]
    if consent is None or consent.state == "offered":
        return Button("reauthorize", label("Re-authorize"), primary=True), []
    return (Button("reauthorize", label("Try again"), primary=True) if consent.may_retry else None), []


def buttons(
    diagnosis: Diagnosis,
    consent: ConsentView | None,
    links: Sequence[Link],
    *,
    used: Collection[str],
    audience: str,
    allowed: Collection[str],
) -> tuple[Button | None, tuple[Button, ...]]:
    """The main button and the quiet ones. `used`: addresses that stand in the steps already; `allowed`: the actions that the place can serve."""
    proven = _is_proven(consent)
    primary, choices = _consent_buttons(diagnosis.offers, consent, audience) if "reauthorize" in allowed else (None, [])
    quiet = list(choices)
    main = None if proven or _is_busy(consent) or choices else _main_link(diagnosis, links, used)
    if main is not None and primary is None:
        primary = _link_button(main, primary=True)
    elif main is not None and main.url not in used and main.rel == "docs":
        quiet.append(_link_button(main))
    quiet += [button for button in _small(diagnosis, consent, audience) if button.action in allowed]
    if audience == "channel" and primary is None and not choices and "details" in allowed and not proven:
        primary = Button("details", label("Details, only for you"), primary=True)
        quiet = [button for button in quiet if button.action != "details"]
    return primary, tuple(quiet)


def _is_proven(consent: ConsentView | None) -> bool:
    return consent is not None and consent.state == "proven"


def _is_busy(consent: ConsentView | None) -> bool:
    return consent is not None and consent.state in UNDER_WAY


def _small(diagnosis: Diagnosis, consent: ConsentView | None, audience: str) -> list[Button]:
    """The buttons beside the main one that make sense now."""
    open_ = not _is_proven(consent)
    asker = audience == "asker"
    looked_at = diagnosis.app_known or (bool(diagnosis.offers) and consent is not None)
    wanted: list[tuple[str, str, bool]] = [
        ("check", "Check again", open_ and looked_at),
        ("ask_admin", "Ask the administrator", open_ and diagnosis.awaits_approval),
        ("details", "Details" if asker else "Details, only for you", True),
        ("support", "Copy for support", asker and bool(diagnosis.support)),
        ("revoke", "Withdraw consent", asker and not open_),
        ("helpful", "Helpful", True),
        ("unhelpful", "Not helpful", True),
        ("mute", "Mute", True),
    ]
    return [Button(action, label(words)) for action, words, shown in wanted if shown]
