"""Feishu's and Lark's accent: what the common choreography (`handlers/chat/door.py`) asks of a surface, in this platform's terms."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

import structlog

from bot.i18n import say
from bot.model import Person, Place, Reply, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from bot.services.results import Answer, Clicked
from handlers.chat import sentences
from handlers.chat.api import Body, Known, Reading
from handlers.compose import Runtime
from handlers.lark import markup
from handlers.lark.api import Api
from handlers.lark.events import Asked, Pressed
from handlers.lark.messenger import Messenger, line

ENDINGS = (".txt", ".log", ".json")
_ASK_AGAIN = 60.0

log = structlog.get_logger("whyforbidden.lark")


class LarkSurface:
    """Reads and says on Feishu or Lark."""

    name = "lark"

    def __init__(self, runtime: Runtime, api: Api, messenger: Messenger) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._store = runtime.store
        self._limit = runtime.settings.max_upload
        self._api = api
        self.messenger = messenger
        self._bot = ""
        self._bot_asked = -_ASK_AGAIN

    async def own_id(self) -> str:
        """The bot's own id in mentions, asked for once; while the platform does not tell, empty, and asked again after a minute."""
        if not self._bot and monotonic() - self._bot_asked >= _ASK_AGAIN:
            self._bot_asked = monotonic()
            try:
                self._bot = await self._api.bot()
            except PlatformRefusal as refusal:
                log.warning("own_id_unknown", code=refusal.code, why=refusal.message)
        return self._bot

    # ------------------------------------------------------------ reading

    async def who(self, ask: Asked) -> Known:  # noqa: ARG002
        """The platform tells neither name nor language with a message; cards carry both languages."""
        return Known()

    async def read(self, ask: Asked) -> Reading:
        """The question's text with that of its files and forwarded messages, and what could not be read."""
        bot = await self.own_id() if ask.mentions else ""
        said = markup.Content(markup.without_mentions(ask.text, ask.mentions, bot).strip(), ask.files, ask.forwarded)
        reading = await self._whole(ask.message, said)
        if not ask.direct or reading.text.strip() or reading.troubles:
            return reading
        if ask.parent:  # somebody only named the bot below a message: that message is meant
            return await self._parent(ask.parent)
        # nothing but the bot's name is a call for help; a picture is not
        return Reading("help") if ask.kind in ("text", "post") and ask.mentions else Reading("")

    async def _whole(self, message: str, said: markup.Content) -> Reading:
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
        return Reading("\n".join(text for text in texts if text.strip()), troubles)

    async def _parent(self, parent: str) -> Reading:
        try:
            items = await self._api.messages(parent)
        except PlatformRefusal as refusal:
            log.warning("parent_unread", code=refusal.code, why=refusal.message, log_id=refusal.request_id)
            return Reading("help")
        first = next((item for item in items if item.get("message_id") == parent), None)
        sender = first.get("sender") if first else None
        if first is None or (isinstance(sender, dict) and sender.get("id") == self._api.app_id):
            return Reading("help")
        return await self._whole(parent, markup.of_item(first))

    async def _file(self, message: str, file: markup.File) -> str | Text:
        """A file's text, or why it was not read."""
        name, limit = file.name[:80], self._limit
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

    async def own(self, ask: Asked, reading: Reading, known: Known) -> bool:  # noqa: ARG002
        """Nothing exists only here."""
        return False

    # ------------------------------------------------------------ answering

    async def answer(self, ask: Asked, known: Known, found: Answer, *, again: bool) -> Place | None:  # noqa: ARG002
        """In the thread of the question. A repeated answer does nothing: it carries the same uuid."""
        if ask.menu:
            stands = await self.messenger.direct(ask.person, found.reply, ask.key)
            return replace(stands, tenant=ask.tenant) if stands else None
        instead = ask.person if ask.direct else None
        return await self.messenger.answer(ask.place, found.reply, ask.key, thread=not ask.private, instead=instead)

    async def standing(self, card: Card, reply: Reply) -> str | None:
        """The older card, brought up to date."""
        return "" if await self.messenger.update(card, reply) else None

    async def point(self, ask: Asked, known: Known, card: Card, link: str, said: Text) -> None:  # noqa: ARG002
        """A word; in a direct chat it quotes the card, so that one click leads there."""
        place = replace(ask.place, thread=card.message) if ask.private else ask.place
        await self.messenger.answer(place, line(said), f"pointer {ask.key}", thread=not ask.private)

    async def say(self, ask: Asked, known: Known, said: Text, key: str) -> None:  # noqa: ARG002
        """A small card in both languages."""
        await self.messenger.answer(ask.place, line(said), f"{key} {ask.key}", thread=not ask.private, instead=ask.person)

    async def aside(self, ask: Asked, known: Known, said: Text) -> None:  # noqa: ARG002
        """To the asker alone."""
        await self.messenger.whisper(ask.person, ask.place, line(said))

    # ------------------------------------------------------------ what is said unasked

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card."""
        return await self.messenger.update(card, reply)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person."""
        return await self.messenger.whisper(person, place, reply)

    # ------------------------------------------------------------ clicks

    async def clicked(self, pressed: Pressed, clicked: Clicked) -> Body:
        """A toast, and the card where it changed and is the one that was clicked."""
        answer = toast(clicked.toast, "error" if clicked.toast == sentences.BROKEN else "info")
        card = await self._card(pressed) if clicked.card is not None else None
        if card is not None and clicked.card is not None and card.message == pressed.message:
            answer["card"] = {"type": "raw", "data": clicked.card.body}
        return answer

    async def after(self, pressed: Pressed, clicked: Clicked, body: Body, *, told: bool) -> None:
        """Everything about a click but the toast: the card elsewhere, a private message, a shared copy."""
        card = await self._card(pressed) if clicked.card is not None else None
        if not told and card is None and clicked.whisper is None and clicked.share is None:
            await self.messenger.whisper(pressed.person, pressed.place, line(clicked.toast))
        if clicked.whisper is not None and not await self.messenger.whisper(pressed.person, pressed.place, clicked.whisper):
            # never the link itself: only that it could not be handed over
            said = say("I cannot reach you privately. Open a direct chat with me, say anything, then click again.")
            await self._beside(pressed, line(said), f"unreached {pressed.key}")
        if card is not None and clicked.card is not None and not (told and "card" in body):
            await self._runtime.outbox.now(card, self.messenger.update(card, clicked.card))
        if clicked.share is not None and pressed.button is not None:
            stands = await self._beside(pressed, clicked.share, f"share {pressed.key}")
            if stands is not None and stands.message:
                await self._service.shared(pressed.button[0], stands.message)

    async def _beside(self, pressed: Pressed, reply: Reply, key: str) -> Place | None:
        """A message for everybody, in the thread of the card that was clicked."""
        card = await self._card(pressed)
        thread = (card.message or card.place.thread) if card and card.place.chat == pressed.chat else ""
        private = bool(card and card.snapshot.get("private"))
        place = Place("lark", pressed.tenant, pressed.chat, thread or pressed.message)
        return await self.messenger.answer(place, reply, key, thread=not private)

    async def _card(self, pressed: Pressed) -> Card | None:
        return await self._store.card(pressed.button[0]) if pressed.button else None


def toast(said: Text, kind: str = "info") -> dict[str, Any]:
    """A short word to the clicker, in their client's language."""
    return {"toast": {"type": kind, "content": said.en, "i18n": {"zh_cn": said.zh, "en_us": said.en}}}
