"""Looking at Kuaishou: the proof that a new consent works.

The shop's own APIs need a signature whose key we do not hold, so nothing can be read there. Its answer to the exchange, however, lists the
packs of the new token: that list is the proof, and the card says so. The general platform has a call for the person's profile.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import listed, say
from bot.model import App, Diagnosis, Proof
from bot.oauth.messages import PlatformRefusal, Talk, Token
from bot.platforms.api import Checks
from bot.platforms.kuaishou import oauth


def prove(app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Talk[Proof]:  # noqa: ARG001
    """Compare the packs that Kuaishou lists for this token; on the general platform also read the profile with it."""
    lacking = [name for name in needed if name not in token.scopes]
    if lacking:
        return Proof(False, say("the new token does not hold {scopes}.", scopes=listed(lacking)), "scopes")
    if oauth.brand(app) == "general" and "user_info" in token.scopes:
        account = yield from oauth.whoami(app, token)
        if not account.ids:
            raise PlatformRefusal("no_account", blame="platform")
        return Proof(True, say("a call with the new token was answered, and it holds {scopes}.", scopes=listed(needed)), "user_info")
    return Proof(True, say("Kuaishou's own answer lists {scopes} for the new token.", scopes=listed(needed)), "scopes")


CHECKS = Checks(prove=prove)
