"""Who somebody is and which language they read, asked once and remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from bot.model import Locale

_SECONDS = 3600.0
_UNKNOWN_SECONDS = 300.0
_MOST = 5000

Call = Callable[..., Awaitable[tuple[Mapping[str, Any] | None, str]]]


@dataclass(frozen=True, slots=True)
class Known:
    """`locale` None: neither English nor Chinese, or not told; then the text decides."""

    name: str = ""
    locale: Locale | None = None


class People:
    """`users.info`, cached."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: OrderedDict[str, tuple[Known, float]] = OrderedDict()

    def seen(self, user: str) -> Known | None:
        """What is known without asking."""
        kept = self._known.get(user)
        return kept[0] if kept and kept[1] > monotonic() else None

    async def look(self, user: str) -> Known:
        """Ask Slack unless it is known."""
        if (known := self.seen(user)) is not None:
            return known
        answer, _ = await self._call("users.info", user=user, include_locale=True)
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
