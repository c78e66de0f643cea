"""User authorization on Feishu and Lark: code flow with PKCE, refresh, the device grant, codes from the in-client page.

Facts: the open platform's pages "obtain OAuth code", "get user_access_token", "refresh user_access_token", "get user info" and
"requestAccess"; the device grant as the official command line and plug-in do it. A grant adds to the earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.errors import Blame
from bot.model import App, Text
from bot.oauth.generic import (
    DEVICE_GRANT,
    address,
    after_timeout,
    basic,
    host,
    int_or_none,
    paused,
    plain_text,
    read_code,
    read_device,
    refusal_or_none,
    refused_by_name,
    scope_names,
    scopes_to_ask,
    text_or_none,
)
from bot.oauth.messages import Account, Device, PlatformRefusal, Request, Response, Talk, Token, Wait
from bot.platforms.api import DeviceGrant, OAuth

MAX_SCOPES = 50
PKCE = True
ADDS_UP = True

HOSTS: Mapping[str, Mapping[str, str]] = {
    "feishu": {"open": "https://open.feishu.cn", "accounts": "https://accounts.feishu.cn"},
    "lark": {"open": "https://open.larksuite.com", "accounts": "https://accounts.larksuite.com"},
    "private": {},  # a private deployment names both in its `hosts`
}
# No page documents the device grant; the official tools post here. `hosts["device"]` of an app replaces it.
DEVICE_PATH = "/oauth/v1/device_authorization"

# What each code of the token, user_info and gateway answers says about who has to act.
_CODES: Mapping[Blame, str] = {
    # our request or the app's configuration: secret, registration, status, switches
    "app": "20001 20002 20009 20010 20024 20025 20027 20028 20029 20036 20042 20046 20048 20063 20067 20068 20069 20070 20071 20074 "
    "10003 10014 21001 99991543 99991662 99991672 99991673 210503 210504 210505 210506 210507 210508 212100",
    "code": "20003 20004 20049 20065",
    "token": "20005 20026 20037 20064 20073 99991661 99991663 99991664 99991668 99991671 99991677",
    "user": "20008 20021 20022 20023 20066 21000 99991676 99991679",
    "platform": "20050 20072 1066001 1066002",
    "rate": "99991400 1063006",
}
_BLAME: Mapping[str, Blame] = {code: blame for blame, codes in _CODES.items() for code in codes.split()}
_RETRY = frozenset({"20050", "20072", "99991400", "1063006", "1066001", "1066002"})


def base(app: App, name: str) -> str:
    """The base address `open` or `accounts` for the app's brand, or its own override."""
    brand = app.brand or "feishu"
    if brand not in HOSTS:
        raise PlatformRefusal("hosts_missing", f"unknown brand {brand}", blame="app")
    return host(app, HOSTS[brand], name)


def title(app: App) -> Text:
    """What people call the platform of this app."""
    return Text("Lark", "Lark") if app.brand == "lark" else Text("Feishu", "飞书")


def authorize_url(app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:
    """The authorize page. `offline_access` joins in broker mode only: without a refresh token there is nothing to keep alive."""
    parameters = {
        "client_id": app.app_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join(requested(app, scopes)),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256" if challenge else "",  # the platform's own default is `plain`
    }
    return address(base(app, "accounts") + "/open-apis/authen/v1/authorize", parameters)


def read_callback(query: Mapping[str, str]) -> str:
    """The code of a callback, or of the in-client page, which reports `errno` and `errString` instead of `error`."""
    if errno := plain_text(query.get("errno", ""), 20):
        raise _in_client(errno, plain_text(query.get("errString", "")))
    return read_code(query)


def exchange(app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:
    """Code for token. A code of the in-client page comes without verifier and redirect address: pass both empty."""
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    response = yield _token_request(app, body)
    return _token(response, hide=(code, verifier, app.secret))


def refresh(app: App, token: Token) -> Talk[Token]:
    """The next pair. A refresh token works once, so the answer must be stored before it is used."""
    if not token.refresh_token:
        raise PlatformRefusal("no_refresh_token", "the grant holds no offline_access", blame="token")
    response = yield _token_request(app, {"grant_type": "refresh_token", "refresh_token": token.refresh_token})
    return _token(response, hide=(token.refresh_token, app.secret), refreshing=True)


def whoami(app: App, token: Token) -> Talk[Account]:
    """Whose token it is. `open_id` is per app, `union_id` the same in all apps of one developer."""
    response = yield Request(
        "GET", base(app, "open") + "/open-apis/authen/v1/user_info", headers={"authorization": f"Bearer {token.access_token}"}
    )
    data = answered(response, hide=(token.access_token,)).get("data")
    if not isinstance(data, dict) or not (open_id := text_or_none(data.get("open_id"))):
        raise PlatformRefusal("no_account", "user_info names nobody", blame="platform")
    ids = {"open_id": open_id}
    for name in ("union_id", "user_id"):
        if value := text_or_none(data.get(name)):
            ids[name] = value
    return Account(
        "lark", ids, name=plain_text(data.get("name") or data.get("en_name"), 80), tenant=text_or_none(data.get("tenant_key")) or ""
    )


def revoke(app: App, token: Token) -> Talk[bool]:  # noqa: ARG001 - the signature of every platform
    """False: no API withdraws a user's grant; the user does it in the client."""
    return False
    yield  # the protocol asks for a generator


def device_start(app: App, *, scopes: Sequence[str]) -> Talk[Device]:
    """Ask for a device code: for people who cannot open a browser page, and only when the operator has turned it on."""
    url = app.hosts.get("device") or base(app, "accounts") + DEVICE_PATH
    form = {"client_id": app.app_id, "scope": " ".join(requested(app, scopes))}
    response = yield Request("POST", url, headers={"authorization": basic(app.app_id, app.secret)}, form=form)
    return read_device(response, hide=(app.secret,))


def device_poll(app: App, device: Device, interval: float) -> Talk[Token | Wait]:
    """One poll; a `Wait` says how long until the next. Ends by `PlatformRefusal` when the user declined or time is up."""
    form = {"grant_type": DEVICE_GRANT, "device_code": device.device_code, "client_id": app.app_id, "client_secret": app.secret}
    try:
        response = yield Request("POST", base(app, "open") + "/open-apis/authen/v2/oauth/token", form=form)
    except PlatformRefusal:
        return after_timeout(interval)
    if wait := paused(plain_text(response.data().get("error"), 60), interval):
        return wait
    return _token(response, hide=(device.device_code, app.secret))


def answered(response: Response, *, hide: Iterable[str] = ()) -> Mapping[str, object]:
    """The body of an answer whose `code` is 0 (a number or, as seen on Lark, a string), or of a token answer in the bare RFC shape.

    Raises `PlatformRefusal` for any other.
    """
    data = response.data()
    code = plain_text(data.get("code"), 20)
    if code not in ("", "0"):
        raise _refused(code, data, response, hide)
    if problem := refusal_or_none(response):
        raise problem
    if response.status >= 400 or (code == "" and text_or_none(data.get("access_token")) is None):
        name = plain_text(data.get("error"), 60)
        raise refused_by_name(name or str(response.status), plain_text(data.get("error_description"), hide=hide), status=response.status)
    return data


def requested(app: App, scopes: Sequence[str]) -> tuple[str, ...]:
    """What the consent page is asked for in the end: the missing scopes, and `offline_access` where the grant is to be kept alive."""
    wanted = list(scopes)
    if app.mode == "broker" and "offline_access" not in app.never_ask:
        wanted.append("offline_access")
    return scopes_to_ask(app, wanted, MAX_SCOPES)


# ---------------------------------------------------------------- within


def _token_request(app: App, body: Mapping[str, str]) -> Request:
    json = {"client_id": app.app_id, "client_secret": app.secret, **{name: value for name, value in body.items() if value}}
    return Request(
        "POST",
        base(app, "open") + "/open-apis/authen/v2/oauth/token",
        headers={"content-type": "application/json; charset=utf-8"},
        json=json,
    )


def _token(response: Response, *, hide: Iterable[str], refreshing: bool = False) -> Token:
    try:
        data = answered(response, hide=hide)
    except PlatformRefusal as refusal:
        if refreshing and refusal.blame == "code":
            refusal.blame = "token"
        raise
    access = text_or_none(data.get("access_token"))
    if access is None:
        raise PlatformRefusal("no_token", "the answer holds no access token", blame="platform")
    return Token(
        access,
        scopes=scope_names(data.get("scope")),
        expires_in=int_or_none(data.get("expires_in")),
        refresh_token=text_or_none(data.get("refresh_token")),
        refresh_expires_in=int_or_none(data.get("refresh_token_expires_in")),
    )


def _refused(code: str, data: Mapping[str, object], response: Response, hide: Iterable[str]) -> PlatformRefusal:
    from_http = refusal_or_none(response)
    blame = _BLAME.get(code)
    if blame is None:  # unknown to us: the RFC name beside it, then the status, may still tell
        named = plain_text(data.get("error"), 60)
        if from_http is not None:
            blame = from_http.blame
        elif named:
            blame = refused_by_name(named, status=response.status).blame
        else:
            blame = "platform"
    error = data.get("error")
    log_id = error.get("log_id") if isinstance(error, dict) else None
    return PlatformRefusal(
        code,
        plain_text(data.get("error_description") or data.get("msg"), hide=hide),
        blame=blame,
        request_id=plain_text(log_id or response.headers.get("x-tt-logid"), 60),
        retryable=code in _RETRY or response.status >= 500 or blame == "rate",
        retry_after=from_http.retry_after if from_http is not None else None,
    )


def _in_client(errno: str, text: str) -> PlatformRefusal:
    """A failure of `tt.requestAccess` or `tt.requestAuthCode`. 2700002 covers refusal and misconfiguration: its text tells which."""
    if errno == "2700002":
        known = next((code for code in ("20027", "20029", "20048", "20009", "20010", "20069") if code in text), None)
        return PlatformRefusal(known or errno, text, blame="app" if known else "user")
    if errno in ("2700001", "111"):  # no session; too many calls: the same person may simply try again
        return PlatformRefusal(errno, text, blame="user" if errno == "2700001" else "rate", retryable=True)
    return PlatformRefusal(errno, text, blame="platform" if errno == "103" else "app")


def accounts(app: App) -> str:
    """Where people sign in; the page for typing a code has to stand on this site."""
    return base(app, "accounts")


OAUTH = OAuth(
    max_scopes=MAX_SCOPES,
    pkce=PKCE,
    adds_up=ADDS_UP,
    in_client=True,
    authorize_url=authorize_url,
    read_callback=read_callback,
    exchange=exchange,
    refresh=refresh,
    whoami=whoami,
    revoke=revoke,
    requested=requested,
    device=DeviceGrant(device_start, device_poll, accounts),
)
