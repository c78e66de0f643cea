"""Who may be asked to consent, in which app, to what: only configured apps, known scopes, and causes that consent really fixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot import platforms
from bot.diagnose.classify import SCOPE_CAUSES
from bot.i18n import listed, say
from bot.model import App, Cause, Choice, Facts, Finding, Identity, Offer, Text, Who
from bot.platforms import Case

# Causes that a fresh consent of the user ends. A token that is merely invalid counts when it is a user's.
_FIXED = frozenset({Cause.USER_SCOPE_MISSING, Cause.USER_DENIED, Cause.REFRESH_TOKEN_INVALID})
_FIXED_FOR_USERS = frozenset({Cause.TOKEN_EXPIRED, Cause.TOKEN_INVALID})


def candidates(finding: Finding, apps: Sequence[App]) -> tuple[tuple[App, ...], Text | None]:
    """The configured apps that the finding can be about, and the reason when there is none.

    An app that the paste names counts only if it is configured; without a name every app of the platform (and brand) is a candidate.
    """
    title = platforms.title(finding.platform, finding.hints.get("brand", ""))
    if finding.app_id:
        named = tuple(app for app in apps if app.platform == finding.platform and app.app_id == finding.app_id)
        return named, None if named else say(
            "App {app} is not connected here, so the authorization has to start in that app.", app=finding.app_id
        )
    brand = finding.hints.get("brand", "")
    found = tuple(app for app in apps if app.platform == finding.platform and (not brand or not app.brand or app.brand == brand))
    if found:
        return found, None
    return (), say("No {platform} app is connected here, so the authorization has to start in the app that failed.", platform=title)


def offers(
    case: Case, apps: Sequence[App], no_app: Text | None, choice_for: Callable[[App], Choice | None], facts: Facts
) -> tuple[tuple[Offer, ...], Text | None]:
    """The consents that may be started (one for each candidate app), or the reason why there is none."""
    if case.cause is Cause.OTHER and not case.finding.codes:
        return (), say("Nothing to ask for yet: the text names no scope.")
    if not _consent_fixes(case):
        return (), no_help()
    if platforms.oauth(case.finding.platform) is None:
        return (), say("We cannot start an authorization on this platform.")
    if no_app:
        return (), no_app
    found, reasons = [], []
    for app in apps:
        choice = choice_for(app)
        scopes = (choice.recommended if choice else ()) or _kept(case, app, facts)
        reason = _held_back(case, app, choice, facts) or _nothing_to_name(case, scopes)
        if reason:
            reasons.append(reason)
        else:
            found.append(Offer(app.platform, app.app_id, scopes, app.name))
    return tuple(found), None if found else next(iter(reasons), None)


def no_help() -> Text:
    """The reason for causes that consent does not end."""
    return say("Consent of the user alone does not fix this.")


def _consent_fixes(case: Case) -> bool:
    if case.cause in _FIXED:
        return True
    if platforms.advice(case.finding.platform).consent_helps(case):
        return True
    return case.cause in _FIXED_FOR_USERS and (case.finding.identity is Identity.USER or case.who_fixes is Who.USER)


def _kept(case: Case, app: App, facts: Facts) -> tuple[str, ...]:
    """What a mere renewal asks for where a new grant replaces the old one: what the user held, else all that the app may ask of users."""
    oauth = platforms.oauth(app.platform)
    if case.cause in SCOPE_CAUSES or oauth is None or oauth.adds_up:
        return ()
    known = facts.app_facts.get(app.app_id)
    enabled = known.enabled if known and known.enabled else {}
    held = facts.granted or frozenset(name for name, kinds in enabled.items() if Identity.USER in kinds)
    return tuple(sorted(held - app.never_ask))


def _nothing_to_name(case: Case, scopes: tuple[str, ...]) -> Text | None:
    """A page on which a new grant replaces the old one has to be told every scope; without any it only shows an error."""
    oauth = platforms.oauth(case.finding.platform)
    if scopes or case.cause in SCOPE_CAUSES or oauth is None or oauth.adds_up:
        return None
    return say(
        "A new authorization here has to name every permission that is to stay, and we do not know them. Start it in the app that failed."
    )


def _held_back(case: Case, app: App, choice: Choice | None, facts: Facts) -> Text | None:
    """Why no consent in this app would help, or None."""
    if case.cause not in SCOPE_CAUSES:
        return None
    if choice is None and platforms.advice(case.finding.platform).scopes:
        return say("The error does not say which scope is missing. Tell us which API was called, and we can ask for exactly that.")
    if choice is None:
        return say("This does not say which scope is missing. Paste the platform's whole answer, and we can ask for exactly that.")
    if not choice.recommended:
        return choice.reason
    if case.cause is Cause.USER_SCOPE_MISSING and not case.personal:
        return say(
            "{scopes} exists for the app's own identity only, so no login of a user can grant it.", scopes=listed(choice.recommended)
        )
    return _not_enabled(case, app, choice, facts)


def _not_enabled(case: Case, app: App, choice: Choice, facts: Facts) -> Text | None:
    """The platform lists the scope as off: its consent page would refuse the whole request."""
    known = facts.app_facts.get(app.app_id)
    if known is None or known.enabled is None:
        return None
    kinds = {Identity.USER} if case.cause is Cause.USER_SCOPE_MISSING or case.personal else {Identity.APP}
    off = [scope for scope in choice.recommended if not kinds & known.enabled.get(scope, frozenset())]
    if not off:
        return None
    return say("Until {scopes} is enabled for users, the consent page would only show an error.", scopes=listed(off))
