"""The stream connection in a thread and event loop of its own.

The vendor's client blocks its loop while it opens a connection. Here that does no harm: the thread only hands payloads over to the main loop, and at the
end it is asked to stop, or left behind as a daemon. Its own loop of reconnections is not used: `handlers/chat/supervise.py` opens the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from handlers.chat.supervise import Watch, keep_up

ACK_SECONDS = 1.8  # DingTalk waits 2 seconds for the answer to a click
STOP_SECONDS = 3.0

Payload = Mapping[str, Any]
T = TypeVar("T")

log = structlog.get_logger("whyforbidden.dingtalk")


class Stream:
    """One connection. `on_message` keeps a message (False: not acknowledged, so that it comes again); `on_click` answers a click within `ACK_SECONDS`.
    Both are called in the main loop."""

    def __init__(
        self,
        client_id: str,
        secret: str,
        api_url: str,
        on_message: Callable[[Payload], Awaitable[bool]],
        on_click: Callable[[str, Payload], Awaitable[Payload]],
        watch: Watch,
    ) -> None:
        self._watch = watch
        self._given = (client_id, secret, api_url)
        self._on_message = on_message
        self._on_click = on_click
        self._over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Connect, from the main loop; the connection is kept open until `stop`."""
        main = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(main,), name="dingtalk-stream", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Close the connection and end the thread."""
        self._over = True
        if self._loop is not None and self._stopped is not None:
            with contextlib.suppress(RuntimeError):  # the thread ended by itself
                self._loop.call_soon_threadsafe(self._stopped.set)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)
            if self._thread.is_alive():
                log.warning("stream_left_behind", advice="the thread ends with the process")

    # ------------------------------------------------------------ in the thread

    def _run(self, main: asyncio.AbstractEventLoop) -> None:
        try:
            asyncio.run(self._live(main))
        except Exception as error:
            log.error("stream_ended", kind=type(error).__name__, exc_info=error)

    async def _live(self, main: asyncio.AbstractEventLoop) -> None:
        client_id, secret, api_url = self._given
        os.environ.setdefault("DINGTALK_OPENAPI_ENDPOINT", api_url.rstrip("/"))  # the SDK reads it when it is imported
        from handlers.dingtalk.sdk import CARDS, MESSAGES, Client, NotTakenError  # noqa: PLC0415 - after the line above, and not in the main thread

        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        if self._over:
            return

        async def message(_id: str, data: Payload) -> str:
            kept = asyncio.run_coroutine_threadsafe(_awaited(self._on_message(data)), main)
            if not await asyncio.wrap_future(kept):
                raise NotTakenError
            return "OK"

        async def click(message_id: str, data: Payload) -> Payload:
            answer = asyncio.run_coroutine_threadsafe(_awaited(self._on_click(message_id, data)), main)
            try:
                return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), ACK_SECONDS)
            except TimeoutError:
                log.warning("click_late")
                return {}

        async def connect(up: Callable[[], None]) -> None:
            await Client(client_id, secret, api_url, {MESSAGES: message, CARDS: click}).once(up)

        running = asyncio.create_task(keep_up("dingtalk", self._watch, connect))
        await self._stopped.wait()
        running.cancel()
        await asyncio.wait({running}, timeout=1.0)


async def _awaited(work: Awaitable[T]) -> T:
    return await work
