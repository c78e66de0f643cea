"""Title, badge, colour, sentence, button and state of a card are one value: what may stand together, held over everything that can be drawn."""

from __future__ import annotations

from typing import Any

import pytest

from bot.card import CardView, Colour, view
from bot.card.labels import role_name
from bot.card.situation import situation
from bot.catalog import catalog
from bot.explain import explain
from bot.model import Diagnosis, Who
from tests.fixtures import DIAGNOSES, consents

#: What may stand together: stage → (colours, actions that the main button may have, None: no main button).
TOGETHER: dict[str, tuple[set[Colour], set[str | None]]] = {
    "id_only": ({Colour.PLAIN}, {"open", "details", None}),
    "proven": ({Colour.PROVEN}, {None}),
    "under_way": ({Colour.USER}, {None}),
    "choose_app": ({Colour.USER}, {None}),
    "consent": ({Colour.USER}, {"reauthorize"}),
    "act": ({Colour(who.value) for who in Who}, {"open", "handover", "details", None}),
}


def contradictions(card: CardView, made: Diagnosis, stage: str, actor: Who | None) -> list[str]:
    """What a reader would find odd about a card."""
    colours, actions = TOGETHER[stage]
    found = []
    if card.colour not in colours:
        found.append(f"the colour {card.colour} in {stage}")
    if (card.primary.action if card.primary else None) not in actions:
        found.append(f"the button {card.primary} in {stage}")
    if stage != "proven" and card.tag != (role_name(actor) if actor else None):
        found.append("the badge names somebody else than the one who acts")
    if stage == "act" and "reauthorize" in [button.action for button in card.buttons()]:
        found.append("a consent is offered to somebody who is told that another acts")
    if stage in ("proven", "under_way", "consent", "choose_app") and card.question is not None:
        found.append("a question beside a consent that answers it")
    if stage == "proven" and (card.steps or card.next_step):
        found.append("something to do although it is proven")
    if stage == "act" and made.remedies and card.next_step is None:
        found.append("nobody is told what to do")
    if sum(button.primary for button in card.buttons()) > 1:
        found.append("two main buttons")
    return found


@pytest.mark.parametrize("audience", ["asker", "channel"])
def test_no_card_contradicts_itself(audience: Any) -> None:
    """Every fixture in every consent state, and a sample of every platform's entries without one."""
    cases = [(made(), consent) for made in DIAGNOSES.values() for consent in (None, *consents().values())]
    book = catalog()
    for platform in book.platforms():
        entries = [entry for code in book.codes(platform)[::40] if (entry := book.entry(platform, code)) is not None]
        cases += [(found, None) for entry in entries for found in explain(entry.sample).diagnoses[:1]]
    odd = []
    for made, consent in cases:
        now = situation(made, consent)
        card = view(made, consent=consent, audience=audience)
        odd += [(made.finding.codes, consent.state if consent else "", each) for each in contradictions(card, made, now.stage, now.actor)]

    assert not odd, odd[:10]
    assert len(cases) > 150


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_screen_is_short(language: str) -> None:
    """At most three lines before the button: title, what is missing, who does what; a sentence of ours about a scope has at most twenty words."""
    for made in DIAGNOSES.values():
        card = view(made())
        sentence = getattr(card.verdict, language)
        assert "\n" not in sentence
        if card.primary is not None and card.primary.action == "reauthorize":
            assert len(card.verdict.en.split()) <= 20
