"""Where to click on Google: consent scopes and credentials in the Cloud console, grants in a person's own account."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link
from bot.platforms.api import Links

CREDENTIALS = "https://console.cloud.google.com/apis/credentials"
LIBRARY = "https://console.cloud.google.com/apis/library"
IAM = "https://console.cloud.google.com/iam-admin/iam"
GRANTS = "https://myaccount.google.com/connections"
SCOPES = "https://developers.google.com/identity/protocols/oauth2/scopes"

_SCOPE_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The console page that the cause needs, and for missing scopes Google's list of them."""
    if cause is Cause.RESOURCE_PERMISSION:
        return (Link("console", IAM, say("Open roles and permissions (IAM)")),)
    if cause in {Cause.APP_NOT_AVAILABLE, Cause.RATE_LIMITED}:
        return (Link("console", LIBRARY, say("Open the API library")),)
    found = [Link("console", CREDENTIALS, say("Open the app's credentials"))]
    if cause in _SCOPE_CAUSES:
        found.append(Link("docs", SCOPES, say("Google's list of scopes")))
    if cause in _SCOPE_CAUSES | {Cause.REFRESH_TOKEN_INVALID, Cause.USER_DENIED}:
        found.append(Link("faq", GRANTS, say("See or withdraw your own grants")))
    return tuple(found)


LINKS = Links(links=links)
