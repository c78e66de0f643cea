"""Clicks on cards. The platform waits three seconds for what the clicker is to see, and asks once: so there is always an answer in time, and
what takes longer (another platform is asked) is shown on the card when it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bot.i18n import say
from bot.model import Place, Reply, Text
from bot.ports import Card
from bot.services.results import Clicked
from handlers.chat.last_seen import Seen
from handlers.chat.queue import Recent
from handlers.compose import Runtime
from handlers.lark import events
from handlers.lark.desk import ONCE_SECONDS, once
from handlers.lark.events import Pressed
from handlers.lark.messenger import Voice, line

ANSWER_SECONDS = 2.0  # of three, the network included
_MOST_AT_ONCE = 200

log = structlog.get_logger("whyforbidden.lark")


class Clicks:
    """Answers clicks, from whichever way they come. One per door."""

    def __init__(self, runtime: Runtime, app_id: str, voice: Voice, seen: Seen) -> None:
        self._service = runtime.service
        self._store = runtime.store
        self._clock = runtime.clock
        self._app_id = app_id
        self._voice = voice
        self._seen = seen
        self._recent = Recent()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def close(self, seconds: float) -> None:
        """Let what was promised happen for a while, then stop."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def clicked(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the clicker sees: a toast, and the card when it changed."""
        press = events.pressed(event)
        if press is None or events.app_of(event) not in ("", self._app_id):
            return {}
        self._seen.note("click")
        if press.button is None:
            return toast(say("This button is from an older version. Paste the error again for a fresh card."))
        if len(self._tasks) >= _MOST_AT_ONCE:
            return toast(say("I have a lot to do just now. Click again in a moment."), "warning")
        if press.event and self._recent.again(press.event):
            return {}
        return await self._answer(press)

    async def _answer(self, press: Pressed) -> Mapping[str, Any]:
        task = self._soon(self._click(press))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if not done:
            task.add_done_callback(lambda late: self._soon(self._late(press, late)))
            return toast(say("I am on it. You see the result here in a moment."))
        if error := task.exception():
            log.error("click_failed", kind=type(error).__name__, exc_info=error)
            return toast(say("Something broke on our side; it was logged. Try again in a moment."), "error")
        clicked = task.result()
        if clicked is None:
            return {}
        card = await self._shown_on(press) if clicked.card is not None else None
        here = card is not None and card.message == press.message
        self._soon(self._consequences(press, clicked, None if here else card))
        answer = toast(clicked.toast)
        if here and clicked.card is not None:
            answer["card"] = {"type": "raw", "data": clicked.card.body}
        return answer

    async def _click(self, press: Pressed) -> Clicked | None:
        """None: another process has answered this click."""
        if press.button is None:
            return None
        if press.event and not await self._store.claim(once(self._app_id, f"event:{press.event}"), self._clock.now(), ONCE_SECONDS):
            return None
        card_id, action, index = press.button
        return await self._service.click(card_id, action, press.person, press.place, index)

    async def _shown_on(self, press: Pressed) -> Card | None:
        return await self._store.card(press.button[0]) if press.button else None

    async def _late(self, press: Pressed, task: asyncio.Task[Clicked | None]) -> None:
        """The answer took its time: the card is redrawn; what would have been the toast is said privately."""
        if task.cancelled():
            return
        if error := task.exception():
            log.error("click_failed", kind=type(error).__name__, exc_info=error)
            await self._tell(press, say("Something broke on our side; it was logged. Try again in a moment."))
            return
        clicked = task.result()
        if clicked is None:
            return
        card = await self._shown_on(press) if clicked.card is not None else None
        if card is None and clicked.whisper is None and clicked.share is None:
            await self._tell(press, clicked.toast)
        await self._consequences(press, clicked, card)

    async def _tell(self, press: Pressed, said: Text) -> None:
        await self._voice.whisper(press.person, press.place, line(said))

    async def _consequences(self, press: Pressed, clicked: Clicked, card: Card | None) -> None:
        """Everything about a click but the toast: the card elsewhere, a private message, a shared copy."""
        if card is not None and clicked.card is not None:
            await self._voice.update(card, clicked.card)
        if clicked.whisper is not None and not await self._voice.whisper(press.person, press.place, clicked.whisper):
            # never the link itself: only that it could not be handed over
            said = say("I cannot reach you privately. Open a direct chat with me, say anything, then click again.")
            await self._beside(press, line(said), f"unreached {press.event}")
        if clicked.share is not None and press.button is not None:
            stands = await self._beside(press, clicked.share, f"share {press.event}")
            if stands is not None and stands.message:
                await self._shared(press.button[0], stands.message)

    async def _beside(self, press: Pressed, reply: Reply, key: str) -> Place | None:
        """A message for everybody, in the thread of the card that was clicked."""
        card = await self._shown_on(press)
        thread = (card.message or card.place.thread) if card and card.place.chat == press.chat else ""
        private = bool(card and card.snapshot.get("private"))
        place = Place("lark", press.tenant, press.chat, thread or press.message)
        return await self._voice.answer(place, reply, key, thread=not private)

    async def _shared(self, card_id: str, message: str) -> None:
        """Copies are redrawn with their card."""
        while card := await self._store.card(card_id):
            kept = [*card.snapshot.get("shared", ()), message]
            if await self._store.save_card(replace(card, snapshot={**card.snapshot, "shared": kept})):
                return

    def _soon(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def toast(said: Text, kind: str = "info") -> dict[str, Any]:
    """A short word to the clicker, in their client's language."""
    return {"toast": {"type": kind, "content": said.en, "i18n": {"zh_cn": said.zh, "en_us": said.en}}}
