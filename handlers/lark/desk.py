"""The work behind the door: a message becomes an answer in its thread, a click its consequence. Every delivery of the same thing counts once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import structlog

from bot.i18n import joined, say
from bot.model import Place, Question, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from bot.services.results import Answer
from handlers.chat.last_seen import Seen
from handlers.chat.queue import Line, Pace, Recent
from handlers.compose import Runtime
from handlers.lark import events, markup
from handlers.lark.api import Api
from handlers.lark.events import Asked, Chosen
from handlers.lark.markup import Content
from handlers.lark.messenger import Voice, line
from handlers.lark.webhook import event_type

ONCE_SECONDS = 86_400.0
DRAIN_SECONDS = 3.0
ENDINGS = (".txt", ".log", ".json")
_MOST_BUSY = 50
_RECENT_CARDS = 50
_ASK_AGAIN = 60.0
_MENU = frozenset({"help", "grants"})

log = structlog.get_logger("whyforbidden.lark")


class Desk:
    """Takes events, from whichever way they come. One per door."""

    def __init__(self, runtime: Runtime, api: Api, voice: Voice, seen: Seen) -> None:
        self._settings = runtime.settings
        self._service = runtime.service
        self._store = runtime.store
        self._clock = runtime.clock
        self._api = api
        self._voice = voice
        self.line = Line(self._settings.queue_limit)
        self._apologies = Line(_MOST_BUSY, 2)
        self._recent = Recent()
        self._recalled = Recent()
        self._pace = Pace(self._settings.asks_per_minute)
        self._told = Pace(1)
        self._seen = seen
        self._bot = ""
        self._bot_asked = -_ASK_AGAIN

    async def close(self) -> None:
        """Finish what was acknowledged, as far as that goes in a moment."""
        await asyncio.gather(self.line.close(DRAIN_SECONDS), self._apologies.close(DRAIN_SECONDS))

    # ------------------------------------------------------------ events

    def receive(self, event: Mapping[str, Any]) -> bool:
        """Take an event in line; never waits. False: there is no room at all, the platform shall send it again later."""
        kind = event_type(event)
        if events.app_of(event) not in ("", self._api.app_id):
            return True
        if kind in events.MESSAGE:
            return self._message(event)
        if kind == events.MENU and (choice := events.chosen(event)):
            return self.line.put(choice.person.user_id, partial(self._menu, choice))
        if kind == events.RECALLED and (gone := events.recalled(event)):
            self._recalled.again(gone)
        return True  # joins, reactions, reads: not for us

    def _message(self, event: Mapping[str, Any]) -> bool:
        asked = events.asked(event)
        if asked is None:
            return True
        self._seen.note("event")
        if self._recent.again(asked.key):
            return True
        if self.line.put(asked.lane, partial(self._ask, asked)) or self._apologies.put(asked.chat, partial(self._busy, asked)):
            return True
        self._recent.forget(asked.key)
        return False

    async def _first(self, key: str) -> bool:
        """True for one process, once."""
        return await self._store.claim(once(self._api.app_id, key), self._clock.now(), ONCE_SECONDS)

    # ------------------------------------------------------------ questions

    async def _ask(self, asked: Asked) -> None:
        direct = await self._direct(asked)
        if not direct and not self._listens(asked.chat):
            return
        try:
            if await self._first(f"message:{asked.key}") and not self._recalled.has(asked.message):
                await self._answer_in_time(asked, direct=direct)
        except Exception:
            if direct:
                sorry = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
                await self._say(asked, sorry, "sorry")
            raise

    async def _answer_in_time(self, asked: Asked, *, direct: bool) -> None:
        """One person may ask so and so often in a minute; they are told once, then left unanswered until it is over."""
        if not direct or self._pace.allows(asked.person.user_id):
            await self._answer(asked, direct=direct)
        elif self._told.allows(asked.person.user_id):
            limit = self._settings.asks_per_minute
            await self._say(asked, say("More than {count} questions in a minute: give me a moment, then ask again.", count=limit))

    async def _direct(self, asked: Asked) -> bool:
        """Was the bot itself asked? Always in its own chat; in a group when it is named, or by the command."""
        if asked.private:
            return True
        if asked.mentions:
            bot = await self._own_id()
            if markup.mentions_bot(asked.mentions, bot) and (bot or not self._listens(asked.chat)):
                return True
        return asked.kind == "text" and bool(markup.SLASH.match(markup.read("text", asked.content, asked.mentions).text))

    def _listens(self, chat: str) -> bool:
        return chat in self._settings.listen_channels or "*" in self._settings.listen_channels

    async def _own_id(self) -> str:
        """The bot's own id in mentions, asked for once; while the platform does not tell, empty, and asked again after a minute."""
        if not self._bot and monotonic() - self._bot_asked >= _ASK_AGAIN:
            self._bot_asked = monotonic()
            try:
                self._bot = await self._api.bot()
            except PlatformRefusal as refusal:
                log.warning("own_id_unknown", code=refusal.code, why=refusal.message)
        return self._bot

    async def _answer(self, asked: Asked, *, direct: bool) -> None:
        old = await self._answered(asked) if asked.version else None
        text, troubles = await self._read(asked, direct=direct)
        if not text.strip():
            if direct:
                nothing = joined(troubles) if troubles else say("There is no text to explain. Paste the error, or only its log_id.")
                await self._say(asked, nothing)
            return
        question = Question(text, "lark", asked.person, asked.place(), direct=direct, private=asked.private)
        found = await (self._service.command(question) if direct or markup.SLASH.match(text) else self._service.answer(question))
        if found is None:
            return
        if old is not None:
            await self._in_place(asked, old, found)
        else:
            await self._openly(asked, found, direct=direct)
        for number, trouble in enumerate(troubles if direct else ()):
            await self._say(asked, trouble, f"trouble {number}")
        if found.notice is not None:
            await self._voice.whisper(asked.person, asked.place(), line(found.notice))

    async def _openly(self, asked: Asked, found: Answer, *, direct: bool) -> None:
        """In the thread of the question; or, when the same answer stands in this chat already, there, and a word that says so."""
        old = found.existing
        if old is not None and old.message and await self._voice.update(old, found.reply):
            if direct:
                said = say("I have answered this in this chat already. That card is now yours too, its buttons work for you.")
                # in a direct chat the word quotes the card, so that one click leads there
                place = replace(asked.place(), thread=old.message) if asked.private else asked.place()
                await self._voice.answer(place, line(said), f"pointer {asked.key}", thread=not asked.private)
            return
        instead = asked.person if direct else None
        stands = await self._voice.answer(asked.place(), found.reply, asked.key, thread=not asked.private, instead=instead)
        if stands is not None and stands.message:
            await self._service.posted(found.card.id, stands)
            await self._source(found.card.id, asked.message)

    async def _in_place(self, asked: Asked, old: Card, found: Answer) -> None:
        """The question was edited: the answer that stands changes with it."""
        if found.card.id == old.id:
            await self._voice.update(old, found.reply)
            return
        if found.existing is not None and found.existing.message:
            await self._openly(asked, found, direct=True)
            return
        stands = old.place
        await self._service.posted(old.id, replace(stands, message=""))
        if await self._voice.update(replace(old, id=found.card.id, snapshot={}), found.reply):
            await self._service.posted(found.card.id, replace(stands, message=old.message))
            await self._source(found.card.id, asked.message)
        else:
            await self._openly(asked, found, direct=True)

    async def _answered(self, asked: Asked) -> Card | None:
        """The card that answers an earlier wording of the same message."""
        cards = await self._store.cards_in(asked.place(), _RECENT_CARDS)
        return next((card for card in reversed(cards) if card.message and card.snapshot.get("source") == asked.message), None)

    async def _source(self, card_id: str, message: str) -> None:
        """Which message a card answers."""
        while card := await self._store.card(card_id):
            if await self._store.save_card(replace(card, snapshot={**card.snapshot, "source": message})):
                return

    async def _say(self, asked: Asked, said: Text, key: str = "word") -> None:
        await self._voice.answer(asked.place(), line(said), f"{key} {asked.key}", thread=not asked.private, instead=asked.person)

    async def _busy(self, asked: Asked) -> None:
        """The line is full: say so to those who asked, once; nothing was taken."""
        if not await self._direct(asked) or not await self._first(f"message:{asked.key}"):
            return
        count = self._settings.queue_limit
        said = say("I am busy: {count} questions wait already. Nothing of yours was taken; ask again in a minute.", count=count)
        await self._say(asked, said, "busy")

    # ------------------------------------------------------------ reading

    async def _read(self, asked: Asked, *, direct: bool) -> tuple[str, Sequence[Text]]:
        """The question's text with that of its files and forwarded messages, and what could not be read."""
        bot = await self._own_id() if asked.mentions else ""
        said = markup.read(asked.kind, asked.content, asked.mentions, bot)
        text, troubles = await self._whole(asked.message, said)
        if not direct or text.strip() or troubles:
            return text, troubles
        if asked.parent:  # somebody only named the bot below a message: that message is meant
            return await self._parent(asked.parent)
        # nothing but the bot's name is a call for help; a picture is not
        return ("help", ()) if asked.kind in ("text", "post") and asked.mentions else ("", ())

    async def _whole(self, message: str, said: Content) -> tuple[str, Sequence[Text]]:
        texts, troubles = [said.text], list[Text]()
        if said.forwarded:
            try:
                texts.append(markup.forwarded(await self._api.messages(message), message).text)
            except PlatformRefusal as refusal:
                log.warning("forwarded_unread", code=refusal.code, why=refusal.message, log_id=refusal.request_id)
                troubles.append(say("I cannot read the forwarded messages ({reason}). Paste the error itself.", reason=refusal.code))
        for file in said.files:
            read = await self._file(message, file)
            if isinstance(read, Text):
                troubles.append(read)
            else:
                texts.append(read)
        return "\n".join(text for text in texts if text.strip()), troubles

    async def _parent(self, parent: str) -> tuple[str, Sequence[Text]]:
        try:
            items = await self._api.messages(parent)
        except PlatformRefusal as refusal:
            log.warning("parent_unread", code=refusal.code, why=refusal.message, log_id=refusal.request_id)
            return "help", ()
        first = next((item for item in items if item.get("message_id") == parent), None)
        sender = first.get("sender") if first else None
        if first is None or (isinstance(sender, Mapping) and sender.get("id") == self._api.app_id):
            return "help", ()
        said = markup.of_item(first)
        return await self._whole(parent, said)

    async def _file(self, message: str, file: markup.File) -> str | Text:
        """A file's text, or why it was not read."""
        name, limit = file.name[:80], self._settings.max_upload
        if not file.name.lower().endswith(ENDINGS):
            return say("The file {name} is not a .txt, .log or .json file. Paste its text instead.", name=name)
        too_large = say(
            "That is more than {limit} MB. Send the part around the error, or attach the log without its older lines.",
            limit=limit // 1_000_000,
        )
        try:
            raw = await self._api.file(message, file.key)
        except PlatformRefusal as refusal:
            if refusal.code in ("too_large", "234037"):
                return too_large
            log.warning("file_unread", code=refusal.code, why=refusal.message, log_id=refusal.request_id)
            return say("I cannot fetch the file {name} ({reason}). Paste its text instead.", name=name, reason=refusal.code)
        if len(raw) > limit:
            return too_large
        text = markup.as_text(raw)
        return say("The file {name} is not text. Paste the error itself.", name=name) if text is None else text

    # ------------------------------------------------------------ the menu

    async def _menu(self, choice: Chosen) -> None:
        if not await self._first(f"event:{choice.event}"):
            return
        word = choice.key.lower().removeprefix("whyforbidden").strip("_-: ")
        place = Place("lark", choice.tenant, choice.person.user_id)
        asked = Question(word if word in _MENU else "help", "lark", choice.person, place, private=True)
        found = await self._service.command(asked)
        told = await self._voice.direct(choice.person, found.reply, choice.event)
        if told is not None:
            await self._service.posted(found.card.id, replace(told, tenant=choice.tenant))


def once(app_id: str, key: str) -> str:
    """The name under which something is claimed, for all processes that serve one app."""
    return f"lark:{app_id}:{key}"[:400]
