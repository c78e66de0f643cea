"""Who somebody is and which language they read, asked once and remembered for a while. An answer never waits long for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

from handlers.chat.api import Known

WAIT_SECONDS = 0.3
_SECONDS = 3600.0
_UNKNOWN_SECONDS = 300.0
_MOST = 5000

Call = Callable[..., Awaitable[tuple[Mapping[str, Any] | None, str]]]


class People:
    """`users.info`, cached."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: OrderedDict[str, tuple[Known, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Known]] = {}

    def seen(self, user: str) -> Known | None:
        """What is known without asking."""
        kept = self._known.get(user)
        return kept[0] if kept and kept[1] > monotonic() else None

    async def look(self, user: str, wait: float = WAIT_SECONDS) -> Known:
        """Ask Slack unless it is known, and wait so many seconds; what comes later is known the next time."""
        if (known := self.seen(user)) is not None:
            return known
        asking = self.asking(user)
        await asyncio.wait({asking}, timeout=wait)
        return asking.result() if asking.done() and not asking.cancelled() else Known()

    def asking(self, user: str) -> asyncio.Task[Known]:
        """The question to Slack that is under way: one a person."""
        task = self._asking.get(user)
        if task is None:
            task = self._asking[user] = asyncio.ensure_future(self._ask(user))
            task.add_done_callback(lambda _: self._asking.pop(user, None))
        return task

    async def close(self) -> None:
        """Wait for nothing more."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask(self, user: str) -> Known:
        answer, _ = await self._call("users.info", tries=1, user=user, include_locale=True)
        known = _read(answer.get("user")) if answer else Known()
        self._known[user] = (known, monotonic() + (_SECONDS if answer else _UNKNOWN_SECONDS))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return known


def _read(user: Any) -> Known:
    if not isinstance(user, dict):
        return Known()
    told = user.get("profile")
    profile: Mapping[str, Any] = told if isinstance(told, dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    language = str(user.get("locale") or "").partition("-")[0].lower()
    return Known(next((str(name) for name in names if name), ""), "zh" if language == "zh" else "en" if language == "en" else None)
