"""Speaking in Slack: posting, redrawing, and telling one person privately.

Transient failures (no answer, a server error, an answer that is no JSON, haste) are repeated here for some seconds and then raised as a retryable
`PlatformRefusal`, so that the door tries again later. Whatever Slack refuses for good is a logged reason and an empty result.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.model import Locale, Person, Place, Reply
from bot.oauth.messages import PlatformRefusal
from bot.ports import Card
from handlers.chat import metrics
from handlers.chat.retry import insist, lost, wait_of
from handlers.slack.blocks import with_share

SECONDS = 8
TOKEN_TROUBLE = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed", "org_login_required"})
NOT_THERE = frozenset(
    {"not_in_channel", "channel_not_found", "is_archived", "restricted_action", "team_access_not_granted", "missing_scope"}
)
GONE = frozenset({"message_not_found", "channel_not_found", "cant_update_message", "is_archived", "edit_window_closed"})
_AGAIN = frozenset({"internal_error", "service_unavailable", "request_timeout", "ratelimited", "rate_limited"})
_NOT_ARRIVED = frozenset({"unreachable", "ratelimited", "rate_limited"})  # failures after which surely nothing was said
_URL_SECONDS = 29 * 60.0  # Slack says 30 minutes and 5 uses
_URL_USES = 5
_MOST_URLS = 2000
_LOOKED_AT = 100  # replies of a thread in which our own answer is looked for
_SHAPE = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "msg_too_long"})
MARK = "whyforbidden_answer"

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
    """Slack's own client. It repeats nothing by itself: that is `handlers/chat/retry.py`'s, the same for every door."""
    base = base_url if base_url.endswith("/") else base_url + "/"
    client = AsyncWebClient(token=token or None, base_url=base, timeout=SECONDS, retry_handlers=[], logger=quiet_logger("sdk"))
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


class Messenger:
    """Everything the door says goes through here. `redraw(card id, audience)` draws a stored card again, for copies that were shared."""

    def __init__(self, client: AsyncWebClient, redraw: Callable[[str, str], Awaitable[Reply | None]]) -> None:
        self.client = client
        self.urls = ResponseUrls()
        self._redraw = redraw
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # ------------------------------------------------------------ cards that stand

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw a card where it stands, and every copy that was shared; a private one through the way its last click opened.

        False when it does not stand anywhere any more. Raises `PlatformRefusal` when Slack could not be reached.
        """
        turn = self._turns.setdefault(card.id, asyncio.Lock())
        async with turn:
            done = await self._update(card, reply)
            for ts in [str(one) for one in card.snapshot.get("shared", ())][-3:]:
                if copy := await self._redraw(card.id, "channel"):
                    await self._put(card.place.chat, ts, message(copy))
            return done

    async def _update(self, card: Card, reply: Reply) -> bool:
        if card.message:
            return await self._put(card.place.chat, card.message, message(reply))
        body = with_share(message(reply), card.id, _locale(card.locale)) if card.snapshot.get("findings") else message(reply)
        if url := self.urls.take(card.id):
            return await self.respond(url, body, replace=True)
        # The private answer cannot be reached any more: the asker gets it anew, with what is true now.
        return await self.aside(card.asker.user_id, card.place, body) if card.asker else False

    async def _put(self, channel: str, ts: str, body: Mapping[str, Any]) -> bool:
        done, why = await self.send("chat.update", channel=channel, ts=ts, **body)
        if done is None and why not in GONE:
            raise PlatformRefusal(why)
        return done is not None

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Only `person` sees it: below the card if Slack can, else in a direct message."""
        return await self.aside(person.user_id, place, message(reply))

    # ------------------------------------------------------------ ways to say something

    async def post(self, place: Place, body: Mapping[str, Any], key: str = "", *, again: bool = False) -> tuple[Place | None, str]:
        """For everybody in `place` (a person's id leads to the direct chat). Returns where it stands now, or None and Slack's reason.

        With a `key` it is said once: a message carries it, and where an earlier try may have come as far as Slack (`again`, or a lost answer), the
        thread is looked through for it first, as far as the bot may read there. Raises `PlatformRefusal` when Slack could not be reached.
        """
        mark = sha256(key.encode()).hexdigest()[:40] if key else ""
        doubtful = again
        sent = {**_still(body), **({"metadata": {"event_type": MARK, "event_payload": {"key": mark}}} if mark else {})}

        async def once() -> Mapping[str, Any]:
            nonlocal doubtful
            if doubtful and mark and (found := await self._marked(place, mark)):
                return found
            try:
                return await self._shaped("chat.postMessage", channel=place.chat, thread_ts=place.thread or None, **sent)
            except PlatformRefusal as refusal:
                doubtful = doubtful or (refusal.retryable and refusal.code not in _NOT_ARRIVED)
                raise

        done, why = await self._told("chat.postMessage", once)
        if done is None:
            return None, why
        return replace(place, chat=str(done.get("channel") or place.chat), message=str(done.get("ts", ""))), ""

    async def _marked(self, place: Place, mark: str) -> Mapping[str, Any] | None:
        """Our own message with this mark, where the bot may read the thread."""
        if not place.thread:
            return None
        try:
            answer = await self.once(
                "conversations.replies", channel=place.chat, ts=place.thread, limit=_LOOKED_AT, include_all_metadata=True
            )
        except PlatformRefusal as refusal:
            if refusal.retryable:
                raise
            log.info("thread_unread", why=refusal.code)
            return None
        told = answer.get("messages")
        for one in told if isinstance(told, list) else ():
            payload = ((one.get("metadata") or {}).get("event_payload") or {}) if isinstance(one, dict) else {}
            if payload.get("key") == mark:
                return {"channel": place.chat, "ts": str(one.get("ts") or "")}
        return None

    async def aside(self, user: str, place: Place, body: Mapping[str, Any], url: str = "") -> bool:
        """For one person: by the way their click opened, as a message only they see, or in the direct chat. Raises `PlatformRefusal` when none of these
        could be reached."""
        if url and await self._reached(self.respond(url, body)):
            return True
        if place.chat.startswith("D"):
            return (await self.post(place, body))[0] is not None
        if place.chat:
            said = self.send("chat.postEphemeral", channel=place.chat, user=user, thread_ts=place.thread or None, **body)
            if (await said)[0] is not None:
                return True
        return (await self.post(Place("slack", place.tenant, user), body))[0] is not None

    @staticmethod
    async def _reached(saying: Awaitable[bool]) -> bool:
        try:
            return await saying
        except PlatformRefusal:
            return False  # there are other ways

    async def respond(self, url: str, body: Mapping[str, Any], *, replace: bool = False, thread: str = "", public: bool = False) -> bool:
        """Answer at a response_url: no membership is needed there. Raises `PlatformRefusal` when it could not be reached."""
        client = AsyncWebhookClient(url, timeout=SECONDS, session=self.client.session, logger=quiet_logger("sdk"), retry_handlers=[])
        if self.client.proxy is None:
            client.proxy = None
        payload = {"response_type": "in_channel" if public else "ephemeral", "replace_original": replace, **body}
        if thread:
            payload["thread_ts"] = thread

        async def once() -> Mapping[str, Any]:
            try:
                answer = await client.send_dict(payload)
            except ValueError as error:
                raise PlatformRefusal(type(error).__name__) from None
            except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
                raise _lost(error) from None
            if answer.status_code == 200:
                return {"ok": True}
            if answer.status_code == 429 or answer.status_code >= 500:
                raise _busy(answer.status_code, answer.headers)
            raise PlatformRefusal(f"http_{answer.status_code}", answer.body[:80])

        return (await self._told("response_url", once))[0] is not None

    async def link_to(self, place: Place) -> str | None:
        """The address of a message: empty when Slack does not tell, None when the message is gone."""
        done, why = await self.call("chat.getPermalink", channel=place.chat, message_ts=place.message)
        return str(done.get("permalink", "")) if done else None if why == "message_not_found" else ""

    # ------------------------------------------------------------ calling

    async def call(self, method: str, *, tries: int = 2, **values: Any) -> tuple[Mapping[str, Any] | None, str]:
        """Look something up: what Slack answered, or None and the reason (logged). Gives up soon; the question is answered without it."""
        try:
            return await insist(lambda: self.once(method, **values), tries=tries, seconds=10.0), ""
        except PlatformRefusal as refusal:
            return None, self._noted(method, refusal)

    async def send(self, method: str, **values: Any) -> tuple[Mapping[str, Any] | None, str]:
        """Change something: what Slack answered, or None and the reason. Raises `PlatformRefusal` when Slack could not be reached."""
        return await self._told(method, lambda: self._shaped(method, **values))

    async def _told(self, method: str, once: Callable[[], Awaitable[Mapping[str, Any]]]) -> tuple[Mapping[str, Any] | None, str]:
        try:
            return await insist(once), ""
        except PlatformRefusal as refusal:
            why = self._noted(method, refusal)
            if refusal.retryable:
                raise
            return None, why

    def _noted(self, method: str, refusal: PlatformRefusal) -> str:
        metrics.CALLS.labels("slack", refusal.code[:40]).inc()
        if refusal.code in TOKEN_TROUBLE:
            log.error("token_refused", method=method, why=refusal.code, advice="run `whyforbidden doctor`")
        else:
            log.warning("not_said", method=method, why=refusal.code)
        return refusal.code

    async def _shaped(self, method: str, **values: Any) -> Mapping[str, Any]:
        """A message; without its looks when Slack refuses those: an answer in plain words is better than none."""
        try:
            return await self.once(method, **values)
        except PlatformRefusal as refusal:
            if refusal.code not in _SHAPE or not values.get("blocks"):
                raise
            log.error("blocks_refused", method=method, why=refusal.code)
        return await self.once(method, **{**values, "blocks": None})

    async def once(self, method: str, *, token: str = "", **values: Any) -> Mapping[str, Any]:
        """One call of the Web API. Raises `PlatformRefusal`. A form is the one way that every method takes, reading ones too.
        `token`: another one than the bot's."""
        form = {name: _field(value) for name, value in values.items() if value is not None}
        headers = {"Authorization": f"Bearer {token}"} if token else None
        try:
            answer = await self.client.api_call(method, data=form, headers=headers)
        except SlackApiError as error:
            raise _refused(error) from None
        except (SlackClientError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _lost(error) from None
        return answer.data if isinstance(answer.data, dict) else {}


def _refused(error: SlackApiError) -> PlatformRefusal:
    """What Slack said no with; an answer that is no JSON has a status only."""
    response: Any = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    if status == 429 or status >= 500 or not code:
        return _busy(status, getattr(response, "headers", {}), code)
    return PlatformRefusal(code, retryable=code in _AGAIN, blame="rate" if "rate" in code else "app")


def _busy(status: int, headers: Any, code: str = "") -> PlatformRefusal:
    rate = status == 429
    name = code or ("ratelimited" if rate else f"http_{status}")
    return PlatformRefusal(name, blame="rate" if rate else "platform", retryable=True, retry_after=wait_of(headers))


def _lost(error: BaseException) -> PlatformRefusal:
    return lost(
        "unreachable"
        if isinstance(error, aiohttp.ClientConnectorError)
        else "timeout"
        if isinstance(error, TimeoutError)
        else type(error).__name__
    )


def message(reply: Reply) -> dict[str, Any]:
    """`text` and `blocks` of a reply."""
    return dict(reply.body) if isinstance(reply.body, Mapping) else {"text": reply.body}


def _field(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _still(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "unfurl_links": False, "unfurl_media": False}


def _locale(value: str) -> Locale:
    return "zh" if value == "zh" else "en"
