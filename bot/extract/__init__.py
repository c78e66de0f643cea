"""Text → findings: one cheap scan for anchors, then local reading around them. The same for every door.

    scan        windows around the places where an error can stand
    normalize   one window without escapes, markup, terminal dressing
    fields      keys and values, web addresses, brackets
    context     the facts of one window: what speaks for which platform, where
    mentions    codes: in fields, then in sentences (prose)
    attribution whose a code is
    envelope    errors without a listed code: an answer's shape, the vendor's wording, a console link, a complaint
    grouping    which codes tell the same error
    attributes  what belongs to an error: ids, missing scopes, message, identity, small facts
    signals     has somebody this error now, or is it written about?
    claims      what the poster has, asked for, tried

Reading is evidence, not gates: everything that can be read becomes a draft, and `signals` weighs it. Where an error is told that somebody has,
codes that are only written about beside it are left out; where none is, they are what can be answered.

Input is redacted text. Time is linear in its length: each reader passes over a window once, patterns have no nested repetition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from bot.catalog import Catalog
from bot.extract import scan
from bot.extract.attributes import Attributes
from bot.extract.claims import both, claims
from bot.extract.context import Context, known
from bot.extract.draft import PROSE, Draft, finding
from bot.extract.envelope import codeless, name_by_wording
from bot.extract.grouping import grouped
from bot.extract.lexicon import lexicon
from bot.extract.mentions import mentions
from bot.extract.signals import judge
from bot.extract.vocabulary import alike
from bot.model import Claims, Finding

_MOST_FINDINGS = 50
_HAS_IT = 0.5
_CLAIMING = 3  # windows with an error in which claims are looked for
_JUDGED = 4  # occurrences of one error in one window that are judged
_MARGIN = 0.15  # of what is told in the same way, all is kept
_SURROUNDINGS = 2_000  # characters to each side


@dataclass(slots=True)
class _Merged:
    """One error of the paste, however often it stands there."""

    draft: Draft
    span: tuple[int, int]
    source: str
    count: int = 1
    ids: set[str] = field(default_factory=set)


@lru_cache(maxsize=8)
def anchors(catalog: Catalog) -> tuple[str, ...]:
    """The lower-case literals of which a text holds at least one if it can be an error at all."""
    words = lexicon()
    every = dict.fromkeys(scan.WORDS)
    every.update(dict.fromkeys(phrase for listed in known(catalog, words).phrases.values() for phrase, *_ in listed))
    listed = sorted(every, key=len)
    # A literal that holds another one finds nothing new.
    return tuple(each for i, each in enumerate(listed) if not any(shorter in each for shorter in listed[: min(i, 80)]))


def extract(text: str, catalog: Catalog) -> tuple[Finding, ...]:
    """The errors of a paste, primary one first, repeated ones merged with a count; nothing when there is nothing to read.

    Never raises for any text. Spans are offsets in `text`.
    """
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], _Merged] = {}
    claimed, windows = Claims(), 0
    for start, end in _places(text, catalog):
        raw = text[start:end]
        context = Context(raw, catalog, lexicon(), whole=end - start == len(text))
        drafts = read(context)
        if drafts and windows < _CLAIMING:
            windows += 1
            claimed = both(claimed, _claims(context, drafts))
        for draft in drafts:
            key = (draft.platform, tuple(draft.codes), () if draft.codes else tuple(draft.scopes) or (draft.hints.get("entry", ""),))
            if key in merged:
                _absorb(merged[key], draft)
            else:
                merged[key] = _Merged(draft, _span(raw, context, draft, start), context.text, ids=set(draft.ids))
    kept = _chosen(list(merged.values()), catalog)
    return tuple(finding(each.draft, each.span, each.source, each.count, claimed) for each in kept[:_MOST_FINDINGS])


def read(context: Context) -> list[Draft]:
    """The errors of one window, in the order in which they stand there."""
    codes = mentions(context)
    drafts = grouped(context, codes)
    if all(draft.strength <= PROSE for draft in drafts):
        spoken = codeless(context)
        drafts = drafts or spoken
    if drafts:
        Attributes(context, drafts).fill()
    judged: dict[tuple[str, str, str], int] = {}
    for draft in drafts:
        name_by_wording(context, draft)
        draft.surroundings = context.text[max(0, draft.start - _SURROUNDINGS) : draft.start + _SURROUNDINGS]
        key = (draft.platform, ",".join(draft.codes), draft.evidence)
        judged[key] = judged.get(key, 0) + 1
        if judged[key] <= _JUDGED:  # the same error again, for the fifth time, teaches nothing new
            draft.has_it, draft.signals = judge(context, draft)
        else:
            draft.has_it = 0.0
    return drafts


def _claims(context: Context, drafts: list[Draft]) -> Claims:
    return claims(context, frozenset(each.platform for each in drafts), frozenset(scope for each in drafts for scope in each.scopes))


def _places(text: str, catalog: Catalog) -> list[tuple[int, int]]:
    if len(text) <= scan.SMALL:
        return [(0, len(text))] if text.strip() else []
    return scan.anchored(alike(text), anchors(catalog))


def _chosen(listed: list[_Merged], catalog: Catalog) -> list[_Merged]:
    """The surest first. What is only written about is left out where an error is told that somebody has."""
    best = max((each.draft.has_it for each in listed), default=0.0)
    if best >= _HAS_IT:
        listed = [each for each in listed if each.draft.has_it >= min(_HAS_IT, best - _MARGIN)]
    families = known(catalog, lexicon()).families
    return sorted(listed, key=lambda each: each.draft.strength <= PROSE or _stray(each.draft, catalog, families))


def _stray(draft: Draft, catalog: Catalog, families: frozenset[tuple[str, int]]) -> bool:
    """Whether all of a draft's codes are numbers that nobody listed, nor any like them: likelier a wrapper's than the platform's."""
    return bool(draft.codes) and all(
        each.isdigit() and (draft.platform, int(each) // 1000) not in families and catalog.entry(draft.platform, each) is None
        for each in draft.codes
    )


def _absorb(merged: _Merged, second: Draft) -> None:
    """Put the same error, found again, to the first one. The work is linear in the second one's ids."""
    first = merged.draft
    merged.count += _again(merged, second)
    new = [each for each in dict.fromkeys(second.ids) if each not in merged.ids]
    first.ids += new
    merged.ids.update(new)
    first.scopes += [each for each in second.scopes if each not in first.scopes]
    if first.app is None:
        first.app = second.app
    if first.identity == "unknown":
        first.identity = second.identity
    if first.status is None:
        first.status = second.status
    for key, value in second.hints.items():
        first.hints.setdefault(key, value)
    if len(second.message) > len(first.message):
        first.message = second.message
    if second.has_it > first.has_it:
        first.has_it, first.signals = second.has_it, second.signals
    if second.strength > first.strength:
        first.strength, first.evidence, first.envelope = second.strength, second.evidence, second.envelope


def _again(merged: _Merged, second: Draft) -> int:
    """1 when this is another occurrence, 0 when the same occurrence is told twice."""
    first = merged.draft
    if first.ids and second.ids:
        return int(merged.ids.isdisjoint(second.ids))
    return int(not first.ids and not second.ids and first.chain == second.chain == () and abs(second.start - first.start) > 30)


def _span(raw: str, context: Context, draft: Draft, offset: int) -> tuple[int, int]:
    """Where the draft stands in the paste. Undoing escapes moved things, so the code itself is looked for near its place."""
    if len(raw) == len(context.text) and raw == context.shown:
        return offset + draft.start, offset + min(max(draft.end, draft.start), len(raw))
    wanted = draft.codes[0] if draft.codes else context.shown[draft.start : draft.start + 12]
    guess = int(draft.start * len(raw) / max(1, len(context.text)))
    at = raw.find(wanted, max(0, guess - 4000)) if wanted else -1
    if at < 0:
        at = raw.find(wanted) if wanted else -1
    if at < 0:
        return offset, offset + len(raw)
    return offset + at, offset + at + len(wanted)
