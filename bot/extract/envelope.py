"""Errors without a code that anybody listed: told by the shape of an answer, by the vendor's wording, by a console link, or by somebody who names
a platform and complains.

From the surest to the weakest; the first kind that finds something ends the search. What is found is a draft like any other: whether somebody
has the error now is judged afterwards.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

from bot.extract.attributes import request_ids
from bot.extract.attribution import strange
from bot.extract.context import BELIEVED, NAME, NEAR, Context
from bot.extract.draft import LABELLED, NAMED, PROSE, STRUCTURED, Draft
from bot.extract.needed_scopes import Scopes, namesake
from bot.extract.vocabulary import ASKS, COMPLAINT, FAIL, FAIL_WIDE, HTTP, MACHINERY, REFUSAL, SUCCESS, TRACE, TROUBLE
from bot.patterns import lazy
from bot.platforms import spec as roles

_CODE_BEFORE: Final = lazy(r"(?<![\w.-])(-?\d{4,10})[ :,\"'`\])]{1,4}$")
_SAYS_WHOSE: Final = 30  # letters of a message that tell whose it is where only a hint of the platform stands beside it
_NONE_OF: Final = lazy(r"(?<![\d.,])(?:0|no|zero) $")  # `0 rate limited`
_OWN_CODE: Final = 60  # characters around a wording in which the code that it belongs to is its own
_REFUSED: Final = lazy(r"[45]\d\d")
_HINTED: Final = 1.5  # a clue of this weight says whose a complaint is where nothing says more
_MOST_PLACES: Final = 60  # of trouble that are looked at
_SHORT_WORDING: Final = 14.0  # a wording of this weight needs no name beside it
_LONG_WORDING: Final = 40.0  # and one of this weight belongs to its platform whoever is named
_WORDY: Final = 1000  # characters of a question, at most
_MISSING: Final = lazy(
    r"(?i)insufficient|not granted|denied|missing[ _](?:required )?scopes?|required scopes?|\blacks?\b|permission_violations|缺少|未开通|未申请|权限不足|无权限|没有"
)
_MISSING_REACH: Final = 120
_ID_REST: Final = 200  # characters beside an id of which nothing else is said


class Wording(NamedTuple):
    """A wording of the catalogue as it stands in the text."""

    at: int
    phrase: str
    platform: str
    entry: str
    score: float


def codeless(context: Context) -> list[Draft]:
    """The errors that a window without codes tells: one for each platform that it is about, mostly one."""
    refused, worked = _flags(context)
    found = _links(context)
    best = _best_wording(context)
    if best is not None:
        mine = next((each for each in found if each.platform == best.platform), None)
        if mine is not None:
            mine.hints.setdefault("entry", best.entry)
        elif not found:
            found.append(_worded(context, best))
    found = found or _quoted_messages(context) or _scopes(context) or _trouble(context, refused=refused)
    if found or worked:
        return found
    return _ids(context) or _named(context)


def name_by_wording(context: Context, draft: Draft) -> None:
    """A code nobody listed may still come with a wording that somebody did."""
    listed = [each for each in draft.codes if context.catalog.entry(draft.platform, each)]
    if not listed and "errno" in context.lower:
        named = next((each for each in draft.codes if context.catalog.entry(draft.platform, f"errno:{each}")), None)
        if named is not None:
            draft.hints["entry"] = f"errno:{named}"
    if draft.codes and not listed and "entry" not in draft.hints:
        best = _best_wording(context, draft.platform)
        if best is not None:
            draft.hints["entry"] = best.entry


def _flags(context: Context) -> tuple[bool, bool]:
    """Whether an answer says that the call was refused, and whether (only) that it went well."""
    refused = any(
        (each.role == roles.FLAG and each.value.lower() == ("true" if each.key == "iserror" else "false"))
        or (each.role == roles.CODE and _REFUSED.fullmatch(each.value))
        for each in context.pairs
    )
    worked = any(
        (each.role == roles.FLAG and each.key != "iserror" and each.value.lower() == "true")
        or (each.role == roles.CODE and each.value in ("0", "success", "ok"))
        for each in context.pairs
    )
    return refused, worked and not refused


# ---------------------------------------------------------------- links


def _links(context: Context) -> list[Draft]:
    """Console links that ask for scopes."""
    found: dict[str, Draft] = {}
    for address in context.addresses:
        for name, spec in context.words.specs.items():
            if address.host not in spec.brands or spec.ask_path is None or not spec.ask_path.search(address.path):
                continue
            if any(address.query.get(key, "").strip("<>.") for key in spec.ask_keys):
                found.setdefault(name, Draft(name, start=address.start, end=address.end, strength=STRUCTURED, evidence="link"))
    return list(found.values())


# ---------------------------------------------------------------- the vendor's wording


def _best_wording(context: Context, only: str = "") -> Wording | None:
    """The wording of the catalogue that says most, of one platform or of any."""
    best: Wording | None = None
    for at, here in context.wordings:
        for phrase, name, entry in here:
            if not only or name == only:
                score = _wording_score(context, at, phrase, name)
                if score is not None and (best is None or score > best.score):
                    best = Wording(at, phrase, name, entry, score)
                break
    return best


def _wording_score(context: Context, at: int, phrase: str, name: str) -> float | None:
    """How much a wording says about its platform here; None when it says nothing."""
    weight = sum(1 if sign.isascii() else 2.5 for sign in phrase)
    clue = context.clue(name, at)
    rival = max((context.clue(other, at) for other in context.words.specs if other != name), default=0.0)
    if strange(context, name, at) or _NONE_OF.search(context.lower, max(0, at - 6), at):
        return None
    if (weight < _SHORT_WORDING and clue < BELIEVED) or (rival > clue + 1 and weight < _LONG_WORDING):
        return None
    return weight + 4 * clue - 4 * rival


def _worded(context: Context, found: Wording) -> Draft:
    _, phrase, name, key, _ = found
    at = found.at
    told = [each.value for each in context.near(at, NEAR) if each.role == roles.CODE and context.words.specs[name].may_be(each.value)]
    before = _CODE_BEFORE.search(context.text, max(0, at - 16), at)
    if before:
        told.append(before[1])
    entry = context.catalog.entry(name, key)
    around = context.text[max(0, at - _OWN_CODE) : at + _OWN_CODE]
    if entry and entry.code_shown and re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", around):
        told.append(key)
    listed = [each for each in dict.fromkeys(told) if context.catalog.entry(name, each)]
    return Draft(
        name, codes=listed, start=at, end=at + len(phrase), strength=LABELLED, evidence="vendor", hints={"entry": key}, places=[at]
    )


def _quoted_messages(context: Context) -> list[Draft]:
    """Somebody names a platform and quotes what it says with one of its codes, without the code."""
    if len(context.text) > _WORDY:
        return []
    middle = len(context.text) // 2
    clue, name = max((context.clue(name, middle), name) for name in context.words.specs)
    if clue == 0.0:
        return []
    least = 0 if clue >= NAME else _SAYS_WHOSE
    said = max((each for each in context.catalog.messages(name) if len(each) >= least and each in context.lower), key=len, default=None)
    if said is None:
        return []
    at = context.lower.index(said)
    entry = context.catalog.messages(name)[said]
    return [Draft(name, start=at, end=at + len(said), strength=LABELLED, evidence="vendor", hints={"entry": entry}, places=[at])]


# ---------------------------------------------------------------- scopes, trouble, names


def _scopes(context: Context) -> list[Draft]:
    """A known scope named as missing is an error even when nothing else stands there."""
    for name, spec in context.words.specs.items():
        if spec.scope is None or not spec.scope_anywhere:
            continue
        draft = Draft(name, strength=LABELLED, evidence="prose")
        places: list[int] = []

        def of(_platform: str, at: int, draft: Draft = draft, places: list[int] = places) -> Draft:
            places.append(at)
            return draft

        Scopes(context, [draft], of, name, spec).fill()
        if draft.scopes and namesake(context, name, draft.scopes[0]):
            at = min(places)
            told = _MISSING.search(context.text, max(0, at - _MISSING_REACH), at) is not None
            return [
                Draft(name, start=at, end=at + len(draft.scopes[0]), strength=LABELLED if told else PROSE, evidence="prose", places=[at])
            ]
    return []


def _trouble(context: Context, *, refused: bool) -> list[Draft]:
    """No code and no known wording, but an answer's shape, an exception or a refused status near a word that names the platform."""
    traced = TRACE.search(context.text) is not None
    best: tuple[tuple[bool, float], str, int] | None = None
    status = next((each for each in HTTP.finditer(context.lower) if (each[1] or each[2])[0] in "45"), None)
    places = [each.start() for each in islice(TROUBLE.finditer(context.lower), _MOST_PLACES)] + ([status.start()] if status else [])
    places += [each.at for each in context.pairs if refused and each.role == roles.FLAG][:_MOST_PLACES]
    for at in places:
        start, end = context.line(at)
        if _of_machinery(context, start, end, traced=traced):
            continue
        scores = sorted(((context.clue(name, at), name) for name in context.words.specs), reverse=True)
        (score, name), (rival, _) = scores[:2]
        # A name near the trouble speaks for itself; one far from it only when no other is named at all.
        rank = (REFUSAL.search(context.text, start, end) is not None, score)
        if (score >= NAME or (score >= BELIEVED and rival == 0)) and (best is None or rank > best[0]):
            best = (rank, name, at)
    if best is None:
        return []
    start, end = context.line(best[2])
    shaped = refused or traced or status is not None
    return [
        Draft(best[1], start=start, end=end, strength=PROSE, evidence="envelope" if shaped else "prose", envelope=shaped, places=[best[2]])
    ]


def _of_machinery(context: Context, start: int, end: int, *, traced: bool) -> bool:
    """Whether the trouble of a line is told of a database, a disk and the like."""
    return MACHINERY.search(context.lower, start, end) is not None and not (traced and context.lower[start : start + 1] in (" ", "\t"))


def _ids(context: Context) -> list[Draft]:
    """A log id or request id that is all, or nearly all, that was pasted."""
    text = context.text.strip()
    if not context.whole or len(text) > 2 * _ID_REST or SUCCESS.search(text):
        return []
    for name, spec in context.words.specs.items():
        for at, end, value in request_ids(context, spec):
            if len(text) - len(value) > _ID_REST:
                continue
            if context.clue(name, at) >= BELIEVED or (spec.id_bare and spec.id_bare.fullmatch(value)):
                return [Draft(name, start=at, end=end, strength=PROSE, evidence="id", places=[at])]
    return []


def _named(context: Context) -> list[Draft]:
    """A platform is named and somebody complains: nothing can be read, but a direct question deserves an answer."""
    best: tuple[float, str, int] | None = None
    for pattern in (FAIL, COMPLAINT, FAIL_WIDE, ASKS):
        for match in islice(pattern.finditer(context.text), _MOST_PLACES):
            score, name = max((context.clue(name, match.start()), name) for name in context.words.specs)
            if score >= _HINTED and (best is None or score > best[0]):
                best = (score, name, match.start())
        if best is not None:
            start, end = context.line(best[2])
            return [Draft(best[1], start=start, end=end, strength=NAMED, evidence="named", places=[best[2]])]
    complaint = COMPLAINT.search(context.text) or FAIL_WIDE.search(context.text)
    if complaint is None or not context.guess:
        return []
    start, end = context.line(complaint.start())
    return [Draft(context.guess, start=start, end=end, strength=NAMED, evidence="named", places=[complaint.start()])]
