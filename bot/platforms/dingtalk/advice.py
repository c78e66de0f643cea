"""What only somebody who knows DingTalk would say: not applied for, or applied for and never granted by the organisation.

Source: the platform's best practice page on calls refused for lack of permission.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import RFC_4122, UUID

from bot.i18n import listed, say
from bot.model import Cause, Finding, Link, Step, StepState, Text
from bot.platforms.api import Advice, Case
from bot.platforms.dingtalk.links import SUITE, WORKBENCH
from bot.platforms.steps import enabled, page

_DENIED = "Forbidden.AccessDenied."
_SCOPES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def steps(case: Case) -> tuple[Step, ...]:
    """The four ways to a grant, in the order in which they are tried."""
    if case.cause not in _SCOPES:
        return ()
    choice = case.choice
    on, evidence = enabled(case)
    names = (choice.recommended or choice.unknown) if choice else ()
    if names:
        apply = say("Apply for {scopes} in the developer console; most scopes of an internal app work at once.", scopes=listed(names))
    else:
        apply = say("Find the scope that the API's page names, and apply for it in the developer console.")
    missing = say("The app may have applied for it while the organisation has not granted it.")
    return (
        Step(apply, on, evidence, page(case)),
        Step(say("First activation in an organisation: its admin agrees to the app's scopes."), StepState.UNKNOWN, missing),
        Step(
            say("Scope added later: ask for it in the app through the unified authorization suite; the user or the admin agrees there."),
            StepState.UNKNOWN,
            missing,
            _link(case, SUITE),
        ),
        Step(
            say("In an emergency the admin grants by hand: Workbench → admin tab → app management → the app → settings → authorization."),
            StepState.UNKNOWN,
            missing,
            _link(case, WORKBENCH),
        ),
    )


def consent_helps(case: Case) -> bool:
    """The error does not tell a scope that was never applied for from one that the user has not granted; personal scopes are granted."""
    return case.cause is Cause.APP_SCOPE_MISSING and case.personal


def notes(case: Case) -> tuple[Text, ...]:
    """Why it works only sometimes, and what a look-alike costs."""
    if case.cause not in _SCOPES:
        return ()
    found = [
        say(
            "Works only sometimes? Different scenes can use the same API; one organisation granted the scope and another did not; "
            "or an admin withdrew it."
        ),
    ]
    if case.finding.scopes:
        found.append(
            say(
                "Compare the name letter by letter: DingTalk has scopes that look alike, and only {scopes} counts here.",
                scopes=listed(case.finding.scopes),
            )
        )
    if case.cause is Cause.USER_SCOPE_MISSING:
        found.append(
            say("For a user's token the authorize page must be opened with prompt=consent; otherwise the old grant is used again.")
        )
    return tuple(found)


def when(request_id: str, finding: Finding) -> Text | None:
    """A version 7 UUID begins with the milliseconds of its making (RFC 9562); other request ids tell no time."""
    try:
        value = UUID(request_id)
    except ValueError:
        return None
    moment = value.int >> 80
    if value.variant != RFC_4122 or value.version != 7 or not 1_500_000_000_000 < moment < 2_500_000_000_000:
        return None
    return say("By its form the id was made on {time} UTC.", time=datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"))


def _link(case: Case, url: str) -> Link | None:
    return next((link for link in case.links if link.url == url), None)


ADVICE = Advice(steps=steps, notes=notes, consent_helps=consent_helps, when=when)
