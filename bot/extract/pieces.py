"""The pieces of a paste around one place: title, line, sentence, block and neighbourhood, as offsets. A signal is judged for one of them."""

from __future__ import annotations

from typing import Final

from bot.patterns import lazy

_SENTENCE: Final = 300  # characters to each side
_BLOCK: Final = 1_200
_PASTE: Final = 4_000
_STOP: Final = lazy(r"[。！？!?；\n]|\.\s+(?![a-z])")
_BLANK: Final = lazy(r"\n[ \t>|]*\n")
_HEADS: Final = lazy(r"^\s{0,3}(?:#{1,6}\s|\*\*|[-*]?\s*[^\n]{1,80}[:：]\s*$)")


def pieces(text: str, at: int) -> dict[str, tuple[int, int]]:
    """The pieces of a text around a place: start and end of its sentence, line, block and paste, none of them boundless."""
    return {
        "sentence": _sentence(text, at),
        "line": line_of(text, at),
        "block": block_of(text, at),
        "title": _title(text),
        "paste": _nearby(text, at),
    }


def _title(text: str) -> tuple[int, int]:
    """The first line that is not blank."""
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start, start + _SENTENCE)
    return start, end if end >= 0 else min(len(text), start + _SENTENCE)


def line_of(text: str, at: int) -> tuple[int, int]:
    start = text.rfind("\n", max(0, at - _SENTENCE), at) + 1 or max(0, at - _SENTENCE)
    end = text.find("\n", at, at + _SENTENCE)
    return start, end if end >= 0 else min(len(text), at + _SENTENCE)


def _sentence(text: str, at: int) -> tuple[int, int]:
    start = max(0, at - _SENTENCE)
    for stop in _STOP.finditer(text, start, at):
        start = stop.end()
    after = _STOP.search(text, at, at + _SENTENCE)
    return start, after.end() if after else min(len(text), at + _SENTENCE)


def block_of(text: str, at: int) -> tuple[int, int]:
    """The lines around a place up to a blank one, and the heading above them. Long blocks are cut at fixed places, so that each is judged once."""
    floor = max(0, (at // _BLOCK) * _BLOCK - 200)
    start = floor
    for blank in _BLANK.finditer(text, floor, at):
        start = blank.end() - 1
    after = _BLANK.search(text, max(start, at - 1), min(len(text), floor + 2 * _BLOCK))
    end = after.start() if after else min(len(text), floor + 2 * _BLOCK)
    if start > floor:
        above = text.rfind("\n", floor, start - 2) + 1
        if _HEADS.match(text, above, start):
            start = above
    return start, end


def _nearby(text: str, at: int) -> tuple[int, int]:
    if len(text) <= _PASTE:
        return 0, len(text)
    start = max(0, (at // _PASTE) * _PASTE - 1_000)
    return start, min(len(text), start + _PASTE + 2_000)
