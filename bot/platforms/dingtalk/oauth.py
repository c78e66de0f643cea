"""User authorization on DingTalk: the login page with `prompt=consent`, user tokens, and the suite for grants while an app is in use.

Facts: the open platform's pages "obtain identity credentials", "obtain user token", "retrieve user information" and "unified licensing
suite". DingTalk documents no PKCE, no revocation, and does not say which scopes a user token holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.errors import Blame
from bot.i18n import say
from bot.model import App, Text
from bot.oauth.generic import address, host, int_or_none, plain_text, read_code, refusal_or_none, scopes_to_ask, text_or_none
from bot.oauth.messages import Account, PlatformRefusal, Request, Response, Talk, Token
from bot.platforms.api import OAuth

MAX_SCOPES = 50
PKCE = False
ADDS_UP = True
TELLS_SCOPES = False


def withdrawing() -> Text:
    """How an organisation takes a grant back (the platform's best practice page on refused calls)."""
    return say(
        "DingTalk gives me no way to withdraw the consent itself. An organisation's admin manages what an app may do under "
        "Workbench → admin tab → app management → the app → settings → authorization."
    )


HOSTS: Mapping[str, str] = {"login": "https://login.dingtalk.com", "api": "https://api.dingtalk.com"}
# The reference page allows only these two in `scope`; the page then asks for what the console holds for people.
PAGE_SCOPES = "openid corpid"
# Unconfirmed: a second official text says that personal scopes may be added there. Turn on to name the missing ones in the address.
NAMES_SCOPES = False

_CODES: Mapping[Blame, str] = {
    "app": "invalidClientIdOrSecret unauthorized.client unsupported.grant.type invalidAuthInfo orgNotAuthApp orgSuiteAuthNotExit "
    "Forbidden.AccessDenied.IpNotInWhiteList invalidParameter.clientId.missing",
    "code": "invalidCode",
    "token": "invalidToken invalidAccessToken accesstoken.expired InvalidAuthentication invalidRefreshToken "
    "AuthenticationFailed.MissingParameter",
    "user": "permission.deny needAuth Forbidden.AccessDenied.AccessTokenPermissionDenied",
    "platform": "ServiceUnavailable systemError",
}
_BLAME: Mapping[str, Blame] = {code.lower(): blame for blame, codes in _CODES.items() for code in codes.split()}


def authorize_url(app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:  # noqa: ARG001
    """The login page. `challenge` is not used: DingTalk documents no PKCE."""
    wanted = scopes_to_ask(app, scopes, MAX_SCOPES)
    parameters = {
        "client_id": app.app_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join((PAGE_SCOPES, *(wanted if NAMES_SCOPES else ()))),
        "state": state,
        "prompt": "consent",  # required; without it nobody is asked
    }
    return address(host(app, HOSTS, "login") + "/oauth2/auth", parameters)


def read_callback(query: Mapping[str, str]) -> str:
    """The code: `authCode`, and in newer answers `code` with the same value. Also reads what the in-client suite reports (`status`)."""
    status = plain_text(query.get("status", ""), 20)
    if status and status != "ok":
        raise PlatformRefusal(status, plain_text(query.get("message", "")), blame="user" if status in ("cancel", "toAdmin") else "app")
    return read_code(query, ("authCode", "code"))


def exchange(app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:  # noqa: ARG001
    """Code for token."""
    response = yield _token_request(app, {"code": code, "grantType": "authorization_code"})
    return _token(response, hide=(code, app.secret))


def refresh(app: App, token: Token) -> Talk[Token]:
    """The next pair. Within the two hours DingTalk answers with the same access token; the new refresh token counts in any case."""
    if not token.refresh_token:
        raise PlatformRefusal("no_refresh_token", "there is no refresh token", blame="token")
    response = yield _token_request(app, {"refreshToken": token.refresh_token, "grantType": "refresh_token"})
    try:
        return _token(response, hide=(token.refresh_token, app.secret))
    except PlatformRefusal as refusal:
        if refusal.blame == "code":
            refusal.blame = "token"
        raise


def whoami(app: App, token: Token) -> Talk[Account]:
    """Whose token it is. Needs Contact.User.Read. `unionId` is the same in all apps of one developer, `openId` per app."""
    response = yield me(app, token)
    data = answered(response, hide=(token.access_token,))
    union_id = text_or_none(data.get("unionId"))
    if union_id is None:
        raise PlatformRefusal("no_account", "contact/users/me names nobody", blame="platform")
    ids = {"unionId": union_id}
    if open_id := text_or_none(data.get("openId")):
        ids["openId"] = open_id
    return Account("dingtalk", ids, name=plain_text(data.get("nick"), 80), tenant=token.extra.get("corpId", ""))


def revoke(app: App, token: Token) -> Talk[bool]:  # noqa: ARG001
    """False: no API withdraws a user's grant; an admin does it in the workbench."""
    return False
    yield  # the protocol asks for a generator


# ---------------------------------------------------------------- grants while the app is in use


@dataclass(frozen=True, slots=True)
class OpenAuth:
    """The arguments of `openAuth` of the unified authorization suite: a page inside the client (6.3.35 or newer) calls it.

    `type` 0 asks the person, 1 the organization. Its answer's `status` is ok, cancel, failed or toAdmin (sent on to the admin).
    """

    clientId: str  # noqa: N815 - the suite's own names
    corpId: str  # noqa: N815
    rpcScope: str  # noqa: N815
    type: Literal[0, 1]
    fieldScope: str = ""  # noqa: N815


def open_auth(app: App, scopes: Sequence[str], *, corp_id: str, organization: bool) -> OpenAuth:
    """What the suite is called with for these scopes. The code in its answer goes to `exchange`."""
    return OpenAuth(app.app_id, corp_id, " ".join(scopes_to_ask(app, scopes, MAX_SCOPES)), 1 if organization else 0)


# ---------------------------------------------------------------- shared with the checks


def me(app: App, token: Token) -> Request:
    """`contact/users/me` with the person's token."""
    headers = {"x-acs-dingtalk-access-token": token.access_token}
    return Request("GET", host(app, HOSTS, "api") + "/v1.0/contact/users/me", headers=headers)


def answered(response: Response, *, hide: Iterable[str] = ()) -> Mapping[str, object]:
    """The body of a good answer. Raises `PlatformRefusal` for any other."""
    data = response.data()
    code = plain_text(data.get("code"), 100)
    if response.status < 400 and not code:
        if problem := refusal_or_none(response):
            raise problem
        return data
    problem = refusal_or_none(response)
    if not code:
        raise problem or PlatformRefusal(str(response.status), "the answer names no reason", retryable=response.status >= 500)
    limited = "limit" in code.lower() and code.startswith("Forbidden.AccessDenied.Q")
    blame: Blame = "rate" if limited else _BLAME.get(code.lower(), problem.blame if problem else "platform")
    raise PlatformRefusal(
        code,
        plain_text(data.get("message"), hide=hide),
        blame=blame,
        request_id=plain_text(data.get("requestid") or data.get("requestId"), 60),
        retryable=limited or response.status >= 500 or response.status == 429,
        retry_after=problem.retry_after if problem else None,
    )


def app_token_request(app: App) -> Request:
    """Ask for the app's own token."""
    return Request("POST", host(app, HOSTS, "api") + "/v1.0/oauth2/accessToken", json={"appKey": app.app_id, "appSecret": app.secret})


def _token_request(app: App, body: Mapping[str, str]) -> Request:
    json = {"clientId": app.app_id, "clientSecret": app.secret, **body}
    return Request("POST", host(app, HOSTS, "api") + "/v1.0/oauth2/userAccessToken", json=json)


def _token(response: Response, *, hide: Iterable[str]) -> Token:
    data = answered(response, hide=hide)
    access = text_or_none(data.get("accessToken"))
    if access is None:
        raise PlatformRefusal("no_token", "the answer holds no access token", blame="platform")
    corp_id = text_or_none(data.get("corpId"))
    return Token(
        access,
        expires_in=int_or_none(data.get("expireIn")),
        refresh_token=text_or_none(data.get("refreshToken")),
        refresh_expires_in=REFRESH_SECONDS,
        extra={"corpId": corp_id} if corp_id else {},
    )


REFRESH_SECONDS = 30 * 86_400  # the page says 30 days; the answer does not name it


OAUTH = OAuth(
    max_scopes=MAX_SCOPES,
    pkce=PKCE,
    adds_up=ADDS_UP,
    tells_scopes=TELLS_SCOPES,
    authorize_url=authorize_url,
    read_callback=read_callback,
    exchange=exchange,
    refresh=refresh,
    whoami=whoami,
    revoke=revoke,
    withdrawing=withdrawing,
)
