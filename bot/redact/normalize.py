"""Undoing what hides a secret from the reader's eye, with the way back to the text as it was pasted.

Undone are JSON, URL and HTML escapes (several deep), terminal colours, zero-width characters and full-width punctuation. A `View` is the
text without them; `View.places` turns places in it into places in the paste. Escapes are looked for by one pattern a layer, so time is
linear; the way back is only walked when something was found.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from bot.patterns import lazy

_MOST_LAYERS: Final = 4
_INVISIBLE: Final = r"\x1b\[[0-9;?]{0,24}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
_ESCAPE: Final = lazy(
    rf"({_INVISIBLE})|(?<!\\)\\++(?:u00([0-9A-Fa-f]{{2}})|(u(?![dD][89a-fA-F])[0-9A-Fa-f]{{4}})|x([0-9A-Fa-f]{{2}})|(033|e(?=\[))|([\"'`/nrt]))"
    r"|((?:%(?:25)?[c-fC-F][0-9A-Fa-f])(?:%(?:25)?[89abAB][0-9A-Fa-f]){1,3})|%(?:25)*([0-9A-Fa-f]{2})|&(?:amp;)*(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[a-z]{2,6});"
)
_HINT: Final = lazy(r"[\\%&\x1b\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t"}
_BYTE: Final = {f"{number:02x}": chr(number) for number in range(128)}
# One character for one: these change no place.
_WIDE: Final = lazy("[\u3000\uff01-\uff5e“”„‟‘’‚‛「」『』【】〔〕、。]")
_NARROW: Final = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | dict(
    zip(map(ord, "\u3000“”„‟‘’‚‛「」『』【】〔〕、。"), ' """"\'\'\'\'""""[][],;', strict=True)
)


@dataclass(frozen=True, slots=True)
class View:
    """A text as a reader sees it. `layers` are the texts before each undoing, the pasted one first; `blank` stands for what was invisible."""

    text: str
    layers: tuple[str, ...] = ()
    blank: str = ""

    def places(self, ends: Sequence[int]) -> list[int]:
        """Where ascending places of this text are in the pasted one: each at the first character that stands for it."""
        for source in reversed(self.layers):
            ends = _back(source, self.blank, ends)
        return list(ends)


def views(text: str) -> Iterable[View]:
    """The text as it is read. Where something invisible stands, both with it gone and with a blank for it: it may split a token or border one."""
    first = _view(text, "")
    yield first
    if first.layers and any(_hides(source) for source in first.layers):
        yield _view(text, " ")


def _hides(source: str) -> bool:
    return any(found[1] is not None for found in _ESCAPE.finditer(source))


def _view(text: str, blank: str) -> View:
    layers: list[str] = []
    for _ in range(_MOST_LAYERS):
        if _HINT.search(text) is None:
            break
        undone = _ESCAPE.sub(lambda found: _meant(found, blank), text)
        if undone == text:
            break
        layers.append(text)
        text = undone
    if not text.isascii() and _WIDE.search(text):
        text = text.translate(_NARROW)
    return View(text, tuple(layers), blank)


def _meant(found: re.Match[str], blank: str) -> str:
    """What an escape stands for; itself where it stands for nothing that matters here."""
    invisible, byte, wide, hexadecimal, control, letter, several, percent, entity = found.groups()
    if invisible is not None:
        return blank
    if letter is not None:
        return _LETTERS.get(letter, letter)
    if one := byte or hexadecimal or percent:
        return _BYTE.get(one.lower(), found[0])
    if control is not None:
        return "\x1b"
    if wide is not None:
        return chr(int(wide[1:], 16))
    meant = html.unescape(f"&{entity};") if entity else unquote(several.replace("%25", "%"))
    return meant if len(meant) == 1 else found[0]


def _back(source: str, blank: str, ends: Sequence[int]) -> list[int]:
    places: list[int] = []
    shift = at = 0  # how much longer the source is up to here; how many of `ends` are placed
    for found in _ESCAPE.finditer(source):
        start = found.start() - shift
        while at < len(ends) and ends[at] <= start:
            places.append(ends[at] + shift)
            at += 1
        if at == len(ends):
            return places
        shift += len(found[0]) - len(_meant(found, blank))
    places += [end + shift for end in ends[at:]]
    return places
