"""The door itself: payloads of the stream become questions in line, clicks are answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from handlers.chat.last_seen import Seen
from handlers.chat.queue import Line, Pace, Recent
from handlers.chat.surface import Door
from handlers.compose import Runtime
from handlers.dingtalk.api import Api
from handlers.dingtalk.desk import Desk
from handlers.dingtalk.events import read_click, read_message
from handlers.dingtalk.messenger import Voice
from handlers.dingtalk.stream import Stream
from handlers.http import HttpClient
from handlers.system import is_local

GRACE_SECONDS = 3.0


class DingTalkDoor:
    """One robot in one organisation, in Stream mode."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        secret = settings.dingtalk_client_secret.get_secret_value()
        # an API on this machine is a stand-in for the platform: then nothing leaves the machine, and else nothing stays on it
        here = is_local(urlsplit(settings.dingtalk_api_url).hostname or "")
        self._ways = (HttpClient(practice=here), HttpClient(practice=here, most_bytes=settings.max_upload))
        self.api = Api(*self._ways, settings.dingtalk_api_url, settings.dingtalk_client_id, secret)
        self.voice = Voice(self.api, runtime.service, settings.dingtalk_card_template)
        self.desk = Desk(runtime, self.voice)
        self.line = Line(settings.queue_limit)
        self.stream = Stream(settings.dingtalk_client_id, secret, settings.dingtalk_api_url, self.on_message, self.on_click)
        self._pace = Pace(settings.asks_per_minute)
        self._patience = Pace(1)
        self._recent = Recent()
        self._seen = Seen("dingtalk", runtime.store, runtime.clock)
        runtime.messengers["dingtalk"] = self.voice

    def door(self) -> Door:
        """The door for the server."""
        return Door("DingTalk", self.run, says="in Stream mode, no public address needed")

    async def run(self) -> None:
        """Until cancelled; then what was acknowledged may still finish for a moment."""
        self.stream.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stream.stop()
            await self.line.close(GRACE_SECONDS)
            for way in self._ways:
                await way.close()

    def on_message(self, data: Mapping[str, Any]) -> None:
        """A message to the bot: into the line, or a word why not."""
        asked = read_message(data)
        if asked is None or self._recent.again(asked.key):
            return
        self._seen.note("event")
        self.voice.heard(asked)
        if not self._pace.allows(asked.user):
            if self._patience.allows(asked.user):
                self.line.soon(self.desk.too_fast(asked))
        elif not self.line.put(asked.chat, lambda: self.desk.answer(asked)):
            self._recent.forget(asked.key)
            if self._patience.allows(asked.chat):
                self.line.soon(self.desk.busy(asked))

    async def on_click(self, message_id: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A click on an interactive card: what goes back in the acknowledgement."""
        pressed = read_click(data, message_id)
        if pressed is None:
            return {}
        self._seen.note("click")
        return await self.desk.click(pressed)
