"""`whyforbidden doctor` for the DingTalk door: credentials, the stream gateway, the right to send, cards. Plain HTTP; nothing is sent to anybody."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.i18n import say
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.platforms.dingtalk.links import APP_ID, APPLY, APPS, CONSOLE
from bot.ports import Http
from handlers.dingtalk.api import fetch_token, reason
from handlers.doctor import Check
from handlers.http import HttpClient
from handlers.settings import Settings
from handlers.system import is_local

SEND_SCOPE, CARD_SCOPE = "qyapi_robot_sendmsg", "Card.Instance.Write"
TOPICS = ("/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback")
_DENIED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
_CARDS = "https://open-dev.dingtalk.com/fe/card"


async def checks(settings: Settings, http: Http) -> list[Check]:
    """Look at everything that the door needs; each miss says what to click."""
    if not is_local(urlsplit(settings.dingtalk_api_url).hostname or "") or settings.practice:
        return await _checks(settings, http)
    async with HttpClient(practice=True) as here:  # a stand-in for the platform on this machine, which the usual way out refuses
        return await _checks(settings, here)


async def _checks(settings: Settings, http: Http) -> list[Check]:
    base, client_id = settings.dingtalk_api_url.rstrip("/"), settings.dingtalk_client_id
    try:
        token, _ = await fetch_token(http, base, client_id, settings.dingtalk_client_secret.get_secret_value())
    except PlatformRefusal as refusal:
        if refusal.blame != "app":
            return [
                Check("DingTalk", False, say("{host} does not answer ({why}).", host=urlsplit(base).hostname or base, why=refusal.code))
            ]
        said = say(
            "DingTalk refuses the Client ID or Client Secret ({why}). Copy both from the app's page “Credentials and basic information”.",
            why=refusal.code,
        )
        return [Check("DingTalk credentials", False, said, CONSOLE + APPS)]
    found = [Check("DingTalk credentials", True, say("DingTalk accepts the Client ID and the Client Secret."))]
    found.append(await _gateway(settings, http, base))
    found.append(await _sending(http, base, client_id, token))
    found.append(await _cards(settings, http, base, token))
    return found


async def _gateway(settings: Settings, http: Http, base: str) -> Check:
    """Opens a connection and leaves it: its ticket ends by itself after 90 seconds."""
    body = {
        "clientId": settings.dingtalk_client_id,
        "clientSecret": settings.dingtalk_client_secret.get_secret_value(),
        "subscriptions": [{"type": "CALLBACK", "topic": topic} for topic in TOPICS],
        "ua": "whyforbidden-doctor",
    }
    try:
        response = await http.send(Request("POST", base + "/v1.0/gateway/connections/open", json=body, secret=True))
        why = reason(response) or ("" if response.data().get("ticket") else "no_ticket")
    except PlatformRefusal as refusal:
        why = refusal.code
    if not why:
        return Check("DingTalk stream", True, say("The stream gateway opens: messages and clicks can arrive without a public address."))
    said = say(
        "The stream gateway does not open ({why}). In the console add the capability “Robot”, choose Stream mode for its messages, "
        "and publish a version of the app.",
        why=why,
    )
    return Check("DingTalk stream", False, said, CONSOLE + APPS)


async def _sending(http: Http, base: str, client_id: str, token: str) -> Check:
    """Asks to send to nobody: who may not send is refused for that before anything else is looked at."""
    body = {"robotCode": client_id, "userIds": [], "msgKey": "sampleText", "msgParam": '{"content":""}'}
    why = await _asked(http, Request("POST", base + "/v1.0/robot/oToMessages/batchSend", headers=_with(token), json=body))
    if why == _DENIED:
        said = say("The robot may not send messages of its own: personal links cannot be delivered. Apply for {scope}.", scope=SEND_SCOPE)
        return Check("DingTalk messages", False, said, _apply(client_id, SEND_SCOPE))
    if why.startswith("?"):
        return Check("DingTalk messages", None, say("Whether the robot may send could not be looked up ({why}).", why=why[1:]))
    return Check("DingTalk messages", True, say("The robot may send direct messages."))


async def _cards(settings: Settings, http: Http, base: str, token: str) -> Check:
    """Asks to change a card that does not exist."""
    if not settings.dingtalk_card_template:
        said = say(
            "No card template is set (WHYFORBIDDEN_DINGTALK_CARD_TEMPLATE): answers are messages, and their buttons are words to send."
        )
        return Check("DingTalk cards", None, said, _CARDS)
    body = {"outTrackId": "whyforbidden-doctor", "cardData": {"cardParamMap": {}}}
    why = await _asked(http, Request("PUT", base + "/v1.0/card/instances", headers=_with(token), json=body))
    if why == _DENIED:
        said = say("The robot may not write cards. Apply for {scope}.", scope=CARD_SCOPE)
        return Check("DingTalk cards", False, said, _apply(settings.dingtalk_client_id, CARD_SCOPE))
    if why.startswith("?"):
        return Check("DingTalk cards", None, say("Whether the robot may write cards could not be looked up ({why}).", why=why[1:]))
    return Check("DingTalk cards", True, say("The robot may write interactive cards; the template is tried with the first answer."))


async def _asked(http: Http, request: Request) -> str:
    """DingTalk's reason, `?` and a reason when nothing was learnt."""
    try:
        response: Response = await http.send(request)
    except PlatformRefusal as refusal:
        return "?" + refusal.code
    why = reason(response)
    return f"?{why}" if response.status >= 500 or response.status in (401, 429) else why


def _with(token: str) -> dict[str, str]:
    return {"x-acs-dingtalk-access-token": token}


def _apply(client_id: str, scope: str) -> str:
    return CONSOLE + APPLY.format(app=client_id, scope=scope) if APP_ID.fullmatch(client_id) else CONSOLE + APPS
