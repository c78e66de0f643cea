"""A whole process with the Lark door open, against the platform of `platform.py`, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.model import App
from handlers.compose import Runtime, build
from handlers.serve import open_doors, web_app
from handlers.settings import load_settings
from tests.lark.made import KEY, TOKEN, sealed, signature
from tests.lark.platform import APP_ID, SECRET, OpenPlatform, listening

FEISHU = App("lark", APP_ID, name="Sheets helper", brand="feishu", secret=SECRET, redirect_uri="http://127.0.0.1:8080/c", practice=True)


@dataclass
class House:
    """A running process of ours."""

    runtime: Runtime
    base: str
    lark: OpenPlatform

    async def post(self, event: dict[str, Any], **more: Any) -> httpx.Response:
        """Deliver an event to the webhook as the platform does."""
        headers, body = sealed(event, **more)
        return await self.raw(body, headers)

    async def raw(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Deliver bytes."""
        # plain http on loopback; a TLS context for each call would only be slow
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as client:  # noqa: S501
            return await client.post(self.base + "/lark/events", content=body, headers={"content-type": "application/json", **headers})

    async def deliver(self, event: dict[str, Any]) -> dict[str, Any]:
        """Deliver an event that has to be accepted (not encrypted by another program: quick); what was answered."""
        from tests.lark.quick import encrypt

        body = json.dumps({"encrypt": encrypt(event)}).encode()
        answer = await self.raw(body, signature(body))
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()
        return data


Open = Callable[..., Awaitable[House]]


@asynccontextmanager
async def house(folder: Path, lark: OpenPlatform, **settings: Any) -> AsyncIterator[House]:
    """Build a process from settings and serve it."""
    wanted = {
        "store_url": f"sqlite:///{folder / 'store.db'}",
        "practice": True,
        "lark_app_id": APP_ID,
        "lark_app_secret": SECRET,
        "lark_domain": lark.base,
        "lark_mode": "webhook",
        "lark_encrypt_key": KEY,
        "lark_verification_token": TOKEN,
    }
    runtime = build(load_settings(**{**wanted, **settings}), apps=[FEISHU])
    try:
        async with listening(web_app(runtime, open_doors(runtime))) as base:
            yield House(runtime, base, lark)
    finally:
        await runtime.close()


@pytest.fixture
async def lark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[OpenPlatform]:
    """A platform of this test's own."""
    monkeypatch.chdir(tmp_path)
    platform = OpenPlatform()
    async with listening(platform.app()) as base:
        platform.base = base
        yield platform
        assert platform.wrong == []


@pytest.fixture
async def open_house(lark: OpenPlatform, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens processes; several share the store unless told otherwise."""
    async with AsyncExitStack() as stack:

        async def opener(**settings: Any) -> House:
            return await stack.enter_async_context(house(tmp_path, lark, **settings))

        yield opener
