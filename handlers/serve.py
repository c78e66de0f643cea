"""Running it: every configured door and the chat page in one process; for the demo, the practice platform beside them."""

# ruff: noqa: PLC0415 - a door's SDK is imported only when that door is configured
from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
import uvicorn

from handlers.chat.surface import SURFACES, Door
from handlers.compose import Runtime, build
from handlers.log import configure
from handlers.settings import Settings, SettingsError, exposed, misspelt
from handlers.web import Web, WebMessenger, create_app
from handlers.web.connection import PatientProtocol

log = structlog.get_logger("whyforbidden.serve")


def serve(settings: Settings) -> None:
    """Open every configured door and the chat page, until interrupted. Raises `SettingsError`."""
    _prepare(settings)
    listener = bound(settings.host, settings.port)
    runtime = build(settings)
    asyncio.run(_run(runtime, listener, None))


def demo(settings: Settings) -> None:
    """The chat page and the practice platform, on loopback only. Raises `SettingsError`."""
    from handlers.practice import create_app as create_practice
    from handlers.practice import practice_apps
    from handlers.system import SystemClock

    _prepare(settings)
    listener = bound("127.0.0.1", settings.port)
    port = listener.getsockname()[1]
    neighbour = bound("127.0.0.1", port + 1, or_any=True)
    own, practice = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{neighbour.getsockname()[1]}"
    settings = settings.model_copy(update={"practice": True, "host": "127.0.0.1", "port": port, "public_url": own})
    apps = practice_apps(practice, own)
    runtime = build(settings, apps=apps)
    store = settings.store_url.partition("sqlite:///")[2]
    # What was granted on the practice platform outlives a restart as well, or the two would contradict each other.
    world = Path(store).with_suffix(".practice.json") if store else None
    asyncio.run(_run(runtime, listener, (create_practice(SystemClock(), apps, snapshot=world), neighbour)))


def _prepare(settings: Settings) -> None:
    configure(settings.log_level, settings.log_format)
    for sentence in misspelt():  # else a typing error leaves a door shut without a word
        log.warning("setting_unknown", says=sentence)
    for sentence in exposed(settings.apps_file):
        log.warning("file_exposed", says=sentence)


def bound(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    """A listening socket, taken before anything else starts, so that a taken port is one clear line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named: asyncio switches off the delay of small packets only on sockets that say they are TCP (40 ms an answer)
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OverflowError:
        listener.close()
        return bound(host, 0)
    except OSError as error:
        listener.close()
        if or_any:
            return bound(host, 0)
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what uses it or set WHYFORBIDDEN_PORT (0 takes any free one)"
        ) from None
    listener.listen(128)
    return listener


def open_doors(runtime: Runtime) -> tuple[Door, ...]:
    """The chat doors that the settings open."""
    return tuple(surface.open_door(runtime) for surface in SURFACES.values() if surface.configured(runtime.settings))


def web_app(runtime: Runtime, doors: tuple[Door, ...] = ()) -> object:
    """The FastAPI application for a runtime and its doors."""
    from handlers.practice.people import practice_people

    messenger = WebMessenger()
    runtime.messengers["web"] = messenger
    web = Web(
        service=runtime.service,
        store=runtime.store,
        settings=runtime.settings,
        messenger=messenger,
        apps=runtime.apps,
        tokens=runtime.broker,
        people=practice_people() if runtime.settings.practice else (),
        clock=runtime.clock,
    )
    background = [runtime.keep_house, *(door.run for door in doors if door.run)]
    return create_app(web, background=background, extra=[route for door in doors for route in door.routes], doors=runtime.watch.told)


async def _run(runtime: Runtime, listener: socket.socket, practice: tuple[object, socket.socket] | None) -> None:
    doors = open_doors(runtime)
    servers = [server_of(web_app(runtime, doors), runtime.settings)]
    sockets = [listener]
    if practice is not None:
        servers.append(server_of(practice[0], runtime.settings))
        sockets.append(practice[1])
    _stop_on_signals(servers)
    _greet(runtime, listener, doors)
    try:
        await asyncio.gather(*(server.serve(sockets=[sock]) for server, sock in zip(servers, sockets, strict=True)))
    finally:
        await runtime.close()


class _Quiet(uvicorn.Server):
    """Signals are ours: one handler stops every server of the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_of(app: object, settings: Settings) -> uvicorn.Server:
    """The HTTP server for an application."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=PatientProtocol,
        ws="none",  # no page of ours speaks WebSocket
        log_config=None,
        log_level="warning",
        access_log=False,  # paths hold tickets and codes
        proxy_headers=bool(settings.trust_proxy),
        forwarded_allow_ips=list(settings.trust_proxy) or None,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    return _Quiet(config)


def _stop_on_signals(servers: Sequence[uvicorn.Server]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)


def _greet(runtime: Runtime, listener: socket.socket, doors: tuple[Door, ...]) -> None:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    lines = [f"Chat page:  http://{f'[{shown}]' if ':' in shown else shown}:{port}/"]
    if runtime.settings.practice:
        lines.append("Practice platform beside it: no account is needed, nothing leaves this machine. Stop with Ctrl+C.")
    lines += [f"{door.name}: {door.says}" for door in doors]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
