"""May I? One question about one document, asked of its platform: `check-doc` for every door.

A platform answers only so many in a minute. So each question for an app takes the next free turn of that app, for all processes that share
the store, and waits for it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bot import platforms
from bot.i18n import joined, say
from bot.model import App, Identity, Person, Text
from bot.oauth import tokens
from bot.platforms.api import Documents
from bot.redact import redact
from bot.services.context import Context
from bot.services.results import Verdict

MOST_WAITING = 8  # questions for one app; who comes then is told to ask again
_SKEW = 60.0  # seconds by which the clocks of two processes may differ


async def about(context: Context, asker: Person | None, *words: str) -> Text | None:
    """The answer for `<link or token> [action]`; None when the words are no such question, or no app here can ask it.

    Asked with the person's own token where they have given a consent, else for the app; the answer says for whom.
    """
    if not 1 <= len(words) <= 2 or "/" not in words[0]:
        return None
    link, action = words[0], (words[1].lower() if len(words) == 2 else "view")
    if not any(_understands(app, link, "", action) for app in context.apps):
        return None
    answer = await check(context, link, "", action, asker=asker)
    if answer is not None and answer.ok is False and answer.identity is Identity.APP and asker is not None:
        return joined([answer.text, say("I asked for the app, because you have given it no consent here that I could ask with.")])
    return answer.text if answer is not None else None


async def check(
    context: Context, document: str, type_: str = "", action: str = "view", *, app_id: str | None = None, asker: Person | None = None
) -> Verdict | None:
    """Ask about a document: its link, or its token with its type. Of the apps that can ask, the one whose brand fits the link, or `app_id`.

    None when no configured app can ask. What is no question about a document gets a sentence that says so, and takes no turn.
    """
    document, type_, action = redact(document).text, redact(type_).text, redact(action).text
    able = [app for app in context.apps if app_id in (None, app.app_id) and _documents(app.platform) is not None]
    if not able:
        return None
    fitting = [app for app in able if _understands(app, document, type_, action)] or able
    brand = "lark" if "larksuite." in document else "feishu"
    app = next((one for one in fitting if (one.brand or "feishu") == brand), fitting[0])
    documents = _documents(app.platform)
    if documents is None:
        return None
    wait = await _turn(context, app, documents.pace) if documents.understands(document, type_, action) else 0.0
    token = None if wait else await _own_token(context, app, asker)
    answer = await context.ask(documents.check(app, document, type_, action, token, wait=wait))
    return Verdict(answer.ok, answer.identity, answer.text)


def _documents(platform: str) -> Documents | None:
    checks = platforms.checks(platform)
    return checks.documents if checks else None


def _understands(app: App, document: str, type_: str, action: str) -> bool:
    documents = _documents(app.platform)
    return documents is not None and documents.understands(document, type_, action)


async def _turn(context: Context, app: App, pace: float) -> float:
    """Take the app's next free turn and wait for it: 0.0. When too many wait already, at once the seconds until the last of them is done.

    Time is cut into turns as long as the platform's pace. Whoever comes first claims the earliest that is free, so all go in order.
    """
    now = context.now()
    running = int(now.timestamp() / pace)
    for turn in range(running, running + 1 + MOST_WAITING):
        starts = datetime.fromtimestamp(turn * pace, UTC)
        over = (starts - now).total_seconds() + pace + _SKEW
        if await context.store.claim(f"document:{app.platform}:{app.app_id}:{turn}", now, over):
            await context.clock.until(starts)
            return 0.0
    return pace * (1 + MOST_WAITING)


async def _own_token(context: Context, app: App, asker: Person | None) -> str | None:
    """The asker's own access token for this app, if there is a usable one."""
    rows = await context.store.tokens_of(asker) if asker else ()
    for row in rows:
        if (row.platform, row.app_id) == (app.platform, app.app_id):
            if tokens.usable(row, context.now()):
                token = context.token(row)
                return token.access_token if token else None
            if context.refresher is not None and await context.refresher.freshen(app, row.subject, row.person):
                fresh = await context.store.token(row.platform, row.app_id, row.subject, row.person)
                token = context.token(fresh) if fresh else None
                return token.access_token if token else None
    return None
