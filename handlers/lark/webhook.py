"""Events that the platform posts to us: who they are from, what they say. At `/lark/events`.

Our own checks over `cryptography` instead of the SDK's dispatcher: that one lets an event without token through unverified when no key is
set, compares signatures with `!=`, breaks on missing headers, never looks at an event's age, and costs its two-second import here too.

The signature covers the raw bytes, so it is checked before anything is decrypted or parsed; only the address check (`url_verification`)
comes without one. Every refusal is the same answer, so that nothing can be learned about the key by trying.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.errors import Refused
from handlers.chat.gate import Forged

MOST_BYTES = 1_000_000  # a message's text is at most 150 KB; encrypted and in base64 still far below
OLDEST_SECONDS = 12 * 3600.0  # the platform repeats an event for at most 6 hours and some minutes; what is claimed is kept for a day
_AHEAD_SECONDS = 3600.0
_BLOCK = 16

Event = Mapping[str, Any]


class Gate:
    """Opens what the platform sent. At least one of key and token is there (settings see to that)."""

    def __init__(self, encrypt_key: str, token: str, now: Callable[[], datetime]) -> None:
        self._key = encrypt_key.encode()
        self._aes = sha256(self._key).digest()
        self._token = token.encode()
        self._now = now

    def open(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event. Raises `Refused`."""
        signed = self._signed(headers, body) if self._key else False
        event = _parsed(self._decrypted(_parsed(body)) if self._key else body)
        if not self._right_token(event):
            raise Refused("wrong verification token")
        if event.get("type") == "url_verification":
            return event
        if self._key and not signed:
            raise Refused("no signature")
        self._fresh(event)
        return event

    def _signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """True for a right signature, False for none. Raises for a wrong one."""
        given = headers.get("x-lark-signature", "")
        if not given:
            return False
        parts = (headers.get("x-lark-request-timestamp", "") + headers.get("x-lark-request-nonce", "")).encode()
        right = sha256(parts + self._key + body).hexdigest()
        if not hmac.compare_digest(right.encode(), given.strip().lower().encode()):
            raise Refused("wrong signature")
        return True

    def _decrypted(self, envelope: Mapping[str, Any]) -> bytes:
        """base64(16 bytes of IV + AES-256-CBC with PKCS#7); the key is the SHA-256 of the Encrypt Key."""
        sealed = envelope.get("encrypt")
        if not isinstance(sealed, str):
            raise Refused("not encrypted")
        try:
            raw = base64.b64decode(sealed, validate=True)
            decryptor = Cipher(algorithms.AES256(self._aes), modes.CBC(raw[:_BLOCK])).decryptor()
            plain = decryptor.update(raw[_BLOCK:]) + decryptor.finalize()
            unpadder = padding.PKCS7(128).unpadder()
            return unpadder.update(plain) + unpadder.finalize()
        except (ValueError, binascii.Error):
            raise Refused("cannot be decrypted") from None

    def _right_token(self, event: Event) -> bool:
        """The Verification Token, where one is configured, in `header.token` (2.0) or `token` (1.0 and the address check)."""
        if not self._token:
            return True
        header = event.get("header")
        given = header.get("token") if isinstance(header, Mapping) else event.get("token")
        return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def _fresh(self, event: Event) -> None:
        """No replay of an event that is older than our memory of it: the time stands inside what is signed."""
        header = event.get("header")
        created = header.get("create_time") if isinstance(header, Mapping) else event.get("ts")
        at = seconds(created)
        if at is None:
            raise Refused("no time")
        if not -_AHEAD_SECONDS <= self._now().timestamp() - at <= OLDEST_SECONDS:
            raise Refused("too old")


def seconds(raw: object) -> float | None:
    """A moment in seconds since 1970, whether it came in seconds, milliseconds (messages) or microseconds (card clicks)."""
    try:
        number = float(str(raw))
    except ValueError:
        return None
    if not 0 < number < 1e18:
        return None
    while number > 1e11:
        number /= 1000
    return number


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(value, dict):
        raise Refused("not an object")
    return value


def route(
    gate: Gate, receive: Callable[[Event], Awaitable[bool]], clicked: Callable[[Event], Awaitable[Mapping[str, Any]]], forged: Forged
) -> Callable[[Request], Awaitable[Response]]:
    """The handler of POST /lark/events. `receive` keeps an event (False: no room, the platform sends it again later)."""

    async def events(request: Request) -> Response:
        if forged.too_many(request):
            return JSONResponse({"msg": "too many"}, 429)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return JSONResponse({"msg": "The event is too large."}, 413)
        try:
            event = gate.open(request.headers, bytes(body))
        except Refused as refusal:
            forged.note(request, str(refusal))
            return JSONResponse({"msg": "This is not an event of the platform for this app."}, 401)
        if event.get("type") == "url_verification":
            return JSONResponse({"challenge": str(event.get("challenge") or "").encode("utf-8", "replace").decode()})
        if event_type(event) == "card.action.trigger":
            return JSONResponse(dict(await clicked(event)))
        return JSONResponse({}) if await receive(event) else JSONResponse({"msg": "busy"}, 503)

    return events


def event_type(event: Event) -> str:
    """The type of a 2.0 event; empty for anything else."""
    header = event.get("header")
    return str(header.get("event_type") or "") if isinstance(header, Mapping) else ""
