"""A person in a direct chat with the bot, and the practice platform behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.model import ConsentView, Diagnosis, Person, Place, Question
from bot.ports import Card
from bot.redact import redact
from bot.service import Service
from bot.services import card_snapshot
from handlers.practice import Practice, running
from tests.practice import process, visit

ALICE = Person("slack", "T1", "U1", "Alice")


@dataclass
class Story:
    """What Alice says, and what her newest card says now."""

    service: Service
    practice: Practice
    card: Card | None = None

    async def says(self, text: str, *, chat: str = "D1") -> str:
        """A message of hers: a reply where a card stands, else a question. Returns the bot's short word, if there is one."""
        question = Question(redact(text).text, "slack", ALICE, Place("slack", "T1", chat), "en", private=True, follows=True)
        replied = await self.service.reply(question)
        if replied is not None:
            self.card = replied.card
            return replied.said.en if replied.said else ""
        self.card = (await self.service.command(question)).card
        return ""

    async def found(self) -> Diagnosis:
        """What the card says."""
        assert self.card is not None
        card = await self.service.context.store.card(self.card.id)
        assert card is not None
        return card_snapshot.diagnoses(card.snapshot, self.service.context.apps, self.service.context.now())[0]

    async def first(self) -> tuple[str, str]:
        """The first remedy, and who does it."""
        first = (await self.found()).remedies[0]
        return first.id, str(first.who)

    async def consents(self, who: str = "alice", *, approve: bool = True) -> ConsentView:
        """She presses the button and decides on the platform's page."""
        assert self.card is not None
        clicked = await self.service.click(self.card.id, "reauthorize", ALICE, self.card.place)
        assert clicked.url, clicked.toast.en
        started = await self.service.start(clicked.url.rpartition("/")[2])
        seen = visit(started.url, who, approve=approve)
        found = await self.found()
        offer = found.offers[0]
        flow = await self.service.finish(offer.platform, offer.app_id, seen.query, started.cookie)
        return (await self.service.outcome(flow, started.cookie)).view


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each story."""
    with running() as one:
        yield one


@pytest.fixture
async def story(practice: Practice, tmp_path: Path) -> AsyncIterator[Story]:
    """A whole process beside it."""
    runtime = process(f"sqlite:///{tmp_path / 'store.db'}", practice.apps)
    yield Story(Service(replace(runtime.service.context, clock=practice.clock)), practice)
    await runtime.close()
