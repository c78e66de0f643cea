"""Serving the practice platform: next to the demo, or in a thread on a free port for tests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from bot.model import App
from handlers.practice.app import create_app
from handlers.practice.people import CALLBACK_BASE, general_kuaishou, practice_apps
from handlers.practice.world import World


class MovableClock:
    """A clock that tests push forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The real time plus what it was pushed."""
        return datetime.now(UTC) + self.ahead

    def push(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Practice:
    """A running practice platform: where it is, what it knows, and its clock."""

    base: str
    apps: tuple[App, ...]
    world: World
    clock: MovableClock

    def app(self, platform: str, brand: str = "") -> App:
        """The practice app of a platform (and brand)."""
        return next(app for app in self.apps if app.platform == platform and brand in ("", app.brand))


def server(app: ASGIApp, port: int, host: str = "127.0.0.1") -> uvicorn.Server:
    """A uvicorn server for the practice platform, without an access log: its addresses hold codes and secrets."""
    return uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, access_log=False, log_level="warning", lifespan="off", server_header=False)
    )


@contextmanager
def serving(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve any ASGI application in a thread on loopback (port 0: a free one); yields its base address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    with _in_thread(app, listener) as base:
        yield base


@contextmanager
def _in_thread(app: ASGIApp, listener: socket.socket) -> Iterator[str]:
    number = int(listener.getsockname()[1])
    running_server = server(app, number)
    thread = threading.Thread(target=running_server.run, kwargs={"sockets": [listener]}, daemon=True, name=f"serving-{number}")
    thread.start()
    deadline = time.monotonic() + 10
    while not running_server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the practice platform did not start")
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{number}"
    finally:
        running_server.should_exit = True
        running_server.force_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def running(
    make_apps: Callable[[str, str], Sequence[App]] = practice_apps,
    *,
    callback_base: str = CALLBACK_BASE,
    port: int = 0,
    snapshot: Path | None = None,
    clock: MovableClock | None = None,
) -> Iterator[Practice]:
    """The practice platform in a thread: `with running() as practice: practice.app("lark", "feishu")`.

    `callback_base` is the bot's address, as registered for every app.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    apps = (*make_apps(base, callback_base), general_kuaishou(base, callback_base))
    moving = clock or MovableClock()
    world = World(moving, apps, snapshot)
    with _in_thread(create_app(moving, world=world), listener):
        yield Practice(base, apps, world, moving)
