"""Looking at DingTalk: the proof that a new consent works. No call tells which scopes an app or a token holds."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import listed, say
from bot.model import App, Diagnosis, Proof
from bot.oauth.generic import text_or_none
from bot.oauth.messages import PlatformRefusal, Talk, Token
from bot.platforms.api import Checks
from bot.platforms.dingtalk import oauth

# Personal scopes whose own call is a harmless read of the person's profile: calling it proves the scope.
_PROVEN_BY_PROFILE = frozenset({"Contact.User.Read"})


def prove(app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Talk[Proof]:  # noqa: ARG001
    """Read the person's own profile. That proves the scope it needs; for any other it shows only that the token lives."""
    response = yield oauth.me(app, token)
    try:
        oauth.answered(response, hide=(token.access_token,))
    except PlatformRefusal as refusal:
        if refusal.code != "Forbidden.AccessDenied.AccessTokenPermissionDenied":
            raise
        return Proof(False, say("DingTalk still refuses to read the profile with the new token."), "users_me")
    others = [name for name in needed if name not in _PROVEN_BY_PROFILE]
    if not others:
        return Proof(True, say("DingTalk let the new token read the person's profile."), "users_me")
    return Proof(
        None,
        say(
            "the new token works, but DingTalk does not tell whether it holds {scopes}. Repeat the call that failed.", scopes=listed(others)
        ),
        "users_me",
    )


def app_token(app: App) -> Talk[str]:
    """The app's own token (page "obtain the access token of an internal app"): shows that client id and secret are right."""
    response = yield oauth.app_token_request(app)
    token = text_or_none(oauth.answered(response, hide=(app.secret,)).get("accessToken"))
    if token is None:
        raise PlatformRefusal("no_token", "the answer holds no access token", blame="platform")
    return token


CHECKS = Checks(prove=prove, app_token=app_token)
