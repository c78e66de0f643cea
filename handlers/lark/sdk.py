"""The vendor's long connection, alone in a process of its own: started by `connection.py`, never imported by anything.

Only this file imports lark_oapi. Its import takes two seconds and 170 MiB, it takes its event loop at import and never gives it back, it
calls handlers on the loop that must also answer pings, and it has no way to stop. Here none of that can hurt: frames go to the door through
a pipe, and the process ends when the pipe does.

Frames, both ways: four bytes of length, then JSON. In: the credentials once, then `{"id", "body"}` (what to answer; no `body`: refused, the
platform shall send it again). Out: `{"id", "click", "event"}`, `{"state": "up" | "down"}`, `{"log": [level, text]}`, `{"end": reason}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import itertools
import json
import logging
import os
import random
import re
import signal
import struct
import sys
import threading
from typing import Any, BinaryIO

EVENT_SECONDS = 2.5  # the platform waits three for an answer
HTTP_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
PAUSES = (0.5, 1.0, 2.0, 4.0, 7.0)
_ADDRESS = re.compile(r"\b((?:wss?|https?)://[^\s?'\"]{1,300})\?[^\s'\"]*")
_MISSING = object()


class Pipe:
    """Frames to and from the door."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """The next frame; None when the door is gone."""
        head = self._source.read(4)
        if len(head) < 4:
            return None
        size = struct.unpack(">I", head)[0]
        body = self._source.read(size)
        return json.loads(body) if len(body) == size else None

    def write(self, frame: dict[str, Any]) -> None:
        """Never waits for an answer. A door that is gone ends this process."""
        raw = json.dumps(frame).encode()
        try:
            with self._lock:
                self._sink.write(struct.pack(">I", len(raw)) + raw)
                self._sink.flush()
        except OSError:
            os._exit(0)


class Bridge:
    """Questions to the door and its answers, from the loop's thread and from the reader's."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._number = 0
        self._waiting: dict[int, tuple[threading.Event, list[Any], Any]] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def _ask(self, payload: bytes, future: Any) -> tuple[int, threading.Event, list[Any]]:
        self._number += 1
        done, box = threading.Event(), list[Any]()
        self._waiting[self._number] = (done, box, future)
        self._pipe.write({"id": self._number, "event": payload.decode("utf-8", "replace")})
        return self._number, done, box

    async def ask(self, payload: bytes) -> Any:
        """The door's answer, without holding up the connection; `_MISSING` when it did not come in time."""
        future = asyncio.get_running_loop().create_future()
        number, _, box = self._ask(payload, future)
        try:
            await asyncio.wait_for(future, EVENT_SECONDS)
        except TimeoutError:
            return _MISSING
        finally:
            self._waiting.pop(number, None)
        return box[0]

    def ask_and_wait(self, payload: bytes) -> Any:
        """The same while the connection stands still: only for events that came in several parts."""
        number, done, box = self._ask(payload, None)
        done.wait(EVENT_SECONDS)
        self._waiting.pop(number, None)
        return box[0] if box else _MISSING

    def answered(self, number: int, body: Any) -> None:
        """Called by the reader's thread."""
        done, box, future = self._waiting.get(number, (None, None, None))
        if done is None or box is None:
            return
        box.append(body)
        done.set()
        if future is not None and self.loop is not None:
            self.loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))


class Handler:
    """What the SDK believes to be its dispatcher. All types of events are taken, so that none is refused for being unknown."""

    def __init__(self, bridge: Bridge, ready: contextvars.ContextVar[Any]) -> None:
        self._bridge = bridge
        self._ready = ready

    def do_without_validation(self, payload: bytes) -> Any:
        """The answer to an event, as the SDK asks for it; an exception makes the platform send it again."""
        answer = self._ready.get()
        if answer is _MISSING:
            answer = self._bridge.ask_and_wait(payload)
        if answer is _MISSING or answer is None:
            raise RuntimeError("the door did not take this event")
        return answer or None

    _do_without_validation = do_without_validation  # its name since 1.7


def hide(text: str) -> str:
    """Without what stands behind the `?` of an address: the ticket of the connection is there."""
    return _ADDRESS.sub(r"\1?…", text)


class _Lines(logging.Handler):
    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.WARNING)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.write({"log": [record.levelname.lower(), hide(record.getMessage())[:500]]})


def connect(pipe: Pipe, wanted: dict[str, Any]) -> None:
    """Connect and stay connected. Returns never; raises when the platform does not want us."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # before the import: the SDK keeps the loop it finds then
    import requests  # noqa: PLC0415

    # the SDK asks for its address without any time limit, on the loop
    requests.post = functools.partial(requests.post, timeout=HTTP_SECONDS)
    import lark_oapi  # noqa: PLC0415
    from lark_oapi.core.log import logger  # noqa: PLC0415
    from lark_oapi.ws.exception import ClientException  # noqa: PLC0415

    logger.handlers[:] = [_Lines(pipe)]  # its own writes to stdout, and at INFO the address with its ticket
    logger.propagate = False
    ready: contextvars.ContextVar[Any] = contextvars.ContextVar("ready", default=_MISSING)
    bridge = Bridge(pipe)
    bridge.loop = loop

    class Client(lark_oapi.ws.Client):  # type: ignore[misc]
        """The SDK's client, which asks the door before it lets the handler answer: so a slow answer delays nothing else."""

        async def _handle_data_frame(self, frame: Any) -> None:
            headers = {header.key: header.value for header in frame.headers}
            if headers.get("type") == "event" and headers.get("sum", "1") in ("", "0", "1"):
                ready.set(await bridge.ask(frame.payload))
            await super()._handle_data_frame(frame)

        async def _connect(self) -> None:
            await super()._connect()
            if self._conn is not None:
                pipe.write({"state": "up"})

        async def _reconnect(self) -> None:
            # The SDK rests for as long as the platform says, two minutes by default. Each try asks for a fresh address.
            pipe.write({"state": "down"})
            for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
                await asyncio.sleep(pause * random.uniform(0.6, 1.2))  # noqa: S311 - so that replicas do not come all at once
                try:
                    await self._connect()
                except ClientException:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, the next address may be good
                    pipe.write({"log": ["warning", hide(f"not connected: {type(error).__name__}: {error}")[:300]]})
                else:
                    return

    client = Client(
        wanted["app_id"],
        wanted["app_secret"],
        event_handler=Handler(bridge, ready),
        domain=wanted["domain"],
        log_level=lark_oapi.LogLevel.WARNING,
    )
    # An error that ends the SDK's receiving or reconnecting leaves it connected to nothing: better to end and be started again.
    loop.set_exception_handler(lambda _, context: _end(pipe, context.get("exception") or context.get("message")))
    threading.Thread(target=_listen, args=(pipe, bridge, client, loop), daemon=True).start()
    client.start()


def _listen(pipe: Pipe, bridge: Bridge, client: Any, loop: asyncio.AbstractEventLoop) -> None:
    while frame := pipe.read():
        bridge.answered(frame["id"], frame.get("body"))
    # The door is gone: say goodbye to the platform, so that it gives the next event to another connection.
    connection = getattr(client, "_conn", None)
    if connection is not None:
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(connection.close(), loop).result(GOODBYE_SECONDS)
    os._exit(0)


def _end(pipe: Pipe, error: object) -> None:
    code = getattr(error, "code", None)
    pipe.write(
        {"end": {"code": code, "text": hide(f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error))[:300]}}
    )
    os._exit(1)


def main() -> None:
    """Talk to the door over the standard streams; whatever else writes to them goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole terminal; the door decides when we end
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pipe = Pipe(sys.stdin.buffer, sink)
    wanted = pipe.read()
    if wanted is None:
        return
    try:
        connect(pipe, wanted)
    except BaseException as error:  # noqa: BLE001 - the door is told, whatever it was
        _end(pipe, error)


if __name__ == "__main__":
    main()
