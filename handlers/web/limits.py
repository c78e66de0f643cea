"""What the web door takes at once: the same limits that every chat door has, each with its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network

from starlette.requests import Request

from bot.errors import BotError
from bot.i18n import say
from bot.model import Text
from handlers.chat.queue import Pace
from handlers.settings import Settings

#: An address may stand for many people (an office, a proxy), so that it may do this many times what one visitor may.
PEOPLE_AN_ADDRESS = 10
STREAMS_A_VISITOR = 8
STREAMS = 400


class TooMuch(BotError):  # noqa: N818 (what it says is the sentence)
    """More than the limit: the status and the sentence for whoever asked."""

    def __init__(self, status: int, sentence: Text) -> None:
        super().__init__("too_much", sentence, blame="rate")
        self.status = status
        self.sentence: Text = sentence


class Limits:
    """One per server process."""

    def __init__(self, settings: Settings) -> None:
        self._asks = settings.asks_per_minute
        self._queue = settings.queue_limit
        self._by_visitor = Pace(settings.asks_per_minute)
        self._by_address = Pace(settings.asks_per_minute * PEOPLE_AN_ADDRESS)
        self._arrivals = Pace(settings.asks_per_minute * PEOPLE_AN_ADDRESS)
        self._waiting = 0

    def asked(self, visitor: str, address: str) -> None:
        """Count a question. Raises `TooMuch`."""
        if not (self._by_visitor.allows(visitor) and self._by_address.allows(address)):
            raise TooMuch(429, say("More than {count} questions in a minute: give me a moment, then ask again.", count=self._asks))

    def arrived(self, address: str) -> None:
        """Count a browser that has not been here before: each costs a row of the store. Raises `TooMuch`."""
        if not self._arrivals.allows(address):
            raise TooMuch(429, say("Too many new visitors come from your address. Open this page again in a minute."))

    @contextmanager
    def in_line(self) -> Iterator[None]:
        """While a question waits or is answered. Raises `TooMuch`."""
        if self._waiting >= self._queue:
            raise TooMuch(
                503,
                say("I am busy: {count} questions wait already. Nothing of yours was taken; ask again in a minute.", count=self._queue),
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    @staticmethod
    def may_listen(visitors: int, all_of_them: int) -> None:
        """One more live page, beside those that the visitor has open and those that are open in all. Raises `TooMuch`."""
        if visitors >= STREAMS_A_VISITOR or all_of_them >= STREAMS:
            raise TooMuch(429, say("This chat is open in too many windows. Close one, then load this one again."))


def address_of(request: Request) -> str:
    """Where a request came from; an IPv6 caller has a whole /64 to choose from, so that this counts as one."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)
