"""May I? One question about one document, asked of its platform: `check-doc` for every door."""

from __future__ import annotations

from typing import Any

from bot import tokens
from bot.jobs.world import World, part
from bot.model import App, Person, Text
from bot.words import joined, say

_PACE = 0.6  # seconds between two questions for one app: the platform answers 100 a minute


async def about(world: World, asker: Person | None, *words: str) -> Text | None:
    """The answer for `<link or token> [action]`; None when the words are no such question, or no app here can ask it.

    Asked with the person's own token where they have given a consent, else for the app; the answer says for whom.
    """
    if not 1 <= len(words) <= 2 or "/" not in words[0]:
        return None
    link, action = words[0], (words[1].lower() if len(words) == 2 else "view")
    able = [app for app in world.apps if _question(app, link, action) is not None]
    if not able:
        return None
    brand = "lark" if "larksuite." in link else "feishu"
    app = next((one for one in able if (one.brand or "feishu") == brand), able[0])
    checks: Any = part(app.platform, "checks")
    wait = 0.0 if await world.store.claim(f"document:{app.platform}:{app.app_id}", world.now(), _PACE) else 1.0
    answer = await world.ask(checks.check_document(app, link, "", action, await _own_token(world, app, asker), wait=wait))
    said: Text = answer.text
    if answer.ok is False and answer.identity == "app" and asker is not None:
        return joined([said, say("I asked for the app, because you have given it no consent here that I could ask with.")])
    return said


def _question(app: App, link: str, action: str) -> Any:
    documents: Any = part(app.platform, "documents")
    checks: Any = part(app.platform, "checks")
    return documents.question_of(link, "", action) if documents is not None and hasattr(checks, "check_document") else None


async def _own_token(world: World, app: App, asker: Person | None) -> str | None:
    """The asker's own access token for this app, if there is a usable one."""
    rows = await world.store.tokens_of(asker) if asker else ()
    for row in rows:
        if (row.platform, row.app_id) == (app.platform, app.app_id):
            if tokens.usable(row, world.now()):
                token = world.token(row)
                return token.access_token if token else None
            if world.refresher is not None and await world.refresher.freshen(app, row.subject):
                fresh = await world.store.token(row.platform, row.app_id, row.subject)
                token = world.token(fresh) if fresh else None
                return token.access_token if token else None
    return None
