"""The DingTalk door: payloads of the stream become questions and clicks for the common choreography."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bot.i18n import say
from bot.model import Text
from bot.services.card_snapshot import askers
from handlers.chat.door import DRAIN_SECONDS, ChatDoor
from handlers.chat.surface import Door
from handlers.compose import Runtime
from handlers.dingtalk.api import Api
from handlers.dingtalk.events import Asked, Pressed, read_click, read_message
from handlers.dingtalk.layout import callback_answer
from handlers.dingtalk.messenger import Messenger
from handlers.dingtalk.stream import Stream
from handlers.dingtalk.surface import DingTalkSurface
from handlers.http import HttpClient
from handlers.store import StoreError
from handlers.system import is_local

CLICK_SECONDS = 1.4  # DingTalk waits two seconds; the rest is for the way
CALL_SECONDS = 6.0


class DingTalkDoor:
    """One robot in one organisation, in Stream mode."""

    def __init__(self, runtime: Runtime) -> None:
        settings = self._settings = runtime.settings
        self._runtime = runtime
        secret = settings.dingtalk_client_secret.get_secret_value()
        # an API on this machine is a stand-in for the platform: then nothing leaves the machine, and else nothing stays on it
        here = is_local(urlsplit(settings.dingtalk_api_url).hostname or "")
        self._ways = (HttpClient(practice=here, timeout=CALL_SECONDS), HttpClient(practice=here, most_bytes=settings.max_upload))
        self.api = Api(*self._ways, settings.dingtalk_api_url, settings.dingtalk_client_id, secret)
        self.messenger = Messenger(self.api, runtime.service, settings.dingtalk_card_template)
        self.chat = ChatDoor(runtime, DingTalkSurface(runtime, self.messenger), Asked, Pressed)
        self.queue = self.chat.queue
        self.stream = Stream(settings.dingtalk_client_id, secret, settings.dingtalk_api_url, self.on_message, self.on_click, runtime.watch)

    def door(self) -> Door:
        """The door for the server."""
        return Door("DingTalk", self.run, says="in Stream mode, no public address needed")

    async def run(self) -> None:
        """Until cancelled: hear, answer, take up what others left. At the end, what was taken is finished or handed back."""
        self.stream.start()
        working = asyncio.ensure_future(self.chat.run())
        try:
            await asyncio.Event().wait()
        finally:
            await self.stream.stop()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self.chat.close(DRAIN_SECONDS)
            for way in self._ways:
                await way.close()

    async def on_message(self, data: Mapping[str, Any]) -> bool:
        """A message to the bot: kept, then acknowledged. False: there is no room, DingTalk shall deliver it again."""
        asked = read_message(data)
        if asked is None:
            return True
        self.chat.seen.note("event")
        return await self.chat.take_or_say(asked)

    async def on_click(self, message_id: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A click on an interactive card: what goes back in the acknowledgement."""
        pressed = read_click(data, message_id)
        if pressed is None:
            return {}
        self.chat.seen.note("click")
        answer = await self.chat.clicks.take(await self._named(pressed), CLICK_SECONDS)
        if isinstance(answer, Text):
            return callback_answer(None, answer.in_(self._settings.locale))
        return answer if answer is not None else callback_answer(None, say("One moment, I am looking.").in_(self._settings.locale))

    async def _named(self, pressed: Pressed) -> Pressed:
        """A click tells no name; the card may know it."""
        try:
            card = await self._runtime.store.card(pressed.card)
        except StoreError:
            return pressed
        name = next((one.name for one in askers(card) if one.user_id == pressed.user), "") if card else ""
        return replace(pressed, name=name)
