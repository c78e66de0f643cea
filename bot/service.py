"""The jobs every door calls: answer a question, act on a click, carry a consent from the confirm page to the proof.

A door translates in, calls one of these, translates out. Nothing here knows a surface's wire format. The work itself is in `bot/jobs/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.card import CardView
from bot.errors import Refused
from bot.explain import Explained
from bot.model import Diagnosis, Locale, Person, Place, Question, Reply, Text
from bot.ports import Card
from bot.redact.masked import Redaction
from bot.services import answer, click, commands, consent_pages, consent_runner, document_access, follow_up, present, watch
from bot.services.context import Context, Notices, Refresher
from bot.services.results import Answer, Clicked, ConfirmPage, Grant, Outcome, Replied, Started, Verdict

__all__ = [
    "Answer",
    "Clicked",
    "ConfirmPage",
    "Context",
    "Grant",
    "Notices",
    "Outcome",
    "Refresher",
    "Refused",
    "Replied",
    "Service",
    "Started",
    "Verdict",
]  # fmt: skip


class Service:
    """One object per process; holds ports, no state of its own."""

    def __init__(self, context: Context) -> None:
        self.context = context

    # ------------------------------------------------------------ answering

    async def masked(self, text: str) -> Redaction:
        """The way in for what somebody wrote: its secrets masked, and whether one of them looked usable. A `Question` takes nothing else."""
        return await answer.masked(self.context, text)

    async def read(self, text: str, locale: Locale | None = None) -> Explained:
        """Redact, extract, diagnose; remember nothing, keep no card."""
        return await answer.read(self.context, text, locale)

    async def answer(self, question: Question) -> Answer | None:
        """Redact, extract, diagnose, remember. None: nothing to say (only when the question was not direct)."""
        return await answer.answer(self.context, question)

    async def reply(self, question: Question) -> Replied | None:
        """What a message under a card, or after one, brings to that card; None when it is a question of its own."""
        return await follow_up.reply(self.context, question)

    async def stands_under(self, place: Place, under: Sequence[str]) -> bool:
        """Whether a card of ours stands above these messages."""
        return await follow_up.stands_under(self.context, place, under)

    async def forgetfully(self, question: Question, warning: Text) -> Answer | None:
        """The answer while the store does not answer: nothing is remembered, the card has no buttons, and `warning` says why."""
        return await answer.forgetfully(self.context, question, warning)

    async def command(self, question: Question) -> Answer:
        """What follows `/whyforbidden`: help, grants, revoke, mute, unmute, a code, a request id, a document's address, or the error."""
        return await commands.command(self.context, question)

    async def report(self, text: str, *, request_id: str | None = None, source: str = "api") -> Sequence[str]:
        """An app sends in a failure of its own; returns the request ids under which it can be looked up now (none: no error in it)."""
        return await answer.report(self.context, text, request_id, source)

    async def look_up(self, request_id: str) -> Diagnosis | None:
        """The diagnosis of a request id that was reported before."""
        return await answer.look_up(self.context, request_id)

    async def check_document(self, document: str, type_: str = "", action: str = "view", *, app_id: str | None = None) -> Verdict | None:
        """May an app do this with that document (its link, or its token and type)? Waits a few seconds for its turn where others ask too.

        None: no configured app can ask.
        """
        return await document_access.check(self.context, document, type_, action, app_id=app_id)

    # ------------------------------------------------------------ cards

    async def posted(self, card_id: str, place: Place, source: str = "", card: Card | None = None) -> None:
        """A door tells where the card now stands, so that it can be redrawn there, and which message it answers. `card`: as it was just kept."""
        await answer.posted(self.context, card_id, place, source, card)

    async def shared(self, card_id: str, message: str) -> None:
        """A door tells that it showed a copy of the card to everybody."""
        await answer.shared(self.context, card_id, message)

    async def told(self, card_id: str, state: str) -> None:
        """A door that cannot redraw a card tells which state of the consent it has said."""
        await answer.told(self.context, card_id, state)

    async def named(self, card_id: str, person: Person) -> None:
        """A door learns the name of somebody whom the card answers."""
        await answer.named(self.context, card_id, person)

    async def draw(self, card_id: str, surface: str, locale: Locale | None = None, audience: str | None = None) -> Reply | None:
        """A stored card as it is now, for any surface. Without `audience`: all of it in private places, the brief form in channels."""
        card = await self.context.store.card(card_id)
        return await present.draw(self.context, card, surface, locale, audience) if card else None

    async def view(self, card_id: str, audience: str | None = None) -> CardView | None:
        """What a stored card says and offers now, for doors whose buttons are no part of the drawn card. `audience` as in `draw`."""
        card = await self.context.store.card(card_id)
        return await present.see_card(self.context, card, audience) if card else None

    async def click(self, card_id: str, action: str, person: Person, place: Place, index: int = 0) -> Clicked:
        """Any button, any time, by anybody, after any restart: there is always an answer.

        `check`, `ask_admin` and `revoke` ask a platform and may take as long as it does; a door with a time limit acknowledges first.
        """
        return await click.click(self.context, card_id, action, person, place, index=index)

    # ------------------------------------------------------------ consent pages

    async def confirm(self, ticket: str, *, in_client: bool = False) -> ConfirmPage:
        """Look at a personal link without using it. Raises `Refused`."""
        return await consent_pages.confirm(self.context, ticket, in_client=in_client)

    async def start(self, ticket: str, *, in_client: bool = False) -> Started:
        """The POST of the confirm page. Raises `Refused`."""
        return await consent_pages.start(self.context, ticket, in_client=in_client)

    async def finish(self, platform: str, app_id: str, query: Mapping[str, str], cookie: str) -> str:
        """The platform's answer (POST from our own page). Returns the flow id of the outcome page. Raises `Refused`."""
        return await consent_pages.finish(self.context, platform, app_id, query, cookie)

    async def outcome(self, flow_id: str, cookie: str) -> Outcome:
        """What became of it. Raises `Refused`."""
        return await consent_pages.outcome(self.context, flow_id, cookie)

    async def handed_back(self, flow_id: str, body: Mapping[str, Any]) -> str:
        """The signed answer of an app in hand-off mode; returns the consent's new state. Raises `Refused`."""
        return await consent_pages.handed_back(self.context, flow_id, body)

    async def resume(self) -> int:
        """Go on with every flow that a stopped process left in the middle, end those whose time is over; returns how many moved.

        To be called at the start and every few seconds after: retries at a platform that was down wait in the rows until it is their time.
        """
        return await consent_runner.resume(self.context)

    async def watch(self) -> int:
        """One round over what people asked to be told about; returns how many watches came to an end. To be called every few seconds."""
        return await watch.go_on(self.context)

    # ------------------------------------------------------------ people's own control

    async def grants(self, person: Person) -> Sequence[Grant]:
        """What a person has consented to through this bot."""
        return await commands.grants(self.context, person)

    async def revoke(self, person: Person, grant: Grant) -> bool:
        """Take a consent back: the token is forgotten; True when the platform withdrew it too."""
        return await commands.revoke(self.context, person, grant)

    async def audit(self, since: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """Who offered, clicked and consented to what, when: one JSON object a row."""
        return await commands.audit(self.context, since)
