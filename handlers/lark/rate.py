"""The pace that Feishu and Lark allow: 5 messages a second in a chat (shared by all bots there), 50 a second and 1,000 a minute for the
app in a tenant. Source: the message pages and "frequency control" of the open platform.

Kept by waiting before a call, so that a burst of answers comes a little later instead of being refused. Another process or another bot may
use up the same allowance; then the platform says how long to wait (`x-ogw-ratelimit-reset`), and `pause` makes everybody here wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

CHAT = ((5, 1.0),)
APP = ((50, 1.0), (1000, 60.0))
MARGIN = 1.05  # clocks and networks jitter; what left within the second may arrive within it
_REMEMBERED = 2000


class _Windows:
    """Moments of use, booked ahead, of one chat or of the whole app."""

    def __init__(self, limits: tuple[tuple[int, float], ...]) -> None:
        self._limits = [(deque[float](maxlen=count), seconds * MARGIN) for count, seconds in limits]
        self.until = 0.0

    def earliest(self, now: float) -> float:
        at = max(now, self.until)
        for times, seconds in self._limits:
            if len(times) == times.maxlen:
                at = max(at, times[0] + seconds)
        return at

    def book(self, at: float) -> None:
        for times, _ in self._limits:
            times.append(at)

    def idle(self, now: float) -> bool:
        return self.until <= now and all(not times or times[-1] + seconds <= now for times, seconds in self._limits)


class Rate:
    """Whose turn it is. One per process and app."""

    def __init__(self, clock: Callable[[], float] = monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._app = _Windows(APP)
        self._chats: dict[str, _Windows] = {}

    async def turn(self, chat: str = "") -> None:
        """Wait until one more call (to this chat) is allowed."""
        windows = [self._app]
        if chat:
            windows.append(self._chats.setdefault(chat, _Windows(CHAT)))
        now = self._clock()
        at = now
        for _ in range(2):  # the app's moment may be later than the chat's, and the other way round
            for one in windows:
                at = one.earliest(at)
        for one in windows:
            one.book(at)
        while (wait := max(at, *(one.until for one in windows)) - self._clock()) > 0:
            await self._sleep(wait)
        if len(self._chats) > _REMEMBERED:
            self._chats = {key: kept for key, kept in self._chats.items() if not kept.idle(now)}

    def pause(self, seconds: float, chat: str = "") -> None:
        """The platform said to wait: nobody here calls (this chat) before that."""
        windows = self._chats.setdefault(chat, _Windows(CHAT)) if chat else self._app
        windows.until = max(windows.until, self._clock() + seconds)
