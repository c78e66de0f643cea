"""Masking: the first code that touches inbound text, and the only one that makes `Masked` text.

What a platform's support needs stays readable: error codes (also `"code":99991672`), log ids, app ids, scopes, documents. What opens a door
goes, and what tells who somebody is. The shape of the text (JSON, repr, query, YAML, header) is kept, and the kind of a token stays
visible (`u-***`, `xoxb-***`), because it tells as whom a call was made.

How it works:

1. `normalize.py` shows the text as a reader sees it: escapes undone, colours and zero-width characters gone, full-width signs made narrow.
   Two ways of looking go over that view:
2. *By shape* (`shapes`, `headers`, `commands`, `vendors`, `people` and each platform's `secrets.toml`): rules that are data, each with what it
   is for, samples that it must mask and samples that it must leave alone. `checks.py` holds checksums and the like.
3. *By name* (`names.toml`, `names.py`, `fields.py`): the value under a name that says "secret". The surer the name and the sign
   between them, the less is asked of the value (`judge.py`, `values.py`).
4. What was found is masked at its place in the text as it was pasted. Masking may join what stood around, so this is repeated until
   nothing more is found: masking a masked text changes nothing.

To cover a new kind of token, add a row with its samples; a test runs them all and fails for a row that no sample needs. Every pattern is
bounded or starts only where a word starts, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bot.patterns import lazy
from bot.redact import fields
from bot.redact.checks import CHECKS
from bot.redact.masked import Masked, Redaction, Span, sealed
from bot.redact.normalize import View, views
from bot.redact.rules import Rule, rules
from bot.redact.values import MASK, is_random, looks_live

__all__ = ["MASK", "Masked", "Redaction", "looks_live", "redact"]

_MOST_ROUNDS: Final = 4
_WIDTH: Final = 60  # characters from which a line may have been broken by its width
_KIND: Final = lazy(r"(?:u|t|a|c|ur|xox[a-z]|xapp|ghp|gho|ghs|ghu|ghr|SEC|ya29)[-._](?=.)")  # also of a token cut short
_LONGEST_LEAD: Final = 7
_LEAD: Final = lazy(r"[\w.$~-]+")
_NEXT_LINE: Final = lazy(r"[ \t]{0,8}\r?\n[ \t>|\"'+]{0,8}([A-Za-z0-9_+/=.-]{4,8000})")


def redact(text: str) -> Redaction:
    """The text with every secret masked; which kinds were masked; whether one of them looked usable.

    What is masked already is given back as it is: what was in it, whoever masked it knows.
    """
    if isinstance(text, Masked):
        return Redaction(text)
    kinds: dict[str, None] = {}
    live = False
    for _ in range(_MOST_ROUNDS):
        found = list(_find(text))
        if not found:
            break
        for span in found:
            kinds[span.kind] = None
        live = live or any(span.live for span in found)
        text = _masked(text, found)
    return Redaction(sealed(text), tuple(kinds), live)


def _masked(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    at = -1
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if span.start > at:
            parts += [text[max(at, 0) : span.start], MASK]
        at = max(at, span.end)
    return "".join(parts) + text[max(at, 0) :]


def _find(text: str) -> Iterator[Span]:
    """Secrets at their places in the text as it was pasted. `live` is true for those that look usable."""
    for view in views(text):
        lower = _lower(view.text)
        shapes = [span for rule in rules() if any(map(lower.__contains__, rule.keywords)) for span in by_rule(rule, view.text)]
        tokens = {span.start: span for _, span in shapes} | dict(shapes)
        spans = [_without_lead(span, tokens, view.text) for _, span in shapes]
        for span in fields.find(view.text, lower):
            end = max(span.end, _continued(view.text, span.start, span.end))
            if span.start not in tokens or tokens[span.start].end < end:
                spans.append(_without_lead(Span(span.start, end, span.kind, span.live), tokens, view.text))
        yield from _placed(view, spans)


def _without_lead(span: Span, tokens: Mapping[int, Span], text: str) -> Span:
    """A value that is a token keeps what tells its kind: `Bearer u-***`."""
    token = tokens.get(span.start)
    if token is not None and token.start > span.start:
        return Span(max(span.start, token.start), max(span.end, token.end), span.kind, span.live)
    lead = _KIND.match(text, span.start, span.end)
    return Span(lead.end(), span.end, span.kind, span.live) if lead else span


def _lower(text: str) -> str:
    """In lower case, each character in its place."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(low if len(low := sign.lower()) == 1 else sign for sign in text)


def by_rule(rule: Rule, text: str) -> Iterator[tuple[int, Span]]:
    """What one rule finds, and where its match begins."""
    check = CHECKS.get(rule.check)
    for found in rule.regex.finditer(text):
        start, end = found.span("secret")
        if check is not None and not check(found):
            continue
        lead = text[found.start() : start]
        if len(lead) > _LONGEST_LEAD and _LEAD.fullmatch(lead):  # `sk-proj-…` becomes `sk-***`
            start = found.start() + min(len(re.split(r"[-_.$]", lead, maxsplit=1)[0]) + 1, _LONGEST_LEAD)
        yield found.start(), Span(start, _continued(text, start, end) if rule.wraps else end, rule.kind, rule.live)


def _continued(text: str, start: int, end: int) -> int:
    """Where a value ends that a terminal or a mailer has broken into lines."""
    width = end - max(start, text.rfind("\n", start, end) + 1)
    while width >= _WIDTH and (more := _NEXT_LINE.match(text, end)):
        line = len(more[1])
        if line > width + 40 or (line < width - 40 and not is_random(more[1]) and not text.startswith(("\n", '"', "'"), more.end())):
            break
        end = more.end()
        if line < width - 1:
            break
        width = line
    return end


def _placed(view: View, spans: list[Span]) -> Iterator[Span]:
    ends = sorted({end for span in spans for end in (span.start, span.end)})
    place: Mapping[int, int] = dict(zip(ends, view.places(ends), strict=True))
    for span in spans:
        live = span.live and looks_live(view.text[span.start : span.end])
        if span.end > span.start:
            yield Span(place[span.start], place[span.end], span.kind, live)
