"""Slack, as far as the door sees it: the Web API, file downloads, response URLs and Socket Mode on loopback. Strict on purpose: it knows
the documented methods and arguments only, refuses blocks that Slack would refuse, and checks token, scope and membership.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from slack_sdk.models.views import View

from tests.render.slack_blocks import problems

TEAM, BOT, BOT_ID, APP = "T0TEAM", "U0BOT", "B0BOT", "A0APP"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test-token-of-the-door", "xapp-test-token-of-the-door", "signing-secret-of-the-test"
HANG_SECONDS = 30.0
MESSAGE = frozenset({"text", "blocks"})

#: Method → the scope it needs, required arguments, further arguments. (docs.slack.dev/reference/methods)
METHODS: Mapping[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "auth.test": ("", frozenset(), frozenset()),
    "bots.info": ("users:read", frozenset({"bot"}), frozenset({"team_id"})),
    "chat.postMessage": ("chat:write", frozenset({"channel"}), MESSAGE | {"thread_ts", "unfurl_links", "unfurl_media", "metadata"}),
    "chat.postEphemeral": ("chat:write", frozenset({"channel", "user"}), MESSAGE | {"thread_ts"}),
    "chat.update": ("chat:write", frozenset({"channel", "ts"}), MESSAGE),
    "chat.getPermalink": ("", frozenset({"channel", "message_ts"}), frozenset()),
    "conversations.replies": ("channels:history", frozenset({"channel", "ts"}), frozenset({"limit", "include_all_metadata"})),
    "files.info": ("files:read", frozenset({"file"}), frozenset()),
    "users.info": ("users:read", frozenset({"user"}), frozenset({"include_locale"})),
    "views.open": ("", frozenset({"trigger_id", "view"}), frozenset()),
}
SCOPES = frozenset({"app_mentions:read", "chat:write", "commands", "files:read", "im:history", "users:read"})


@dataclass
class Posted:
    """A message as somebody in Slack would see it."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str = ""
    only_for: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Everything one can read in it."""
        return self.text + json.dumps(self.blocks, ensure_ascii=False)

    def button(self, action: str, index: int = 0) -> dict[str, Any]:
        """A button by its action."""
        found = [one for block in self.blocks if block["type"] == "actions" for one in block["elements"]]
        return next(one for one in found if one["action_id"] == f"why_{action}_{index}")

    @property
    def actions(self) -> list[str]:
        return [one["action_id"] for block in self.blocks if block["type"] == "actions" for one in block["elements"]]


@dataclass
class SlackServer:
    """One workspace. `fail` answers the next calls of a method with an error, `busy` with 429 and these seconds."""

    base: str = ""
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    messages: dict[tuple[str, str], Posted] = field(default_factory=dict)
    whispers: list[Posted] = field(default_factory=list)
    replaced: list[Posted] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    members: set[str] = field(default_factory=lambda: {"C1", "C2", "D1", "G1"})
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    locales: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    fail: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    busy: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    uses: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    acks: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    valid_tokens: set[str] = field(default_factory=lambda: {BOT_TOKEN})
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: Callable[[str], str] = lambda _: ""
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------ serving

    async def start(self) -> web.AppRunner:
        app = web.Application(client_max_size=5_000_000)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_post("/respond/{id}", self._respond)
        app.router.add_get("/files/{id}", self._download)
        app.router.add_get("/socket", self._socket)
        runner = web.AppRunner(app, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base = "http://{}:{}".format(*runner.addresses[0][:2])
        return runner

    async def _api(self, request: web.Request) -> web.Response:
        method, form = request.match_info["method"], {k: str(v) for k, v in (await request.post()).items()}
        self.calls.append((method, form))
        wrong = self.trouble(method)
        if wrong and wrong != "late":
            return await in_trouble(wrong)
        try:
            answer = self._answer(method, form, request.headers.get("Authorization", ""))
            if self.busy[method]:
                return web.json_response(
                    {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(self.busy[method].pop(0))}
                )
            done = answer if isinstance(answer, dict) else answer()
        except _No as no:
            if no.code.startswith(("invalid_arg", "invalid_blocks", "unknown")):
                self.refused.append(f"{method}: {no.code} {no.detail}")
            return web.json_response({"ok": False, "error": no.code, **no.more}, headers=self._scope_headers())
        finally:
            self._tell()
        if wrong == "late":
            await asyncio.sleep(HANG_SECONDS)
        return web.json_response({"ok": True, **done}, headers=self._scope_headers())

    def _scope_headers(self) -> dict[str, str]:
        return {"x-oauth-scopes": ",".join(sorted(self.scopes))}

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    # ------------------------------------------------------------ the methods

    def _answer(self, method: str, form: dict[str, str], authorization: str) -> Any:
        if method == "apps.connections.open":
            if authorization != f"Bearer {APP_TOKEN}":
                raise _No("invalid_auth")
            if self.fail[method]:
                raise _No(self.fail[method].pop(0))
            return {"url": self.base.replace("http", "ws") + f"/socket?ticket=secret-ticket-{next(self._ids)}"}
        if method not in METHODS:
            raise _No("unknown_method")
        if authorization.removeprefix("Bearer ") not in self.valid_tokens:
            raise _No("token_revoked" if authorization == f"Bearer {BOT_TOKEN}" else "invalid_auth")
        scope, required, more = METHODS[method]
        if scope and scope not in self.scopes:
            raise _No("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))
        if not required <= set(form) <= required | more:
            raise _No("invalid_arguments", sorted(set(form) ^ required))
        if self.fail[method]:
            raise _No(self.fail[method].pop(0))
        return getattr(self, "_" + method.replace(".", "_"))(form) if method != "auth.test" else self._myself()

    def _myself(self) -> dict[str, Any]:
        return {"url": "https://team.slack.com/", "team": "Team", "user": "whyforbidden", "team_id": TEAM, "user_id": BOT, "bot_id": BOT_ID}

    def _bots_info(self, form: dict[str, str]) -> dict[str, Any]:
        return {"bot": {"id": form["bot"], "app_id": APP, "user_id": BOT}}

    def _users_info(self, form: dict[str, str]) -> dict[str, Any]:
        user = form["user"]
        return {
            "user": {
                "id": user,
                "name": user.lower(),
                "locale": self.locales.get(user, "en-US"),
                "profile": {"display_name": f"Name of {user}"},
            }
        }

    def _files_info(self, form: dict[str, str]) -> dict[str, Any]:
        if form["file"] not in self.files:
            raise _No("file_not_found")
        return {"file": self.files[form["file"]]}

    def _views_open(self, form: dict[str, str]) -> dict[str, Any]:
        if not form["trigger_id"].startswith("trigger"):
            raise _No("invalid_trigger_id")
        view = json.loads(form["view"])
        View(**view).validate_json()
        kept = {"id": f"V{next(self._ids)}", "trigger": form["trigger_id"], **view}
        self.views.append(kept)
        return {"view": kept}

    def _chat_getPermalink(self, form: dict[str, str]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        if (form["channel"], form["message_ts"]) not in self.messages:
            raise _No("message_not_found")
        return {"permalink": f"https://team.slack.com/archives/{form['channel']}/p{form['message_ts'].replace('.', '')}"}

    def _conversations_replies(self, form: dict[str, str]) -> dict[str, Any]:
        found = self.messages.get((form["channel"], form["ts"]))
        messages = [{"type": "message", "user": "U9", "ts": found.ts, "text": found.text}] if found else []
        if form.get("include_all_metadata") == "true":
            thread = [one for one in self.in_channel(form["channel"]) if one.thread == form["ts"]]
            messages += [{"type": "message", "bot_id": BOT_ID, "ts": one.ts, "text": one.text, "metadata": one.metadata} for one in thread]
        return {"messages": messages}

    def _message(self, form: dict[str, str]) -> Posted:
        blocks = json.loads(form.get("blocks", "[]"))
        if wrong := problems({"text": form.get("text"), "blocks": blocks}) if blocks else []:
            raise _No("invalid_blocks", wrong)
        if not form.get("text"):
            raise _No("no_text")
        channel = form["channel"]
        if channel.startswith("U") and "thread_ts" not in form and "ts" not in form and "user" not in form:
            channel = f"D-{channel}"  # a person's id leads to the direct chat, which has an id of its own
        elif channel not in self.members and not channel.startswith("D-"):
            raise _No("not_in_channel" if channel.startswith("C") else "channel_not_found")
        metadata = json.loads(form.get("metadata", "{}"))
        return Posted(channel, self._ts(), form["text"], blocks, form.get("thread_ts", ""), form.get("user", ""), metadata)

    def _chat_postMessage(self, form: dict[str, str]) -> Any:  # noqa: N802
        made = self._message(form)
        return lambda: self._keep(made)

    def _keep(self, made: Posted) -> dict[str, Any]:
        self.messages[made.channel, made.ts] = made
        return {"channel": made.channel, "ts": made.ts, "message": {"text": made.text}}

    def _chat_postEphemeral(self, form: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        made = self._message(form)
        self.whispers.append(made)
        return {"message_ts": made.ts}

    def _chat_update(self, form: dict[str, str]) -> dict[str, Any]:
        key = (form["channel"], form["ts"])
        if key not in self.messages:
            raise _No("message_not_found")
        made = self._message(form)
        self.messages[key] = Posted(key[0], key[1], made.text, made.blocks, self.messages[key].thread)
        return {"channel": key[0], "ts": key[1]}

    def _ts(self) -> str:
        return f"1790000000.{next(self._ids):06d}"

    # ------------------------------------------------------------ response URLs, files

    def response_url(self) -> str:
        return f"{self.base}/respond/{next(self._ids)}"

    async def _respond(self, request: web.Request) -> web.Response:
        name, body = request.match_info["id"], await request.json()
        self.uses[name] += 1
        unknown = set(body) - MESSAGE - {"response_type", "replace_original", "delete_original", "thread_ts"}
        wrong = problems({"text": body.get("text"), "blocks": body["blocks"]}) if body.get("blocks") else []
        if self.uses[name] > 5 or unknown or wrong:
            self.refused.append(f"response_url: use {self.uses[name]}, unknown {unknown}, {wrong}")
            return web.Response(status=404, text="used_url")
        made = Posted("?", self._ts(), body["text"], body.get("blocks", []), body.get("thread_ts", ""), "asker")
        if body.get("response_type") == "in_channel":
            self.messages["?", made.ts] = made
        elif body.get("replace_original"):
            self.replaced.append(made)
        else:
            self.whispers.append(made)
        self._tell()
        return web.Response(text="ok")

    def add_file(self, name: str, content: bytes, **about: Any) -> dict[str, Any]:
        """A file in Slack; what an event says about it."""
        number = f"F{next(self._ids)}"
        mime = about.get("mimetype", "text/plain")
        self.contents[number] = (mime, content)
        self.files[number] = {
            "id": number, "name": name, "mode": "snippet", "mimetype": mime, "size": len(content),
            "url_private_download": f"{self.base}/files/{number}", **about,
        }  # fmt: skip
        return {"id": number, "name": name, "mode": "snippet", "file_access": "visible"}

    async def _download(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        mime, content = self.contents[request.match_info["id"]]
        return web.Response(body=content, content_type=mime)

    # ------------------------------------------------------------ Socket Mode

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": len(self.sockets), "connection_info": {"app_id": APP}})
        self._tell()
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                answer = json.loads(frame.data)
                waiting = self.acks.pop(answer["envelope_id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        self.sockets.remove(socket)
        return socket

    async def send(self, kind: str, payload: dict[str, Any], retry: int = 0) -> dict[str, Any]:
        """One envelope down a socket (the newest one); what the client acknowledged with."""
        number = f"env-{next(self._ids)}"
        waiting = self.acks[number] = asyncio.get_running_loop().create_future()
        envelope = {"envelope_id": number, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api"}
        if retry:
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout"}
        await self.sockets[-1].send_json(envelope)
        return await asyncio.wait_for(waiting, 3)

    # ------------------------------------------------------------ looking

    async def until(self, true: Any, seconds: float = 5.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(seconds):
            while not true():
                event = self.changed
                try:
                    await asyncio.wait_for(event.wait(), 0.05)
                except TimeoutError:
                    continue

    def in_channel(self, channel: str) -> list[Posted]:
        return [one for (where, _), one in self.messages.items() if where == channel]

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)


async def in_trouble(kind: str) -> web.Response:
    """An answer of a platform that is not well: `429`, `500`, `html`, or `hang` (none for a long time). `late` is done, and told late."""
    if kind == "429":
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"})
    if kind == "500":
        return web.json_response({"ok": False, "error": "internal_error"}, status=500)
    if kind == "html":
        return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
    await asyncio.sleep(HANG_SECONDS)
    return web.Response(status=504)


class _No(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, code: str, detail: Any = "", **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.more = more
