"""What the operator does at the command line with the store and the configured apps: ask about a document, list grants, export the audit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot import platforms
from bot.model import Text
from bot.oauth import converse
from bot.words import say
from handlers.settings import Settings
from handlers.wire import Runtime, build

_PACE = 0.6  # seconds between two questions for one app: members/auth answers 100 a minute


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = build(settings)
    try:
        yield runtime
    finally:
        await runtime.close()


async def check_document(settings: Settings, link: str, type_: str, action: str, app_id: str | None) -> tuple[bool | None, Text]:
    """May the app do this with that document? (answer, sentence); None means that it could not be found out, and the sentence says why."""
    async with _running(settings) as runtime:
        apps = [app for app in runtime.apps if app.platform == "lark" and app_id in (None, app.app_id)]
        if not apps:
            return None, say("apps.toml lists no such Feishu or Lark app to ask as; list it with its secret, then ask again.")
        brand = "lark" if "larksuite." in link else "feishu"
        app = next((one for one in apps if (one.brand or "feishu") == brand), apps[0])
        checks = platforms.module("lark", "checks")
        if checks is None:
            raise RuntimeError("the lark platform has lost its checks")
        free = await runtime.store.claim(f"document:lark:{app.app_id}", runtime.clock.now(), _PACE)
        answer = await converse(runtime.http, checks.check_document(app, link, type_, action, wait=0.0 if free else 1.0))
        return answer.ok, answer.text


async def grants(settings: Settings) -> list[str]:
    """Kept consents, one line each; never a token."""
    async with _running(settings) as runtime:
        rows = sorted(await runtime.store.all_tokens(), key=lambda row: (row.platform, row.app_id, row.subject))
    return [
        f"{row.platform}  {row.app_id}  {row.subject}  {' '.join(sorted(row.scopes))}"
        + (f"  until {row.expires:%Y-%m-%d %H:%M}Z" if row.expires else "")
        for row in rows
    ]


async def audit(settings: Settings) -> AsyncIterator[str]:
    """Who offered, clicked and consented to what, when: JSON lines, oldest first."""
    async with _running(settings) as runtime:
        for row in await runtime.store.audit_rows():
            yield json.dumps(row, ensure_ascii=False, default=str)
