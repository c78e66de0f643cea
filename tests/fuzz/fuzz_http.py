"""Fuzz target: any bytes to every inbound HTTP route. Run alone: `python -m tests.fuzz.fuzz_http -runs=5000`.

The first bytes choose the route, the method, the type and the signature; the rest is path, query, headers and body. What has to hold: an
answer below 500, with the security headers, and one sentence where it is a refusal.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from functools import cache
from urllib.parse import quote

from tests.inbound import API_KEY, Answered, Inbound, lark_sealed, routes, slack_headers

TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/plain",
    "",
    "application/json; charset=x",
)
METHODS = ("", "", "", "", "HEAD", "POST", "PUT", "OPTIONS")  # empty: the route's own
HEADERS = (
    "origin",
    "accept",
    "cookie",
    "authorization",
    "sec-fetch-site",
    "x-slack-signature",
    "x-lark-signature",
    "accept-language",
    "x-in-client",
)
FILLINGS = (
    b"x.y",
    b"..\\..\\x",
    b"%5C..%5Cx",
    b"%2e%2e%2f",
    b"a=%ff&b=%00",
    b"t" * 22 + b"." + b"s" * 64,
    b"lark/cli_a?code=x&state=y",
    b"\xe4\xbd\xa0",
)
CARRIED = ("x-content-type-options", "content-security-policy", "referrer-policy", "cache-control")


class Target:
    """One application, kept for all inputs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._inbound = Inbound(tempfile.mkdtemp(prefix="whyforbidden-fuzz-"))
        self.routes = routes(self._inbound.app)

    def send(self, data: bytes) -> Answered:
        """The request that `data` spells."""
        choice, rest = data[:4].ljust(4, b"\0"), data[4:]
        method, pattern = self.routes[choice[0] % len(self.routes)]
        filled, value, body = (*rest.split(b"\n", 2), b"", b"")[:3]
        part = quote(filled, safe="").encode() if choice[3] & 2 else filled
        path = re.sub(rb"\{[^}]*\}", lambda _: part or b"x", pattern.encode())
        if choice[3] & 1:
            path += b"?" + filled
        headers = {"content-type": TYPES[(choice[2] & 63) % len(TYPES)], "content-length": str(len(body))}
        headers[HEADERS[choice[3] % len(HEADERS)]] = value.decode("utf-8", "surrogateescape")
        if choice[1] & 128:
            headers["authorization"] = f"Bearer {API_KEY}"
        if choice[2] & 64 and pattern.startswith("/slack"):
            headers |= slack_headers(body)
        if choice[2] & 64 and pattern.startswith("/lark"):
            sealed, body = lark_sealed(body)
            headers |= sealed
        return self._loop.run_until_complete(self._inbound.send(METHODS[(choice[1] & 127) % len(METHODS)] or method, path, headers, body))


@cache
def target() -> Target:
    """Made at the first input."""
    return Target()


def check(data: bytes) -> None:
    """What must hold for any bytes."""
    answer = target().send(data)
    assert answer.status < 500, (answer.status, answer.body[:300])
    assert all(name in answer.headers for name in CARRIED), answer.headers
    if answer.status >= 400 and answer.headers.get("content-type") == "application/json" and answer.body:
        said = json.loads(answer.body)
        assert str(said.get("error") or said.get("msg") or "").strip(), said


def main() -> None:
    """Hand the target to atheris."""
    import atheris  # optional: only this program needs it

    target()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
