"""Which buttons a card has, and what a button carries through a chat platform and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.card.handover import handover_label, handover_text
from bot.card.labels import label
from bot.card.situation import Situation, Stage
from bot.card.types import Asked
from bot.diagnose.questions import answer_number
from bot.i18n import say
from bot.model import Button, ConsentView, Diagnosis, Link, Offer, Who


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


#: Whom a reader hands the case over to; a developer or a user is most often the reader.
_SOMEBODY_ELSE = frozenset({Who.ORG_ADMIN, Who.RESOURCE_OWNER, Who.PLATFORM_SUPPORT})
_CONSOLE = ("practice", "console")


def _main_link(diagnosis: Diagnosis, actor: Who | None, links: Sequence[Link]) -> Link | None:
    """The page of the first remedy, else the page that the one who must act can use."""
    lead = diagnosis.remedies[0].link if diagnosis.remedies else None
    if lead is not None and actor is not None and any(link.url == lead.url for link in links):
        return lead
    if actor is None:
        wanted: tuple[str, ...] = ("troubleshooter", "docs")
    elif actor is Who.PLATFORM_SUPPORT:
        wanted = ("support", "troubleshooter", "docs")
    elif actor in (Who.DEVELOPER, Who.ORG_ADMIN):
        there = any(step.link is not None and step.link.rel in _CONSOLE for step in diagnosis.steps)
        wanted = (*_CONSOLE, "docs") if there else ("docs", *_CONSOLE)
    else:
        wanted = ("docs", "faq")
    found = next((link for rel in wanted for link in links if link.rel == rel), None)
    if found is not None and found.rel == "docs" and diagnosis.entry is not None:
        # Of several pages the one about this very code helps most.
        return next((link for link in links if link.url == diagnosis.entry.docs), found)
    return found


def _consent_buttons(
    offers: Sequence[Offer], stage: Stage, consent: ConsentView | None, audience: str
) -> tuple[Button | None, list[Button]]:
    """The one main re-authorize button, or one for each app when the app must be chosen first, or a way to start over."""
    if stage == "consent":
        return Button("reauthorize", label("Try again" if consent is not None and consent.may_retry else "Re-authorize"), primary=True), []
    if stage == "choose_app":
        # A channel must not learn an app's id; its name is no secret.
        names = [offer.app_name or (offer.app_id if audience == "asker" else str(number)) for number, offer in enumerate(offers, 1)]
        return None, [Button("reauthorize", say("Re-authorize {app}", app=name), index=index) for index, name in enumerate(names)]
    if stage == "under_way" and len(offers) == 1 and consent is not None and consent.state == "started":
        return None, [Button("reauthorize", label("Start over"))]
    return None, []


@dataclass(frozen=True, slots=True)
class Buttons:
    """The main button, the quiet ones beside it, and the small ones under the fold."""

    primary: Button | None
    quiet: tuple[Button, ...]
    small: tuple[Button, ...]


def buttons(
    diagnosis: Diagnosis, now: Situation, consent: ConsentView | None, links: Sequence[Link], *, audience: str, allowed: Collection[str]
) -> Buttons:
    """The buttons of a card. `links`: those that the reader may see; `allowed`: the actions that the place can serve."""
    main, beside = _consent_buttons(diagnosis.offers, now.stage, consent, audience)
    page = _main_link(diagnosis, now.actor, links)
    small = [_link_button(page)] if page is not None and now.stage in ("consent", "choose_app") else []
    if now.stage in ("act", "id_only"):
        message = (
            Button("handover", handover_label(now.actor), copy=handover_text(diagnosis)) if now.actor and audience == "asker" else None
        )
        if message is not None and now.actor in _SOMEBODY_ELSE and "handover" in allowed:
            main, small = replace(message, primary=True), [_link_button(page)] if page else []
        else:
            main = _link_button(page, primary=True) if page else None
            small = [message] if message is not None and now.actor is not Who.NOBODY_RETRY else []
    beside += _quiet(diagnosis, now, consent, audience)
    quiet = [button for button in beside if button.action in allowed]
    if audience == "channel" and main is None and now.stage in ("act", "id_only") and "details" in allowed:
        main = Button("details", label("Details, only for you"), primary=True)
        quiet = [button for button in quiet if button.action != "details"]
    small += _small(diagnosis, audience)
    return Buttons(main if main and main.action in allowed else None, tuple(quiet), tuple(one for one in small if one.action in allowed))


def _quiet(diagnosis: Diagnosis, now: Situation, consent: ConsentView | None, audience: str) -> list[Button]:
    """The buttons beside the main one that make sense now."""
    open_ = now.stage != "proven"
    looked_at = diagnosis.app_known or (bool(diagnosis.offers) and consent is not None)
    wanted: list[tuple[str, str, bool]] = [
        ("check", "Check again", open_ and looked_at),
        ("ask_admin", "Ask the administrator", open_ and diagnosis.awaits_approval),
        ("details", "Details" if audience == "asker" else "Details, only for you", True),
        ("unhelpful", "Not right", open_),
        ("mute", "Mute", audience == "channel"),
        ("revoke", "Withdraw consent", audience == "asker" and not open_),
    ]
    return [Button(action, label(words)) for action, words, shown in wanted if shown]


def _small(diagnosis: Diagnosis, audience: str) -> list[Button]:
    asker = audience == "asker"
    wanted: list[tuple[str, str, bool]] = [
        ("support", "Copy for support", asker and bool(diagnosis.support)),
        ("helpful", "Helpful", True),
        ("mute", "Mute", asker),
    ]
    return [Button(action, label(words)) for action, words, shown in wanted if shown]


def question(diagnosis: Diagnosis, now: Situation, allowed: Collection[str]) -> Asked | None:
    """The telling question with its answers, where the likeliest remedy is not sure; never beside a consent that is offered or under way."""
    asked = diagnosis.question
    if asked is None or now.stage != "act" or "answer" not in allowed:
        return None
    return Asked(asked.text, tuple(Button("answer", one.text, index=answer_number(asked.id, one.id)) for one in asked.answers))
