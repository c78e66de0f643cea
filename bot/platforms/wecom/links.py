"""Where to click on WeCom: the admin console, and the error query tool that WeCom's own error texts name."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link
from bot.patterns import lazy
from bot.platforms.api import Links

CONSOLE = "https://work.weixin.qq.com/wework_admin/frame#apps"
QUERY = "https://open.work.weixin.qq.com/devtool/query?e={code}"
_CODE = lazy(r"-?\d{1,8}")


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The list of apps in the admin console, and the platform's own page on the code."""
    found = [Link("console", CONSOLE, say("Open the admin console"))]
    if code := next((value for value in finding.codes if _CODE.fullmatch(value)), ""):
        found.append(Link("troubleshooter", QUERY.format(code=code), say("WeCom's own page on {code}", code=code)))
    return tuple(found)


LINKS = Links(links=links)
