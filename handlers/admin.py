"""What the operator does at the command line with the store and the configured apps: ask about a document, list grants, export the audit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.i18n import say
from bot.model import Text
from handlers.compose import Runtime, build
from handlers.settings import Settings, SettingsError


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


async def dead_letters(settings: Settings) -> list[str]:
    """Jobs that could not be done, one line each, newest first: id, door, what it was, when, after how many tries, why. Never a text."""
    async with _running(settings) as runtime:
        boxes = [("answer", await runtime.store.inbox.letters()), ("message", await runtime.store.outbox.letters())]
    return [
        f"{job.id}  {job.door} {what} ({job.kind})  since {job.created:%Y-%m-%d %H:%M}Z  {job.tries} tries: {job.reason}"
        for what, jobs in boxes
        for job in jobs
    ]


async def retry(settings: Settings, ids: Sequence[str]) -> int:
    """Open dead jobs again, all without `ids`; whoever runs does them. Returns how many."""
    async with _running(settings) as runtime:
        now = runtime.clock.now()
        return await runtime.store.inbox.revive(now, ids) + await runtime.store.outbox.revive(now, ids)


def migration(url: str, *, dry: bool) -> list[str]:
    """Bring the store's schema up to date; `dry`: only the statements that it would take. Raises `SettingsError`."""
    from handlers.store import StoreError, open_engine, preview  # noqa: PLC0415 - no database is loaded for other commands

    try:
        if dry:
            return preview(url)
        open_engine(url).dispose()
    except StoreError as error:
        raise SettingsError(str(error)) from None
    return []
