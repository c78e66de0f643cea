"""The Lark/Feishu door: events and clicks over a long connection or a webhook, handed to the common choreography."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bot.i18n import say
from bot.model import Text
from handlers.chat.door import DRAIN_SECONDS, ChatDoor
from handlers.chat.gate import Forged
from handlers.chat.surface import Door
from handlers.compose import Runtime
from handlers.http import HttpClient
from handlers.lark import PATH, events, markup
from handlers.lark.api import Api, base_url
from handlers.lark.connection import Connection
from handlers.lark.events import Asked, Pressed
from handlers.lark.messenger import Messenger
from handlers.lark.surface import LarkSurface, toast
from handlers.lark.webhook import Gate, event_type, route
from handlers.system import is_local

ANSWER_SECONDS = 2.0  # of three that the platform waits for the answer to a click, the network included
OWN_ID_SECONDS = 1.0
CALL_SECONDS = 6.0
_MENU = frozenset({"help", "grants"})


class LarkDoor:
    """One app in one organisation."""

    def __init__(self, runtime: Runtime) -> None:
        settings = self._settings = runtime.settings
        self._runtime = runtime
        host = base_url(settings.lark_domain)
        # A client of its own: files may be larger than other answers, and an open API on this machine is one that the operator named.
        local = is_local(urlsplit(host).hostname or "")
        self._http = HttpClient(practice=local, most_bytes=settings.max_upload + 1_000, timeout=CALL_SECONDS)
        secret = settings.lark_app_secret.get_secret_value()
        self.api = Api(self._http, settings.lark_domain, settings.lark_app_id, secret)
        messenger = Messenger(self.api, lambda card_id: runtime.service.draw(card_id, "lark", audience="channel"))
        self.surface = LarkSurface(runtime, self.api, messenger)
        self.chat = ChatDoor(runtime, self.surface, Asked, Pressed)
        self.queue = self.chat.queue
        self._host = urlsplit(host).hostname or ""
        self._connection = Connection(settings.lark_app_id, secret, host, self.receive, self.clicked, runtime.watch)

    def door(self) -> Door:
        """The door for the server."""
        settings = self._settings
        if settings.lark_mode != "webhook":
            return Door("lark", self._run_connected, says=f"long connection to {self._host}")
        keys = settings.lark_encrypt_key.get_secret_value(), settings.lark_verification_token.get_secret_value()
        gate = Gate(*keys, self._runtime.clock.now)
        events_route = route(gate, self.receive, self.clicked, Forged("lark", self.chat.seen))
        return Door("lark", self._run_webhook, ((PATH, events_route),), says=f"webhook at {settings.base_url}{PATH}")

    # ------------------------------------------------------------ events

    async def receive(self, event: Mapping[str, Any]) -> bool:
        """Keep an event before it is acknowledged. False: there is no room at all, the platform shall send it again later."""
        kind = event_type(event)
        if events.app_of(event) not in ("", self.api.app_id):
            return True
        if kind in events.MESSAGE and (asked := events.asked(event)):
            return await self._message(asked)
        if kind == events.MENU and (choice := events.chosen(event)):
            word = choice.key.lower().removeprefix("whyforbidden").strip("_-: ")
            return await self.chat.take_or_say(events.menu(choice, word if word in _MENU else "help"))
        if kind == events.RECALLED and (gone := events.recalled(event)):
            await self.chat.recall(gone)
        return True  # joins, reactions, reads: not for us

    async def _message(self, asked: Asked) -> bool:
        direct = await self._direct(asked)
        if not direct and not self._listens(asked.chat) and not await self.chat.below_a_card(replace(asked, direct=False)):
            return True
        self.chat.seen.note("event")
        return await self.chat.take_or_say(replace(asked, direct=direct))

    async def _direct(self, asked: Asked) -> bool:
        """Was the bot itself asked? Always in its own chat; in a group when it is named, or by the command."""
        if asked.private or (asked.kind == "text" and markup.SLASH.match(asked.text)):
            return True
        if not asked.mentions:
            return False
        try:
            bot = await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(self.surface.own_id())), OWN_ID_SECONDS)
        except TimeoutError:
            bot = ""
        return markup.mentions_bot(asked.mentions, bot) and bool(bot or not self._listens(asked.chat))

    def _listens(self, chat: str) -> bool:
        return chat in self._settings.listen_channels or "*" in self._settings.listen_channels

    # ------------------------------------------------------------ clicks

    async def clicked(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the clicker sees: a toast, and the card when it changed."""
        pressed = events.pressed(event)
        if pressed is None or events.app_of(event) not in ("", self.api.app_id):
            return {}
        self.chat.seen.note("click")
        answer = await self.chat.clicks.take(pressed, ANSWER_SECONDS)
        if isinstance(answer, Text):
            return toast(answer, "warning")
        return answer if answer is not None else toast(say("I am on it. You see the result here in a moment."))

    # ------------------------------------------------------------ running

    async def _run_webhook(self) -> None:
        self._runtime.watch.up("lark")
        await self._run()

    async def _run_connected(self) -> None:
        await self._run(self._connection)

    async def _run(self, connection: Connection | None = None) -> None:
        """Until cancelled: hear, answer, take up what others left. At the end, what was taken is finished or handed back."""
        jobs = [self.chat.run(), self.surface.own_id()] + ([connection.run()] if connection else [])
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            await asyncio.Event().wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.chat.close(DRAIN_SECONDS)
            await self._http.close()
