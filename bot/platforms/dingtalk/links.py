"""Where to click on DingTalk. Sources: the apply link in the platform's own error text, and its "no permission" best practice page."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link, SupportItem
from bot.patterns import lazy
from bot.platforms.api import Links

CONSOLE = "https://open-dev.dingtalk.com"
APPLY = "/appscope/apply?content={app}%23{scope}"  # one scope a link, as in every error text; several in one link are unconfirmed
APPS = "/fe/app#/corp/app"
ADMIN = "https://oa.dingtalk.com"  # organisation admin console
APPLY_GUIDE = "https://open.dingtalk.com/document/orgapp-server/add-api-permission"
GRANT_GUIDE = "https://open.dingtalk.com/document/isvapp/applications-authorization"
SUITE = "https://open.dingtalk.com/document/personalapp/access-process"
WORKBENCH = "https://open-dingtalk.github.io/developerpedia/docs/learn/permission/manage/workbench-consent"
SUPPORT = "https://open-dingtalk.github.io/developerpedia/docs/explore/support"

APP_ID = lazy(r"[A-Za-z][A-Za-z0-9]{9,63}")
_SCOPE = lazy(r"[A-Za-z0-9_.:-]{2,100}")
_SCOPE_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The apply page for each scope (or the app list), and the ways in which an organisation grants."""
    home = ((app.hosts.get("console") or app.hosts.get("open")) if app else "") or CONSOLE
    rel = "practice" if app and app.practice else "console"
    app_id = app.app_id if app else finding.app_id or ""
    found = []
    if cause in _SCOPE_CAUSES and (app or APP_ID.fullmatch(app_id)):
        wanted = [scope for scope in scopes if _SCOPE.fullmatch(scope)]
        found += [Link(rel, home + APPLY.format(app=app_id, scope=scope), say("Apply for {scope}", scope=scope)) for scope in wanted]
    found.append(Link(rel, home + APPS, say("Open the developer console")))
    if cause in _SCOPE_CAUSES:
        found += [
            Link("docs", APPLY_GUIDE, say("Guide: apply for an API permission")),
            Link("docs", SUITE, say("Guide: unified authorization suite")),
            Link("docs", GRANT_GUIDE, say("Guide: what the admin agrees to at first activation")),
            Link("faq", WORKBENCH, say("Guide: the admin grants by hand in the workbench")),
        ]
    found.append(Link("support", SUPPORT, say("Platform support")))
    return tuple(found)


def support(finding: Finding) -> tuple[SupportItem, ...]:
    """The six things that DingTalk's support asks for, filled from the paste."""
    request_id = next(iter(finding.request_ids), None)
    return (
        SupportItem(say("Client ID of the app (AppKey or SuiteKey)"), finding.app_id),
        SupportItem(say("Date and time of the call"), finding.hints.get("time") or None),
        SupportItem(say("URL of the API, or its documentation page"), finding.hints.get("api") or None),
        SupportItem(say("Parameters of the call, secrets masked, JSON shape kept"), finding.hints.get("params") or None),
        SupportItem(say("The error that came back"), finding.hints.get("body") or finding.message or None),
        SupportItem(say("RequestId"), request_id),
    )


LINKS = Links(links=links, support=support)
