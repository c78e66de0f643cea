"""Every inbound HTTP route in one application, and requests to it byte by byte, as no client library would send them."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.routing import Route

from handlers.compose import Runtime, build
from handlers.serve import open_doors, web_app
from handlers.settings import load_settings
from handlers.web.guard import Guard

API_KEY = "an-api-key-for-the-tests-0001"
SIGNING_SECRET = "a-signing-secret-of-slack"
ENCRYPT_KEY = "an-encrypt-key-of-lark"


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Inbound:
    """The whole application with the Slack and Lark webhooks open, without a server in front."""

    def __init__(self, folder: str, **settings: Any) -> None:
        given: dict[str, Any] = {
            "store_url": f"sqlite:///{folder}/store.db",
            "api_keys": API_KEY,
            "slack_bot_token": "xoxb-1",
            "slack_signing_secret": SIGNING_SECRET,
            "lark_app_id": "cli_a0000000000000001",
            "lark_app_secret": "x",
            "lark_encrypt_key": ENCRYPT_KEY,
            "lark_mode": "webhook",
            "asks_per_minute": 10_000,
            **settings,
        }
        self.runtime: Runtime = build(load_settings(**given), apps=settings.pop("apps", ()))
        self.app = web_app(self.runtime, open_doors(self.runtime))

    async def send(
        self,
        method: str,
        path: bytes,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        host: str = "127.0.0.1:8080",
        client: str = "127.0.0.1",
    ) -> Answered:
        """One request. Header values are sent as UTF-8, so that they may hold what no client lets through."""
        raw, _, query = path.partition(b"?")
        given = [
            (name.lower().encode(), value.encode("utf-8", "surrogateescape")) for name, value in {"host": host, **(headers or {})}.items()
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": _unquoted(raw), "raw_path": raw, "query_string": query, "root_path": "", "headers": given,
            "client": (client, 50000), "server": ("127.0.0.1", 8080), "state": {},
        }  # fmt: skip
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)  # type: ignore[operator]
        start = next(one for one in sent if one["type"] == "http.response.start")
        whole = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
        return Answered(
            start["status"], {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}, whole
        )


def routes(app: object) -> list[tuple[str, str]]:
    """(method, path pattern) of every route behind the guard."""
    assert isinstance(app, Guard)
    found = [(method, route.path) for route in _flat(app.inner.routes) for method in sorted(route.methods or ())]  # type: ignore[attr-defined]
    return [*found, ("GET", "/static/{file}")]


def _flat(routes: Any) -> list[Route]:
    flat: list[Route] = []
    for route in routes:
        included = getattr(route, "original_router", None)  # how FastAPI keeps an included router
        if included is not None:
            flat += _flat(included.routes)
        elif isinstance(route, Route):
            flat.append(route)
    return flat


def _unquoted(raw: bytes) -> str:
    from urllib.parse import unquote

    return unquote(raw.decode("latin-1"))


def slack_headers(body: bytes) -> dict[str, str]:
    """The headers of a body that Slack signed a moment ago."""
    now = str(int(time.time()))
    mac = hmac.new(SIGNING_SECRET.encode(), f"v0:{now}:".encode() + body, sha256).hexdigest()
    return {"x-slack-request-timestamp": now, "x-slack-signature": f"v0={mac}"}


def lark_sealed(plain: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event as Lark encrypts and signs it."""
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    cipher = Cipher(algorithms.AES256(sha256(ENCRYPT_KEY.encode()).digest()), modes.CBC(b"0" * 16)).encryptor()
    body = json.dumps({"encrypt": b64encode(b"0" * 16 + cipher.update(padded) + cipher.finalize()).decode()}).encode()
    headers = {"x-lark-request-timestamp": str(int(time.time())), "x-lark-request-nonce": "n"}
    right = sha256((headers["x-lark-request-timestamp"] + "n" + ENCRYPT_KEY).encode() + body).hexdigest()
    return {**headers, "x-lark-signature": right}, body
