"""What a card is made of, before any surface draws it. Values only; every text stands in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bot.card.labels import Tone
from bot.model import Button, Link, StepState, Text

Audience = Literal["asker", "channel"]


class Colour(StrEnum):
    """The colour of a card tells who must act; `PROVEN` (green) is kept for proof and nothing else."""

    DEVELOPER = "developer"
    ORG_ADMIN = "org_admin"
    USER = "user"
    RESOURCE_OWNER = "resource_owner"
    PLATFORM_SUPPORT = "platform_support"
    NOBODY_RETRY = "nobody_retry"
    PROVEN = "proven"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class StepView:
    """One step: `state` is shown as a mark, `evidence` says how we know, `link` stands in the step that needs it."""

    text: Text
    state: StepState
    evidence: Text | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value. `value` None: still missing."""

    name: Text
    value: str | None


@dataclass(frozen=True, slots=True)
class Fold:
    """A part that stays folded until asked for. `quote` is foreign text, shown letter by letter; `copy` what a copy button takes."""

    key: Literal["remedies", "handover", "why", "rivals", "notes", "error", "support", "request"]
    title: Text
    lines: tuple[Text, ...] = ()
    facts: tuple[Fact, ...] = ()
    quote: str = ""
    links: tuple[Link, ...] = ()
    copy: Text | None = None


@dataclass(frozen=True, slots=True)
class StateLine:
    """Where the consent stands: a word for the state, what happened, whose account, what proves it."""

    state: str
    tone: Tone
    label: Text
    sentence: Text
    details: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The telling question, with its answers as buttons."""

    text: Text
    answers: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class CardView:
    """A whole card. The first screen: `title`, `verdict` (what is missing), `next_step` (who does what now) or the consent's `state`, and
    the `primary` button. Everything from `steps` on stands under one fold; `small` are its buttons, `others` further errors of the paste.

    `tag` is the role in one or two words; `notes` must be read before anything else.
    """

    kind: Literal["diagnosis", "nothing", "notice"]
    title: Text
    verdict: Text
    colour: Colour = Colour.PLAIN
    tag: Text | None = None
    next_step: Text | None = None
    state: StateLine | None = None
    notes: tuple[Text, ...] = ()
    primary: Button | None = None
    quiet: tuple[Button, ...] = ()
    question: Asked | None = None
    steps: tuple[StepView, ...] = ()
    small: tuple[Button, ...] = ()
    folds: tuple[Fold, ...] = ()
    others: tuple[Text, ...] = ()
    audience: Audience = "asker"

    def buttons(self) -> tuple[Button, ...]:
        """Every button, the main one first."""
        answers = self.question.answers if self.question else ()
        return tuple(button for button in (self.primary, *self.quiet, *answers, *self.small) if button is not None)
