"""What only somebody who knows Feishu and Lark would say: the way from an enabled scope to a token that carries it.

Sources: the platform's page on 99991679, the guides for in-client web apps, and the pages on OAuth codes and application scopes.
"""

from __future__ import annotations

from bot.i18n import joined, listed, say
from bot.model import Cause, Finding, Identity, Mode, Step, StepState, Text
from bot.platforms.api import Advice, Case
from bot.platforms.lark.links import LOG_ID, brand, moment
from bot.platforms.steps import consented, enabled, page, published

_NEW_TOKEN = frozenset({"99991679", "99991676"})


def steps(case: Case) -> tuple[Step, ...]:
    """Scope trouble is solved on Feishu's own way; everything else by the entry's steps."""
    if case.choice is None or not (case.choice.recommended or case.choice.unknown):
        return ()
    if case.cause is Cause.USER_SCOPE_MISSING:
        return _user_steps(case)
    if case.cause is Cause.APP_SCOPE_MISSING:
        return _app_steps(case)
    return ()


def notes(case: Case) -> tuple[Text, ...]:
    """Facts about consent on Feishu, where they help."""
    if case.cause is Cause.RESOURCE_PERMISSION:
        return (say("An API scope never opens a document by itself: the user or the app also needs access to that document."),)
    if case.cause is not Cause.USER_SCOPE_MISSING:
        return ()
    found = [
        say("Consents add up: the new token also carries everything granted before, and the page shows only what is new."),
        say(
            "How to ask depends on the app's form: in a browser the authorize page takes scope=…; inside the client (web app or mini "
            "program) requestAccess takes scopeList=[…]."
        ),
    ]
    if case.choice and case.choice.recommended and not case.personal:
        named = listed(case.choice.recommended)
        found.insert(0, say("By the platform's API pages {scopes} exists for app identity only: make this call as the app.", scopes=named))
    if case.choice and case.choice.recommended and set(case.choice.recommended) <= case.held:
        found.insert(0, say("The user has granted it already. A token issued before the consent does not gain it: use the newest token."))
    elif _NEW_TOKEN & set(case.finding.codes):
        found.append(
            say("Seen again after a consent? Then the old token is still in use: a consent never reaches a token issued before it.")
        )
    return tuple(found)


def when(request_id: str, finding: Finding) -> Text | None:
    """Date, time and region of a log_id: its first 14 digits are the time of the call."""
    time = moment(request_id) if LOG_ID.fullmatch(request_id) else None
    if time is None:
        return None
    made = say("By its first 14 digits the call was made on {time} (taken as UTC+8; the zone is not documented).", time=time)
    if finding.hints.get("brand") == "lark":
        region = say("Region: Lark (international), as the text shows.")
    elif brand(finding, None) == "feishu" and finding.hints.get("brand") == "feishu":
        region = say("Region: Feishu (mainland China), as the text shows.")
    else:
        region = say("Region: not in the id; taken as Feishu (mainland China). For Lark, look it up on open.larksuite.com.")
    return joined([made, region])


def _user_steps(case: Case) -> tuple[Step, ...]:
    choice = case.choice
    assert choice is not None  # noqa: S101 (the caller looked)
    named = listed(choice.recommended or choice.unknown)
    on, on_evidence = enabled(case)
    given, given_evidence = consented(case)
    one = say("Check that {scopes} is enabled for the app, for user identity (any one of them is enough).", scopes=named)
    all_of = say("Check that {scopes} is enabled for the app, for user identity.", scopes=named)
    several = case.finding.scopes_mode is Mode.ANY and bool(choice.alternatives)
    return (
        Step(one if several else all_of, on, on_evidence, page(case)),
        Step(say("Let the user authorize again, asking for {scopes}.", scopes=named), given, given_evidence),
        Step(say("Make the call with the new token; an older one does not gain the scope."), StepState.TODO),
    )


def _app_steps(case: Case) -> tuple[Step, ...]:
    choice = case.choice
    assert choice is not None  # noqa: S101 (the caller looked)
    named = listed(choice.recommended or choice.unknown)
    on, on_evidence = enabled(case)
    out, out_evidence = published(case)
    if case.finding.identity is Identity.USER:
        first = say("Enable {scopes} for the app, on the tab for user identity.", scopes=named)
        last = say("Then let the user authorize again, so that the new token carries it.")
    else:
        first = say("Enable {scopes} for the app, on the tab for app identity.", scopes=named)
        last = say("Make the call again; the next tenant token carries the scope.")
    return (
        Step(first, on, on_evidence, page(case)),
        Step(say("Publish a version of the app; the organisation's admin approves it where that is asked for."), out, out_evidence),
        Step(last, StepState.TODO),
    )


ADVICE = Advice(steps=steps, notes=notes, when=when)
