"""Which addresses are ours: host names, origins and paths.

A browser believes whatever name a foreign page resolves to this machine (DNS rebinding), so that only names that were configured, and the
loopback's own, are answered. Nothing of a request's host or path is ever written into a page or a redirect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from handlers.system import is_local

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# What no address of ours has: a backslash (browsers read it as a slash), an encoded slash or backslash, dot segments, control characters.
_TRICK = re.compile(rb"[\x00-\x20\x7f-\xff\\]|%(?:5c|2f|0.|1.|7f|2e)|//|/\.{1,2}(?:/|$)", re.IGNORECASE)


def origin_of(url: str) -> str:
    """`https://host:port` of a URL; empty when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def host_name(header: str) -> str:
    """The name in a Host header, without its port; empty when it is no name."""
    found = _HOST.fullmatch(header)
    return found[1].strip("[]").rstrip(".").lower() if found else ""


def is_trick(raw_path: bytes) -> bool:
    """Whether a path, as it was sent, holds what browsers and servers read differently."""
    return _TRICK.search(raw_path) is not None


class Hosts:
    """The public address and the loopback names."""

    def __init__(self, base_url: str) -> None:
        """`base_url`: the configured address that links begin with."""
        self.public = origin_of(base_url)
        name = urlsplit(base_url).hostname or ""
        try:
            self._name = name.encode("idna").decode() if not name.isascii() else name  # browsers send the ASCII form
        except UnicodeError:
            self._name = name

    def knows(self, headers: Iterable[str]) -> bool:
        """Whether the Host headers of a request (there must be exactly one) name this server."""
        (header, *more) = tuple(headers) or ("",)
        name = host_name(header)
        return not more and bool(name) and (name == self._name or is_local(name))

    def alias(self, header: str) -> bool:
        """Whether this is another loopback name of the very server that links lead to (`localhost` where they say `127.0.0.1`)."""
        public = urlsplit(self.public)
        same_port = header.rpartition(":")[2] == str(public.port)
        return header != public.netloc and same_port and is_local(public.hostname or "") and is_local(host_name(header))

    def ours(self, origin: str | None, site: str | None, host: str) -> bool:
        """Whether a request that changes something may have come from a page of ours, or from no page at all.

        `site` is Sec-Fetch-Site, which no page can forge; `origin` is what older browsers send. A form on a page with our referrer policy
        sends `Origin: null`, so that null counts when `site` says that it is ours. Programs send neither.
        """
        if site is not None and site != "same-origin":
            return False
        if origin is None or (origin == "null" and site == "same-origin"):
            return True
        found = origin_of(origin)
        return bool(found) and found == origin and (found == self.public or urlsplit(found).netloc == host)
