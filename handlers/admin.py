"""What the operator does at the command line with the store and the configured apps: ask about a document, list grants, export the audit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.i18n import say
from bot.model import Text
from handlers.compose import Runtime, build
from handlers.settings import Settings


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
        answer = await runtime.service.check_document(link, type_, action, app_id=app_id)
    if answer is None:
        return None, say("apps.toml lists no such Feishu or Lark app to ask as; list it with its secret, then ask again.")
    return answer.ok, answer.text


async def grants(settings: Settings) -> list[str]:
    """Kept consents, one line each, with the surface where the person gave it; never a token."""
    async with _running(settings) as runtime:
        rows = sorted(await runtime.store.all_tokens(), key=lambda row: (row.platform, row.app_id, row.subject))
    return [
        f"{row.platform}  {row.app_id}  {row.subject}  {' '.join(sorted(row.scopes))}"
        + (f"  via {row.person.surface}" if row.person else "")
        + (f"  until {row.expires:%Y-%m-%d %H:%M}Z" if row.expires else "")
        for row in rows
    ]


async def audit(settings: Settings) -> AsyncIterator[str]:
    """Who offered, clicked and consented to what, when: JSON lines, oldest first."""
    async with _running(settings) as runtime:
        for row in await runtime.store.audit_rows():
            yield json.dumps(row, ensure_ascii=False, default=str)
