"""What a chat door gives to the server that runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Door:
    """An open door. `run` lives as long as the server (socket connections, queues) and is cancelled with it; `routes` are
    POST paths (webhooks) with their handlers. The door has put its messenger into `Runtime.messengers` already."""

    name: str
    run: Callable[[], Awaitable[None]] | None = None
    routes: tuple[tuple[str, Callable[[Request], Awaitable[Response]]], ...] = ()
    says: str = ""
