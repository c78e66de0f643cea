"""User authorization on Kuaishou: the shop platform (brand `shop`) and the general open platform (brand `general`).

Facts: the shop's page on app authorization; the general platform is known from its SDKs. Own names throughout: `app_id`, scopes with
commas, `grant_type=code`, and a GET that carries the secret, so its request is marked `secret`. A token never gains packs: each new
pack needs a new authorization. No PKCE and no revocation are documented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.errors import Blame
from bot.i18n import say
from bot.model import App, Text
from bot.oauth.generic import (
    address,
    host,
    int_or_none,
    plain_text,
    read_code,
    refusal_or_none,
    scope_names,
    scopes_to_ask,
    text_or_none,
)
from bot.oauth.messages import Account, PlatformRefusal, Request, Response, Talk, Token
from bot.patterns import lazy
from bot.platforms.api import OAuth

MAX_SCOPES = 50
PKCE = False
ADDS_UP = False


def withdrawing() -> Text:
    """What ends a grant here, by the meaning of its error 24 (AUTHORIZATION_REVOKED)."""
    return say("Kuaishou gives me no way to withdraw the consent itself. The seller ends it there, by withdrawing the authorization of the "
               "app or by ending its subscription.")  # fmt: skip


HOSTS: Mapping[str, Mapping[str, str]] = {
    "shop": {"open": "https://open.kwaixiaodian.com", "openapi": "https://openapi.kwaixiaodian.com"},
    "general": {"open": "https://open.kuaishou.com", "openapi": "https://open.kuaishou.com"},
}
AUTHORIZE: Mapping[str, str] = {"shop": "/oauth/authorize", "general": "/oauth2/authorize"}
# Shop: as its page says. General: unconfirmed, SDKs differ between this and `code`.
GRANT: Mapping[str, str] = {"shop": "code", "general": "authorization_code"}

_CODES: Mapping[Blame, str] = {
    "app": "100200100 100200101 100200103 100200104 100200107 100200114",
    "code": "100200105",
    "token": "100200102 100200108 100200112 100200113 26",
    "user": "100200106 100200109 100200110 100200111 24 -1",
    "platform": "100200500",
    "rate": "100200410 1017",
}
_BLAME: Mapping[str, Blame] = {code: blame for blame, codes in _CODES.items() for code in codes.split()}
_REASON = lazy(r"refreshToken\.[A-Za-z]+|AUTHORIZATION_REVOKED|invalid refresh_token")


def brand(app: App) -> str:
    """`shop` or `general`; an app without a brand is of the shop."""
    if (app.brand or "shop") not in HOSTS:
        raise PlatformRefusal("hosts_missing", f"unknown brand {app.brand}", blame="app")
    return app.brand or "shop"


def authorize_url(app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:  # noqa: ARG001
    """The authorize page. Since a new token holds only what is asked now, callers name earlier packs again where they must stay."""
    parameters = {
        "app_id": app.app_id,
        "redirect_uri": redirect_uri,
        "scope": ",".join(scopes_to_ask(app, scopes, MAX_SCOPES)),
        "response_type": "code",
        "state": state,
    }
    return address(host(app, HOSTS[brand(app)], "open") + AUTHORIZE[brand(app)], parameters)


def read_callback(query: Mapping[str, str]) -> str:
    """The code of the callback."""
    return read_code(query)


def exchange(app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:  # noqa: ARG001
    """Code for token: a GET with the secret in its query, as documented; such an address must never be logged."""
    query = {"app_id": app.app_id, "app_secret": app.secret, "grant_type": GRANT[brand(app)], "code": code}
    response = yield Request("GET", _at(app, "/oauth2/access_token"), query=query, secret=True)
    return _token(response, hide=(code, app.secret))


def refresh(app: App, token: Token) -> Talk[Token]:
    """The next pair. The new refresh token keeps the end date of the first one (180 days after the authorization)."""
    if not token.refresh_token:
        raise PlatformRefusal("no_refresh_token", "there is no refresh token", blame="token")
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token, "app_id": app.app_id, "app_secret": app.secret}
    response = yield Request("POST", _at(app, "/oauth2/refresh_token"), form=form)
    fresh = _token(response, hide=(token.refresh_token, app.secret), refreshing=True)
    if fresh.subject and token.subject and fresh.subject != token.subject:
        raise PlatformRefusal("other_account", "the refreshed token is somebody else's", blame="token")
    return fresh


def whoami(app: App, token: Token) -> Talk[Account]:
    """Whose token it is. The shop names the `open_id` in the token answer itself; the general platform has a call for it."""
    if brand(app) == "general":
        query = {"app_id": app.app_id, "access_token": token.access_token}
        response = yield Request("GET", _at(app, "/openapi/user_info"), query=query, secret=True)
        data = answered(response, hide=(token.access_token,))
        info = data.get("user_info")
        name = plain_text(info.get("name"), 80) if isinstance(info, dict) else ""
        open_id = text_or_none(info.get("open_id")) if isinstance(info, dict) else None
        if open_id and token.subject and open_id != token.subject:
            raise PlatformRefusal("other_account", "user_info names somebody else than the token", blame="token")
    else:
        name, open_id = "", None
    open_id = open_id or token.subject
    if not open_id:
        raise PlatformRefusal("no_account", "the answer names no open_id", blame="platform")
    return Account("kuaishou", {"open_id": open_id}, name=name)


def revoke(app: App, token: Token) -> Talk[bool]:  # noqa: ARG001
    """False: no API withdraws a grant; the seller does it in the shop's back office."""
    return False
    yield  # the protocol asks for a generator


def answered(response: Response, *, hide: Iterable[str] = (), refreshing: bool = False) -> Mapping[str, object]:
    """The body of an answer with `result` 1. Raises `PlatformRefusal` for any other; a reason named in `error_msg` becomes its code."""
    data = response.data()
    result = plain_text(data.get("result"), 20)
    problem = refusal_or_none(response)
    if result == "1" and response.status < 400:
        return data
    if not result or result == "1":
        raise problem or PlatformRefusal(str(response.status), "the answer holds no result", blame="platform")
    message = plain_text(data.get("error_msg") or data.get("error"), hide=hide)
    reason = _REASON.search(message)
    blame = _BLAME.get(result, problem.blame if problem else "platform")
    if reason or (refreshing and blame in ("code", "user")):
        blame = "token"
    raise PlatformRefusal(
        reason[0] if reason else result,
        message,
        blame=blame,
        request_id=plain_text(data.get("requestId"), 60),
        retryable=blame in ("platform", "rate") and (result in _BLAME or response.status >= 429),
        retry_after=problem.retry_after if problem else None,
    )


def _at(app: App, path: str) -> str:
    return host(app, HOSTS[brand(app)], "openapi") + path


def _token(response: Response, *, hide: Iterable[str], refreshing: bool = False) -> Token:
    data = answered(response, hide=hide, refreshing=refreshing)
    access = text_or_none(data.get("access_token"))
    if access is None:
        raise PlatformRefusal("no_token", "the answer holds no access token", blame="platform")
    return Token(
        access,
        scopes=scope_names(data.get("scopes"), ","),
        expires_in=int_or_none(data.get("expires_in")),
        refresh_token=text_or_none(data.get("refresh_token")),
        refresh_expires_in=int_or_none(data.get("refresh_token_expires_in")),
        subject=text_or_none(data.get("open_id")),
    )


OAUTH = OAuth(
    max_scopes=MAX_SCOPES,
    pkce=PKCE,
    adds_up=ADDS_UP,
    authorize_url=authorize_url,
    read_callback=read_callback,
    exchange=exchange,
    refresh=refresh,
    whoami=whoami,
    revoke=revoke,
    withdrawing=withdrawing,
)
