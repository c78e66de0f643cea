"""Where to click on GitHub: token settings for people, installation settings for apps."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n import say
from bot.model import App, Cause, Finding, Link
from bot.platforms.api import Links

TOKENS = "https://github.com/settings/tokens"
INSTALLATIONS = "https://github.com/settings/installations"
GRANTS = "https://github.com/settings/applications"
HELP = "https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api"


def links(finding: Finding, scopes: Sequence[str], app: App | None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """Both kinds of settings: a refusal rarely tells whether a person's token or an app's installation was used."""
    tokens = Link("console", TOKENS, say("Open your access tokens"))
    installs = Link("console", INSTALLATIONS, say("Open installed GitHub Apps"))
    wording = f"{finding.message} {finding.hints.get('entry', '')}".lower()
    first = (installs, tokens) if "integration" in wording else (tokens, installs)
    return (*first, Link("docs", HELP, say("GitHub's page on refused calls")))


LINKS = Links(links=links)
