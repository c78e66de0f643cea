"""What we and an app sign for each other: HMAC-SHA256 over "timestamp.nonce.body", keyed with the app's own key."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

#: How far a timestamp may lie from our clock, either way.
WINDOW = timedelta(minutes=5)


def canonical(value: Mapping[str, Any]) -> str:
    """The one way to write a JSON object down: keys sorted, no blanks, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def sign(key: str, timestamp: str, nonce: str, body: str) -> str:
    """The signature, as it goes into a header or field."""
    return "v1=" + hmac.new(key.encode(), f"{timestamp}.{nonce}.{body}".encode(), sha256).hexdigest()


def signed(key: str, value: Mapping[str, Any], *, now: datetime, nonce: str) -> dict[str, Any]:
    """`value` with `timestamp`, `nonce` and `signature` beside it; the signature is over the canonical form of `value` alone."""
    timestamp = str(int(now.timestamp()))
    return {**value, "timestamp": timestamp, "nonce": nonce, "signature": sign(key, timestamp, nonce, canonical(value))}


def read_signed(key: str, value: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], str] | None:
    """What the holder of `key` signed within the last five minutes, and its nonce; None for anything else.

    Whoever calls this has to refuse a nonce that was seen before.
    """
    timestamp, nonce, given = (str(value.get(name, "")) for name in ("timestamp", "nonce", "signature"))
    if not key or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or not 16 <= len(nonce) <= 200:
        return None
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        return None
    rest = {name: inner for name, inner in value.items() if name not in ("timestamp", "nonce", "signature")}
    if not hmac.compare_digest(given.encode(), sign(key, timestamp, nonce, canonical(rest)).encode()):
        return None
    return rest, nonce
