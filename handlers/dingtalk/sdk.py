"""DingTalk's own stream client, held to what a server needs. The only file that imports `dingtalk_stream`.

Seen in version 0.24.3: every request is made without a timeout; its log lines hold the connection's ticket (INFO) and whole messages
(WARNING); its loop of connections rests ten seconds whatever happened, or not at all.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import structlog
from dingtalk_stream import AckMessage, CallbackHandler, ChatbotMessage, Credential, DingTalkStreamClient
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from handlers.chat.retry import wait_of
from handlers.chat.supervise import Ended
from handlers.system import is_local

SECONDS = 10.0
PING_SECONDS = 20.0
OPEN = "/v1.0/gateway/connections/open"
MESSAGES, CARDS = str(ChatbotMessage.TOPIC), str(CallbackHandler.TOPIC_CARD_CALLBACK)

Take = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""(message id, payload) → what goes back in the acknowledgement."""

log = structlog.get_logger("whyforbidden.dingtalk")


class NotTakenError(Exception):
    """There is no room for a message: it is not acknowledged, so DingTalk delivers it again."""


class Client(DingTalkStreamClient):  # type: ignore[misc]
    """The vendor's client for one connection: its frames, routing and acknowledgements. Opening and staying is ours."""

    def __init__(self, client_id: str, secret: str, api_url: str, takers: Mapping[str, Take]) -> None:
        super().__init__(Credential(client_id, secret), quiet_logger())
        self._api_url = api_url.rstrip("/")
        self._tasks: set[asyncio.Task[None]] = set()
        for topic, take in takers.items():
            self.register_callback_handler(topic, _Handler(take))

    async def once(self, up: Callable[[], None]) -> None:
        """Open a connection at a fresh address, stay until it ends. Raises `Ended`."""
        self.pre_start()
        address = await asyncio.to_thread(self._address)
        try:
            async with connect(
                address, open_timeout=SECONDS, ping_interval=PING_SECONDS, ping_timeout=PING_SECONDS, close_timeout=1.0
            ) as socket:
                self.websocket = socket
                up()
                log.info("connected", way="stream")
                async for raw in socket:
                    task = asyncio.ensure_future(self.background_task(json.loads(raw)))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            raise Ended(type(error).__name__) from None
        raise Ended("DingTalk closed the connection")

    def _address(self) -> str:
        """Ask the gateway for an endpoint and a ticket (good for 90 seconds and one connection). Raises `Ended`."""
        topics = [{"type": "CALLBACK", "topic": topic} for topic in self.callback_handler_map]
        body = opening(self.credential.client_id, self.credential.client_secret, topics)
        try:
            answer = httpx.post(
                self._api_url + OPEN, json=body, timeout=SECONDS, trust_env=not is_local(urlsplit(self._api_url).hostname or "")
            )
            data = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Ended(type(error).__name__) from None
        if answer.status_code == 200 and isinstance(data, dict) and data.get("endpoint") and data.get("ticket"):
            return f"{data['endpoint']}?ticket={quote_plus(str(data['ticket']))}"
        code = str(data.get("code") or answer.status_code)[:100] if isinstance(data, dict) else str(answer.status_code)
        raise Ended(code, human=answer.status_code in (400, 401, 403), again_in=wait_of(answer.headers))


class _Handler(CallbackHandler):  # type: ignore[misc]
    """Hands a payload over and acknowledges with what comes back."""

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take

    async def process(self, message: Any) -> tuple[int, Any]:
        data = message.data if isinstance(message.data, dict) else {}
        return AckMessage.STATUS_OK, await self._take(str(message.headers.message_id or ""), data)


def opening(client_id: str, secret: str, topics: list[dict[str, str]]) -> dict[str, Any]:
    """The body of the opening request, as the vendor's client sends it, without this machine's address."""
    return {
        "clientId": client_id,
        "clientSecret": secret,
        "subscriptions": topics,
        "ua": f"dingtalk-sdk-python/v{version('dingtalk-stream')}-union",
    }


def quiet_logger() -> logging.Logger:
    """The SDK's own lines: errors only, one line each."""
    for name in ("dingtalk_stream", "dingtalk_stream.handler", "dingtalk_stream.client"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # at DEBUG it writes the opening line with the ticket, and every message
    logging.getLogger("websockets.client").setLevel(logging.WARNING)
    logger = logging.getLogger("whyforbidden.dingtalk.sdk")
    logger.setLevel(logging.ERROR)
    if not logger.filters:
        logger.addFilter(_one_line)
    return logger


def _one_line(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True
