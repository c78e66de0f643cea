"""Text → findings: one cheap scan for anchors, then local reading around them. The same for every door.

Input is redacted text. Time is linear in its length: each reader passes over a context once, patterns have no nested repetition.
"""

from __future__ import annotations

from functools import lru_cache

from bot.catalog import Catalog
from bot.extract import scan
from bot.extract.attribution import PROSE
from bot.extract.context import Context, known
from bot.extract.draft import Draft, finding
from bot.extract.envelope import read
from bot.extract.vocabulary import alike
from bot.model import Finding
from bot.platforms.spec import lexicon

_MOST_FINDINGS = 50


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
    """The errors of a paste, primary one first, repeated ones merged with a count; nothing when it is no error report.

    Never raises for any text. Spans are offsets in `text`.
    """
    words = lexicon()
    if len(text) <= scan.SMALL:
        places = [(0, len(text))] if text.strip() else []
    else:
        places = scan.anchored(alike(text), anchors(catalog))
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], tuple[Draft, tuple[int, int], int, str]] = {}
    ids: dict[
        tuple[str, tuple[str, ...], tuple[str, ...]], set[str]
    ] = {}  # of each, so that another id costs the same however many there are
    for start, end in places:
        raw = text[start:end]
        context = Context(raw, catalog, words, whole=len(places) == 1 and end - start == len(text))
        for draft in read(context):
            codes = tuple(draft.codes)
            key = (draft.platform, codes, () if codes else tuple(draft.scopes) or (draft.hints.get("entry", ""),))
            span = _span(raw, context, draft, start)
            if key in merged:
                first, where, count, source = merged[key]
                merged[key] = (first, where, count + _again(first, draft, ids[key]), source)
                _absorb(first, draft, ids[key])
            else:
                merged[key] = (draft, span, 1, context.text)
                ids[key] = set(draft.ids)
    families = known(catalog, words).families
    listed = sorted(merged.values(), key=lambda each: each[0].strength <= PROSE or _stray(each[0], catalog, families))
    return tuple(finding(draft, span, source, count) for draft, span, count, source in listed[:_MOST_FINDINGS])


def _stray(draft: Draft, catalog: Catalog, families: frozenset[tuple[str, int]]) -> bool:
    """Whether all of a draft's codes are numbers that nobody listed, nor any like them: likelier a wrapper's than the platform's."""
    return bool(draft.codes) and all(
        each.isdigit() and (draft.platform, int(each) // 1000) not in families and catalog.entry(draft.platform, each) is None
        for each in draft.codes
    )


def _again(first: Draft, second: Draft, ids: set[str]) -> int:
    """1 when this is another occurrence, 0 when the same occurrence is told twice."""
    if first.ids and second.ids:
        return int(ids.isdisjoint(second.ids))
    return int(not first.ids and not second.ids and first.chain == second.chain == () and abs(second.start - first.start) > 30)


def _absorb(first: Draft, second: Draft, ids: set[str]) -> None:
    first.ids.extend(each for each in second.ids if each not in ids)
    ids.update(second.ids)
    first.scopes.extend(each for each in second.scopes if each not in first.scopes)
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
