"""Where to click on Kuaishou: the shop platform (Kwaixiaodian) and the general open platform are two consoles.

Sources: the shop platform's FAQ pages. No page with an app's id in its address is documented, so links end at the lists.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link, SupportItem
from bot.platforms.api import Links

SHOP = "https://open.kwaixiaodian.com"
APPS = "/console/zone/new/home/application/appList"
TOKEN_TOOL = "/zone/new/tool/auth/authStatus"
FAQ = "/zone/new/faq/list?cateId=49"
MONITOR = "/console/zone/new/home/monitor/dashboard"
MARKET = "https://fuwu.kwaixiaodian.com"
GENERAL = "https://open.kuaishou.com"


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The app list, the tool that shows what a token holds, and the FAQ."""
    own = (app.hosts.get("console") or app.hosts.get("open")) if app else ""
    rel = "practice" if app and app.practice else "console"
    if (app.brand if app else finding.hints.get("brand")) == "general":
        return (Link(rel, own or GENERAL, say("Open the developer console")),)
    home = own or SHOP
    apps = Link(rel, home + APPS, say("Open the app in the application centre"))
    if cause is Cause.RATE_LIMITED:
        return (Link(rel, home + MONITOR, say("Open the call monitor")), apps)
    return (
        apps,
        Link("troubleshooter", SHOP + TOKEN_TOOL, say("See what a token holds")),
        Link("faq", SHOP + FAQ, say("Kuaishou's FAQ on authorization")),
        Link("faq", MARKET, say("Service market (orders of a service)")),
    )


def support(finding: Finding) -> tuple[SupportItem, ...]:
    """What helps Kuaishou's support to find the call."""
    return (
        SupportItem(say("App ID"), finding.app_id),
        SupportItem(say("Date and time of the call"), finding.hints.get("time") or None),
        SupportItem(say("API that was called"), finding.hints.get("api") or None),
        SupportItem(say("The error that came back"), finding.hints.get("body") or finding.message or None),
        SupportItem(say("RequestId"), next(iter(finding.request_ids), None)),
    )


LINKS = Links(links=links, support=support)
