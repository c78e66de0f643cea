"""All looks at one app, as rows of a table: what was asked, what was seen, or why it could not be seen. Nothing is changed by a look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot import platforms
from bot.i18n import listed, say
from bot.model import App, AppFacts, Identity, Text
from bot.oauth.messages import PlatformRefusal, Talk
from bot.platforms.api import Checks

T = TypeVar("T")
_SHOWN = 20
"""Scopes of one row."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `ok` None: not known, and `text` says why."""

    about: Text
    ok: bool | None
    text: Text


def looks(app: App) -> Talk[tuple[Seen, ...]]:
    """Look at everything that the platform tells about an app by itself. Never raises for an answer of the platform: each is a row."""
    checks = platforms.checks(app.platform)
    if checks is None or (checks.app_token is None and checks.app_facts is None):
        nothing = say("{platform} tells nothing about an app without a user's token.", platform=platforms.title(app.platform, app.brand))
        return (Seen(say("App"), None, nothing),)
    found: list[Seen] = []
    if checks.app_token is not None:
        token = yield from _asked(
            say("Credentials"), checks.app_token(app), lambda _: say("App id and secret are right: a token was given.")
        )
        found.append(token)
        if not token.ok:
            return tuple(found)
    found += yield from _facts(app, checks)
    return tuple(found)


def _asked(about: Text, talk: Talk[T], told: Callable[[T], Text]) -> Talk[Seen]:
    try:
        return Seen(about, True, told((yield from talk)))
    except PlatformRefusal as refusal:
        reason = f"{refusal.code} {refusal.message}".strip()
        if refusal.blame == "app":
            return Seen(about, False, say("The platform refuses: {reason}", reason=reason))
        return Seen(about, None, say("It could not be asked: {reason}", reason=reason))


def _facts(app: App, checks: Checks) -> Talk[tuple[Seen, ...]]:
    if checks.app_facts is None:
        return ()
    try:
        facts = yield from checks.app_facts(app)
    except PlatformRefusal as refusal:
        reason = f"{refusal.code} {refusal.message}".strip()
        return (Seen(say("Scopes"), None, say("It could not be asked: {reason}", reason=reason)),)
    return (*_scopes(facts), _version(facts), _status(facts), _redirect(app, facts))


def _scopes(facts: AppFacts) -> tuple[Seen, ...]:
    if facts.enabled is None:
        return (Seen(say("Scopes"), None, say("The platform did not tell.")),)
    rows = []
    for about, identity in (
        (say("Scopes of the app"), Identity.APP),
        (say("Scopes of users"), Identity.USER),
        (say("Scopes, token not told"), Identity.UNKNOWN),
    ):
        names = sorted(name for name, kinds in facts.enabled.items() if identity in kinds)
        if names or identity is not Identity.UNKNOWN:
            more = [f"+{len(names) - _SHOWN}"] if len(names) > _SHOWN else []
            rows.append(Seen(about, True, listed([*names[:_SHOWN], *more]) if names else say("none")))
    if facts.pending:
        rows.append(Seen(say("Waiting for the administrator"), False, listed(sorted(facts.pending)[:_SHOWN])))
    return tuple(rows)


def _version(facts: AppFacts) -> Seen:
    about = say("Version")
    if facts.published is None:
        return Seen(about, None, say("The platform did not tell; the app may lack the scope to read its own data."))
    if facts.published:
        return Seen(about, True, say("The newest version is published."))
    return Seen(about, False, say("A version is not published or waits for approval."))


def _status(facts: AppFacts) -> Seen:
    if facts.status is None:
        return Seen(say("Status"), None, say("The platform did not tell; the app may lack the scope to read its own data."))
    if facts.status == "enabled":
        return Seen(say("Status"), True, say("The app is switched on."))
    return Seen(say("Status"), False, say("The app is not switched on in this organisation."))


def _redirect(app: App, facts: AppFacts) -> Seen:
    about = say("Redirect URI")
    if facts.redirect_uris is None:
        return Seen(about, None, say("The platform did not tell; the app may lack the scope to read its own data."))
    if app.redirect_uri in facts.redirect_uris:
        return Seen(about, True, say("{uri} is registered.", uri=app.redirect_uri))
    return Seen(about, False, say("{uri} is not registered; add exactly this one.", uri=app.redirect_uri))
