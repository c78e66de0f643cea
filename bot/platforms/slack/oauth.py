"""User authorization on Slack: OAuth v2 with bot and user scopes, token rotation, revocation.

Facts: "installing with OAuth", "using token rotation", the methods oauth.v2.access, auth.test and auth.revoke. Scopes add up: a new
request never removes one. Slack answers errors with status 200 and `ok: false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.errors import Blame
from bot.model import App
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
from bot.platforms.api import OAuth

MAX_SCOPES = 100
# Only apps whose manifest has `pkce_enabled` may send a challenge; the others are answered `pkce_not_allowed`.
PKCE = False
ADDS_UP = True
REVOKES = True

HOSTS: Mapping[str, str] = {"slack": "https://slack.com", "api": "https://slack.com/api"}
USER_PREFIX = "user:"  # `user:chat:write` asks for chat:write on the person's own token
# Scopes that exist for people's tokens alone (Slack's scope reference); any other goes to the bot's token unless it has the prefix.
_USER_ONLY = (
    "admin client dnd:write identify identity.basic identity.email identity.avatar identity.team identity:read openid email profile "
    "reminders:read reminders:write search:read search:read.im search:read.mpim search:read.private stars:read stars:write "
    "users.profile:write app_configurations:read app_configurations:write hosting:read"
)
USER_ONLY = frozenset(_USER_ONLY.split())

_CODES: Mapping[Blame, str] = {
    "app": "bad_redirect_uri bad_client_secret invalid_client_id invalid_grant_type pkce_not_allowed no_scopes invalid_scope "
    "oauth_authorization_url_mismatch cannot_install_an_org_installed_app unauthorized_client invalid_arguments missing_scope",
    "code": "invalid_code code_already_used code_expired invalid_code_verifier",
    "token": "invalid_refresh_token invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type",
    "user": "access_denied user_email_unverified",
    "platform": "internal_error fatal_error service_unavailable request_timeout team_added_to_org",
    "rate": "ratelimited rate_limited accesslimited",
}
_BLAME: Mapping[str, Blame] = {code: blame for blame, codes in _CODES.items() for code in codes.split()}


def split(scopes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scopes for the bot's token, and scopes for the person's."""
    bot, user = [], []
    for name in scopes:
        if name.startswith(USER_PREFIX):
            user.append(name.removeprefix(USER_PREFIX))
        elif name in USER_ONLY or name.startswith("admin."):
            user.append(name)
        else:
            bot.append(name)
    return tuple(bot), tuple(user)


def authorize_url(app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:
    """The install page, asking for the added scopes only: what was granted before stays."""
    bot, user = split(scopes_to_ask(app, scopes, MAX_SCOPES))
    parameters = {
        "client_id": app.app_id,
        "scope": ",".join(bot),
        "user_scope": ",".join(user),
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge if PKCE else "",
        "code_challenge_method": "S256" if challenge and PKCE else "",
    }
    return address(host(app, HOSTS, "slack") + "/oauth/v2/authorize", parameters)


def read_callback(query: Mapping[str, str]) -> str:
    """The code of the callback."""
    return read_code(query)


def exchange(app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:
    """Code for token. When the person granted user scopes, their own token is kept; else the bot's. `subject` is the person in any case."""
    form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier if PKCE else ""}
    response = yield _token_request(app, form)
    data = answered(response, hide=(code, verifier, app.secret))
    person = data.get("authed_user")
    person = person if isinstance(person, dict) else {}
    subject = text_or_none(person.get("id"))
    team = data.get("team")
    extra = {"team": text_or_none(team.get("id")) or ""} if isinstance(team, dict) else {}
    own, bots = _pair(person), _pair(data)
    if own is not None:
        granted = _both_ways(own.scopes) | (bots.scopes if bots else frozenset())
        return replace(own, scopes=granted, subject=subject, extra={**extra, "kind": "user"})
    if bots is not None:
        return replace(bots, subject=subject, extra={**extra, "kind": "bot"})
    raise PlatformRefusal("no_token", "the answer holds no token", blame="platform")


def refresh(app: App, token: Token) -> Talk[Token]:
    """The next pair, where the app has token rotation on. The old refresh token is revoked by it."""
    if not token.refresh_token:
        raise PlatformRefusal("no_refresh_token", "the app does not rotate tokens", blame="token")
    response = yield _token_request(app, {"grant_type": "refresh_token", "refresh_token": token.refresh_token})
    data = answered(response, hide=(token.refresh_token, app.secret))
    person = data.get("authed_user")
    fresh = _pair(data) or (_pair(person) if isinstance(person, dict) else None)
    if fresh is None:
        raise PlatformRefusal("no_token", "the answer holds no token", blame="platform")
    scopes = _both_ways(fresh.scopes) if token.extra.get("kind") == "user" else fresh.scopes
    return replace(fresh, scopes=scopes or token.scopes, subject=token.subject, extra=token.extra)


def whoami(app: App, token: Token) -> Talk[Account]:
    """Who installed. A person's own token says so itself; a bot's token only shows that it lives, and whose bot it is."""
    response = yield test(app, token)
    data = answered(response, hide=(token.access_token,))
    caller, team = text_or_none(data.get("user_id")), text_or_none(data.get("team_id")) or ""
    of_person = token.extra.get("kind") != "bot"
    if of_person and token.subject and caller != token.subject:
        raise PlatformRefusal("other_account", "auth.test names somebody else than the token answer", blame="token")
    if token.extra.get("team") and team != token.extra["team"]:
        raise PlatformRefusal("other_team", "auth.test names another workspace than the token answer", blame="token")
    user_id = token.subject or (caller if of_person else None)
    if not user_id:
        raise PlatformRefusal("no_account", "Slack names nobody", blame="platform")
    return Account("slack", {"user_id": user_id}, name=plain_text(data.get("user"), 80) if of_person else "", tenant=team)


def revoke(app: App, token: Token) -> Talk[bool]:
    """Withdraw the token (auth.revoke)."""
    response = yield _api(app, "auth.revoke", token)
    return answered(response, hide=(token.access_token,)).get("revoked") is True


# ---------------------------------------------------------------- shared with the checks


def test(app: App, token: Token) -> Request:
    """`auth.test`: harmless, needs no scope; its answer's headers name the scopes of the token."""
    return _api(app, "auth.test", token)


def answered(response: Response, *, hide: Iterable[str] = ()) -> Mapping[str, object]:
    """The body of an answer with `ok: true`. Raises `PlatformRefusal` for any other."""
    data = response.data()
    problem = refusal_or_none(response)
    error = plain_text(data.get("error"), 80)
    if problem is not None and not error:
        raise problem
    if data.get("ok") is True and response.status < 400:
        return data
    blame = _BLAME.get(error, problem.blame if problem else "app" if error and response.status < 500 else "platform")
    raise PlatformRefusal(
        error or "not_ok",
        plain_text(data.get("needed") or data.get("response_metadata"), hide=hide),
        blame=blame,
        request_id=plain_text(response.headers.get("x-slack-req-id"), 60),
        retryable=blame in ("platform", "rate") and bool(error or response.status >= 500),
        retry_after=problem.retry_after if problem else None,
    )


def _api(app: App, method: str, token: Token) -> Request:
    return Request("POST", f"{host(app, HOSTS, 'api')}/{method}", headers={"authorization": f"Bearer {token.access_token}"}, form={})


def _token_request(app: App, form: Mapping[str, str]) -> Request:
    filled = {"client_id": app.app_id, "client_secret": app.secret, **{name: value for name, value in form.items() if value}}
    return Request("POST", host(app, HOSTS, "api") + "/oauth.v2.access", form=filled)


def _both_ways(scopes: frozenset[str]) -> frozenset[str]:
    """A person's scopes under their plain names and under the names by which they are asked for."""
    return scopes | {USER_PREFIX + name for name in scopes}


def of_bot_alone(token: Token) -> frozenset[str]:
    """Scopes that the same installation gave to the bot's token, and that this token, a person's, does not carry."""
    if token.extra.get("kind") != "user":
        return frozenset()
    return frozenset(name for name in token.scopes if not name.startswith(USER_PREFIX) and USER_PREFIX + name not in token.scopes)


def _pair(data: Mapping[str, object]) -> Token | None:
    access = text_or_none(data.get("access_token"))
    if access is None:
        return None
    return Token(
        access,
        scopes=scope_names(data.get("scope"), ","),
        expires_in=int_or_none(data.get("expires_in")),
        refresh_token=text_or_none(data.get("refresh_token")),
    )


OAUTH = OAuth(
    max_scopes=MAX_SCOPES,
    pkce=PKCE,
    adds_up=ADDS_UP,
    revokes=REVOKES,
    authorize_url=authorize_url,
    read_callback=read_callback,
    exchange=exchange,
    refresh=refresh,
    whoami=whoami,
    revoke=revoke,
)
