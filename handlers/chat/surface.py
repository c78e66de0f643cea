"""The chats that there are, and what a chat door gives to the server that runs it.

A new surface is a folder `handlers/<name>` with `open_door(runtime)` in its `__init__` and `checks(settings, http)` in its `doctor`, its templates,
its settings, and a row here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from handlers.compose import Runtime
    from handlers.settings import Settings


@dataclass(frozen=True, slots=True)
class Door:
    """An open door. `run` lives as long as the server (connections, queues) and is cancelled with it; `routes` are POST paths (webhooks) with their
    handlers. The door has put its messenger into `Runtime.messengers` already."""

    name: str
    run: Callable[[], Awaitable[None]] | None = None
    routes: tuple[tuple[str, Callable[[Request], Awaitable[Response]]], ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A surface that this program speaks: `configured` says whether the settings open its door. Its module is imported only then."""

    name: str
    configured: Callable[[Settings], bool]

    def open_door(self, runtime: Runtime) -> Door:
        """Open it."""
        door: Door = import_module(f"handlers.{self.name}").open_door(runtime)
        return door

    async def checks(self, settings: Settings, http: Any) -> list[Any]:
        """What the doctor looks at."""
        found: list[Any] = await import_module(f"handlers.{self.name}.doctor").checks(settings, http)
        return found


SURFACES: Mapping[str, Known] = {
    one.name: one
    for one in (
        Known("slack", lambda settings: settings.slack),
        Known("lark", lambda settings: settings.lark),
        Known("dingtalk", lambda settings: settings.dingtalk),
    )
}
