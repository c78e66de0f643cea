"""Pieces of steps that several platforms share: the page to open, and what is known about a scope on its way into effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.i18n import listed, say
from bot.model import Identity, Link, StepState, Text
from bot.platforms.api import Case

_PAGES = ("practice", "console")


def link(case: Case, *rels: str) -> Link | None:
    """The first link of one of these kinds."""
    return next((one for one in case.links if one.rel in rels), None)


def page(case: Case) -> Link | None:
    """The console page of this case."""
    return link(case, *_PAGES)


def enabled(case: Case) -> tuple[StepState, Text]:
    """Is the recommended scope enabled for the app, for the kind of token that was used?"""
    if case.app is None:
        return StepState.UNKNOWN, say("This app is not connected here, so we cannot look.")
    if case.facts is None or case.facts.enabled is None:
        return StepState.UNKNOWN, say("We have not been able to look into the app.")
    wanted = case.choice.recommended if case.choice else ()
    if not wanted:
        return StepState.UNKNOWN, say("The error names no scope that we could look up.")
    if trouble := _not_enabled(wanted, case.facts.enabled, case.facts.pending, case.finding.identity):
        return StepState.TODO, trouble
    return StepState.DONE, say("The platform lists {scopes} as enabled for this app.", scopes=listed(wanted))


def _not_enabled(wanted: Sequence[str], on: Mapping[str, frozenset[Identity]], pending: frozenset[str], identity: Identity) -> Text | None:
    """Where the scopes stop on their way into effect; None when all of them are."""
    if waiting := [scope for scope in wanted if scope in pending]:
        return say(
            "{scopes}: added in the console, but not in effect. The version is not published or not approved.", scopes=listed(waiting)
        )
    if missing := [scope for scope in wanted if scope not in on]:
        return say("The platform does not list {scopes} among the app's scopes.", scopes=listed(missing))
    wrong = [scope for scope in wanted if identity is not Identity.UNKNOWN and identity not in on[scope]]
    if wrong and identity is Identity.USER:
        return say("{scopes}: enabled for the app's own identity only; this call needs it for user identity.", scopes=listed(wrong))
    if wrong:
        return say("{scopes}: enabled for user identity only; this call needs it for the app's own identity.", scopes=listed(wrong))
    return None


def published(case: Case) -> tuple[StepState, Text]:
    """Is the version with the scope published and approved?"""
    state, evidence = enabled(case)
    if state is StepState.DONE:
        return StepState.DONE, say("The scope is in effect, so its version is published.")
    if case.facts is not None and (case.facts.published is False or case.facts.pending):
        return StepState.TODO, say("A version of the app is waiting to be published or approved.")
    return StepState.UNKNOWN, evidence if state is StepState.UNKNOWN else say("Needed once the scope has been added.")


def consented(case: Case) -> tuple[StepState, Text]:
    """Has this user granted the recommended scope?"""
    wanted = case.choice.recommended if case.choice else ()
    if wanted and set(wanted) <= case.held:
        return StepState.DONE, say("This user granted it before; the refused call used an older token.")
    return StepState.TODO, say("The error itself says that the user's token lacks it.")
