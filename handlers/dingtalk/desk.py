"""The work behind the door: a question becomes an answer in DingTalk, a click or a word its consequence. Each delivery counts once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bot.explain import language
from bot.i18n import same, say
from bot.model import Locale, Person, Place, Question, Text
from bot.ports import Card
from bot.services.card_snapshot import askers, was_asked
from bot.services.results import Answer, Clicked
from handlers.compose import Runtime
from handlers.dingtalk.events import Asked, Pressed
from handlers.dingtalk.files import read_file
from handlers.dingtalk.layout import (
    Body,
    Word,
    callback_answer,
    card_values,
    is_personal,
    line,
    message,
    read_word,
    to_copy,
    with_words,
    word_of,
)
from handlers.dingtalk.messenger import CARD, Voice

ONCE_SECONDS = 86_400.0
CLICK_SECONDS = 1.4  # DingTalk waits two seconds; the rest is for the way
_RECENT_CARDS = 50
_WHOLE_ID = 20

log = structlog.get_logger("whyforbidden.dingtalk")


class Desk:
    """Answers. Holds no state but its tools."""

    def __init__(self, runtime: Runtime, voice: Voice) -> None:
        self._settings = runtime.settings
        self._service = runtime.service
        self._store = runtime.store
        self._clock = runtime.clock
        self._voice = voice
        self._late: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ questions

    async def answer(self, asked: Asked) -> None:
        """Answer one message, whoever else was given it too."""
        if not await self._first(asked.key):
            return
        try:
            await self._answer(asked)
        except Exception:
            await self._say(asked, say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment."))
            raise

    async def _answer(self, asked: Asked) -> None:
        text = asked.text
        if asked.file is not None or asked.strange:
            text, trouble = await self._read(asked)
            if trouble is not None:
                await self._say(asked, trouble)
                return
        word = read_word(text)
        if word is not None:
            await self._word(asked, word)
            return
        question = Question(text or "help", "dingtalk", _person(asked), _place(asked), private=asked.private)
        found = await self._service.command(question)
        if is_personal(text) and not asked.private:
            await self._aside(asked, message(found.reply), say("I have answered you in a direct message."))
        else:
            await self._openly(asked, found)
        if found.notice is not None and not await self._voice.aside(asked.user, _place(asked), self._line(asked, found.notice)):
            log.warning("notice_undelivered")

    async def _read(self, asked: Asked) -> tuple[str, Text | None]:
        """The text of a file, or what is wrong with what was sent."""
        if asked.file is None:
            return "", say("I can read text only: no pictures, recordings or cards. Paste the error as text, or send it as a .txt file.")
        read = await read_file(self._voice.api, asked.file, asked.robot, self._settings.max_upload)
        if read.trouble is None and not read.text.strip():
            return "", say("There is no text to explain. Paste the error, or only its log_id.")
        return read.text, read.trouble

    async def _openly(self, asked: Asked, found: Answer) -> None:
        """In the chat of the question: a card that lives on, or a message with its words."""
        place, locale = _place(asked), language_of(found.card)
        standing = found.existing
        if standing is not None and standing.place.message.startswith(CARD) and await self._voice.update(standing, found.reply):
            said = say("I have answered this in this chat already. That card is now yours too, its buttons work for you.")
            await self._say(asked, said, locale)
            return
        if found.diagnoses and standing is None and await self._voice.card(found.card.id, place, found.reply, locale):
            await self._service.posted(found.card.id, replace(place, message=CARD + found.card.id))
            return
        body = await self._with_words(found.card, message(found.reply), private=asked.private)
        if not await self._voice.post(place, body, _mention(asked)) and not asked.private:
            await self._voice.aside(asked.user, place, body)  # the robot was taken out of the group meanwhile

    async def _with_words(self, card: Card, body: Body, *, private: bool) -> Body:
        view = await self._service.view(card.id) if card.snapshot.get("findings") else None
        if view is None:
            return body
        buttons = [button for button in (view.primary, *view.quiet) if button is not None]
        return with_words(body, buttons, card.id, language_of(card), private=private)

    # ------------------------------------------------------------ words

    async def _word(self, asked: Asked, word: Word) -> None:
        """A button of a message, written."""
        card = await self._meant(asked, word)
        if card is None:
            await self._say(asked, say("I know no card of yours in this chat that this could be about. Paste the error first."))
            return
        clicked = await self._service.click(card.id, word.action, _person(asked), _place(asked), word.index)
        locale = language_of(card)
        if clicked.share is not None:
            await self._voice.post(_place(asked), message(clicked.share))
        private = to_copy(clicked.toast, clicked.copy, locale) if clicked.copy is not None else None
        if private is None and clicked.whisper is not None:
            private = message(clicked.whisper)
        if private is not None:
            again = f"{word_of(word.action, locale)}{f' {word.index + 1}' if word.index else ''} #{card.id}"
            await self._aside(asked, private, clicked.toast, again, locale)
        elif clicked.share is None:
            await self._say(asked, clicked.toast, locale)
        if clicked.card is not None:
            await self._shown(card.id, clicked, again=word.action == "check", private=asked.private)

    async def _meant(self, asked: Asked, word: Word) -> Card | None:
        """The card that a word is about: named by its id, or the newest of this chat that answers this person."""
        if len(word.ref) >= _WHOLE_ID:
            return await self._store.card(word.ref)
        cards = [card for card in await self._store.cards_in(_place(asked), _RECENT_CARDS) if card.snapshot.get("findings")]
        if word.ref:
            return next((card for card in reversed(cards) if card.id.startswith(word.ref)), None)
        return next((card for card in reversed(cards) if was_asked(card, _person(asked))), None)

    async def _shown(self, card_id: str, clicked: Clicked, *, again: bool, private: bool) -> None:
        """The card as it is now: redrawn where it can be, else told anew when somebody asked to look again."""
        card = await self._store.card(card_id)
        if card is None or clicked.card is None:
            return
        if card.place.message.startswith(CARD):
            await self._voice.update(card, clicked.card)
        elif again:
            await self._voice.post(card.place, await self._with_words(card, message(clicked.card), private=private))

    async def _aside(self, asked: Asked, body: Body, told: Text, again: str = "", locale: Locale | None = None) -> None:
        """To the asker alone; in a group a short word says so. Somebody whom the robot may not write to first is told how to get it."""
        place = _place(asked)
        if asked.private:
            await self._voice.post(place, body)
        elif await self._voice.aside(asked.user, place, body):
            await self._say(asked, told, locale)
        elif again:
            said = say("DingTalk does not let me write to you first. Open a direct chat with me and send me this:")
            await self._voice.post(place, to_copy(said, same(again), locale or self._language(asked)))
        else:
            await self._say(asked, say("DingTalk does not let me write to you first. Open a direct chat with me and ask there."))

    # ------------------------------------------------------------ clicks

    async def click(self, pressed: Pressed) -> Body:
        """The answer to a click on an interactive card, in time; what takes longer is drawn afterwards."""
        work = asyncio.ensure_future(self._click(pressed))
        done, _ = await asyncio.wait({work}, timeout=CLICK_SECONDS)
        if done:
            return work.result()
        later = asyncio.ensure_future(self._afterwards(pressed, work))
        self._late.add(later)
        later.add_done_callback(self._late.discard)
        return callback_answer(None, say("One moment, I am looking.").in_(self._settings.locale))

    async def _click(self, pressed: Pressed) -> Body:
        try:
            return await self._clicked(pressed)
        except Exception as error:
            log.error("job_failed", kind=type(error).__name__, exc_info=error)
            sorry = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
            return callback_answer(None, sorry.in_(self._settings.locale))

    async def _clicked(self, pressed: Pressed) -> Body:
        card = await self._store.card(pressed.card)
        locale = language_of(card) if card else self._settings.locale
        known = [one.name for one in askers(card) if one.user_id == pressed.user] if card else []  # a click tells no name
        person = Person("dingtalk", pressed.tenant, pressed.user, next(iter(known), ""))
        place = Place("dingtalk", pressed.tenant, pressed.chat, card.place.thread if card else "", CARD + pressed.card)
        clicked = await self._service.click(pressed.card, pressed.action, person, place, pressed.index)
        told = clicked.toast
        private = to_copy(clicked.toast, clicked.copy, locale) if clicked.copy is not None else None
        if private is None and clicked.whisper is not None:
            private = message(clicked.whisper)
        if private is not None and not await self._voice.aside(pressed.user, place, private):
            told = say("DingTalk does not let me write to you first. Open a direct chat with me and ask there.")
        if clicked.share is not None:
            await self._voice.post(place, message(clicked.share))
        view = await self._service.view(pressed.card) if clicked.card is not None else None
        values = card_values(clicked.card, view, locale) if clicked.card is not None and view is not None else None
        return callback_answer(values, told.in_(locale))

    async def _afterwards(self, pressed: Pressed, work: asyncio.Future[Body]) -> None:
        """DingTalk was answered already: what came of the click is put into the card now."""
        answer = await work
        values = answer.get("cardData", {}).get("cardParamMap", {})
        await self._voice.api.redraw(pressed.card, values, {pressed.user: answer["userPrivateData"]["cardParamMap"]})

    # ------------------------------------------------------------ short words

    async def busy(self, asked: Asked) -> None:
        """The line is full."""
        said = say(
            "I am busy: {count} questions wait already. Nothing of yours was taken; ask again in a minute.",
            count=self._settings.queue_limit,
        )
        await self._say(asked, said)

    async def too_fast(self, asked: Asked) -> None:
        """Too many questions from one person."""
        said = say("More than {count} questions in a minute: give me a moment, then ask again.", count=self._settings.asks_per_minute)
        await self._say(asked, said)

    async def _say(self, asked: Asked, said: Text, locale: Locale | None = None) -> None:
        await self._voice.post(_place(asked), self._line(asked, said, locale), _mention(asked))

    def _line(self, asked: Asked, said: Text, locale: Locale | None = None) -> Body:
        return line(said, locale or self._language(asked))

    def _language(self, asked: Asked) -> Locale:
        return language(asked.text) or self._settings.locale

    async def _first(self, key: str) -> bool:
        return await self._store.claim(key[:400], self._clock.now(), ONCE_SECONDS)


def _person(asked: Asked) -> Person:
    return Person("dingtalk", asked.tenant, asked.user, asked.name)


def _place(asked: Asked) -> Place:
    """The chat; in a direct one, `thread` is the person, by whom the API reaches it."""
    return Place("dingtalk", asked.tenant, asked.chat, asked.user if asked.private else "")


def _mention(asked: Asked) -> str:
    return asked.user if asked.reachable and not asked.private else ""


def language_of(card: Card) -> Locale:
    """The language that a card is kept in."""
    return "zh" if card.locale == "zh" else "en"
