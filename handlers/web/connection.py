"""One connection's patience. uvicorn waits for ever for the headers of a request, and keeps as many of them as are sent; this does not.

How long a body may take is the guard's business (`handlers/web/guard.py`), which sees requests. Here it is about what is no request yet.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
HEADER_BYTES = 65_536
CONNECTIONS = 800  # below the 1,024 files that a process may usually open

_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable", 400: "Bad Request"}


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits on the time and size of a request's head, and on the number of connections."""

    seconds = HEADER_SECONDS
    most_bytes = HEADER_BYTES
    most_connections = CONNECTIONS

    _waiting: TimerHandle | None = None
    _head = 0  # bytes of the request's head so far; -1 while no head is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection: the first head has to come soon."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, "I am busy: too many connections are open. Try again in a minute.")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a head, or of a body."""
        if self._head < 0 and (self.cycle is None or self.cycle.response_complete):
            self._await_head()  # the next request on a kept connection
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > self.most_bytes and not self.transport.is_closing():
            self._refuse(431, "The headers of this request are too large.")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_is_here()
        try:
            super().on_headers_complete()
        except (ValueError, UnicodeError):  # a target that is no URL
            self._refuse(400, "This is not a request that can be read.")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are about itself
        """What is no HTTP."""
        self._refuse(400, "This is not a request that can be read.")

    def _await_head(self) -> None:
        self._head_is_here()
        self._head = 0
        self._waiting = self.loop.call_later(self.seconds, self._too_slow)

    def _head_is_here(self) -> None:
        self._head = -1
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_slow(self) -> None:
        if self._head:
            self._refuse(408, "The request came too slowly. Send it again.")
        else:
            self.transport.close()  # nothing was asked: a browser's spare connection

    def _refuse(self, status: int, sentence: str) -> None:
        self._head_is_here()
        if self.transport.is_closing():
            return
        body = json.dumps({"error": sentence}).encode()
        lines = [
            f"HTTP/1.1 {status} {_PHRASES[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
