"""Speaking in Slack: posting, redrawing, and telling one person privately. The door's `Messenger`.

Nothing here raises for what Slack answers: a message that could not be delivered is a logged reason and an empty result.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler, AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.model import Locale, Person, Place, Reply
from bot.ports import Card
from handlers.slack.blocks import with_share

SECONDS = 15
RATE_TRIES = 3
TOKEN_TROUBLE = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed", "org_login_required"})
NOT_THERE = frozenset(
    {"not_in_channel", "channel_not_found", "is_archived", "restricted_action", "team_access_not_granted", "missing_scope"}
)
_URL_SECONDS = 29 * 60.0  # Slack says 30 minutes and 5 uses
_URL_USES = 5
_MOST_URLS = 2000
_SHAPE = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "msg_too_long"})

log = structlog.get_logger("whyforbidden.slack")


def quiet_logger(name: str) -> logging.Logger:
    """The SDK's own lines: nothing below INFO (payloads), no traceback for a network that is down."""
    logger = logging.getLogger(f"whyforbidden.slack.{name}")
    logger.setLevel(logging.INFO)
    if not logger.filters:
        logger.addFilter(_without_traceback)
    return logger


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def web_client(token: str, base_url: str) -> AsyncWebClient:
    """Slack's own client: waits when told to (Retry-After); repeats only what surely never arrived, so that nothing is said twice."""
    handlers = [
        AsyncRateLimitErrorRetryHandler(max_retry_count=RATE_TRIES),
        AsyncConnectionErrorRetryHandler(max_retry_count=2, error_types=[aiohttp.ClientConnectorError]),
    ]
    base = base_url if base_url.endswith("/") else base_url + "/"
    client = AsyncWebClient(token=token or None, base_url=base, timeout=SECONDS, retry_handlers=handlers, logger=quiet_logger("sdk"))
    if urlsplit(base).hostname in ("127.0.0.1", "localhost", "::1"):
        client.proxy = None  # a company's proxy is for the world outside
    return client


@dataclass(slots=True)
class _Url:
    url: str
    until: float
    left: int = _URL_USES


class ResponseUrls:
    """Where private answers can be redrawn: the newest response_url of each card that only its asker sees. Kept in memory, for minutes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Url] = OrderedDict()

    def keep(self, card_id: str, url: str, used: int = 0) -> None:
        if url:
            self._kept[card_id] = _Url(url, monotonic() + _URL_SECONDS, _URL_USES - used)
            self._kept.move_to_end(card_id)
            if len(self._kept) > _MOST_URLS:
                self._kept.popitem(last=False)

    def take(self, card_id: str) -> str:
        """The address once more; empty when it is over."""
        kept = self._kept.get(card_id)
        if kept is None or kept.left <= 0 or kept.until < monotonic():
            self._kept.pop(card_id, None)
            return ""
        kept.left -= 1
        return kept.url


class Voice:
    """Everything the door says goes through here. `redraw(card id, audience)` draws a stored card again, for copies that were shared."""

    def __init__(self, client: AsyncWebClient, redraw: Callable[[str, str], Awaitable[Reply | None]]) -> None:
        self.client = client
        self.urls = ResponseUrls()
        self._redraw = redraw
        self._turns: dict[str, asyncio.Lock] = {}

    # ------------------------------------------------------------ the port

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card where it stands, and every copy that was shared; a private one through the way its last click opened."""
        turn = self._turns.setdefault(card.id, asyncio.Lock())
        try:
            async with turn:
                done = await self._update(card, reply)
                for ts in [str(one) for one in card.snapshot.get("shared", ())][-3:]:
                    if copy := await self._redraw(card.id, "channel"):
                        await self.call("chat.update", channel=card.place.chat, ts=ts, **message(copy))
                return done
        finally:
            if not turn.locked():
                self._turns.pop(card.id, None)

    async def _update(self, card: Card, reply: Reply) -> bool:
        if card.message:
            done, _ = await self.call("chat.update", channel=card.place.chat, ts=card.message, **message(reply))
            return done is not None
        body = with_share(message(reply), card.id, _locale(card.locale)) if card.snapshot.get("findings") else message(reply)
        if url := self.urls.take(card.id):
            return await self.respond(url, body, replace=True)
        # The private answer cannot be reached any more: the asker gets it anew, with what is true now.
        return await self.aside(card.asker.user_id, card.place, body) if card.asker else False

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Only `person` sees it: below the card if Slack can, else in a direct message."""
        return await self.aside(person.user_id, place, message(reply))

    # ------------------------------------------------------------ ways to say something

    async def post(self, place: Place, body: Mapping[str, Any]) -> tuple[Place | None, str]:
        """For everybody in `place` (a person's id leads to the direct chat). Returns where it stands now, or None and Slack's reason."""
        done, why = await self.call("chat.postMessage", channel=place.chat, thread_ts=place.thread or None, **_still(body))
        if done is None:
            return None, why
        return replace(place, chat=str(done.get("channel") or place.chat), message=str(done.get("ts", ""))), ""

    async def aside(self, user: str, place: Place, body: Mapping[str, Any], url: str = "") -> bool:
        """For one person: by the way their click opened, as a message only they see, or in the direct chat."""
        if url and await self.respond(url, body):
            return True
        if place.chat.startswith("D"):
            return (await self.post(place, body))[0] is not None
        if place.chat:
            done, _ = await self.call("chat.postEphemeral", channel=place.chat, user=user, thread_ts=place.thread or None, **body)
            if done is not None:
                return True
        return (await self.post(Place("slack", place.tenant, user), body))[0] is not None

    async def respond(self, url: str, body: Mapping[str, Any], *, replace: bool = False, thread: str = "", public: bool = False) -> bool:
        """Answer at a response_url: no membership is needed there."""
        client = AsyncWebhookClient(url, timeout=SECONDS, session=self.client.session, logger=quiet_logger("sdk"), retry_handlers=[
            AsyncRateLimitErrorRetryHandler(max_retry_count=RATE_TRIES)
        ])  # fmt: skip
        if self.client.proxy is None:
            client.proxy = None
        payload = {"response_type": "in_channel" if public else "ephemeral", "replace_original": replace, **body}
        if thread:
            payload["thread_ts"] = thread
        try:
            answer = await client.send_dict(payload)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("not_said", way="response_url", why=type(error).__name__)
            return False
        if answer.status_code != 200:
            log.info("not_said", way="response_url", why=answer.body[:80])
        return answer.status_code == 200

    async def link_to(self, place: Place) -> str | None:
        """The address of a message: empty when Slack does not tell, None when the message is gone."""
        done, why = await self.call("chat.getPermalink", channel=place.chat, message_ts=place.message)
        return str(done.get("permalink", "")) if done else None if why == "message_not_found" else ""

    async def call(self, method: str, **values: Any) -> tuple[Mapping[str, Any] | None, str]:
        """One call of the Web API: what it answered, or None and the reason (logged)."""
        try:
            return await self._send(method, values), ""
        except SlackApiError as error:
            why = str(error.response.get("error") or error.response.status_code)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = type(error).__name__
        if why in _SHAPE and values.get("blocks"):
            log.error("blocks_refused", method=method, why=why)
            return await self.call(method, **{**values, "blocks": None})
        if why in TOKEN_TROUBLE:
            log.error("token_refused", method=method, why=why, advice="run `whyforbidden doctor`")
        else:
            log.warning("not_said", method=method, why=why)
        return None, why

    async def _send(self, method: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        # A form is the one way that every method takes, reading ones too.
        answer = await self.client.api_call(method, data={name: _field(value) for name, value in values.items() if value is not None})
        data = answer.data
        return data if isinstance(data, dict) else {}


def message(reply: Reply) -> dict[str, Any]:
    """`text` and `blocks` of a reply."""
    return dict(reply.body) if isinstance(reply.body, Mapping) else {"text": reply.body}


def _field(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _still(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "unfurl_links": False, "unfurl_media": False}


def _locale(value: str) -> Locale:
    return "zh" if value == "zh" else "en"
