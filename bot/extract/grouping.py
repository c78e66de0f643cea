"""Which codes tell the same error: those of one answer's brackets, a code and its sub code, a standard word and the finer one behind it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.extract.context import Context
from bot.extract.draft import STRUCTURED, Draft, Mention
from bot.patterns import lazy

_REACH: Final = 1200  # characters between the codes of one answer
_SUB_REACH: Final = 500
_FINER_REACH: Final = 500
_TWICE_REACH: Final = 160
_STANDARD_REACH: Final = 80
_JOINED_REACH: Final = 12
_JOINED: Final = lazy(r"[\s\"'`*/|,、(:-]{0,6}(?:or|and|或者?|和|与|及)?[\s\"'`*(]{0,3}")  # `230011 or 231003`, `40001/42001`
_LATEST: Final = 6  # drafts that a code may still belong to


def grouped(context: Context, codes: Iterable[Mention]) -> list[Draft]:
    """One draft for each error that the codes tell, in order."""
    drafts: list[Draft] = []
    for code in codes:
        chain = context.brackets.around(code.at)
        common = context.words.specs[code.platform].foreign_words
        if code.value in common and any(each.chain == chain != () and each.platform != code.platform for each in drafts[-_LATEST:]):
            continue  # a standard's word beside another platform's own code
        latest = drafts[: -_LATEST - 1 : -1]
        home = next((each for each in latest if _together(context.text, each, code, chain) or _finer(each, code, common)), None)
        home = home or next((each for each in latest if _standard(each, code, common)), None)
        if home is None:
            home = Draft(code.platform, start=code.at, end=code.end, chain=chain)
            drafts.append(home)
        _add(home, code)
    return drafts


def _add(draft: Draft, code: Mention) -> None:
    if code.value not in draft.codes:
        draft.codes.append(code.value)
        if code.sub:
            draft.subs.append(code.value)
    if code.strength > draft.strength or not draft.places:
        draft.strength, draft.evidence = code.strength, code.evidence
    draft.keys.add(code.key)
    draft.places.append(code.at)
    draft.end = max(draft.end, code.end)
    draft.envelope = draft.envelope or code.strength == STRUCTURED


def _together(text: str, draft: Draft, code: Mention, chain: tuple[int, ...]) -> bool:
    if draft.platform != code.platform or code.at - draft.end > _REACH:
        return False
    if 0 <= code.at - draft.end <= _JOINED_REACH and _JOINED.fullmatch(text, draft.end, code.at):
        return True
    if code.value in draft.codes and code.at - draft.end < _TWICE_REACH:
        return draft.chain == chain and bool(chain)
    if code.sub or (draft.subs and len(draft.codes) == len(draft.subs)):
        return code.at - draft.end < _SUB_REACH
    if chain == draft.chain and (code.key in draft.keys if code.key else draft.strength < STRUCTURED > code.strength):
        return False  # an object has a key once: two errors told within one text
    shorter = min(len(chain), len(draft.chain))
    return shorter > 0 and chain[:shorter] == draft.chain[:shorter]


def _standard(draft: Draft, code: Mention, common: frozenset[str]) -> bool:
    """Whether a word that every system uses stands beside the platform's own number: `result: 100200106`, `error: invalid_scope`."""
    near = draft.platform == code.platform and 0 <= code.at - draft.end <= _STANDARD_REACH
    return near and code.value in common and all(each.isdigit() for each in draft.codes)


def _finer(draft: Draft, code: Mention, common: frozenset[str]) -> bool:
    """Whether a field tells finer what was said before it with a word that every system uses: `PERMISSION_DENIED: … { reason: 'BILLING_DISABLED' }`."""
    if draft.platform != code.platform or not code.key or code.at - draft.end > _FINER_REACH:
        return False
    return draft.keys == {""} and code.value not in common and all(each in common for each in draft.codes)
