"""DingTalk's accent: what the common choreography (`handlers/chat/door.py`) asks of a surface, in DingTalk's terms.

Without an interactive card template answers are Markdown, and their buttons are words that one sends; those are this surface's own.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.explain import language
from bot.i18n import same, say
from bot.model import Locale, Person, Place, Reply, Text
from bot.ports import Card
from bot.services.card_snapshot import was_asked
from bot.services.results import Answer, Clicked
from handlers.chat import sentences
from handlers.chat.api import Body, Known, Reading
from handlers.compose import Runtime
from handlers.dingtalk import layout
from handlers.dingtalk.events import Asked, Pressed
from handlers.dingtalk.files import read_file
from handlers.dingtalk.layout import Word, callback_answer, card_values, is_personal, line, message, read_word, to_copy, with_words, word_of
from handlers.dingtalk.messenger import CARD, Messenger

_RECENT_CARDS = 50
_WHOLE_ID = 20
_NOT_FIRST = say("DingTalk does not let me write to you first. Open a direct chat with me and ask there.")

log = structlog.get_logger("whyforbidden.dingtalk")


class DingTalkSurface:
    """Reads and says in DingTalk. Holds no state but its tools."""

    name = "dingtalk"

    def __init__(self, runtime: Runtime, messenger: Messenger) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._service = runtime.service
        self._store = runtime.store
        self.messenger = messenger

    # ------------------------------------------------------------ reading

    async def who(self, ask: Asked) -> Known:
        """The name comes with the message; the language is the text's."""
        return Known(ask.name)

    async def read(self, ask: Asked) -> Reading:
        """The text of the message or of its file, or what is wrong with what was sent."""
        self.messenger.heard(ask)
        if ask.file is None:
            if ask.strange:
                return Reading(
                    "",
                    [say("I can read text only: no pictures, recordings or cards. Paste the error as text, or send it as a .txt file.")],
                )
            return Reading(ask.text or "help")
        read = await read_file(self.messenger.api, ask.file, ask.robot, self._settings.max_upload)
        return Reading(read.text, [read.trouble] if read.trouble is not None else [])

    async def own(self, ask: Asked, reading: Reading, known: Known) -> bool:  # noqa: ARG002
        """A button of a message, written."""
        word = read_word(reading.text)
        if word is not None:
            await self._word(ask, word)
        return word is not None

    # ------------------------------------------------------------ answering

    async def answer(self, ask: Asked, known: Known, found: Answer, *, again: bool) -> Place | None:  # noqa: ARG002
        """In the chat of the question: a card that lives on, or a message with its words. What is personal goes to the asker alone."""
        if is_personal(ask.text) and not ask.private:
            await self._aside(ask, message(found.reply), say("I have answered you in a direct message."))
            return None
        place, locale = ask.place, language_of(found.card)
        if found.diagnoses and found.existing is None and await self.messenger.card(found.card.id, place, found.reply, locale):
            return replace(place, message=CARD + found.card.id)
        body = await self._with_words(found.card, message(found.reply), private=ask.private)
        if not await self.messenger.post(place, body, ask.mention) and not ask.private:
            await self.messenger.aside(ask.user, place, body)  # the robot was taken out of the group meanwhile
        return None

    async def _with_words(self, card: Card, body: layout.Body, *, private: bool) -> layout.Body:
        view = await self._service.view(card.id) if card.snapshot.get("findings") else None
        if view is None:
            return body
        buttons = view.buttons()
        return with_words(body, buttons, card.id, language_of(card), private=private)

    async def standing(self, card: Card, reply: Reply) -> str | None:
        """An older interactive card, brought up to date. A message cannot change: it is said anew."""
        return "" if card.message.startswith(CARD) and await self.messenger.update(card, reply) else None

    async def point(self, ask: Asked, known: Known, card: Card, link: str, said: Text) -> None:  # noqa: ARG002
        """A word."""
        await self._say(ask, said, language_of(card))

    async def say(self, ask: Asked, known: Known, said: Text, key: str) -> None:  # noqa: ARG002
        """Where the answer goes."""
        await self._say(ask, said)

    async def aside(self, ask: Asked, known: Known, said: Text) -> None:  # noqa: ARG002
        """To the asker alone."""
        if not await self.messenger.aside(ask.user, ask.place, self._line(ask, said)):
            log.warning("notice_undelivered")

    # ------------------------------------------------------------ what is said unasked

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card, or tell the news of it."""
        return await self.messenger.update(card, reply)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person."""
        return await self.messenger.whisper(person, place, reply)

    # ------------------------------------------------------------ words

    async def _word(self, ask: Asked, word: Word) -> None:
        card = await self._meant(ask, word)
        if card is None:
            await self._say(ask, say("I know no card of yours in this chat that this could be about. Paste the error first."))
            return
        clicked = await self._service.click(card.id, word.action, ask.person, ask.place, word.index)
        locale = language_of(card)
        if clicked.share is not None:
            await self.messenger.post(ask.place, message(clicked.share))
        private = _private(clicked, locale)
        if private is not None:
            again = f"{word_of(word.action, locale)}{f' {word.index + 1}' if word.index else ''} #{card.id}"
            await self._aside(ask, private, clicked.toast, again, locale)
        elif clicked.share is None:
            await self._say(ask, clicked.toast, locale)
        if clicked.card is not None:
            await self._shown(card.id, clicked, again=word.action == "check", private=ask.private)

    async def _meant(self, ask: Asked, word: Word) -> Card | None:
        """The card that a word is about: named by its id, or the newest of this chat that answers this person."""
        if len(word.ref) >= _WHOLE_ID:
            return await self._store.card(word.ref)
        cards = [card for card in await self._store.cards_in(ask.place, _RECENT_CARDS) if card.snapshot.get("findings")]
        if word.ref:
            return next((card for card in reversed(cards) if card.id.startswith(word.ref)), None)
        return next((card for card in reversed(cards) if was_asked(card, ask.person)), None)

    async def _shown(self, card_id: str, clicked: Clicked, *, again: bool, private: bool) -> None:
        """The card as it is now: redrawn where it can be, else told anew when somebody asked to look again."""
        card = await self._store.card(card_id)
        if card is None or clicked.card is None:
            return
        if card.place.message.startswith(CARD):
            await self._runtime.outbox.now(card, self.messenger.update(card, clicked.card))
        elif again:
            await self.messenger.post(card.place, await self._with_words(card, message(clicked.card), private=private))

    async def _aside(self, ask: Asked, body: layout.Body, told: Text, again: str = "", locale: Locale | None = None) -> None:
        """To the asker alone; in a group a short word says so. Somebody whom the robot may not write to first is told how to get it."""
        if ask.private:
            await self.messenger.post(ask.place, body)
        elif await self.messenger.aside(ask.user, ask.place, body):
            await self._say(ask, told, locale)
        elif again:
            said = say("DingTalk does not let me write to you first. Open a direct chat with me and send me this:")
            await self.messenger.post(ask.place, to_copy(said, same(again), locale or self._language(ask)))
        else:
            await self._say(ask, _NOT_FIRST)

    # ------------------------------------------------------------ clicks

    async def clicked(self, pressed: Pressed, clicked: Clicked) -> Body:
        """New values for the card, and a line of the clicker's own; what is private is sent before, because the line depends on whether it arrived."""
        card = await self._store.card(pressed.card)
        locale = language_of(card) if card else self._settings.locale
        told = clicked.toast
        if clicked.toast == sentences.BROKEN:
            return callback_answer(None, told.in_(self._settings.locale))
        place = replace(pressed.place, thread=card.place.thread if card else "")
        private = _private(clicked, locale)
        if private is not None and not await self.messenger.aside(pressed.user, place, private):
            told = _NOT_FIRST
        if clicked.share is not None:
            await self.messenger.post(place, message(clicked.share))
        view = await self._service.view(pressed.card) if clicked.card is not None else None
        values = card_values(clicked.card, view, locale) if clicked.card is not None and view is not None else None
        return callback_answer(values, told.in_(locale))

    async def after(self, pressed: Pressed, clicked: Clicked, body: Body, *, told: bool) -> None:  # noqa: ARG002
        """DingTalk was answered already: what came of the click is put into the card now."""
        if not told:
            values = body.get("cardData", {}).get("cardParamMap", {})
            await self.messenger.api.redraw(pressed.card, values, {pressed.user: body["userPrivateData"]["cardParamMap"]})

    # ------------------------------------------------------------ short words

    async def _say(self, ask: Asked, said: Text, locale: Locale | None = None) -> None:
        self.messenger.heard(ask)
        await self.messenger.post(ask.place, self._line(ask, said, locale), ask.mention)

    def _line(self, ask: Asked, said: Text, locale: Locale | None = None) -> layout.Body:
        return line(said, locale or self._language(ask))

    def _language(self, ask: Asked) -> Locale:
        return language(ask.text) or self._settings.locale


def _private(clicked: Clicked, locale: Locale) -> layout.Body | None:
    if clicked.copy is not None:
        return to_copy(clicked.toast, clicked.copy, locale)
    return message(clicked.whisper) if clicked.whisper is not None else None


def language_of(card: Card) -> Locale:
    """The language that a card is kept in."""
    return "zh" if card.locale == "zh" else "en"
