"""The Lark/Feishu door: messages, cards, clicks, the bot's menu; over a long connection or a webhook.

`open_door` imports what it needs when it is called, so that the doctor and the command line pay for nothing. lark_oapi is imported by no
module of this package but `sdk.py`, which runs in a process of its own.
"""

# ruff: noqa: PLC0415 - see above
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handlers.chat.surface import Door
    from handlers.compose import Runtime

PATH = "/lark/events"


def open_door(runtime: Runtime) -> Door:
    """Open the door that the settings describe. The connection starts with `Door.run`."""
    import asyncio
    from urllib.parse import urlsplit

    from handlers.chat.last_seen import Seen
    from handlers.chat.surface import Door
    from handlers.http import HttpClient
    from handlers.lark.api import Api
    from handlers.lark.clicks import Clicks
    from handlers.lark.connection import Connection
    from handlers.lark.desk import DRAIN_SECONDS, Desk
    from handlers.lark.messenger import Voice
    from handlers.lark.webhook import Gate, route
    from handlers.system import is_local

    settings = runtime.settings
    api_host = urlsplit(host := _base(settings.lark_domain)).hostname or ""
    local = is_local(api_host)
    if settings.practice and not local:
        return Door("lark", says="closed; practice mode talks to nobody outside this machine")
    # A client of its own: files may be larger than other answers, and an open API on this machine is one that the operator named.
    http = HttpClient(practice=local, most_bytes=settings.max_upload + 1_000)
    secret = settings.lark_app_secret.get_secret_value()
    api = Api(http, settings.lark_domain, settings.lark_app_id, secret)
    voice = Voice(api, lambda card_id: runtime.service.draw(card_id, "lark", audience="channel"))
    runtime.messengers["lark"] = voice
    seen = Seen("lark", runtime.store, runtime.clock)
    desk, clicks = Desk(runtime, api, voice, seen), Clicks(runtime, settings.lark_app_id, voice, seen)
    webhook = settings.lark_mode == "webhook"
    connection = Connection(settings.lark_app_id, secret, host, desk.receive, clicks.clicked)

    async def run() -> None:
        try:
            await (asyncio.Event().wait() if webhook else connection.run())
        finally:
            await asyncio.gather(desk.close(), clicks.close(DRAIN_SECONDS))
            await http.close()

    if not webhook:
        return Door("lark", run, says=f"long connection to {api_host}")
    gate = Gate(settings.lark_encrypt_key.get_secret_value(), settings.lark_verification_token.get_secret_value(), runtime.clock.now)
    return Door("lark", run, ((PATH, route(gate, desk.receive, clicks.clicked)),), says=f"webhook at {settings.base_url}{PATH}")


def _base(domain: str) -> str:
    from handlers.lark.api import base_url

    return base_url(domain)
