"""Clicks, the same on every surface: kept before they are acknowledged, answered in time where the platform waits, and afterwards where it does not."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from bot.model import Text
from bot.oauth.messages import PlatformRefusal
from bot.services.results import Clicked
from handlers.chat import sentences
from handlers.chat.api import Asked, Body, Pressed, Surface
from handlers.chat.inbox import Inbox, unkept
from handlers.chat.job import Job
from handlers.chat.pack import pack, unpack
from handlers.chat.queue import Queue, Recent
from handlers.compose import Runtime
from handlers.store import StoreError

CLICK = "click"
MOST_ROUNDS = 2  # a person waits: what was clicked minutes ago is not done behind their back

A = TypeVar("A", bound=Asked)
P = TypeVar("P", bound=Pressed)

log = structlog.get_logger("whyforbidden.chat")


class Clicks(Generic[A, P]):
    """Answers clicks on one surface."""

    def __init__(self, runtime: Runtime, surface: Surface[A, P], pressed: type[P], queue: Queue, inbox: Inbox) -> None:
        self._runtime = runtime
        self._surface = surface
        self._pressed = pressed
        self._queue = queue
        self._inbox = inbox
        self._recent = Recent()

    async def take(self, pressed: P, seconds: float = 0.0) -> Body | Text | None:
        """Keep a click, and wait so long for what the clicker is to see. A sentence: there is no room; empty: it was delivered before; None: it takes longer."""
        if pressed.key and self._recent.again(pressed.key):
            return {}
        if self._queue.full:
            self._recent.forget(pressed.key)
            return sentences.busy(self._runtime.settings.queue_limit)
        job = await self._kept(pressed)
        if job is None:
            return {}
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._queue.put(pressed.lane, partial(self._work, job, pressed, answer), beyond=True, urgent=True)
        if not seconds:
            answer.cancel()
            return None
        await asyncio.wait({answer}, timeout=seconds)
        if not answer.done():
            answer.cancel()
            return None
        return answer.result()

    def resume(self, job: Job) -> None:
        """A click that a dead process left. Raises `UnreadableError`."""
        pressed: Any = unpack(self._pressed, job.body.get("pressed") or {}, self._runtime.vault)
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        answer.cancel()
        self._queue.put(job.lane, partial(self._work, job, pressed, answer), beyond=True, urgent=True)

    async def _kept(self, pressed: P) -> Job | None:
        unknown = unkept(self._surface.name, CLICK, pressed.key, pressed.lane, self._runtime.clock)
        if not pressed.key:
            return unknown
        try:
            return await self._inbox.keep(CLICK, pressed.key, pressed.lane, {"pressed": pack(pressed, self._runtime.vault)})
        except StoreError as error:
            log.error("click_not_kept", door=self._surface.name, why=str(error))
            return unknown

    async def _work(self, job: Job, pressed: P, answer: asyncio.Future[Body]) -> None:
        try:
            clicked = await self._clicked(pressed)
            body = await self._surface.clicked(pressed, clicked)
            told = not answer.done()
            if told:
                answer.set_result(body)
            await self._surface.after(pressed, clicked, body, told=told)
        except PlatformRefusal as refusal:
            if job.tries > MOST_ROUNDS:
                await self._inbox.bury(job, refusal.code)
            else:
                await self._inbox.failed(job, refusal)
        except Exception as error:
            log.error("click_failed", kind=type(error).__name__, exc_info=error)
            await self._inbox.bury(job, type(error).__name__)
        else:
            await self._inbox.done(job)
        finally:
            if not answer.done():
                answer.cancel()

    async def _clicked(self, pressed: P) -> Clicked:
        if pressed.button is None:
            return Clicked(sentences.OLD_BUTTON)
        card, action, index = pressed.button
        try:
            return await self._runtime.service.click(card, action, pressed.person, pressed.place, index)
        except PlatformRefusal:
            raise
        except Exception as error:
            log.error("click_failed", kind=type(error).__name__, exc_info=error)
            return Clicked(sentences.BROKEN)
