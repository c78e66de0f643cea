"""The one way out: outgoing HTTP on httpx.

Certificates are always verified, redirects never followed, answers limited in time and size, and nothing that could hold a secret is
logged: neither addresses with their query nor bodies nor headers. With `practice` only this machine can be reached, without it nothing on
this machine and nothing unencrypted: a practice secret can never travel, and a real one never lands on a local listener.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
import structlog

from bot.oauth.messages import PlatformRefusal, Request, Response
from handlers.system import leads_here

MOST_SECONDS = 10.0
MOST_BYTES = 2 * 1024 * 1024

log = structlog.get_logger("whyforbidden.http")


def _quiet(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


# httpx logs every full address at INFO and httpcore every header at DEBUG, and a Kuaishou address holds the app's secret. A filter
# stays in force whatever level somebody sets later; httpcore speaks through child loggers, which need their own.
for _name in ("httpx", "httpcore", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_quiet)


class HttpClient:
    """The `Http` port. One per process; `close` it (or use it as a context manager)."""

    def __init__(
        self,
        *,
        practice: bool = False,
        timeout: float = MOST_SECONDS,
        most_bytes: int = MOST_BYTES,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        """`timeout`: seconds for the whole exchange, at most 10. `verify`: a context with additional authorities, never without checks."""
        if verify is not None and verify.verify_mode != ssl.CERT_REQUIRED:
            raise ValueError("certificates are always verified")
        self._practice = practice
        self._timeout = min(timeout, MOST_SECONDS)
        self._most = most_bytes
        self._client = httpx.AsyncClient(
            verify=verify if verify is not None else True,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one client serves many people: nothing sticks
            follow_redirects=False,
            timeout=self._timeout,
            trust_env=not practice,  # a company's proxy is for the world outside
            headers={"user-agent": "whyforbidden"},
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, request: Request) -> Response:
        """Send and read whole.

        Raises `PlatformRefusal`: `unreachable`, `timeout` or `too_large` (blame `platform`, retryable), or `address_refused` (blame `app`)
        for a target that this process may not talk to.
        """
        where = self._allowed(request.url)
        started = monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._exchange(request)
        except TimeoutError:
            raise self._failed("timeout", f"no answer within {self._timeout:g} s", where, started) from None
        except httpx.TimeoutException:
            raise self._failed("timeout", f"no answer within {self._timeout:g} s", where, started) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # `from None`: httpx errors carry the request, and with it the secret
            raise self._failed("unreachable", type(error).__name__, where, started) from None
        except OverflowError:
            raise self._failed("too_large", f"an answer of more than {self._most} bytes", where, started) from None
        log.debug("http_sent", method=request.method, host=where, status=response.status, ms=round((monotonic() - started) * 1000))
        return response

    async def _exchange(self, request: Request) -> Response:
        async with self._client.stream(
            request.method,
            request.url,
            headers=dict(request.headers),
            params=dict(request.query) or None,
            json=dict(request.json) if request.json is not None else None,
            data=dict(request.form) if request.form is not None else None,
        ) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():  # after decompression: a small answer cannot unfold into a large one
                body += chunk
                if len(body) > self._most:
                    raise OverflowError
            return Response(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(body))

    def _allowed(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            hostname, _ = parts.hostname or "", parts.port
        except ValueError:
            parts, hostname = urlsplit(""), ""
        local = leads_here(hostname)
        fine = local and parts.scheme in ("http", "https") if self._practice else not local and parts.scheme == "https"
        if not hostname or not fine or parts.username or parts.password:
            raise PlatformRefusal("address_refused", f"this process does not talk to {parts.scheme}://{hostname}", blame="app")
        return hostname

    @staticmethod
    def _failed(code: str, message: str, where: str, started: float) -> PlatformRefusal:
        log.warning("http_failed", host=where, reason=code, detail=message, ms=round((monotonic() - started) * 1000))
        return PlatformRefusal(code, f"{where}: {message}", blame="platform", retryable=True)
