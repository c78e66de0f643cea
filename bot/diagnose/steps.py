"""What to do, step by step, each with what is known about it. "Unknown" is a state like any other and says why.

Platforms whose way differs bring their own steps (`advice.py`); the pieces that they share are in `bot/platforms/steps.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bot import platforms
from bot.diagnose.classify import Reading
from bot.i18n import say
from bot.model import Cause, Step, StepState, Text
from bot.patterns import lazy
from bot.platforms import Case
from bot.platforms.steps import link, page


def steps(case: Case, reading: Reading) -> tuple[Step, ...]:
    """The platform's own steps for this case, else those of the entry (or variant), else what the cause asks for in general."""
    if reading.bare:
        return _bare(case)
    if found := platforms.advice(case.finding.platform).steps(case):
        return found
    texts = reading.steps or _general().get(case.cause) or (say("Read the platform's page on this code, and compare the request with it."),)
    return _with_links(texts, case)


# ---------------------------------------------------------------- general


# Steps that are done in the console say so; and causes that are ended there, whatever the step says.
_CONSOLE = lazy(
    r"\bconsole\b|the app's settings|api\.slack\.com|App Management|[Aa]dmin cent|Developer settings|App registrations"
    r"|Google Auth Platform|Permissions & Scopes"
)
_ENDED_THERE = frozenset(
    {
        Cause.APP_SCOPE_MISSING,
        Cause.APP_CREDENTIALS,
        Cause.APP_NOT_AVAILABLE,
        Cause.CONTACT_RANGE,
        Cause.IP_NOT_ALLOWED,
        Cause.REDIRECT_URI,
    }
)


def _with_links(texts: tuple[Text, ...], case: Case) -> tuple[Step, ...]:
    """The console page goes with the step that is done there, the documentation with the last step."""
    console, docs = page(case), link(case, "docs") or link(case, "faq")
    there = next((place for place, text in enumerate(texts) if _CONSOLE.search(text.en)), 0 if case.cause in _ENDED_THERE else None)
    found = []
    for place, text in enumerate(texts):
        its_link = console if place == there else docs if place == len(texts) - 1 else None
        found.append(Step(text, StepState.TODO, link=its_link))
    return tuple(found)


def _bare(case: Case) -> tuple[Step, ...]:
    found = []
    if trouble := link(case, "troubleshooter"):
        found.append(Step(say("Open the troubleshooter with this id; it knows the call for a few days."), StepState.TODO, link=trouble))
    found.append(Step(say("Paste the whole answer of the platform here: code, message and everything below it."), StepState.TODO))
    return tuple(found)


@cache
def _general() -> Mapping[Cause, tuple[Text, ...]]:
    """Steps for a code that nobody listed: what its cause asks for on any platform."""
    token = (say("Get a fresh token of the right kind, and send it as the documentation says."),)
    return {
        Cause.APP_SCOPE_MISSING: (
            say("Enable the missing scope for the app in the developer console."),
            say("Publish a version of the app, and have it approved where the organisation asks for that."),
        ),
        Cause.USER_SCOPE_MISSING: (
            say("Make sure that the app has the scope enabled for users."),
            say("Let the user authorize the app again, with the missing scope in the request."),
            say("Make the call with the new token."),
        ),
        Cause.RESOURCE_PERMISSION: (
            say("Ask the owner of the resource to give access to whoever makes the call: the user, or the app itself."),
        ),
        Cause.TOKEN_INVALID: token,
        Cause.TOKEN_EXPIRED: token,
        Cause.TOKEN_MISSING: token,
        Cause.TOKEN_WRONG_TYPE: token,
        Cause.APP_CREDENTIALS: (
            say("Compare app id and secret with the console, character by character."),
            say("Check that the app belongs to the host that the call goes to."),
        ),
        Cause.RATE_LIMITED: (say("Call less often: wait as long as the answer says, then retry with growing pauses."),),
        Cause.APP_NOT_AVAILABLE: (
            say("Check in the console that the app is enabled, published, and available to this organisation and person."),
        ),
        Cause.BOT_NOT_IN_CHAT: (say("Add the bot to the chat, then call again."),),
        Cause.CONTACT_RANGE: (say("Ask the organisation's admin to include the person or department in the app's range."),),
        Cause.TENANT_POLICY: (say("Ask the organisation's admin whether a policy forbids this; no scope changes it."),),
        Cause.RESOURCE_NOT_FOUND: (
            say("Check the id, and that it belongs to this app and organisation."),
            say("What exists but is not visible often looks missing: check that the caller may see it."),
        ),
        Cause.USER_DENIED: (say("Say what the access is for, and let the user start the authorization again if they agree."),),
        Cause.REDIRECT_URI: (
            say("Register exactly the address that was sent as redirect URL in the app's security settings."),
            say("Send the same address in both steps: on the authorize page and in the exchange of the code."),
        ),
        Cause.AUTH_CODE_INVALID: (say("Start the authorization again and exchange the new code at once; a code works one time only."),),
        Cause.REFRESH_TOKEN_INVALID: (
            say("Let the user authorize again."),
            say("Refresh in one place only, and store the new refresh token before it is used; each works once."),
        ),
        Cause.IP_NOT_ALLOWED: (say("Add the address that the call really comes from to the app's list of allowed addresses."),),
        Cause.SERVER_ERROR: (say("Try again in a minute; if it stays, send the request id to the platform's support."),),
    }
