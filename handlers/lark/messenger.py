"""Speaking on Feishu and Lark: answering in the thread, redrawing, and telling one person privately.

What the platform refuses for good is a logged reason and an empty result. What it could not take just now is raised as a retryable `PlatformRefusal`:
the door or the outbox tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from time import monotonic
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot.card import notice
from bot.i18n import same
from bot.model import Locale, Person, Place, Reply, Text
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from bot.render import render
from handlers.chat import metrics
from handlers.lark.api import GONE, NOT_HERE, Api
from handlers.lark.small_card import small

_SHAPE = frozenset({"230025", "230099", "230001", "230054"})  # too long, or a card that the platform cannot draw
_MOST_SHARED = 3
_REFUSED_SECONDS = 600.0
_MOST_CHATS = 2000
_INERT = str.maketrans("<>", "‹›")  # in a plain text `<at user_id="all">` is obeyed

log = structlog.get_logger("whyforbidden.lark")


def line(said: Text, locale: Locale = "en") -> Reply:
    """A sentence of ours as a small card, in both languages."""
    return render(notice(said, title=same("whyforbidden")), "lark", locale)


def uuid(*parts: str) -> str:
    """What makes a repeated send harmless: the same parts give the same id (at most 50 letters)."""
    return sha256("\0".join(parts).encode()).hexdigest()[:40]


class Messenger:
    """Everything the door says goes through here. `redraw(card id)` draws a stored card for everybody, for copies that were shared."""

    def __init__(self, api: Api, redraw: Callable[[str], Awaitable[Reply | None]]) -> None:
        self.api = api
        self._redraw = redraw
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._refused: dict[str, float] = {}

    # ------------------------------------------------------------ cards that stand

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card where it stands, and the copies of it that were shared. False when it cannot be redrawn any more."""
        if not card.message:
            return False
        async with self._turn(card.id):
            done = await self._put(card.message, reply)
            for copy in [str(one) for one in card.snapshot.get("shared", ())][-_MOST_SHARED:]:
                if drawn := await self._redraw(card.id):
                    await self._put(copy, drawn)
        return done

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """A card in the group that only this person sees, where the group allows it; else a direct message."""
        if place.chat.startswith("oc_") and self._refused.get(place.chat, 0.0) < monotonic():
            try:
                await self.api.show_to_one(place.chat, person.user_id, small(_card(reply)))
                return True
            except PlatformRefusal as refusal:
                # A direct chat, a topic group, a chat that the person or the bot is not in: not tried again for a while.
                log.debug("not_shown_in_chat", code=refusal.code, log_id=refusal.request_id)
                if refusal.blame == "app" and not refusal.retryable:
                    self._refuses(place.chat)
        return await self.direct(person, reply) is not None

    # ------------------------------------------------------------ answers

    async def direct(self, person: Person, reply: Reply, key: str = "") -> Place | None:
        """A direct message; where it stands now, None when it could not be delivered."""
        try:
            data = await self.api.send(person.user_id, "interactive", _card(reply), uuid=uuid(person.user_id, key) if key else "")
        except PlatformRefusal as refusal:
            # 230013: the person is outside the bot's range; 230053: they do not want its messages
            _noted("not_told", refusal)
            return None
        chat = str(data.get("chat_id") or person.user_id)
        return Place(person.surface, person.tenant, chat, message=str(data.get("message_id") or ""))

    async def answer(self, place: Place, reply: Reply, key: str, *, thread: bool, instead: Person | None = None) -> Place | None:
        """Answer the message `place.thread`; where the answer stands now, None when nowhere.

        `key` makes a repeated answer harmless. `instead`: who is told directly where the bot may not speak in the chat.
        """
        try:
            sent = await self._reply(place, reply, key, thread=thread)
            return replace(place, message=sent)
        except PlatformRefusal as refusal:
            if refusal.code in GONE:
                log.info("question_gone", code=refusal.code)
                return None
            _noted("not_answered", refusal)
            if refusal.code not in NOT_HERE or instead is None:
                return None
        told = await self.direct(instead, reply, key)
        return replace(told, tenant=place.tenant) if told else None

    async def _reply(self, place: Place, reply: Reply, key: str, *, thread: bool) -> str:
        said = {"uuid": uuid(place.thread, key), "chat": place.chat, "thread": thread}
        try:
            return await self.api.reply(place.thread, "interactive", _card(reply), **said)  # type: ignore[arg-type]
        except PlatformRefusal as refusal:
            if refusal.code not in _SHAPE:
                raise
            # Never an error where an answer was asked for: the one line that says it all.
            log.error("card_refused", code=refusal.code, why=refusal.message, log_id=refusal.request_id)
        said["uuid"] = uuid(place.thread, key, "plain")
        return await self.api.reply(place.thread, "text", {"text": reply.fallback.translate(_INERT)}, **said)  # type: ignore[arg-type]

    async def _put(self, message: str, reply: Reply) -> bool:
        try:
            await self.api.redraw(message, _card(reply))
        except PlatformRefusal as refusal:
            _noted("not_redrawn", refusal)
            return False
        return True

    def _turn(self, card: str) -> asyncio.Lock:
        """One redraw of a card after the other, so that the newest stays."""
        lock = self._turns.get(card)
        if lock is None:
            lock = self._turns[card] = asyncio.Lock()
        return lock

    def _refuses(self, chat: str) -> None:
        self._refused[chat] = monotonic() + _REFUSED_SECONDS
        if len(self._refused) > _MOST_CHATS:
            del self._refused[next(iter(self._refused))]


def _noted(event: str, refusal: PlatformRefusal) -> None:
    """Log a refusal; what may work later goes on to whoever tries again."""
    metrics.CALLS.labels("lark", refusal.code[:40]).inc()
    log.warning(event, code=refusal.code, why=refusal.message, log_id=refusal.request_id)
    if refusal.retryable:
        raise refusal


def _card(reply: Reply) -> Any:
    assert not isinstance(reply.body, str)  # noqa: S101 - the renderer makes objects for Lark
    return reply.body
