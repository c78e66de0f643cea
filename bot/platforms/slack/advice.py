"""What only somebody who knows Slack would say: which scope a method needs, and that a token is as old as its installation.

Source: the method pages of Slack's reference (each names its scopes).
"""

from __future__ import annotations

from bot.i18n import listed, say
from bot.model import AppFacts, Cause, Finding, Identity, Step, StepState, Text
from bot.platforms.api import Advice, Case

# Method → the scope that a bot token needs for its plainest use.
NEEDS = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.scheduleMessage": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "conversations.members": "channels:read",
    "conversations.join": "channels:join",
    "conversations.open": "im:write",
    "files.info": "files:read",
    "files.list": "files:read",
    "files.upload": "files:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "pins.add": "pins:write",
    "reactions.add": "reactions:write",
    "reactions.get": "reactions:read",
    "team.info": "team:read",
    "usergroups.list": "usergroups:read",
    "users.info": "users:read",
    "users.list": "users:read",
    "users.lookupByEmail": "users:read.email",
    "users.profile.get": "users.profile:read",
}


def scopes(finding: Finding, granted: frozenset[str] | None, facts: AppFacts | None) -> tuple[tuple[str, ...], Text] | None:
    """The scope of the method that was called, when the error hides it."""
    method = finding.hints.get("api", "").removeprefix("/api/")
    if method not in NEEDS:
        return None
    return (NEEDS[method],), say("The error names no scope; {method} usually needs this one.", method=method)


def steps(case: Case) -> tuple[Step, ...]:
    """The error names the scope: then the steps name it, too. Without a name the entry's general steps hold."""
    if case.cause not in {Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING} or not (case.choice and case.choice.recommended):
        return ()
    wanted = listed(case.choice.recommended)
    pages = [link for link in case.links if link.rel in ("practice", "console")]
    page, again = (pages[0], pages[-1]) if pages else (None, None)
    add = {
        Identity.USER: say("In the app's settings open OAuth & Permissions, and add {scopes} under User Token Scopes.", scopes=wanted),
        Identity.APP: say("In the app's settings open OAuth & Permissions, and add {scopes} under Bot Token Scopes.", scopes=wanted),
    }.get(
        case.finding.identity,
        say(
            "In the app's settings open OAuth & Permissions, and add {scopes}: under Bot Token Scopes for an xoxb token, under User Token "
            "Scopes for an xoxp token.",
            scopes=wanted,
        ),
    )
    return (
        Step(add, StepState.TODO, link=page),
        Step(
            say("Reinstall the app to the workspace; where the workspace asks for approval, an administrator agrees."),
            StepState.TODO,
            link=again if again is not page else None,
        ),
        Step(say("Call again with the token that the reinstallation shows; an older one does not gain the scope."), StepState.TODO),
    )


def consent_helps(case: Case) -> bool:
    """Scopes of a bot are granted by authorizing the app again (a reinstall); Slack adds them to the ones it has."""
    return case.cause is Cause.APP_SCOPE_MISSING and bool(case.choice and case.choice.recommended)


def notes(case: Case) -> tuple[Text, ...]:
    """Why an added scope is still missing."""
    if case.cause not in {Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING}:
        return ()
    return (
        say(
            "Scope added and still missing? The app must be reinstalled, and the token copied again: a token is as old as its installation."
        ),
        say("Bot scopes and user scopes are two lists. Look at the token: xoxb- needs bot scopes, xoxp- user scopes."),
    )


ADVICE = Advice(scopes=scopes, steps=steps, notes=notes, consent_helps=consent_helps)
