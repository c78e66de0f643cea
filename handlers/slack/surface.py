"""Slack's accent: what the common choreography (`handlers/chat/door.py`) asks of a surface, in Slack's terms."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from bot.i18n import say
from bot.model import Locale, Person, Place, Reply, Text
from bot.ports import Card
from bot.services.results import Answer, Clicked
from handlers.chat.api import LIMIT, Body, Known, Reading
from handlers.compose import Runtime
from handlers.slack.blocks import line, modal, to_copy, with_share
from handlers.slack.events import Asked, Pressed
from handlers.slack.files import MOST_FILES, Files, is_text
from handlers.slack.markup import unslack, words_of
from handlers.slack.messenger import NOT_THERE, Messenger, message
from handlers.slack.users import People

_LATE_SECONDS = 60.0

log = structlog.get_logger("whyforbidden.slack")


class SlackSurface:
    """Reads and says in Slack. Holds no state but its tools."""

    name = "slack"

    def __init__(self, runtime: Runtime, messenger: Messenger, people: People, files: Files) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._store = runtime.store
        self.messenger = messenger
        self.people = people
        self._files = files
        self._late: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ reading

    async def who(self, ask: Asked) -> Known:
        """What is known, or told within a moment."""
        known = await self.people.look(ask.user)
        return Known(known.name or ask.name, known.locale)

    async def read(self, ask: Asked) -> Reading:
        """The question's text with that of its files, and what could not be read."""
        if ask.alone:
            return Reading((ask.in_thread and await self._parent(ask)) or "help")
        texts, troubles = [ask.text], []
        files = ask.files if ask.direct else [file for file in ask.files if is_text(file)]
        for file in files[:MOST_FILES]:
            read = await self._files.read(file, self.messenger.client.session)
            texts.append(read.text)
            if read.trouble is not None:
                troubles.append(read.trouble)
        if len(files) > MOST_FILES:
            troubles.append(say("I read the first {count} files only.", count=MOST_FILES))
        return Reading("\n".join(part for part in texts if part.strip()), troubles)

    async def _parent(self, ask: Asked) -> str:
        """Somebody only named the bot below a message: the message is meant. Empty when it may not be read (no history scope)."""
        answer, _ = await self.messenger.call("conversations.replies", channel=ask.channel, ts=ask.thread, limit=1)
        messages = answer.get("messages") if answer else None
        return unslack(words_of(messages[0])) if isinstance(messages, list) and messages and isinstance(messages[0], dict) else ""

    async def own(self, ask: Asked, reading: Reading, known: Known) -> bool:  # noqa: ARG002
        """Nothing exists only in Slack."""
        return False

    # ------------------------------------------------------------ answering

    async def answer(self, ask: Asked, known: Known, found: Answer, *, again: bool) -> Place | None:
        """In the thread of the question; what was asked privately is answered so."""
        if not known.name:
            self._name_later(ask, found.card)
        if ask.aside:
            await self._privately(ask, found)
            return None
        stands, why = await self.messenger.post(ask.place, message(found.reply), ask.key, again=again)
        if stands is None and ask.direct and why in NOT_THERE:
            # The bot was taken out of the chat meanwhile: the answer goes to the asker.
            stands, _ = await self.messenger.post(Place("slack", ask.tenant, ask.user), message(found.reply), ask.key)
        return stands

    async def _privately(self, ask: Asked, found: Answer) -> None:
        """Only the asker sees it; a button shows it to the channel."""
        body = message(found.reply)
        if found.diagnoses and ask.channel and not ask.im:
            body = with_share(body, found.card.id, _language(found.card))
        thread = ask.thread if ask.in_thread else ""
        if ask.response_url and await self.messenger.respond(ask.response_url, body, thread=thread):
            self.messenger.urls.keep(found.card.id, ask.response_url, used=2)
            return
        if not await self.messenger.aside(ask.user, replace(ask.place, thread=thread), body):
            log.warning("unanswered", how=ask.how)

    async def standing(self, card: Card, reply: Reply) -> str | None:  # noqa: ARG002
        """Where the older card stands; None when it was deleted."""
        return await self.messenger.link_to(replace(card.place, message=card.message))

    async def point(self, ask: Asked, known: Known, card: Card, link: str, said: Text) -> None:  # noqa: ARG002
        """A word with the way there."""
        body = line(said, self._language(known), link=link, label=say("Show the card"))
        await self.messenger.post(ask.place, body, f"point {ask.key}")

    async def say(self, ask: Asked, known: Known, said: Text, key: str) -> None:
        """Where the answer goes; that it was asked too much concerns the asker alone."""
        if ask.aside or key == LIMIT:
            await self.aside(ask, known, said)
        else:
            await self.messenger.post(ask.place, line(said, self._language(known)), f"{key} {ask.key}")

    async def aside(self, ask: Asked, known: Known, said: Text) -> None:
        """To the asker alone."""
        await self.messenger.aside(ask.user, ask.place, self.line(said, known, ask.user), ask.response_url)

    def line(self, said: Text, known: Known, user: str) -> dict[str, Any]:
        """A sentence in the reader's language, as far as that is known without asking."""
        return line(said, self._language(known if known.locale else self.people.seen(user) or known))

    def _name_later(self, ask: Asked, card: Card) -> None:
        """Slack did not say in time who asks: the name is written on the card when it comes."""

        async def named() -> None:
            known = await self.people.look(ask.user, _LATE_SECONDS)
            if known.name:
                await self._service.named(card.id, replace(ask.person, name=known.name))

        task = asyncio.ensure_future(named())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    # ------------------------------------------------------------ what is said unasked

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card."""
        return await self.messenger.update(card, reply)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person."""
        return await self.messenger.whisper(person, place, reply)

    # ------------------------------------------------------------ clicks

    async def clicked(self, pressed: Pressed, clicked: Clicked) -> Body:  # noqa: ARG002
        """Slack shows nothing with its acknowledgement."""
        return {}

    async def after(self, pressed: Pressed, clicked: Clicked, body: Body, *, told: bool) -> None:  # noqa: ARG002
        """The card as it is now, and a private word to the clicker."""
        known = await self.people.look(pressed.user)
        card_id = pressed.button[0] if pressed.button else ""
        if pressed.ephemeral and card_id:
            self.messenger.urls.keep(card_id, pressed.response_url, used=1)  # one for the answer to this click
        said = await self._said(pressed, clicked, self._language(known))
        await self.messenger.aside(pressed.user, pressed.place, said, pressed.response_url)
        if clicked.card is not None and (card := await self._store.card(card_id)):
            await self._runtime.outbox.now(card, self.messenger.update(card, clicked.card))

    async def _said(self, pressed: Pressed, clicked: Clicked, language: Locale) -> dict[str, Any]:
        """The private answer to a click: the message made for the clicker, else the short line."""
        if clicked.share is not None and not await self._share(pressed, message(clicked.share)):
            return line(say("I cannot write in this channel. Invite me first: /invite @whyforbidden"), language)
        if clicked.copy is not None:
            return to_copy(clicked.toast, clicked.copy, language)
        return message(clicked.whisper) if clicked.whisper is not None else line(clicked.toast, language)

    async def _share(self, pressed: Pressed, body: dict[str, Any]) -> bool:
        place = Place("slack", pressed.tenant, pressed.channel, pressed.thread)
        stands, _ = await self.messenger.post(place, body, f"share {pressed.key}")
        if stands is not None and pressed.button:
            await self._service.shared(pressed.button[0], stands.message)
        if stands is not None or not pressed.response_url:
            return stands is not None
        return await self.messenger.respond(pressed.response_url, body, public=True, thread=pressed.thread)

    # ------------------------------------------------------------ the modal

    async def open_modal(self, ask: Asked, trigger: str) -> None:
        """The window to paste into. A trigger lives for three seconds, so nobody is asked for a language that is not known yet."""
        known = self.people.seen(ask.user) or Known()
        view = modal(self._language(known), ask.channel, ask.response_url)
        opened, _ = await self.messenger.call("views.open", tries=1, trigger_id=trigger, view=view)
        if opened is None:
            await self.aside(ask, known, say("The window did not open. Paste the error behind the command, or send it to me directly."))

    async def close(self) -> None:
        """Names that did not come stay unknown."""
        await self.people.close()
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _language(self, known: Known) -> Locale:
        return known.locale or self._runtime.settings.locale


def _language(card: Card) -> Locale:
    return "zh" if card.locale == "zh" else "en"
