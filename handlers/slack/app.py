"""Bolt's AsyncApp with its listeners: each reads what came, hands it to the door, and acknowledges what is kept. By HTTP or Socket Mode."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_internals import build_async_context
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from bot.model import Text
from handlers.chat import sentences
from handlers.chat.api import Known
from handlers.chat.door import DRAIN_SECONDS, ChatDoor
from handlers.chat.gate import Forged
from handlers.chat.supervise import keep_up
from handlers.chat.surface import Door
from handlers.compose import Runtime
from handlers.slack.events import Asked, Pressed, own_id, read_action, read_command, read_event, read_shortcut, read_view
from handlers.slack.files import Files
from handlers.slack.messenger import SECONDS, Messenger, quiet_logger, web_client
from handlers.slack.socket import Socket
from handlers.slack.surface import SlackSurface
from handlers.slack.users import People

PATH = "/slack/events"
MOST_BYTES = 3_000_000  # a message of 40,000 characters with its blocks, percent-encoded, is about a tenth of this
_ANY = re.compile(r"")

Body = dict[str, Any]

log = structlog.get_logger("whyforbidden.slack")


class SlackDoor:
    """One app in one workspace (or organisation). Listeners only translate; `ChatDoor` works."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._settings = settings
        self._watch = runtime.watch
        self._token = settings.slack_bot_token.get_secret_value()
        self.client = web_client(self._token, settings.slack_api_url)
        self.messenger = Messenger(self.client, lambda card_id, audience: runtime.service.draw(card_id, "slack", audience=audience))
        files = Files(self.messenger.call, self._token, settings.slack_api_url, settings.max_upload)
        self.surface = SlackSurface(runtime, self.messenger, People(self.messenger.call), files)
        self.chat = ChatDoor(runtime, self.surface, Asked, Pressed)
        self.queue = self.chat.queue
        self._forged = Forged("slack", self.chat.seen)
        self._me = ""
        secret = settings.slack_signing_secret.get_secret_value()
        self._signatures = SignatureVerifier(secret) if secret else None  # Socket Mode needs none
        self.app = self._bolt()

    def door(self) -> Door:
        """The door for the server."""
        if self._settings.slack_app_token:
            return Door("Slack", self._run_socket, says="connected through Socket Mode")
        return Door("Slack", self._run_http, ((PATH, self.receive),), says=f"listening at {PATH}")

    # ------------------------------------------------------------ Bolt

    def _bolt(self) -> AsyncApp:
        # Our listeners only keep what came, so that Bolt may run them before it answers: no polling for the acknowledgement.
        # Messages of bots are sorted out by `read_event`, which knows more about them than Bolt's own filter.
        async def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
            return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=self._token)

        app = AsyncApp(
            name="whyforbidden",
            client=web_client("", self._settings.slack_api_url),
            signing_secret=self._settings.slack_signing_secret.get_secret_value(),
            authorize=authorize,
            process_before_response=True,
            ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            logger=quiet_logger("bolt"),
        )
        app.command(_ANY)(self.on_command)
        app.action(_ANY)(self.on_action)
        app.event(_ANY)(self.on_event)
        app.shortcut(_ANY)(self.on_shortcut)
        app.view(_ANY)(self.on_view)
        app.error(self.on_error)
        return app

    async def on_error(self, error: Exception) -> BoltResponse:
        """A listener only reads and puts in line: what it trips over is a request that is shaped like none of Slack's."""
        log.warning("request_unreadable", kind=type(error).__name__)
        return BoltResponse(status=400, body="This is not a request of Slack's.")

    async def on_event(self, ack: AsyncAck, body: Body) -> None:
        """Messages and mentions; every other event is only acknowledged."""
        self._me = own_id(body) or self._me
        if (kind := body["event"].get("type")) in ("app_uninstalled", "tokens_revoked"):
            log.error("taken_out", why=kind, advice="install the app again, then run `whyforbidden doctor`")
        asked = read_event(body, self._settings.listen_channels, self._me)
        if asked is not None and (not asked.below or await self.chat.below_a_card(asked)):
            self.chat.seen.note("event")
            await self.chat.take_or_say(asked)
        await ack()

    async def on_command(self, ack: AsyncAck, body: Body) -> None:
        """`/whyforbidden`, with or without something behind it."""
        asked = read_command(body)
        self.chat.seen.note("command")
        if not asked.text:
            self._open_modal(asked, body)
            await ack()
            return
        refused = await self.chat.take(asked)
        await ack(**self._line(refused, asked)) if refused else await ack()

    async def on_shortcut(self, ack: AsyncAck, body: Body) -> None:
        """The shortcut on a message; the global shortcut opens the window."""
        asked = read_shortcut(body)
        self.chat.seen.note("shortcut")
        if not asked.ts:
            self._open_modal(asked, body)
        else:
            await self.chat.take_or_say(asked)
        await ack()

    async def on_view(self, ack: AsyncAck, body: Body) -> None:
        """The window was sent off (or closed)."""
        asked = read_view(body)
        if body.get("type") != "view_submission":
            await ack()
            return
        refused = await self.chat.take(asked) if asked.text else sentences.NOTHING
        if refused is None:
            await ack()
        else:
            await ack(response_action="errors", errors={"why_paste": self._line(refused, asked)["text"]})

    async def on_action(self, ack: AsyncAck, body: Body) -> None:
        """A click."""
        pressed = read_action(body)
        if pressed is not None:
            self.chat.seen.note("click")
            refused = await self.chat.clicks.take(pressed)
            if isinstance(refused, Text):
                self.queue.soon(self._not_clicked(pressed, refused))
        await ack()

    async def _not_clicked(self, pressed: Pressed, said: Text) -> None:
        line = self.surface.line(said, Known(), pressed.user)
        await self.messenger.aside(pressed.user, pressed.place, line, pressed.response_url)

    def _line(self, said: Text, asked: Asked) -> Body:
        return self.surface.line(said, Known(), asked.user)

    def _open_modal(self, asked: Asked, body: Mapping[str, Any]) -> None:
        self.queue.soon(self.surface.open_modal(asked, str(body.get("trigger_id") or "")))

    # ------------------------------------------------------------ HTTP

    async def receive(self, request: Request) -> Response:
        """Events, commands and interactivity on one path. Bolt checks the signature over the raw body, and its age."""
        if self._forged.too_many(request):
            return PlainTextResponse("too many", 429)
        raw = bytearray()
        try:
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MOST_BYTES:
                    return PlainTextResponse("The request is too large.", 413)
        except ClientDisconnect:
            return PlainTextResponse("The request was not sent to its end.", 400)
        asked = self._opened(request, bytes(raw))
        if isinstance(asked, Response):
            return asked
        try:
            answer = await self.app.async_dispatch(asked)
        except Exception as error:  # noqa: BLE001 - Bolt itself trips over odd shapes, also on its way to `on_error`
            answer = await self.on_error(error)
        return Response(answer.body, answer.status, answer.first_headers_without_set_cookie())

    def _opened(self, request: Request, raw: bytes) -> AsyncBoltRequest | Response:
        """A request as Bolt reads it. Bolt parses the body before it checks the signature, so the signature is checked first here."""
        try:
            if self._signatures is None or not self._signatures.is_valid_request(raw, dict(request.headers)):
                self._forged.note(request, "wrong signature")
                return PlainTextResponse("The signature of this request is not Slack's.", 401)
            return _parsed(raw.decode("utf-8"), request)
        except Exception:  # noqa: BLE001 - whatever Bolt trips over, it is nothing that Slack sends
            return PlainTextResponse("This is not a request of Slack's.", 400)

    async def _run_http(self) -> None:
        self._watch.up("slack")
        await self._run(None)

    async def _run_socket(self) -> None:
        socket = Socket(self.app, self._settings.slack_app_token.get_secret_value(), self.client, self.messenger)
        await self._run(socket)

    async def _run(self, socket: Socket | None) -> None:
        """Until cancelled: hear, answer, take up what others left. At the end, what was taken is finished or handed back."""
        # the SDK's own time limit does not hold for a session that it is given
        self.client.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        jobs = [self.chat.run(), self._know_myself()] + ([keep_up("slack", self._watch, socket.connect)] if socket else [])
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            await asyncio.Event().wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if socket is not None:
                await socket.close()
            await self.chat.close(DRAIN_SECONDS)
            await self.surface.close()
            session, self.client.session = self.client.session, None
            if session is not None:
                await session.close()

    async def _know_myself(self) -> None:
        """The bot's own user id, for mentions in messages that do not tell it. A refused token is logged, and the doctor explains it."""
        answer, _ = await self.messenger.call("auth.test")
        if answer:
            self._me = str(answer.get("user_id") or "") or self._me


def _parsed(raw: str, request: Request) -> AsyncBoltRequest:
    """Bolt's request. Its own reading takes every form in which the word "payload" stands for an interaction, so the body is parsed here: only a field
    of that name is one. Raises `ValueError`."""
    headers: dict[str, str | Sequence[str]] = dict(request.headers)
    asked = AsyncBoltRequest(body=raw, query=request.scope["query_string"].decode("latin-1"), headers=headers)
    if not raw.lstrip().startswith("{"):
        fields = dict(parse_qsl(raw, keep_blank_values=True))
        asked.body = json.loads(fields["payload"]) if "payload" in fields else fields
        if not isinstance(asked.body, dict):
            raise ValueError("the payload is no object")
        asked.context = build_async_context(AsyncBoltContext({}), asked.body)
    return asked
