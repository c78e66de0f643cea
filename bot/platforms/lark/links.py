"""Where to click on Feishu and Lark. Sources: the links inside the platform's own error texts and its help pages.

Nothing of a pasted address survives: host by brand (or the app's own `hosts`), ids and scopes only when their shape is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Identity, Link, SupportItem
from bot.oauth.generic import address
from bot.patterns import lazy
from bot.platforms.api import Links

OPEN: Mapping[str, str] = {"feishu": "https://open.feishu.cn", "lark": "https://open.larksuite.com"}
SUPPORT: Mapping[str, str] = {"feishu": "https://applink.feishu.cn/TLJpeNdW", "lark": "https://www.larksuite.com/hc"}

APPS = "/app"
AUTH = "/app/{app}/auth"  # scopes preselected; the link that 99991672 and 99991679 carry themselves
SAFE = "/app/{app}/safe"  # redirect URLs and the refresh switch; the official MCP server sends people here
VERSION = "/app/{app}/version"  # unconfirmed: known from other people's code only
SEARCH = "/search"  # the troubleshooter named in error bodies
DOCUMENT = "/document/"

FAQ_CONSENT = "faq/trouble-shooting/how-to-resolve-error-99991679"
FAQ_DOCUMENT = "uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-add-permissions-to-app"
GUIDE_BROWSER = "common-capabilities/sso/web-application-end-user-consent/guide"
GUIDE_CLIENT = "uYjL24iN/uMTMuMTMuMTM/development-guide/webapp-incremental-authorization-access-guide"
GUIDE_GADGET = "uYjL24iN/ukzMzUjL5MzM14SOzMTN/gadget-incremental-authorization-access-guide"

APP_ID = lazy(r"cli_[A-Za-z0-9]{10,32}")
LOG_ID = lazy(r"\d{14}[0-9A-Fa-f]{7,28}")
_MOMENT = lazy(r"(20[1-9]\d)(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d)")
_SCOPE = lazy(r"[A-Za-z0-9_.:-]{2,100}")
_DIGITS = lazy(r"\d{1,24}")

_TOKEN_TYPE = {Identity.USER: "user", Identity.APP: "tenant"}
_SAFE_CAUSES = frozenset({Cause.REDIRECT_URI, Cause.REFRESH_TOKEN_INVALID})
_APP_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def brand(finding: Finding, app: App | None) -> str:
    """`feishu` or `lark`: the configured app's, else what the paste shows, else Feishu."""
    named = app.brand if app else finding.hints.get("brand", "")
    return named if named in OPEN else "feishu"


def base(finding: Finding, app: App | None) -> str:
    """The console's address for this app."""
    own = (app.hosts.get("console") or app.hosts.get("open")) if app else ""
    return (own or OPEN[brand(finding, app)]).rstrip("/")


def home(finding: Finding, app: App | None) -> tuple[str, str]:
    """The developer console of this brand, and the app's id."""
    app_id = app.app_id if app else finding.app_id or ""
    return base(finding, app), app_id if APP_ID.fullmatch(app_id) else ""


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The console page that the cause needs, the troubleshooter for the log_id, and the guides for each form of app."""
    home = base(finding, app)
    found = [_console(home, finding, scopes, app, cause)]
    if trouble := _troubleshooter(home, finding):
        found.append(trouble)
    documents = OPEN[brand(finding, app)] + DOCUMENT
    if cause is Cause.USER_SCOPE_MISSING:
        found += [
            Link("faq", documents + FAQ_CONSENT, say("The platform's own page on 99991679")),
            Link("docs", documents + GUIDE_BROWSER, say("Guide: web app in a browser")),
            Link("docs", documents + GUIDE_CLIENT, say("Guide: web app inside the client")),
            Link("docs", documents + GUIDE_GADGET, say("Guide: mini program")),
        ]
    elif cause is Cause.RESOURCE_PERMISSION:
        found.append(Link("faq", documents + FAQ_DOCUMENT, say("Guide: give an app access to a document")))
    elif cause is Cause.SERVER_ERROR:
        found.append(Link("support", SUPPORT[brand(finding, app)], say("Platform support")))
    return tuple(found)


def document(url: str, finding: Finding, app: App | None) -> str:
    """A documentation page on the brand's own host; both brands use the same paths."""
    return url.replace(OPEN["feishu"], OPEN[brand(finding, app)], 1) if url.startswith(OPEN["feishu"] + "/") else url


def support(finding: Finding) -> tuple[SupportItem, ...]:
    """What Feishu's support asks for: it finds a call by its log_id."""
    log_id = next((value for value in finding.request_ids if LOG_ID.fullmatch(value)), None)
    return (
        SupportItem(say("App ID"), finding.app_id),
        SupportItem(say("log_id"), log_id),
        SupportItem(say("Date and time of the call"), finding.hints.get("time") or (moment(log_id) if log_id else None)),
        SupportItem(say("API that was called"), finding.hints.get("api")),
        SupportItem(say("The whole error, secrets masked"), finding.hints.get("body") or finding.message or None),
    )


def moment(log_id: str) -> str | None:
    """`YYYY-MM-DD HH:MM:SS` out of a log_id's first 14 digits; None when they are no date. The zone is not documented."""
    match = _MOMENT.match(log_id)
    return "{}-{}-{} {}:{}:{}".format(*match.groups()) if match else None


def _console(home: str, finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause) -> Link:
    rel = "practice" if app and app.practice else "console"
    app_id = app.app_id if app else finding.app_id or ""
    if not (APP_ID.fullmatch(app_id) or app):
        return Link(rel, home + APPS, say("Open the developer console"))
    if cause in _SAFE_CAUSES:
        return Link(rel, home + SAFE.format(app=app_id), say("Open the app's security settings"))
    if cause in _APP_CAUSES:
        wanted = [scope for scope in scopes if _SCOPE.fullmatch(scope)]
        query = {"q": ",".join(wanted), "op_from": "openapi" if wanted else "", "token_type": _TOKEN_TYPE.get(finding.identity, "")}
        return Link(rel, address(home + AUTH.format(app=app_id), query), say("Open the permission page"))
    return Link(rel, f"{home}{APPS}/{app_id}", say("Open the app in the developer console"))


def _troubleshooter(home: str, finding: Finding) -> Link | None:
    log_id = next((value for value in finding.request_ids if LOG_ID.fullmatch(value)), None)
    if log_id is None:
        return None
    code = next((value for value in finding.codes if _DIGITS.fullmatch(value)), "")
    method = finding.hints.get("method_id", "")
    query = {"from": "openapi", "log_id": log_id, "code": code, "method_id": method if _DIGITS.fullmatch(method) else ""}
    return Link("troubleshooter", address(home + SEARCH, query), say("Look the log_id up in the troubleshooter"))


LINKS = Links(links=links, document=document, support=support, home=home)
