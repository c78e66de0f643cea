"""The long connection as the door sees it: a process that hands in events and takes answers, started again whenever it ends."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from handlers.chat.supervise import Ended, Watch, keep_up
from handlers.lark.webhook import event_type
from handlers.system import is_local

SCRIPT = Path(__file__).with_name("sdk.py")
MOST_FRAME = 16_000_000
STOP_SECONDS = 2.0
_PREFIX = "WHYFORBIDDEN_"

#: What the platform says when it does not want us, and what to do. Codes: lark_oapi ws/const.
REFUSALS: Mapping[int, str] = {
    514: "the app id or secret is wrong, or the secret was changed",
    403: "the platform forbids the connection; is the app enabled, and its bot ability on?",
    1000040344: "the app id or secret is missing",
    1000040350: "too many connections are open (the platform allows 50 for an app); stop other copies of this bot",
}

log = structlog.get_logger("whyforbidden.lark")


class Connection:
    """Keeps the SDK's process alive while `run` runs. `receive` keeps an event, `clicked` answers a click in time."""

    def __init__(
        self,
        app_id: str,
        secret: str,
        domain: str,
        receive: Callable[[Mapping[str, Any]], Awaitable[bool]],
        clicked: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
        watch: Watch,
    ) -> None:
        self._wanted = {"app_id": app_id, "app_secret": secret, "domain": domain}
        self._receive = receive
        self._clicked = clicked
        self._watch = watch
        self._up: Callable[[], None] = lambda: None
        self._end = Ended("")
        self.up = asyncio.Event()
        self.process: Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; then the process is stopped."""
        await keep_up("lark", self._watch, self._once)

    async def _once(self, up: Callable[[], None]) -> None:
        """One process, to its end. Raises `Ended` with what it said last."""
        self._up, self._end = up, Ended("the connection's process ended")
        process = self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(SCRIPT), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environment()
        )
        errors = asyncio.create_task(_last_words(process))
        try:
            self._write(self._wanted)
            while (frame := await self._read(process)) is not None:
                self._handle(frame)
        finally:
            for task in self._tasks:
                task.cancel()
            await _stop(process)
            said = await errors
            if said and process.returncode not in (0, None):
                log.debug("connection_process_ended", status=process.returncode, said=said)
            self.up.clear()
        raise self._end

    def _handle(self, frame: Mapping[str, Any]) -> None:
        if "id" in frame:
            task = asyncio.create_task(self._event(int(frame["id"]), str(frame.get("event") or "")))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "state" in frame:
            self._state(up=frame["state"] == "up")
        elif "log" in frame:
            level, said = frame["log"]
            log.log(30 if level == "warning" else 40, "connection_says", said=said)
        elif "end" in frame:
            end = frame["end"]
            advice = REFUSALS.get(end.get("code") or 0, "")
            log.error("connection_ended", code=end.get("code"), said=end.get("text"), advice=advice)
            self._end = Ended(advice or str(end.get("text") or "")[:100], human=bool(advice))

    def _state(self, *, up: bool) -> None:
        if up:
            self.up.set()
            self._up()
            log.info("connected")
        else:
            self.up.clear()
            self._watch.down("lark", "the connection was lost")
            log.warning("connection_lost")

    async def _event(self, number: int, raw: str) -> None:
        """Every event is answered at once: taken, refused for want of room, or, for a click, what the clicker sees."""
        try:
            event = json.loads(raw)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            self._write({"id": number, "body": {}})
        elif event_type(event) == "card.action.trigger":
            self._write({"id": number, "body": dict(await self._clicked(event))})
        else:
            self._write({"id": number, "body": {} if await self._receive(event) else None})

    def _write(self, frame: Mapping[str, Any]) -> None:
        raw = json.dumps(frame).encode()
        if self.process is not None and self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(struct.pack(">I", len(raw)) + raw)

    @staticmethod
    async def _read(process: Process) -> Mapping[str, Any] | None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            size = struct.unpack(">I", await process.stdout.readexactly(4))[0]
            if size > MOST_FRAME:
                return None
            frame: Mapping[str, Any] = json.loads(await process.stdout.readexactly(size))
        except asyncio.IncompleteReadError:
            return None
        return frame

    def _environment(self) -> dict[str, str]:
        """Ours without our own settings: the other doors' secrets are none of the SDK's business."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
        if is_local(urlsplit(self._wanted["domain"]).hostname or ""):
            kept["NO_PROXY"] = kept["no_proxy"] = "*"  # a company's proxy is for the world outside
        return kept


async def _stop(process: Process) -> None:
    """The process ends when its input does; one that hangs is ended."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _last_words(process: Process) -> str:
    """The end of what it wrote to stderr, so that the pipe never fills up."""
    kept = b""
    assert process.stderr is not None  # noqa: S101 - it was asked for
    while chunk := await process.stderr.read(65536):
        kept = (kept + chunk)[-4000:]
    return kept.decode("utf-8", "replace")
