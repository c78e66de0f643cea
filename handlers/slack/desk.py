"""The work behind the door: a question becomes an answer in Slack, a click its consequence. Every delivery of the same thing counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.i18n import joined, say
from bot.model import Locale, Person, Place, Question, Text
from bot.ports import Card
from bot.services.results import Answer, Clicked
from handlers.compose import Runtime
from handlers.slack.blocks import Body, line, modal, to_copy, with_share
from handlers.slack.events import Asked, Pressed
from handlers.slack.files import MOST_FILES, Files, is_text
from handlers.slack.markup import unslack, words_of
from handlers.slack.messenger import NOT_THERE, Voice, message
from handlers.slack.users import Known, People

ONCE_SECONDS = 86_400.0  # Slack repeats for minutes; a day is on the safe side
_RECENT_CARDS = 50

log = structlog.get_logger("whyforbidden.slack")


class Desk:
    """Answers. Holds no state but its tools."""

    def __init__(self, runtime: Runtime, voice: Voice, people: People, files: Files) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._store = runtime.store
        self._voice = voice
        self._people = people
        self._files = files

    # ------------------------------------------------------------ questions

    async def answer(self, asked: Asked) -> None:
        """Answer one question, whoever else was given it too."""
        if not asked.direct and not asked.files and not (await self._service.read(asked.text)).findings:
            return  # talk: not worth a line in the store
        if not await self._first(asked.key):
            return
        known = await self._people.look(asked.user)
        try:
            await self._answer(asked, known)
        except Exception:
            if asked.direct:
                await self._line(
                    asked, known, say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
                )
            raise

    async def _answer(self, asked: Asked, known: Known) -> None:
        old = await self._answered(asked) if asked.edited else None
        text, troubles = await self._read(asked)
        if not text.strip():
            if asked.direct:
                await self._line(
                    asked, known, joined(troubles) if troubles else say("There is no text to explain. Paste the error, or only its log_id.")
                )
            return
        person = Person("slack", asked.tenant, asked.user, known.name or asked.name)
        place = Place("slack", asked.tenant, asked.channel, asked.thread)
        question = Question(text, "slack", person, place, known.locale, asked.direct, asked.private)
        found = await (self._service.command(question) if asked.direct else self._service.answer(question))
        if found is None:
            return
        if asked.how in ("command", "shortcut", "modal"):
            await self._privately(asked, found)
        elif old is not None:
            await self._in_place(asked, old, found)
        else:
            await self._openly(asked, known, found)
        for trouble in troubles if asked.direct else ():
            await self._line(asked, known, trouble)
        if found.notice is not None:
            await self._alone(asked, known, found.notice)

    async def _privately(self, asked: Asked, found: Answer) -> None:
        """Only the asker sees it; a button shows it to the channel."""
        body = message(found.reply)
        if found.diagnoses and asked.channel and not asked.im:
            body = with_share(body, found.card.id, _language(found.card))
        thread = asked.thread if asked.in_thread else ""
        if asked.response_url and await self._voice.respond(asked.response_url, body, thread=thread):
            self._voice.urls.keep(found.card.id, asked.response_url, used=2)
            return
        place = Place("slack", asked.tenant, asked.channel, thread)
        if not await self._voice.aside(asked.user, place, body):
            log.warning("unanswered", how=asked.how)

    async def _openly(self, asked: Asked, known: Known, found: Answer) -> None:
        """In the thread of the question; or, when the same answer stands in this chat already, a word that leads there."""
        if found.existing is not None and found.existing.message:
            where = await self._voice.link_to(replace(found.existing.place, message=found.existing.message))
            if where is not None:
                if asked.direct:
                    await self._point(asked, known, where)
                return
        place = Place("slack", asked.tenant, asked.channel, asked.thread)
        stands, why = await self._voice.post(place, message(found.reply))
        if stands is None and asked.direct and why in NOT_THERE:
            # The bot was taken out of the chat meanwhile: the answer goes to the asker.
            stands, _ = await self._voice.post(Place("slack", asked.tenant, asked.user), message(found.reply))
        if stands is not None:
            await self._service.posted(found.card.id, stands)
            await self._remember(found.card.id, "source", asked.ts)

    async def _point(self, asked: Asked, known: Known, where: str) -> None:
        said = say("I have answered this in this chat already. That card is now yours too, its buttons work for you.")
        place = Place("slack", asked.tenant, asked.channel, asked.thread)
        await self._voice.post(place, line(said, self._language(known), link=where, label=say("Show the card")))

    async def _in_place(self, asked: Asked, old: Card, found: Answer) -> None:
        """The question was edited: the answer that stands changes with it."""
        if found.card.id == old.id:
            return
        await self._voice.call("chat.update", channel=asked.channel, ts=old.message, **message(found.reply))
        if found.existing is None or not found.existing.message:
            await self._service.posted(old.id, replace(old.place, message=""))
            await self._service.posted(found.card.id, replace(old.place, message=old.message))
            await self._remember(found.card.id, "source", asked.ts)

    async def _answered(self, asked: Asked) -> Card | None:
        """The card that answers an earlier wording of the same message."""
        cards = await self._store.cards_in(Place("slack", asked.tenant, asked.channel), _RECENT_CARDS)
        return next((card for card in reversed(cards) if card.message and card.snapshot.get("source") == asked.ts), None)

    async def _remember(self, card_id: str, name: str, value: str) -> None:
        while card := await self._store.card(card_id):
            kept = [*card.snapshot.get(name, ()), value] if name == "shared" else value
            if await self._store.save_card(replace(card, snapshot={**card.snapshot, name: kept})):
                return

    # ------------------------------------------------------------ reading

    async def _read(self, asked: Asked) -> tuple[str, Sequence[Text]]:
        """The question's text with that of its files, and what could not be read."""
        if asked.alone:
            return (asked.in_thread and await self._parent(asked)) or "help", ()
        texts, troubles = [asked.text], []
        files = asked.files if asked.direct else [file for file in asked.files if is_text(file)]
        for file in files[:MOST_FILES]:
            read = await self._files.read(file, self._voice.client.session)
            texts.append(read.text)
            if read.trouble is not None:
                troubles.append(read.trouble)
        if len(files) > MOST_FILES:
            troubles.append(say("I read the first {count} files only.", count=MOST_FILES))
        return "\n".join(part for part in texts if part.strip())[: self._runtime.settings.max_upload], troubles

    async def _parent(self, asked: Asked) -> str:
        """Somebody only named the bot below a message: the message is meant. Empty when it may not be read (no history scope)."""
        answer, _ = await self._voice.call("conversations.replies", channel=asked.channel, ts=asked.thread, limit=1)
        messages = answer.get("messages") if answer else None
        return unslack(words_of(messages[0])) if isinstance(messages, list) and messages and isinstance(messages[0], dict) else ""

    # ------------------------------------------------------------ clicks

    async def click(self, pressed: Pressed) -> None:
        """Whatever was clicked, whenever: there is an answer."""
        if not await self._first(pressed.key):
            return
        known = await self._people.look(pressed.user)
        language = self._language(known)
        place = Place("slack", pressed.tenant, pressed.channel, pressed.thread, pressed.message)
        if pressed.button is None:
            old = say("This button is from an older version. Paste the error again for a fresh card.")
            await self._voice.aside(pressed.user, place, line(old, language), pressed.response_url)
            return
        card_id, action, index = pressed.button
        if pressed.ephemeral:
            self._voice.urls.keep(card_id, pressed.response_url, used=1)  # one for the answer to this click
        person = Person("slack", pressed.tenant, pressed.user, known.name or pressed.name)
        try:
            clicked = await self._service.click(card_id, action, person, place, index)
        except Exception:
            sorry = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
            await self._voice.aside(pressed.user, place, line(sorry, language), pressed.response_url)
            raise
        if clicked.card is not None and (card := await self._store.card(card_id)):
            await self._voice.update(card, clicked.card)
        await self._voice.aside(pressed.user, place, await self._said(pressed, clicked, language), pressed.response_url)

    async def _said(self, pressed: Pressed, clicked: Clicked, language: Locale) -> Body:
        """The private answer to a click: the message made for the clicker, else the short line."""
        if clicked.share is not None and not await self._share(pressed, message(clicked.share)):
            return line(say("I cannot write in this channel. Invite me first: /invite @whyforbidden"), language)
        if clicked.copy is not None:
            return to_copy(clicked.toast, clicked.copy, language)
        return message(clicked.whisper) if clicked.whisper is not None else line(clicked.toast, language)

    async def _share(self, pressed: Pressed, body: Body) -> bool:
        place = Place("slack", pressed.tenant, pressed.channel, pressed.thread)
        stands, _ = await self._voice.post(place, body)
        if stands is not None and pressed.button:
            await self._remember(pressed.button[0], "shared", stands.message)
        if stands is not None or not pressed.response_url:
            return stands is not None
        return await self._voice.respond(pressed.response_url, body, public=True, thread=pressed.thread)

    # ------------------------------------------------------------ the modal, and short words

    async def open_modal(self, asked: Asked, trigger: str) -> None:
        """The window to paste into. A trigger lives for three seconds, so nobody is asked for a language that is not known yet."""
        known = self._people.seen(asked.user) or Known()
        view = modal(self._language(known), asked.channel, asked.response_url)
        opened, _ = await self._voice.call("views.open", trigger_id=trigger, view=view)
        if opened is None:
            await self._alone(asked, known, say("The window did not open. Paste the error behind the command, or send it to me directly."))

    def busy(self, user: str) -> Body:
        """The line is full."""
        said = say(
            "I am busy: {count} questions wait already. Nothing of yours was taken; ask again in a minute.",
            count=self._runtime.settings.queue_limit,
        )
        return line(said, self._language(self._people.seen(user) or Known()))

    def too_fast(self, user: str) -> Body:
        """Too many questions from one person."""
        said = say(
            "More than {count} questions in a minute: give me a moment, then ask again.", count=self._runtime.settings.asks_per_minute
        )
        return line(said, self._language(self._people.seen(user) or Known()))

    async def tell(self, asked: Asked, body: Body) -> None:
        """A short word to the asker alone."""
        await self._voice.aside(asked.user, Place("slack", asked.tenant, asked.channel, asked.thread), body, asked.response_url)

    async def _alone(self, asked: Asked, known: Known, said: Text) -> None:
        await self.tell(asked, line(said, self._language(known)))

    async def _line(self, asked: Asked, known: Known, said: Text) -> None:
        """Where the answer goes."""
        if asked.how in ("command", "shortcut", "modal"):
            await self._alone(asked, known, said)
        else:
            await self._voice.post(Place("slack", asked.tenant, asked.channel, asked.thread), line(said, self._language(known)))

    # ------------------------------------------------------------ once

    async def _first(self, key: str) -> bool:
        return await self._store.claim(key[:400], self._runtime.clock.now(), ONCE_SECONDS)

    def _language(self, known: Known) -> Locale:
        return known.locale or self._runtime.settings.locale


def _language(card: Card) -> Locale:
    return "zh" if card.locale == "zh" else "en"
