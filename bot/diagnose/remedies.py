"""The likely remedies of one case, ready to be shown: who does it, how on this platform, where to click, how we know, what fixed it for others.

hypotheses (ranked) + what a live look showed → a few `Remedy` values, the first one being the card's first screen
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot import platforms
from bot.catalog.breadth import ScopeTree
from bot.catalog.remedies import Guide, guide
from bot.diagnose.hypotheses import Hypothesis
from bot.i18n import joined, listed, say
from bot.model import Cause, Evidence, Link, Remedy, RemedyState, Rival, Seen, StepState, Who
from bot.platforms import Case
from bot.platforms.steps import enabled

MOST = 6  # more than anybody reads
_LEAST_LIKELY = 0.02  # a remedy below this is not worth a line, once three are named
_NAMED = 3
_SURE = 0.65  # a cause that is this sure has the catalogue's rivals only
_COMPARED, _MOST_RIVALS = 8, 4
_PLAIN = frozenset({"entry", "cause", "guess", "same_code", "same_message"})  # evidence that says nothing about this paste in particular
_SETTLES = 8.0  # log-odds: what the platform itself showed
_SCOPE_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})


def remedies(case: Case, ranked: Sequence[Hypothesis], threads: int) -> tuple[Remedy, ...]:
    """The likely remedies in order; at least three, so that nobody is left with nothing. `threads`: how many public threads are alike."""
    shown = [one for place, one in enumerate(ranked[:MOST]) if place < _NAMED or one.likelihood >= _LEAST_LIKELY]
    return tuple(_remedy(case, one, threads) for one in shown)


def rivals(case: Case, confidence: float, ranked: Sequence[Hypothesis], known: Sequence[Rival]) -> tuple[Rival, ...]:
    """The other causes: those that the catalogue names, and where the cause is not sure also those that the likely remedies would end."""
    found = list(known)
    for one in ranked[:_COMPARED] if confidence < _SURE else ():
        how = guide(case.finding.platform, one.remedy)
        if len(found) < _MOST_RIVALS and how.ends is not case.cause and all(rival.cause is not how.ends for rival in found):
            sign = next((evidence.text for evidence in one.evidence if evidence.weight > 0 and evidence.rule not in _PLAIN), None)
            found.append(Rival(how.ends, how.who, joined([sign, how.text]) if sign else how.text))
    return tuple(found)


def looks(case: Case) -> tuple[tuple[str, Evidence], ...]:
    """What the platform told about the app and the grant, as evidence that settles: (remedy, evidence)."""
    if case.cause not in _SCOPE_CAUSES or case.choice is None or not case.choice.recommended:
        return ()
    found: list[tuple[str, Evidence]] = []
    state, why = enabled(case)
    waiting = case.facts is not None and not case.facts.pending.isdisjoint(case.choice.recommended)
    if state is StepState.DONE:
        found += _all(("enable-app-scope", "publish-version", "admin-approve"), Evidence("look:enabled", -_SETTLES, why))
    elif waiting:
        found += [("enable-app-scope", Evidence("look:pending", -_SETTLES, why))]
        found += [
            ("publish-version", Evidence("look:pending", _SETTLES, why)),
            ("admin-approve", Evidence("look:pending", _SETTLES - 1, why)),
        ]
    elif state is StepState.TODO:
        found += [("enable-app-scope", Evidence("look:not-enabled", _SETTLES, why))]
    if case.granted is not None:
        found += _granted(case)
    return tuple(found)


def claimed(case: Case, tree: ScopeTree) -> tuple[tuple[str, Evidence], ...]:
    """What follows from the scopes that the poster says to hold: one that is held, itself or through a wider one, is not what is missing."""
    wanted = case.choice.recommended if case.choice else ()
    held = case.finding.claims.held
    if case.cause not in _SCOPE_CAUSES or not wanted or not all(any(tree.covers(one, name) for one in held) for name in wanted):
        return ()
    why = say("The poster says that {scopes} is there already.", scopes=listed(wanted))
    weights = {"enable-app-scope": -2.0, "request-scope": -1.0, "use-new-token": 2.0, "reinstall-app": 1.0, "publish-version": 1.0}
    return tuple((name, Evidence("claim:held", weight, why)) for name, weight in weights.items())


def _granted(case: Case) -> list[tuple[str, Evidence]]:
    wanted = set(case.choice.recommended) if case.choice else set()
    if wanted <= case.held:
        why = say("This user granted it before; the refused call used an older token.")
        return [("reauthorize", Evidence("look:granted", -_SETTLES, why)), ("use-new-token", Evidence("look:granted", _SETTLES, why))]
    if case.cause is Cause.USER_SCOPE_MISSING:
        why = say("By our records this user has not granted it.")
        return [("reauthorize", Evidence("look:not-granted", _SETTLES / 2, why))]
    return []


def _all(names: Iterable[str], evidence: Evidence) -> list[tuple[str, Evidence]]:
    return [(name, evidence) for name in names]


# ---------------------------------------------------------------- one remedy


def _remedy(case: Case, one: Hypothesis, threads: int) -> Remedy:
    how = guide(case.finding.platform, one.remedy)
    return Remedy(
        id=one.remedy,
        who=_who(case, one.remedy, how),
        title=how.title,
        text=how.text,
        likelihood=round(one.likelihood, 3),
        link=_link(case, how),
        evidence=one.evidence,
        state=_state(one),
        seen=_seen(one, threads),
    )


def _who(case: Case, remedy: str, how: Guide) -> Who:
    """The entry's person where the entry lists the remedy first and this person may do it; else who usually does it here."""
    first = case.entry is not None and case.entry.remedies[:1] == (remedy,)
    fits = case.who_fixes is how.who or case.who_fixes in how.also
    return case.who_fixes if first and fits else how.who


def _state(one: Hypothesis) -> RemedyState:
    """What the looks say; a remedy that nobody looked after is `unknown`."""
    told = [evidence for evidence in one.evidence if evidence.rule.startswith("look:")]
    if not told:
        return RemedyState.UNKNOWN
    if sum(evidence.weight for evidence in told) > 0:
        return RemedyState.OPEN
    return RemedyState.RULED_OUT if any(evidence.rule == "look:answer" for evidence in told) else RemedyState.DONE


def _seen(one: Hypothesis, threads: int) -> Seen | None:
    if not one.threads:
        return None
    return Seen(len(one.threads), threads, tuple(dict.fromkeys(thread.source for thread in one.threads))[:2])


def _link(case: Case, how: Guide) -> Link | None:
    """The page where it is done: the platform's own for this remedy, else the best of the case's links."""
    if how.page and not (case.app and case.app.practice):
        part = platforms.links(case.finding.platform)
        console, app_id = part.home(case.finding, case.app) if part else ("", "")
        if "{app}" not in how.page or app_id:
            return Link("console", how.page.replace("{console}", console).replace("{app}", app_id), how.title)
    return next((link for rel in how.links for link in case.links if link.rel == rel), None)
