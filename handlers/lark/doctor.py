"""What `whyforbidden doctor` looks at for Feishu and Lark, over plain HTTP: no SDK is loaded. And the slash command's registration.

Sources: "get application" and "scope list" (application v6), "bot info" (bot v3), the long connection's discovery call, and the page about
slash commands of bots (application v7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bot.i18n import listed, say
from bot.model import Text
from bot.oauth.messages import PlatformRefusal, Request
from bot.ports import Http
from handlers.chat.last_seen import last_seen
from handlers.doctor import Check
from handlers.http import HttpClient
from handlers.lark import PATH
from handlers.lark.api import Api, base_url
from handlers.settings import Settings
from handlers.system import is_local

COMMAND = "whyforbidden"
COMMANDS = "/open-apis/application/v7/app_slash_commands"
MESSAGE, CLICK = "im.message.receive_v1", "card.action.trigger"

_WRONG_SECRET = frozenset({"10003", "10014", "99991543", "20002", "20048"})
_NO_BOT = frozenset({"11205", "230006", "234007"})


async def checks(settings: Settings, http: Http) -> list[Check]:
    """Everything that can be looked at from outside. Changes nothing."""
    own = HttpClient(practice=True) if _local(settings) and not settings.practice else None
    api = _api(settings, own or http)
    try:
        return await _checks(settings, api)
    finally:
        if own is not None:
            await own.close()


def _api(settings: Settings, http: Http) -> Api:
    return Api(http, settings.lark_domain, settings.lark_app_id, settings.lark_app_secret.get_secret_value())


def _local(settings: Settings) -> bool:
    """Whether the open API is on this machine (tests, a private gateway): then only this machine is talked to."""
    return is_local(urlsplit(base_url(settings.lark_domain)).hostname or "")


async def _checks(settings: Settings, api: Api) -> list[Check]:
    console = f"{api.base}/app/{api.app_id}"
    try:
        await api.token()
    except PlatformRefusal as refusal:
        if refusal.code in _WRONG_SECRET:
            wrong = say(
                "The platform does not know this app id with this secret ({code}). Copy both from “Credentials & Basic Info”; an app of "
                "Feishu needs WHYFORBIDDEN_LARK_DOMAIN=feishu, one of Lark needs lark.",
                code=refusal.code,
            )
            return [Check("lark credentials", False, wrong, console)]
        return [Check("lark credentials", None, say("The platform could not be asked ({code}).", code=refusal.code))]
    found = [Check("lark credentials", True, say("The app id and secret are right."))]
    found += [await _bot(api, console), *await _scopes(settings, api, console)]
    app = await _application(api)
    found += [_redirect(settings, app, console), *_subscriptions(settings, app, console)]
    found.append(_webhook(settings) if settings.lark_mode == "webhook" else await _connection(settings, api, console))
    return [*found, *await _arrivals(settings, console)]


async def _bot(api: Api, console: str) -> Check:
    try:
        own = await api.bot()
    except PlatformRefusal as refusal:
        if refusal.code in _NO_BOT:
            missing = say("The app is no bot yet. Open “Add Features”, add “Bot”, then create and publish a version.")
            return Check("lark bot", False, missing, console)
        return Check("lark bot", None, say("The platform could not be asked ({code}).", code=refusal.code))
    return Check("lark bot", bool(own), say("The app is a bot.") if own else say("The platform does not tell the bot's id."))


async def _scopes(settings: Settings, api: Api, console: str) -> list[Check]:
    try:
        rows = (await api.call("GET", "/open-apis/application/v6/scopes")).get("scopes")
    except PlatformRefusal as refusal:
        if refusal.code == "212100":
            gone = say("The app is not installed in your organisation. Create a version and publish it.")
            return [Check("lark scopes", False, gone, console)]
        return [Check("lark scopes", None, say("The platform could not be asked ({code}).", code=refusal.code))]
    named = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    granted = {str(row.get("scope_name")) for row in named if row.get("grant_status") == 1}
    waiting = {str(row.get("scope_name")) for row in named} - granted
    found = [_scope(one_of, without, waiting, console) for one_of, without in _needed(settings) if not granted.intersection(one_of)]
    return found or [Check("lark scopes", True, say("The app has every scope that the bot needs."))]


def _scope(one_of: Sequence[str], without: Text, waiting: set[str], console: str) -> Check:
    url = f"{console}/auth?q={','.join(one_of[:1])}&op_from=openapi&token_type=tenant"
    if waiting.intersection(one_of):
        said = say("{scope} waits for the administrator's approval (or for a published version); until then {without}.",
                   scope=listed(one_of[:1]), without=without)  # fmt: skip
    else:
        said = say("{scope} is missing, so {without}. Open it, then create and publish a version.",
                   scope=listed(one_of[:1]), without=without)  # fmt: skip
    return Check("lark scopes", False, said, url)


def _needed(settings: Settings) -> list[tuple[tuple[str, ...], Text]]:
    """The scopes: one of each row is enough; and what does not work without."""
    rows = [
        (("im:message", "im:message:send_as_bot"), say("answers cannot be sent")),
        (("im:message", "im:message:update"), say("cards cannot be redrawn")),
        (("im:message.p2p_msg:readonly",), say("direct messages do not arrive")),
        (("im:message.group_at_msg:readonly",), say("mentions in groups do not arrive")),
        (
            ("im:message", "im:message:readonly"),
            say("files, forwarded messages and the message above a mention cannot be read"),
        ),
    ]
    if settings.listen_channels:
        rows.append((("im:message.group_msg",), say("messages in the channels that are listened to do not arrive")))
    return rows


async def _application(api: Api) -> Mapping[str, Any] | None:
    """The app's own data; None when it may not see it (that scope is optional)."""
    try:
        app = (await api.call("GET", "/open-apis/application/v6/applications/me", query={"lang": "en_us"})).get("app")
    except PlatformRefusal:
        return None
    return app if isinstance(app, Mapping) else None


def _redirect(settings: Settings, app: Mapping[str, Any] | None, console: str) -> Check:
    """Needed only when this very app is in apps.toml too; then its users come back to this address."""
    wanted = f"{settings.base_url}/consent/callback/lark/{settings.lark_app_id}"
    if app is None or not isinstance(app.get("redirect_urls"), list):
        unknown = say(
            "The app may not read its own settings, so redirect URLs and subscriptions were not compared. With the scope "
            "application:application:self_manage they are."
        )
        return Check(
            "lark redirect", None, unknown, f"{console}/auth?q=application:application:self_manage&op_from=openapi&token_type=tenant"
        )
    if wanted in app["redirect_urls"]:
        return Check("lark redirect", True, say("{uri} is registered as a redirect URL.", uri=wanted))
    said = say("If users of this app are to re-authorize here, add {uri} under “Security Settings”, “Redirect URLs”.", uri=wanted)
    return Check("lark redirect", None, said, f"{console}/safe")


def _subscriptions(settings: Settings, app: Mapping[str, Any] | None, console: str) -> list[Check]:
    if app is None:
        return []
    event, callback = app.get("event"), app.get("callback") or app.get("callback_info")
    found = []
    if isinstance(event, Mapping):
        found.append(_events(settings, event, console))
    if isinstance(callback, Mapping):
        found.append(_clicks(settings, callback, console))
    return found


def _events(settings: Settings, event: Mapping[str, Any], console: str) -> Check:
    subscribed = event.get("subscribed_events")
    if MESSAGE not in (subscribed if isinstance(subscribed, list) else ()):
        said = say(
            "Messages do not arrive. Open “Events & Callbacks”, “Event Configuration”, add the event {event}, publish a version.",
            event=MESSAGE,
        )
        return Check("lark events", False, said, console)
    return _way("lark events", settings, event.get("subscription_type"), event.get("request_url"), console)


def _clicks(settings: Settings, callback: Mapping[str, Any], console: str) -> Check:
    subscribed = callback.get("subscribed_callbacks")
    if CLICK not in (subscribed if isinstance(subscribed, list) else ()):
        said = say(
            "Clicks do not arrive. Open “Events & Callbacks”, “Callback Configuration”, add {event}, publish a version.", event=CLICK
        )
        return Check("lark clicks", False, said, console)
    return _way("lark clicks", settings, callback.get("callback_type"), callback.get("request_url"), console)


def _way(about: str, settings: Settings, kind: object, url: object, console: str) -> Check:
    """Whether they come the way that this bot listens."""
    wanted = "webhook" if settings.lark_mode == "webhook" else "websocket"
    if kind not in (None, "", wanted):
        if wanted == "websocket":
            said = say(
                "They are sent to a request URL, but this bot uses a long connection. Switch to “persistent connection” while the bot runs."
            )
        else:
            said = say("They come over a long connection, but this bot waits at a request URL. Switch to “developer’s server”.")
        return Check(about, False, said, console)
    here = settings.base_url + PATH
    if wanted == "webhook" and isinstance(url, str) and url and url != here:
        return Check(about, False, say("They are sent to {there}, but this bot waits at {here}.", there=url, here=here), console)
    return Check(about, True, say("They are subscribed, and come the way that this bot listens."))


async def _connection(settings: Settings, api: Api, console: str) -> Check:
    """Asks for a connection's address, without connecting."""
    body = {"AppID": api.app_id, "AppSecret": settings.lark_app_secret.get_secret_value()}
    try:
        answer = (await api.http.send(Request("POST", f"{api.base}/callback/ws/endpoint", headers={"locale": "zh"}, json=body))).data()
    except PlatformRefusal as refusal:
        return Check("lark connection", None, say("The platform could not be asked ({code}).", code=refusal.code))
    if answer.get("code") == 0:
        return Check("lark connection", True, say("The platform offers a long connection."))
    if answer.get("code") == 1000040350:
        return Check("lark connection", False, say("Too many long connections are open (50 for an app). Stop other copies of this bot."))
    said = say(
        "The platform offers no long connection ({code}). Is the bot ability on, and a version published?", code=str(answer.get("code"))
    )
    return Check("lark connection", False, said, console)


def _webhook(settings: Settings) -> Check:
    here = settings.base_url + PATH
    if is_local(urlsplit(here).hostname or ""):
        said = say(
            "The platform cannot reach {here}. Set WHYFORBIDDEN_PUBLIC_URL, or use the long connection, which needs no address.", here=here
        )
        return Check("lark webhook", False, said)
    if not settings.lark_encrypt_key:
        said = say("Events are not signed without an Encrypt Key. Set one under “Events & Callbacks”, “Encryption Strategy”, and here.")
        return Check("lark webhook", None, said)
    return Check("lark webhook", True, say("Request URL for the console: {here}", here=here))


async def _arrivals(settings: Settings, console: str) -> list[Check]:
    """What has really come in is the best proof that it is switched on."""
    from handlers.store import StoreError, open_store  # noqa: PLC0415 - the doctor may run without a store
    from handlers.system import SystemClock  # noqa: PLC0415

    try:
        store = open_store(settings.store_url, SystemClock())
    except StoreError:
        return []
    try:
        times = {kind: await last_seen(store, "lark", kind) for kind in ("event", "click")}
    except StoreError:
        return []
    finally:
        await store.close()
    names = {"event": say("messages and mentions"), "click": say("clicks on buttons")}
    fixes = {
        "event": say("Send the bot a direct message; if nothing comes, add the event {event} and publish a version.", event=MESSAGE),
        "click": say("Click a button of a card; if the client shows 200340, add the callback {event} and publish a version.", event=CLICK),
    }
    made = []
    for kind, at in times.items():
        if at is None:
            said = say("Never seen yet: {kind}. {fix}", kind=names[kind], fix=fixes[kind])
        else:
            said = say("Arrives: {kind}, last seen {time} (to the hour).", kind=names[kind], time=at.strftime("%Y-%m-%d %H:%M UTC"))
        made.append(Check(f"lark {kind}", None if at is None else True, said, console if at is None else ""))
    return made


# ---------------------------------------------------------------- the slash command


async def register_command(settings: Settings) -> Text:
    """Register (or correct) the real slash command; what became of it, for the operator."""
    if not settings.lark:
        return say("The Lark door is closed, so no slash command was registered.")
    async with HttpClient(practice=_local(settings)) as http:
        api = _api(settings, http)
        try:
            return await _register(api)
        except PlatformRefusal as refusal:
            if refusal.code == "99991672":
                return say(
                    "The slash command was not registered: open the scopes application:app_slash_command:read and "
                    "application:app_slash_command:write, publish a version, and try again."
                )
            return say("The slash command was not registered ({code}: {why}).", code=refusal.code, why=refusal.message)


async def _register(api: Api) -> Text:
    about = say("Why was my API call refused, and what do I click?")
    body = {"command": COMMAND, "description": {"default_value": about.en, "i18n": {"zh_cn": about.zh, "en_us": about.en}}}
    data = await api.call("GET", COMMANDS)
    rows = next((value for value in data.values() if isinstance(value, list)), [])
    mine = next((row for row in rows if isinstance(row, Mapping) and row.get("command") == COMMAND), None)
    if mine is None:
        await api.call("POST", COMMANDS, body=body, repeatable=False)
    else:
        await api.call("PATCH", f"{COMMANDS}/{mine.get('command_id')}", body=body)
    return say("The slash command /{command} is registered. Clients show it after about five minutes.", command=COMMAND)
