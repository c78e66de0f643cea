"""Bolt's AsyncApp with its listeners: each reads what came, puts the work in line and acknowledges at once. Then Socket Mode, or a route."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from bot.i18n import say
from bot.model import Reply
from handlers.chat.last_seen import Seen
from handlers.chat.queue import Line, Pace, Recent
from handlers.chat.surface import Door
from handlers.compose import Runtime
from handlers.slack.blocks import line
from handlers.slack.desk import Desk
from handlers.slack.events import Asked, own_id, read_action, read_command, read_event, read_shortcut, read_view
from handlers.slack.files import Files
from handlers.slack.messenger import Voice, quiet_logger, web_client
from handlers.slack.users import People

PATH = "/slack/events"
PING_SECONDS = 10.0
GRACE_SECONDS = 3.0
MOST_BYTES = 3_000_000  # a message of 40,000 characters with its blocks, percent-encoded, is about a tenth of this
_PAUSES = (1.0, 5.0, 15.0, 60.0)
_ANY = re.compile(r"")

Body = dict[str, Any]

log = structlog.get_logger("whyforbidden.slack")


class SlackDoor:
    """One app in one workspace (or organisation). Listeners only translate; `Desk` works."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._settings = settings
        self._token = settings.slack_bot_token.get_secret_value()
        self.client = web_client(self._token, settings.slack_api_url)
        self.voice = Voice(self.client, self._redraw)
        self.people = People(self.voice.call)
        files = Files(self.voice.call, self._token, settings.slack_api_url, settings.max_upload)
        self.desk = Desk(runtime, self.voice, self.people, files)
        self.line = Line(settings.queue_limit)
        self._pace = Pace(settings.asks_per_minute)
        self._patience = Pace(1)
        self._recent = Recent()
        self._seen = Seen("slack", runtime.store, runtime.clock)
        self._service = runtime.service
        self._me = ""
        self._signatures = SignatureVerifier(settings.slack_signing_secret.get_secret_value())
        self.app = self._bolt()
        runtime.messengers["slack"] = self.voice

    def door(self) -> Door:
        """The door for the server."""
        if self._settings.slack_app_token:
            return Door("Slack", self._run_socket, says="connected through Socket Mode")
        return Door("Slack", self._run_http, ((PATH, self.receive),), says=f"listening at {PATH}")

    async def _redraw(self, card_id: str, audience: str) -> Reply | None:
        return await self._service.draw(card_id, "slack", audience=audience)

    # ------------------------------------------------------------ Bolt

    def _bolt(self) -> AsyncApp:
        # Our listeners only put work in line, so that Bolt may run them before it answers: no polling for the acknowledgement.
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
        if asked is not None and not self._recent.again(asked.key):
            self._seen.note("event")
            refused = self._take(asked)
            if refused is not None and asked.direct and self._patience.allows(asked.user):
                self.line.soon(self.desk.tell(asked, refused))
        await ack()

    async def on_command(self, ack: AsyncAck, body: Body) -> None:
        """`/whyforbidden`, with or without something behind it."""
        asked = read_command(body)
        self._seen.note("command")
        if not asked.text and self._pace.allows(asked.user):
            self._open_modal(asked, body)
            await ack()
            return
        if self._recent.again(asked.key):
            await ack()
            return
        refused = self._take(asked)
        await ack(**refused) if refused else await ack()

    async def on_shortcut(self, ack: AsyncAck, body: Body) -> None:
        """The shortcut on a message; the global shortcut opens the window."""
        await ack()
        asked = read_shortcut(body)
        self._seen.note("shortcut")
        if not asked.ts:
            self._open_modal(asked, body)
        elif not self._recent.again(asked.key):
            refused = self._take(asked)
            if refused is not None:
                self.line.soon(self.desk.tell(asked, refused))

    async def on_view(self, ack: AsyncAck, body: Body) -> None:
        """The window was sent off (or closed)."""
        asked = read_view(body)
        if body.get("type") != "view_submission" or self._recent.again(asked.key):
            await ack()
            return
        refused = line_of_nothing() if not asked.text else self._take(asked)
        if refused is None:
            await ack()
        else:
            self._recent.forget(asked.key)
            await ack(response_action="errors", errors={"why_paste": refused["text"]})

    async def on_action(self, ack: AsyncAck, body: Body) -> None:
        """A click."""
        await ack()
        pressed = read_action(body)
        if pressed is None or self._recent.again(pressed.key):
            return
        self._seen.note("click")
        if not self.line.put(pressed.lane, lambda: self.desk.click(pressed)):
            place = Asked("", "shortcut", pressed.tenant, pressed.channel, pressed.user, "", response_url=pressed.response_url)
            self.line.soon(self.desk.tell(place, self.desk.busy(pressed.user)))

    def _take(self, asked: Asked) -> Body | None:
        """Put a question in line; what to tell the asker when that is not possible."""
        if asked.direct and not self._pace.allows(asked.user):
            return self.desk.too_fast(asked.user)
        if not self.line.put(asked.lane, lambda: self.desk.answer(asked)):
            self._recent.forget(asked.key)
            return self.desk.busy(asked.user)
        return None

    def _open_modal(self, asked: Asked, body: Mapping[str, Any]) -> None:
        self.line.soon(self.desk.open_modal(asked, str(body.get("trigger_id") or "")))

    # ------------------------------------------------------------ HTTP

    async def receive(self, request: Request) -> Response:
        """Events, commands and interactivity on one path. Bolt checks the signature over the raw body, and its age."""
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
        headers: dict[str, str | Sequence[str]] = dict(request.headers)
        try:
            if not self._signatures.is_valid_request(raw, dict(request.headers)):
                return PlainTextResponse("The signature of this request is not Slack's.", 401)
            return AsyncBoltRequest(body=raw.decode("utf-8"), query=request.scope["query_string"].decode("latin-1"), headers=headers)
        except Exception:  # noqa: BLE001 - whatever Bolt trips over, it is nothing that Slack sends
            return PlainTextResponse("This is not a request of Slack's.", 400)

    async def _run_http(self) -> None:
        async with self._session():
            await self._know_myself()
            await asyncio.Event().wait()

    # ------------------------------------------------------------ Socket Mode

    async def _run_socket(self) -> None:
        async with self._session():
            handler = AsyncSocketModeHandler(
                self.app, self._settings.slack_app_token.get_secret_value(), quiet_logger("socket"), self.client, ping_interval=PING_SECONDS
            )
            if self.client.proxy is None:
                handler.client.proxy = None
            try:
                handler.client.wss_uri = await self._address(handler)
                await handler.client.connect()  # type: ignore[no-untyped-call]
                log.info("connected", way="socket")
                await self._know_myself()
                await asyncio.Event().wait()
            finally:
                await handler.client.close()  # type: ignore[no-untyped-call]

    async def _address(self, handler: AsyncSocketModeHandler) -> str:
        """Where to connect. Asked again until Slack tells: one line a try, no traceback."""
        tries = 0
        while True:
            try:
                return str(await handler.client.issue_new_wss_url())
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                why = str(error.response.get("error")) if isinstance(error, SlackApiError) else type(error).__name__
                log.error("not_connected", why=why, again_in_seconds=pause, advice="run `whyforbidden doctor`")
                await asyncio.sleep(pause)
                tries += 1

    # ------------------------------------------------------------ both

    def _session(self) -> _Session:
        return _Session(self)

    async def _know_myself(self) -> None:
        """The bot's own user id, for mentions in messages that do not tell it. A refused token is logged, and the doctor explains it."""
        answer, _ = await self.voice.call("auth.test")
        if answer:
            self._me = str(answer.get("user_id") or "") or self._me


class _Session:
    """One connection pool while the door is open; at the end, what was acknowledged may still finish."""

    def __init__(self, door: SlackDoor) -> None:
        self._door = door

    async def __aenter__(self) -> None:
        self._door.client.session = aiohttp.ClientSession()

    async def __aexit__(self, *_: object) -> None:
        await self._door.line.close(GRACE_SECONDS)
        session, self._door.client.session = self._door.client.session, None
        if session is not None:
            await session.close()


def line_of_nothing() -> Body:
    """An empty window."""
    return line(say("There is no text to explain. Paste the error, or only its log_id."), "en")
