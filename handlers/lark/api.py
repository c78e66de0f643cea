"""The open platform's message API, as far as the door needs it, over the `Http` port.

Not the SDK: its calls block a thread (even the async ones fetch the tenant token with blocking requests), it cannot be told to keep a pace,
and importing it costs two seconds and 170 MiB. Each of these calls is a page of the public documentation ("im v1", "application v6").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import structlog

from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.ports import Http
from bot.redact import redact
from handlers.chat.retry import insist, wait_of
from handlers.lark.rate import Rate

HOSTS = {"feishu": "https://open.feishu.cn", "lark": "https://open.larksuite.com"}

GONE = frozenset({"230011", "230110", "230050", "230111"})  # recalled, deleted, no longer visible, expired
NOT_HERE = frozenset({"230002", "230018", "230035", "230006", "230027", "232009", "230038"})  # the bot may not speak in this chat
NO_THREAD = frozenset({"230071", "230019", "230072"})
TOO_OLD = frozenset({"230031"})  # a card may be redrawn for 14 days
RATE = frozenset({"99991400", "230020", "11232"})
_CHAT_RATE = frozenset({"230020"})
_TOKEN = frozenset({"99991663", "99991661", "99991664", "99991668", "99991671"})
_AGAIN = frozenset({"230049", "99991401", "2200"})
_LONGEST_WAIT = 60.0
_TOKEN_MARGIN = 600.0  # the platform issues a new token when less than 30 minutes are left; the old one stays valid

log = structlog.get_logger("whyforbidden.lark")


def base_url(domain: str) -> str:
    """The open API's address for the setting `lark_domain`: `feishu`, `lark` or an address."""
    return HOSTS.get(domain, domain.rstrip("/"))


class Api:
    """Calls as the app itself. Every method raises `PlatformRefusal` and nothing else."""

    def __init__(self, http: Http, domain: str, app_id: str, secret: str, rate: Rate | None = None) -> None:
        self.base = base_url(domain)
        self.app_id = app_id
        self.rate = rate or Rate()
        self.http = http
        self._secret = secret
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    # ------------------------------------------------------------ calling

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        chat: str = "",
        repeatable: bool = True,
    ) -> Mapping[str, Any]:
        """One call with the tenant token; the answer's `data`. Waits for its turn, repeats as every door does (`handlers/chat/retry.py`).

        `repeatable`: a call whose answer was lost may be made again without harm (it reads, carries a uuid, or sets the same state).
        """
        answer = json_of(await self._raw(method, path, query=query, body=body, chat=chat, repeatable=repeatable))
        data = answer.get("data")
        return data if isinstance(data, dict) else answer

    async def _raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        chat: str,
        repeatable: bool,
        content: bool = False,
    ) -> Response:
        """The answer of a call that the platform accepted. `content`: what comes is a file, which may look like an error of its own."""
        stale = ""

        async def once() -> Response:
            nonlocal stale
            token = await self.token(stale)
            await self.rate.turn(chat)
            response = await self.http.send(
                Request(method, self.base + path, headers={"authorization": f"Bearer {token}"}, query=query or {}, json=body)
            )
            no = None if content and response.status < 400 else refused(response)
            if no is None:
                return response
            if no.blame == "rate":
                self.rate.pause(min(no.retry_after or 1.0, _LONGEST_WAIT), chat if no.code in _CHAT_RATE else "")
            elif no.code in _TOKEN and token != stale:
                stale = token
                no.retryable = True
            raise no

        return await insist(once) if repeatable else await self._only_if_refused(once)

    @staticmethod
    async def _only_if_refused(once: Callable[[], Awaitable[Response]]) -> Response:
        """A call that must not be made twice: repeated only when it surely was not made, for a stale token or haste."""

        async def careful() -> Response:
            try:
                return await once()
            except PlatformRefusal as refusal:
                refusal.retryable = refusal.retryable and (refusal.blame == "rate" or refusal.code in _TOKEN)
                raise

        return await insist(careful)

    async def token(self, stale: str = "") -> str:
        """The tenant access token, kept until ten minutes before its end; another one than `stale`, which was refused."""
        async with self._token_lock:
            if self._token and self._token != stale and monotonic() < self._token_until:
                return self._token
            request = Request(
                "POST",
                self.base + "/open-apis/auth/v3/tenant_access_token/internal",
                json={"app_id": self.app_id, "app_secret": self._secret},
            )
            response = await self.http.send(request)
            answer = json_of(response)
            refusal = refused(response)
            token = answer.get("tenant_access_token")
            if refusal is not None and refusal.retryable:
                raise refusal
            if refusal is not None or not isinstance(token, str) or not token:
                code = refusal.code if refusal else "no_token"
                raise PlatformRefusal(code, refusal.message if refusal else "no tenant access token in the answer", blame="app")
            expire = answer.get("expire")
            self._token = token
            self._token_until = monotonic() + max(60.0, (expire if isinstance(expire, int) else 7200) - _TOKEN_MARGIN)
            return token

    # ------------------------------------------------------------ messages

    async def reply(self, message: str, kind: str, content: Mapping[str, Any], *, uuid: str, chat: str, thread: bool) -> str:
        """Reply to a message; the new message's id. The same `uuid` within an hour says nothing twice."""
        body = {"msg_type": kind, "content": dumps(content), "uuid": uuid, "reply_in_thread": thread}
        path = f"/open-apis/im/v1/messages/{message}/reply"
        try:
            return message_id(await self.call("POST", path, body=body, chat=chat))
        except PlatformRefusal as refusal:
            if not thread or refusal.code not in NO_THREAD:
                raise
        return message_id(await self.call("POST", path, body={**body, "reply_in_thread": False}, chat=chat))

    async def send(self, to: str, kind: str, content: Mapping[str, Any], *, uuid: str = "") -> Mapping[str, Any]:
        """A message to a person (`ou_…`, else a user_id) or chat (`oc_…`); the answer holds `message_id` and `chat_id`."""
        id_type = "chat_id" if to.startswith("oc_") else "open_id" if to.startswith("ou_") else "user_id"
        body = {"receive_id": to, "msg_type": kind, "content": dumps(content)} | ({"uuid": uuid} if uuid else {})
        path = "/open-apis/im/v1/messages"
        return await self.call("POST", path, query={"receive_id_type": id_type}, body=body, chat=to, repeatable=bool(uuid))

    async def redraw(self, message: str, card: Mapping[str, Any]) -> None:
        """Replace a card of ours; 5 a second a message, for 14 days."""
        path = f"/open-apis/im/v1/messages/{message}"
        await self.call("PATCH", path, body={"content": dumps(card)}, chat=message)

    async def show_to_one(self, chat: str, person: str, card: Mapping[str, Any]) -> None:
        """A card in a group that only one person sees (JSON 1.0; normal groups only)."""
        who = {"open_id" if person.startswith("ou_") else "user_id": person}
        body = {"chat_id": chat, **who, "msg_type": "interactive", "card": card}
        await self.call("POST", "/open-apis/ephemeral/v1/send", body=body, chat=chat, repeatable=False)

    async def messages(self, message: str) -> list[Mapping[str, Any]]:
        """A message, and what was forwarded in it."""
        data = await self.call("GET", f"/open-apis/im/v1/messages/{message}")
        items = data.get("items")
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    async def file(self, message: str, key: str) -> bytes:
        """A file of a message."""
        path = f"/open-apis/im/v1/messages/{message}/resources/{key}"
        response = await self._raw("GET", path, query={"type": "file"}, body=None, chat="", repeatable=True, content=True)
        return response.body

    async def bot(self) -> str:
        """The bot's own open_id."""
        data = await self.call("GET", "/open-apis/bot/v3/info")
        bot = data.get("bot")
        return str(bot.get("open_id") or "") if isinstance(bot, dict) else ""


def refused(response: Response) -> PlatformRefusal | None:
    """What is wrong with an answer; None when the platform did what it was asked."""
    answer = json_of(response)
    code = answer.get("code")
    if response.status < 400 and code in (0, "0"):
        return None
    log_id = response.headers.get("x-tt-logid", "")
    if response.status == 429 and code in (None, 0, "0"):
        return PlatformRefusal("http_429", blame="rate", request_id=log_id, retryable=True, retry_after=wait_of(response.headers))
    if code in (None, 0, "0"):
        retryable = response.status >= 500 or not answer  # a page of a proxy, or half an answer
        return PlatformRefusal(f"http_{response.status}", "an answer without a code", request_id=log_id, retryable=retryable)
    number = str(code)[:20]
    message = redact(str(answer.get("msg") or "")[:300]).text
    if number in RATE or response.status == 429:
        return PlatformRefusal(number, message, blame="rate", request_id=log_id, retryable=True, retry_after=wait_of(response.headers))
    retryable = response.status >= 500 or number in _AGAIN
    blame = "token" if number in _TOKEN else "platform" if retryable else "app"
    return PlatformRefusal(number, message, blame=blame, request_id=log_id, retryable=retryable)  # type: ignore[arg-type]


def json_of(response: Response) -> Mapping[str, Any]:
    """The answer as an object."""
    return response.data()


def dumps(content: Mapping[str, Any]) -> str:
    """Compact, in UTF-8: cards are limited to 30 KB as they are sent."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def message_id(data: Mapping[str, Any]) -> str:
    """The id of a message that was sent."""
    return str(data.get("message_id") or "")
