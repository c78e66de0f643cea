"""Looking at Slack: the proof that a new consent works (auth.test and the scope header on its answer)."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import listed, say
from bot.model import App, Diagnosis, Proof
from bot.oauth.generic import scope_names
from bot.oauth.messages import Talk, Token
from bot.platforms.api import Checks
from bot.platforms.slack import oauth


def prove(app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Talk[Proof]:  # noqa: ARG001
    """Call auth.test with the new token: `x-oauth-scopes` on the answer is Slack's own list of what it holds."""
    response = yield oauth.test(app, token)
    oauth.answered(response, hide=(token.access_token,))
    header = response.headers.get("x-oauth-scopes")
    held = scope_names(header, ",") if header is not None else frozenset(name.removeprefix(oauth.USER_PREFIX) for name in token.scopes)
    held |= oauth.of_bot_alone(token)
    wanted = [name.removeprefix(oauth.USER_PREFIX) for name in needed]
    lacking = [name for name in wanted if name not in held]
    if lacking:
        return Proof(False, say("the new token does not hold {scopes}.", scopes=listed(lacking)), "auth_test")
    return Proof(True, say("Slack answered auth.test and lists {scopes} for the token.", scopes=listed(wanted)), "auth_test")


CHECKS = Checks(prove=prove)
