"""Which scope to ask for, and why: never more than is needed, and the reason stands beside it.

"Any one of these" is settled in this order: enabled for this app and token type (or added, and waiting) → already granted to this user (itself, or a wider one) →
fewest kinds of objects → narrowest level → first listed. A later rule only decides between scopes that all earlier rules hold equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.catalog import Catalog
from bot.catalog.breadth import ScopeTree
from bot.i18n import joined, listed, say
from bot.model import Choice, Identity, Level, Mode, Scope, Text

_LOOKS_LIKE = 85  # percent; below, two scope names share little more than their prefix

Rank = tuple[int, int, tuple[int, int, int]]  # enabled, granted, how much it opens: the smaller the better


def choose(
    platform: str,
    names: Sequence[str],
    mode: Mode,
    book: Catalog,
    *,
    identity: Identity = Identity.UNKNOWN,
    enabled: Mapping[str, frozenset[Identity]] | None = None,
    granted: frozenset[str] | None = None,
    pending: frozenset[str] = frozenset(),
    never_ask: frozenset[str] = frozenset(),
) -> Choice | None:
    """The scopes of `names` to ask for; None when no scope was named.

    `enabled` and `granted` are what the platform told (None: not known), `pending` what the app has added and is not in effect yet. Names outside the catalogue come back as `unknown`, with the
    nearest known one in `similar`; neither they nor anything in `never_ask` is ever recommended.
    """
    named = list(dict.fromkeys(names))
    if not named:
        return None
    known = [scope for name in named if (scope := book.scope(platform, name))]
    unknown = tuple(name for name in named if not book.scope(platform, name))
    similar = _similar(unknown, book.scopes(platform))
    allowed = [scope for scope in known if scope.name not in never_ask]
    fitting = [scope for scope in allowed if identity is Identity.UNKNOWN or identity in scope.identities] or allowed
    if not fitting:
        return Choice((), _none(known, bool(book.scopes(platform))), (), unknown, similar)
    if mode is Mode.ALL:
        chosen = tuple(scope.name for scope in fitting)
        return Choice(chosen, _all(chosen, unknown), (), unknown, similar)
    tree = book.tree(platform)
    ranks = [_rank(scope, tree, identity, enabled, granted, pending) for scope in fitting]
    best = min(range(len(fitting)), key=lambda place: (ranks[place], place))
    others = tuple(scope.name for place, scope in enumerate(fitting) if place != best)
    rest = [(rank, fitting[place]) for place, rank in enumerate(ranks) if place != best]
    return Choice((fitting[best].name,), _why(fitting[best], ranks[best], rest), others, unknown, similar)


def _rank(
    scope: Scope,
    tree: ScopeTree,
    identity: Identity,
    enabled: Mapping[str, frozenset[Identity]] | None,
    granted: frozenset[str] | None,
    pending: frozenset[str],
) -> Rank:
    kinds = (enabled or {}).get(scope.name, frozenset())
    on = bool(kinds) if identity is Identity.UNKNOWN else identity in kinds
    held = any(tree.covers(name, scope.name) for name in granted or ())
    return (0 if on else 1 if scope.name in pending else 2, 0 if held else 1, tree.narrowness(scope))


def _why(scope: Scope, rank: Rank, others: Sequence[tuple[Rank, Scope]]) -> Text:
    if not others:
        return say("It is the only usable scope that the error names.")
    runner_up = min(rank for rank, _ in others)
    if rank[0] < runner_up[0]:
        return _why_there(scope, waits=rank[0] > 0)
    if rank[1] < runner_up[1]:
        return say("{scope} was already granted by this user.", scope=scope.name)
    wider = max(others, key=lambda pair: pair[0][2])
    if rank < runner_up and rank[2][0] < wider[0][2][0]:
        return say(
            "Any one of them is enough; {scope} is the narrowest: {wider} would also open “{title}”.",
            scope=scope.name,
            wider=wider[1].name,
            title=wider[1].title,
        )
    if rank[2][:2] < runner_up[2][:2] and scope.level is Level.READ:
        return say("Any one of them is enough; {scope} is the narrowest: it only reads.", scope=scope.name)
    return _why_narrow(scope, rank, [other for other, _ in others])


def _why_there(scope: Scope, *, waits: bool) -> Text:
    if waits:
        return say("{scope} is added to the app already and only waits to take effect.", scope=scope.name)
    return say("{scope} is already enabled for this app, so nothing new has to be approved.", scope=scope.name)


def _why_narrow(scope: Scope, rank: Rank, others: Sequence[Rank]) -> Text:
    if rank < min(others):
        return say("Any one of them is enough; {scope} is the narrowest.", scope=scope.name)
    if any(rank < other for other in others):
        return say("Any one of them is enough; {scope} is the first of the narrowest.", scope=scope.name)
    return say("Any one of them is enough and they open equally much; {scope} is named first.", scope=scope.name)


def _all(chosen: Sequence[str], unknown: Sequence[str]) -> Text:
    if len(chosen) == 1 and not unknown:
        return say("It is the only usable scope that the error names.")
    reason = say("The error asks for all of them.")
    return joined([reason, say("Not on our list, so not asked for: {scopes}.", scopes=listed(unknown))]) if unknown else reason


def _none(known: Sequence[Scope], has_list: bool) -> Text:
    if known:
        return say("Every scope that would do is on the list of scopes that may never be asked for here.")
    if not has_list:
        return say("We keep no list of this platform's scopes, so we only repeat what the error says.")
    return say("The name is not in our list of scopes, so we do not ask anybody for it. Check the spelling in the console.")


def _similar(unknown: Sequence[str], scopes: Mapping[str, Scope]) -> Mapping[str, str]:
    if not unknown or not scopes:
        return {}
    from rapidfuzz import fuzz, process, utils  # noqa: PLC0415 (only when a name is unknown)

    names = list(scopes)
    found = {}
    for name in unknown:
        near = process.extractOne(name, names, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_LOOKS_LIKE)
        if near:
            found[name] = near[0]
    return found
