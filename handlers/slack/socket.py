"""Socket Mode: one connection after the other, each at an address of its own. `handlers/chat/supervise.py` opens the next.

The SDK's client reads frames, answers pings and sends acknowledgements; its way to reconnect is switched off, because it asks for a new address only
once and then tries a refused one for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.oauth.messages import PlatformRefusal
from handlers.chat.supervise import Ended
from handlers.slack.messenger import TOKEN_TROUBLE, Messenger, quiet_logger

PING_SECONDS = 10.0
OPEN_SECONDS = 10.0
_LOOK_SECONDS = 0.25
_HUMAN = TOKEN_TROUBLE | {"not_allowed_token_type", "missing_scope", "no_permission", "access_denied", "app_not_found"}


class _Client(SocketModeClient):
    """The SDK's client without its own reconnecting."""

    def __init__(self, token: str, web: AsyncWebClient) -> None:
        super().__init__(token, quiet_logger("socket"), web, auto_reconnect_enabled=False, ping_interval=PING_SECONDS)
        self.renew = asyncio.Event()
        if web.proxy is None:
            self.proxy = None

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002 - the SDK's signature
        """Slack asks to leave this connection (`disconnect`): the next one is opened by whoever supervises."""
        self.renew.set()

    async def open(self, address: str) -> None:
        """Connect, once."""
        self.current_session = await self.aiohttp_client_session.ws_connect(
            address,
            autoping=False,
            heartbeat=PING_SECONDS,
            proxy=self.proxy,
            ssl=self.web_client.ssl if self.web_client.ssl is not None else True,
        )
        self.message_receiver = asyncio.ensure_future(self.receive_messages())

    @property
    def over(self) -> bool:
        """Whether the connection ended, or Slack asked to renew it."""
        return self.renew.is_set() or self.current_session is None or self.current_session.closed


class Socket:
    """Opens connections for one app. The one before is closed only when the next one stands, so that no event falls between them."""

    def __init__(self, app: AsyncApp, token: str, web: AsyncWebClient, messenger: Messenger) -> None:
        self._app = app
        self._token = token
        self._web = web
        self._messenger = messenger
        self._last: _Client | None = None

    async def connect(self, up: Callable[[], None]) -> None:
        """Open a connection and stay until it ends. Raises `Ended` with the reason."""
        address = await self._address()
        client = _Client(self._token, self._web)
        client.socket_mode_request_listeners.append(self._handle)
        try:
            await asyncio.wait_for(client.open(address), OPEN_SECONDS)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            await _close(client)
            raise Ended(f"the WebSocket address was refused: {type(error).__name__}") from None
        before, self._last = self._last, client
        up()
        if before is not None:
            await _close(before)
        while not client.over:  # noqa: ASYNC110 - the SDK has no event for an end of the connection
            await asyncio.sleep(_LOOK_SECONDS)
        if client.renew.is_set():
            raise Ended("Slack asked to renew the connection", again_in=0.0)
        raise Ended("the connection was lost")

    async def close(self) -> None:
        """Close what is open."""
        last, self._last = self._last, None
        if last is not None:
            await _close(last)

    async def _address(self) -> str:
        """Where to connect: a fresh one each time."""
        try:
            answer = await self._messenger.once("apps.connections.open", token=self._token)
        except PlatformRefusal as refusal:
            raise Ended(refusal.code, human=refusal.code in _HUMAN, again_in=refusal.retry_after) from None
        url = answer.get("url")
        if not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            raise Ended("no address in Slack's answer")
        return url

    async def _handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        begun = asyncio.get_running_loop().time()
        answer = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, answer, begun)


async def _close(client: Any) -> None:
    with contextlib.suppress(Exception):
        await client.close()
