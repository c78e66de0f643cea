"""DingTalk's own stream client, held to what a server needs. The only file that imports `dingtalk_stream`.

Seen in version 0.24.3: every request is made without a timeout; its log lines hold the connection's ticket (INFO) and whole messages
(WARNING); a connection that ends in good order is opened again at once, without any pause.
"""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from dingtalk_stream import AckMessage, CallbackHandler, ChatbotMessage, Credential, DingTalkStreamClient

from handlers.system import is_local

SECONDS = 10.0
PAUSE = 1.0  # seconds between two openings
OPEN = "/v1.0/gateway/connections/open"
MESSAGES, CARDS = str(ChatbotMessage.TOPIC), str(CallbackHandler.TOPIC_CARD_CALLBACK)

Take = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""(message id, payload) → what goes back in the acknowledgement."""

log = structlog.get_logger("whyforbidden.dingtalk")


class Client(DingTalkStreamClient):  # type: ignore[misc]
    """The vendor's client: its loop, frames, routing and acknowledgements. Only the opening request is ours."""

    def __init__(self, client_id: str, secret: str, api_url: str, takers: Mapping[str, Take]) -> None:
        super().__init__(Credential(client_id, secret), quiet_logger())
        self._api_url = api_url.rstrip("/")
        self._trouble = ""
        self._opened = 0.0
        self.over = False
        for topic, take in takers.items():
            self.register_callback_handler(topic, _Handler(take))

    def open_connection(self) -> Mapping[str, Any] | None:
        """Ask the gateway for an endpoint and a ticket (good for 90 seconds and one connection). None: the loop tries again in 10 seconds."""
        if self.over:
            raise KeyboardInterrupt  # the one thing upon which the vendor's loop ends by itself
        time.sleep(max(0.0, self._opened + PAUSE - time.monotonic()))
        self._opened = time.monotonic()
        topics = [{"type": "CALLBACK", "topic": topic} for topic in self.callback_handler_map]
        body = opening(self.credential.client_id, self.credential.client_secret, topics)
        try:
            answer = httpx.post(
                self._api_url + OPEN, json=body, timeout=SECONDS, trust_env=not is_local(urlsplit(self._api_url).hostname or "")
            )
            data = answer.json()
            if answer.status_code == 200 and isinstance(data, dict) and data.get("endpoint") and data.get("ticket"):
                log.info("connected", way="stream", again=bool(self._trouble))
                self._trouble = ""
                return data
            why = str(data.get("code") or answer.status_code) if isinstance(data, dict) else str(answer.status_code)
        except (httpx.HTTPError, ValueError) as error:
            why = type(error).__name__
        if why != self._trouble:
            log.error("not_connected", why=why[:100], advice="run `whyforbidden doctor`")
        self._trouble = why
        return None


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
    if record.msg == "open connection failed" or (
        isinstance(record.args, tuple) and isinstance(next(iter(record.args), None), CancelledError)
    ):
        return False  # said by us already, with the reason; or our own way to stop it
    if record.args and "%" not in str(record.msg):
        # one of the SDK's calls gives an argument that its message has no place for
        record.msg, record.args = f"{record.msg}: {type(record.exc_info[1]).__name__ if record.exc_info else ''}", ()
    record.exc_info = None
    return True
