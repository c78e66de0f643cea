"""DingTalk's open API, as far as the door needs it, over the `Http` port: the robot's token, messages, files, interactive cards.

A call gives its data, or None and the reason, which is logged; it raises a retryable `PlatformRefusal` when DingTalk could not be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot.oauth.generic import int_or_none, plain_text, seconds_to_wait, text_or_none
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.ports import Http
from handlers.chat import metrics
from handlers.chat.retry import insist

WEBHOOK_HOST = "oapi.dingtalk.com"
LOST = "lost"  # no answer, or a server's error: it may have been said
LONGEST_WAIT = 30.0
_MARGIN = 300.0  # seconds before its end at which a token is fetched anew
_TOKEN_TROUBLE = frozenset({"invalidauthentication", "authenticationfailed.missingparameter", "40014", "42001"})
_TOO_FAST = frozenset({"1111", "90002", "90018", "410100", "130101", "130102"})
_NOT_ALLOWED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"

Answer = Mapping[str, Any]

log = structlog.get_logger("whyforbidden.dingtalk")


class Api:
    """Calls as the robot. `files` is the way out for downloads, with its own size limit."""

    def __init__(self, http: Http, files: Http, base: str, client_id: str, secret: str) -> None:
        self.client_id = client_id
        self._http = http
        self._files = files
        self._base = base.rstrip("/")
        self._secret = secret
        self._token = ""
        self._until = 0.0
        self._turn = asyncio.Lock()

    # ------------------------------------------------------------ calling

    async def call(self, method: str, path: str, body: Answer) -> tuple[Answer | None, str]:
        """One call with the robot's token: its data, or None and the reason (logged). Takes a new token once when the old one is refused.

        Raises `PlatformRefusal` when DingTalk could not be reached or was too busy, after the repetitions that are the same for every door.
        """
        fresh = False

        async def once() -> Answer:
            nonlocal fresh
            token = await self.token(fresh=fresh)
            headers = {"x-acs-dingtalk-access-token": token}
            response = await self._http.send(Request(method, self._base + path, headers=headers, json=body))
            no = refused(response)
            if no is None:
                return response.data()
            if no.code.lower() in _TOKEN_TROUBLE and not fresh:
                fresh = no.retryable = True
            raise no

        try:
            return await insist(once), ""
        except PlatformRefusal as refusal:
            metrics.CALLS.labels("dingtalk", refusal.code[:40]).inc()
            advice = "run `whyforbidden doctor`" if refusal.code == _NOT_ALLOWED else ""
            (log.error if advice else log.warning)("not_said", path=path, why=refusal.code, advice=advice)
            if refusal.retryable:
                raise
            return None, refusal.code

    async def token(self, *, fresh: bool = False) -> str:
        """The robot's access token, two hours old at most. Raises `PlatformRefusal`."""
        async with self._turn:
            if fresh or monotonic() >= self._until:
                self._token, seconds = await fetch_token(self._http, self._base, self.client_id, self._secret)
                self._until = monotonic() + max(60.0, seconds - _MARGIN)
            return self._token

    # ------------------------------------------------------------ messages

    async def reply(self, hook: str, body: Answer) -> str:
        """Reply at a session's own address. Empty when DingTalk took it, else why not (`too_fast`, `lost`, `address_refused`, its errcode). Not repeated:
        there is another way."""
        if not self.may_reply(hook):
            log.warning("hook_refused", host=_host(hook))
            return "address_refused"
        try:
            response = await self._http.send(Request("POST", hook, json=body, secret=True))
        except PlatformRefusal as refusal:
            log.warning("not_said", path="sessionWebhook", why=refusal.code)
            return LOST if refusal.retryable else refusal.code
        no = refused(response)
        if no is None:
            return ""
        log.warning("not_said", path="sessionWebhook", why=no.code)
        return "too_fast" if no.blame == "rate" else LOST if no.retryable else no.code

    def may_reply(self, hook: str) -> bool:
        """The address comes with a message, so only DingTalk's own host is believed (or the one that is configured as its API)."""
        try:
            parts, own = urlsplit(hook), urlsplit(self._base)
            if parts.username or parts.password:
                return False
            theirs = (parts.scheme, parts.hostname) == ("https", WEBHOOK_HOST) and parts.port in (None, 443)
            return theirs or (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
        except ValueError:
            return False

    async def write(self, user: str, robot: str, key: str, param: str) -> bool:
        """A direct message to one person."""
        body = {"robotCode": robot or self.client_id, "userIds": [user], "msgKey": key, "msgParam": param}
        data, _ = await self.call("POST", "/v1.0/robot/oToMessages/batchSend", body)
        if data is None:
            return False
        missed = [name for name in ("invalidStaffIdList", "flowControlledStaffIdList") if data.get(name)]
        if missed:
            log.warning("not_said", path="oToMessages", why=missed[0])
        return not missed

    async def post(self, chat: str, robot: str, key: str, param: str) -> bool:
        """A message to a group."""
        body = {"robotCode": robot or self.client_id, "openConversationId": chat, "msgKey": key, "msgParam": param}
        data, _ = await self.call("POST", "/v1.0/robot/groupMessages/send", body)
        return data is not None

    # ------------------------------------------------------------ cards

    async def deliver(self, card: Answer) -> bool:
        """Create an interactive card and put it into a chat."""
        data, _ = await self.call("POST", "/v1.0/card/instances/createAndDeliver", card)
        return data is not None

    async def redraw(self, card_id: str, values: Mapping[str, str], private: Mapping[str, Mapping[str, str]] | None = None) -> bool:
        """New values for a card, and for single persons (by user id)."""
        body: dict[str, Any] = {
            "outTrackId": card_id,
            "cardData": {"cardParamMap": dict(values)},
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        }
        if private:
            body["userIdType"] = 1
            body["privateData"] = {user: {"cardParamMap": dict(own)} for user, own in private.items()}
        data, _ = await self.call("PUT", "/v1.0/card/instances", body)
        return data is not None

    # ------------------------------------------------------------ files

    async def download(self, robot: str, code: str) -> tuple[bytes | None, str]:
        """The bytes of a file that was sent to the bot, or None and why (`too_large` …)."""
        body = {"robotCode": robot or self.client_id, "downloadCode": code}
        try:
            data, why = await self.call("POST", "/v1.0/robot/messageFiles/download", body)
        except PlatformRefusal as refusal:
            return None, refusal.code
        url = plain_text(data.get("downloadUrl"), 4000) if data else ""
        if not url:
            return None, why or "no_address"
        try:
            response = await self._files.send(Request("GET", url, secret=True))
        except PlatformRefusal as refusal:
            return None, refusal.code
        return (response.body, "") if response.status == 200 else (None, str(response.status))


async def fetch_token(http: Http, base: str, client_id: str, secret: str) -> tuple[str, int]:
    """A new access token and its life in seconds. Raises `PlatformRefusal`."""
    response = await http.send(
        Request("POST", base.rstrip("/") + "/v1.0/oauth2/accessToken", json={"appKey": client_id, "appSecret": secret})
    )
    data = response.data()
    token = text_or_none(data.get("accessToken"))
    if response.status >= 400 or token is None:
        code = reason(response) or "no_token"
        no = refused(response)
        message = plain_text(data.get("message"), hide=(secret,))
        raise PlatformRefusal(
            code, message, blame=no.blame if no else "app", retryable=bool(no and no.retryable), retry_after=no.retry_after if no else None
        )
    return token, int_or_none(data.get("expireIn")) or 7200


def reason(response: Response) -> str:
    """Why a call was refused, by DingTalk's own code; empty when it was not. The old API says so with status 200."""
    data = response.data()
    old = plain_text(data.get("errcode"), 40)
    if old not in ("", "0"):
        return old
    if plain_text(data.get("status"), 40) == "1111":
        return "1111"
    if response.status < 400 and (data or not response.body):
        return ""
    return plain_text(data.get("code"), 100) or (str(response.status) if response.status >= 400 else "not_json")


def refused(response: Response) -> PlatformRefusal | None:
    """What is wrong with an answer; None when DingTalk did what it was asked."""
    why = reason(response)
    if not why:
        return None
    wait = pause(response, why)
    if wait is not None:
        return PlatformRefusal(why, blame="rate", retryable=True, retry_after=wait)
    retryable = response.status >= 500 or why == "not_json"
    return PlatformRefusal(why, blame="platform" if retryable else "app", retryable=retryable)


def pause(response: Response, why: str) -> float | None:
    """How many seconds to wait when the call came too fast; None when it was refused for something else."""
    lower = why.lower()
    if (
        why not in _TOO_FAST
        and response.status != 429
        and not any(mark in lower for mark in ("qpslimit", "too.fast", "toofast", "too.many"))
    ):
        return None
    told = int_or_none(response.data().get("wait"))
    return min(LONGEST_WAIT, float(told) if told is not None else seconds_to_wait(response) or 1.0)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
