"""What `whyforbidden doctor` looks at for the Slack door: tokens, scopes, the way events come in, and what has arrived lately."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.i18n import listed, say
from bot.model import Text
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.ports import Http
from handlers.chat.last_seen import last_seen
from handlers.doctor import Check
from handlers.settings import Settings

KINDS = ("event", "command", "click", "shortcut")

NEEDED: Mapping[str, str] = {
    "app_mentions:read": "to hear its name in channels",
    "chat:write": "to answer",
    "commands": "for /whyforbidden and the message shortcut",
    "files:read": "to read long pastes, which Slack turns into files",
    "im:history": "to read direct messages",
    "users:read": "to answer in the asker's language, by name",
}
"""The scopes of docs/slack-manifest.yaml, and why."""

LISTENING = ("channels:history", "groups:history")
APPS = "https://api.slack.com/apps"
_SECRET = re.compile(r"[0-9a-f]{32}")


async def checks(settings: Settings, http: Http) -> list[Check]:
    """Everything that can be looked at from here. Looks only."""
    found, bot = await _bot_token(settings, http)
    page = await _app_page(settings, http, bot)
    found = [Check(one.about, one.ok, one.says, one.url or (page if one.ok is False else "")) for one in found]
    found += await _socket(settings, http, page) if settings.slack_app_token else await _requests(settings, http, page)
    return [*found, *await _arrivals(settings, page)]


# ---------------------------------------------------------------- the bot token and its scopes


async def _bot_token(settings: Settings, http: Http) -> tuple[list[Check], str]:
    answer, why = await _call(settings, http, "auth.test")
    if answer is None:
        return [Check("slack bot token", None, say("Slack could not be asked: {why}", why=why))], ""
    data = answer.data()
    if not data.get("ok"):
        return [Check("slack bot token", False, _refused(str(data.get("error") or answer.status)))], ""
    name = say("Answers as @{user} in {team}.", user=data.get("user", "?"), team=data.get("team", "?"))
    return [Check("slack bot token", True, name), *_scopes(settings, answer.headers.get("x-oauth-scopes"))], str(data.get("bot_id") or "")


def _refused(why: str) -> Text:
    if why == "missing_scope":
        return say("Slack refuses the token ({why}): add the scope under OAuth & Permissions, then install the app again.", why=why)
    return say(
        "Slack refuses the token ({why}): copy the Bot User OAuth Token (xoxb-…) from Install App, or install the app again.", why=why
    )


def _scopes(settings: Settings, header: str | None) -> list[Check]:
    if header is None:
        return [Check("slack scopes", None, say("Slack did not say which scopes the token has."))]
    have = {scope.strip() for scope in header.split(",") if scope.strip()}
    missing = [scope for scope in NEEDED if scope not in have]
    if settings.listen_channels and not have & set(LISTENING):
        missing += list(LISTENING)
    if missing:
        add = say("Missing scopes: {scopes}. Add them under OAuth & Permissions, then install the app again.", scopes=listed(missing))
        return [Check("slack scopes", False, add)]
    more = sorted(have - set(NEEDED) - set(LISTENING))
    if more:
        return [Check("slack scopes", True, say("All needed scopes are there. Not needed, and may go: {scopes}.", scopes=listed(more)))]
    return [Check("slack scopes", True, say("All needed scopes are there, and no other."))]


async def _app_page(settings: Settings, http: Http, bot: str) -> str:
    """The app's own settings page, where Slack tells which app it is."""
    answer, _ = await _call(settings, http, "bots.info", {"bot": bot}) if bot else (None, "")
    about = answer.data().get("bot") if answer else None
    app_id = str(about.get("app_id") or "") if isinstance(about, dict) else ""
    return f"{APPS}/{app_id}" if re.fullmatch(r"A[A-Z0-9]{3,20}", app_id) else APPS


# ---------------------------------------------------------------- how things come in


async def _socket(settings: Settings, http: Http, page: str) -> list[Check]:
    answer, why = await _call(settings, http, "apps.connections.open", token=settings.slack_app_token.get_secret_value())
    if answer is None:
        return [Check("slack socket mode", None, say("Slack could not be asked: {why}", why=why))]
    if answer.data().get("ok"):
        return [Check("slack socket mode", True, say("Socket Mode is on, and the app-level token opens it."))]
    error = str(answer.data().get("error") or answer.status)
    fix = say(
        "Slack refuses the app-level token ({why}): make one with connections:write under Basic Information, and switch Socket Mode on.",
        why=error,
    )
    return [Check("slack socket mode", False, fix, page)]


async def _requests(settings: Settings, http: Http, page: str) -> list[Check]:
    address = f"{settings.base_url}/slack/events"
    shaped = bool(_SECRET.fullmatch(settings.slack_signing_secret.get_secret_value()))
    odd = say(
        "WHYFORBIDDEN_SLACK_SIGNING_SECRET does not look like one: copy the Signing Secret (32 letters a-f and digits) from Basic Information."
    )
    secret = (
        Check("slack signing secret", True, say("The signing secret has the right shape."))
        if shaped
        else Check("slack signing secret", False, odd, page)
    )
    if urlsplit(address).scheme != "https":
        reach = say("Slack cannot call {url}: set WHYFORBIDDEN_PUBLIC_URL to an https address, or use Socket Mode.", url=address)
        return [secret, Check("slack request URL", False, reach, page)]
    return [secret, await _knock(http, address, page)]


async def _knock(http: Http, address: str, page: str) -> Check:
    """Our own door from outside: a request without signature has to be refused there, by us."""
    try:
        answer = await http.send(Request("POST", address, json={}))
    except PlatformRefusal as refusal:
        closed = say(
            "{url} does not answer ({why}): start `whyforbidden serve`, and look at the proxy in front of it.",
            url=address,
            why=refusal.code,
        )
        return Check("slack request URL", False, closed)
    if answer.status == 401:
        enter = say("{url} answers. Enter it under Event Subscriptions, Interactivity & Shortcuts and Slash Commands.", url=address)
        return Check("slack request URL", True, enter, page)
    return Check(
        "slack request URL",
        False,
        say("{url} answers with status {status} instead of ours: something else is listening there.", url=address, status=answer.status),
    )


# ---------------------------------------------------------------- what has arrived


async def _arrivals(settings: Settings, page: str) -> list[Check]:
    """Slack's API does not tell what is switched on; what has come in does."""
    from handlers.store import StoreError, open_store  # noqa: PLC0415 - the doctor may run without a store
    from handlers.system import SystemClock  # noqa: PLC0415

    try:
        store = open_store(settings.store_url, SystemClock())
    except StoreError:
        return []
    try:
        times = {kind: await last_seen(store, "slack", kind) for kind in KINDS}
    except StoreError:
        return []
    finally:
        await store.close()
    made = []
    for kind, at in times.items():
        if at is not None:
            said = say("Arrives: {kind}, last seen {time} (to the hour).", kind=_name(kind), time=at.strftime("%Y-%m-%d %H:%M UTC"))
            made.append(Check(f"slack {kind}", True, said))
        else:
            made.append(Check(f"slack {kind}", None, say("Never seen yet: {kind}. {fix}", kind=_name(kind), fix=_fix(kind)), page))
    return made


def _name(kind: str) -> Text:
    return {
        "event": say("messages and mentions"),
        "command": say("the command /whyforbidden"),
        "click": say("clicks on buttons"),
        "shortcut": say("the message shortcut"),
    }[kind]


def _fix(kind: str) -> Text:
    return {
        "event": say(
            "Mention the bot in a channel it was invited to; if it stays silent, add app_mention and message.im under Event Subscriptions."
        ),
        "command": say("Type it once; if Slack does not know it, create it under Slash Commands and install the app again."),
        "click": say("Click a button of a card; if Slack shows a warning sign, switch Interactivity on."),
        "shortcut": say("Use “Why forbidden?” in a message's menu; if it is not there, create it under Interactivity & Shortcuts."),
    }[kind]


# ---------------------------------------------------------------- asking


async def _call(
    settings: Settings, http: Http, method: str, form: Mapping[str, str] | None = None, token: str = ""
) -> tuple[Response | None, str]:
    base: Any = settings.slack_api_url.rstrip("/")
    bearer = token or settings.slack_bot_token.get_secret_value()
    try:
        return await http.send(Request("POST", f"{base}/{method}", {"authorization": f"Bearer {bearer}"}, form=form or {})), ""
    except PlatformRefusal as refusal:
        return None, refusal.code
