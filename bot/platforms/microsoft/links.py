"""Where to click on Microsoft: the app registration in Entra, and Microsoft's own lookup page for AADSTS codes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link
from bot.patterns import lazy
from bot.platforms.api import Links

APPS = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
PERMISSIONS = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/{app}"
REDIRECTS = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Authentication/appId/{app}"
LOOKUP = "https://login.microsoftonline.com/error?code={code}"
GRAPH = "https://learn.microsoft.com/graph/permissions-reference"

_GUID = lazy(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AADSTS = lazy(r"AADSTS(\d{3,9})")
_SCOPE_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def home(finding: Finding, app: App | None) -> tuple[str, str]:
    """The list of app registrations, and the app's id."""
    app_id = finding.app_id or ""
    return APPS, app_id if _GUID.fullmatch(app_id) else ""


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The app registration's page for this cause, the permission reference, and the code's own page."""
    app_id = finding.app_id or ""
    found = []
    if _GUID.fullmatch(app_id) and cause in _SCOPE_CAUSES:
        found.append(Link("console", PERMISSIONS.format(app=app_id), say("Open the app's API permissions")))
    elif _GUID.fullmatch(app_id) and cause is Cause.REDIRECT_URI:
        found.append(Link("console", REDIRECTS.format(app=app_id), say("Open the app's redirect URIs")))
    else:
        found.append(Link("console", APPS, say("Open app registrations")))
    if cause in _SCOPE_CAUSES:
        found.append(Link("docs", GRAPH, say("Microsoft's list of Graph permissions")))
    for code in finding.codes:
        if match := _AADSTS.fullmatch(code):
            found.append(Link("troubleshooter", LOOKUP.format(code=match[1]), say("Microsoft's own page on {code}", code=code)))
            break
    return tuple(found)


LINKS = Links(links=links, home=home)
