"""Where to click on Slack. The app settings pages are in wide use; Slack's documentation does not promise their addresses."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link
from bot.patterns import lazy
from bot.platforms.api import Links

CONSOLE = "https://api.slack.com/apps"
OAUTH = "/{app}/oauth"  # unconfirmed: scopes and redirect URLs
INSTALL = "/{app}/install-on-team"  # unconfirmed: reinstall
SCOPES = "https://docs.slack.dev/reference/scopes"
METHODS = "https://docs.slack.dev/reference/methods"
METHOD = METHODS + "/{method}"

APP_ID = lazy(r"A[A-Z0-9]{8,14}")
_METHOD = lazy(r"[a-z]+(?:\.[A-Za-z0-9]+){1,4}")
_OAUTH_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING, Cause.REDIRECT_URI, Cause.TOKEN_WRONG_TYPE})


def home(finding: Finding, app: App | None) -> tuple[str, str]:
    """The list of one's apps, and the app's id."""
    app_id = app.app_id if app else finding.app_id or ""
    return (app.hosts.get("console", "").rstrip("/") if app else "") or CONSOLE, app_id if APP_ID.fullmatch(app_id) else ""


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The app's OAuth page, its install page, and the page of the method that was called."""
    own = (app.hosts.get("console") or "") if app else ""
    home = own.rstrip("/") or CONSOLE
    rel = "practice" if app and app.practice else "console"
    app_id = app.app_id if app else finding.app_id or ""
    known = bool(APP_ID.fullmatch(app_id))
    found = []
    if known and cause in _OAUTH_CAUSES:
        found.append(Link(rel, home + OAUTH.format(app=app_id), say("Open “OAuth & Permissions”")))
        found.append(Link(rel, home + INSTALL.format(app=app_id), say("Reinstall the app")))
    else:
        found.append(Link(rel, f"{home}/{app_id}" if known else home, say("Open the app's settings")))
    method = finding.hints.get("api", "").removeprefix("/api/")
    if _METHOD.fullmatch(method):
        found.append(Link("docs", METHOD.format(method=method), say("Slack's page on {method}", method=method)))
    if cause in _OAUTH_CAUSES and cause is not Cause.REDIRECT_URI:
        found.append(Link("docs", SCOPES, say("Slack's list of scopes")))
    return tuple(found)


def document(url: str, finding: Finding, app: App | None) -> str:
    """The page of the method that was called: the same word means something else on each, so that another method's page would mislead."""
    method = finding.hints.get("api", "").removeprefix("/api/")
    if not url.startswith(METHODS + "/"):
        return url
    return METHOD.format(method=method) if _METHOD.fullmatch(method) else METHODS


LINKS = Links(links=links, document=document, home=home)
