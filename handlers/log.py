"""Logging: structlog for our lines, the standard library's for everybody else's, and one redaction in front of both.

What is logged passes two nets: values under telling names (`code`, `state`, `token` …) are masked whatever they look like, and all
text goes through `bot.redact`, which knows what secrets look like.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

from bot.redact import redact

HIDDEN = "[hidden]"

_TELLING = ("token", "secret", "password", "authorization", "cookie", "verifier", "ticket", "app_key", "api_key", "sealed", "credential")
_EXACT = frozenset({"code", "state", "sign", "signature", "ticket", "device_code", "user_code", "nonce", "key"})
_HARMLESS = frozenset({"token_type", "token_expires"})

# In our own addresses these open something: one-time values, and the ticket of a personal link.
_OURS = re.compile(r"(?i)(\b(?:code|state|ticket|device_code|user_code)=|/consent/(?=[\w-]{32}))[\w.~%+-]+")


def configure(level: str = "info", form: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None) -> None:
    """Set both logging systems up. Call once, at start; `stream` is stderr unless a test says otherwise."""
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,  # to text first, so that a traceback is redacted like any other
                mask,
                structlog.dev.ConsoleRenderer(colors=console and out.isatty()) if console else structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "sqlalchemy.engine", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: no secret leaves through a log line."""
    for name, value in list(event.items()):
        event[name] = _masked(name, value)
    return event


def _masked(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, float)):
        return value
    lower = name.lower()
    if lower not in _HARMLESS and (lower in _EXACT or any(word in lower for word in _TELLING)):
        # A platform's error code is a short number and is what one looks for in a log.
        plain_code = lower == "code" and len(str(value)) <= 10 and str(value).lstrip("-").isdigit()
        return value if plain_code else HIDDEN
    if isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {str(k): _masked(str(k), v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked("", item) for item in value]
    return _OURS.sub(rf"\1{HIDDEN}", redact(value if isinstance(value, str) else str(value)).text)
