"""What a platform's support asks for beside the error: the call's parameters and the whole answer, cut out of the (redacted) paste.

JSON keeps its shape; where the paste's JSON is broken, the error's own message has to do.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from bot.model import Finding
from bot.patterns import lazy

_AROUND = 4_000  # characters looked at on either side of an error's code
_LONGEST = 3_000  # characters of a bundle's item; support wants the text, not the log
_TRIES = 12  # objects tried; the time per error stays bounded however long the paste is
_SENT = lazy(
    r"""(?x)
    [-PpBbRr入请传参]  # every form begins with one of these, so that the engine skips all other places by itself
    (?:
      (?<=-)(?<!\S-) (?i: d | -data(?:-raw|-binary)? | -json ) [ =]
    | (?: (?<=[Pp])(?<!\w.) (?i: arams? | arameters | ayload )
        | (?<=[Bb])(?<!\w.) (?i: ody )
        | (?<=[Rr])(?<!\w.) (?i: equest[ _]?(?:body|data|params)? ) ) ["']? \s{0,3} [:=]
    | (?: (?<=入)参 | (?<=请)求体 | (?<=请)求参数 | (?<=传)入的?参数 | (?<=参)数 ) \s{0,3} [:：=]?
    )
    \s{0,3} ["'`]? (?=\{)
    """
)
_READER = json.JSONDecoder(strict=False)


def with_bundle(finding: Finding, text: str) -> Finding:
    """The finding with the hints `body` (the JSON answer around it) and `params` (what was sent), as far as the paste holds them."""
    answer = _answer(text, finding.span[0])
    sent = _sent(text, finding.span[0], answer)
    hints = dict(finding.hints)
    if answer:
        hints.setdefault("body", text[slice(*answer)][:_LONGEST])
    if sent:
        hints.setdefault("params", sent[:_LONGEST])
    return replace(finding, hints=hints) if hints != finding.hints else finding


def _answer(text: str, place: int) -> tuple[int, int] | None:
    """The outermost JSON object around a place."""
    start = max(0, place - _AROUND)
    braces = [match.start() for match in re.finditer(r"\{", text[start:place])][-_TRIES:]
    for brace in braces:
        end = _object_end(text, start + brace)
        if end > place:
            return start + brace, end
    return None


def _sent(text: str, place: int, answer: tuple[int, int] | None) -> str | None:
    """The JSON object near the error that the paste says was sent with the call."""
    for tries, match in enumerate(_SENT.finditer(text, max(0, place - _AROUND), place + _AROUND)):
        if tries == _TRIES:
            return None
        start = match.end()
        end = _object_end(text, start)
        if end > start and not (answer and answer[0] <= start < answer[1]):
            return text[start:end]
    return None


def _object_end(text: str, start: int) -> int:
    """Where the JSON object at `start` ends; `start` itself when it cannot be read."""
    try:
        _, end = _READER.raw_decode(text[start : start + _AROUND + _LONGEST])
    except (ValueError, RecursionError):
        return start
    return start + end
