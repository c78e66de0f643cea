"""A paste made plain: escapes undone, terminal and markup dressing taken off, wrapped lines joined. Linear in the text."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from bot.patterns import lazy

_CONTROL = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
# OSC-8 opens a link with `ESC ] 8 ; params ; URL ST`; its URL is kept, the rest of the dressing goes.
_OSC = lazy(r"(?:\x1b\]|\x9d)8;[^;\x07\x1b]{0,200};([^\x07\x1b]{0,4000})(?:\x07|\x1b\\|\x9c)")
_CSI = lazy(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)|[@-Z\\-_])")
# Only from the start of a run of backslashes, so that a long run is looked at once.
_ESCAPE = lazy(
    r"(?<!\\)\\+(?:((?:u[0-9a-fA-F]{4})(?:\\{1,64}u[0-9a-fA-F]{4})*)|(x[0-9a-fA-F]{2}(?:\\{1,64}x[0-9a-fA-F]{2})*)|([\"'/`nrt])|([_*\[\]{}()<>#&.!~|-]))"
)
_RUN = lazy(r"\\+")
_SPACE = {"n": "\n", "r": "\n", "t": "\t"}
_ENTITY = lazy(r"&(?:amp;){0,3}(lt|gt|quot|apos|nbsp|amp|#39|#x27|#34|#x22|#x2f|#47);", re.I)
_ENTITIES = {
    "lt": "<",
    "gt": ">",
    "quot": '"',
    "apos": "'",
    "nbsp": " ",
    "amp": "&",
    "#39": "'",
    "#x27": "'",
    "#34": '"',
    "#x22": '"',
    "#x2f": "/",
    "#47": "/",
}
_NUMBERED = lazy(r"&#(?:(\d{2,6})|x([0-9a-fA-F]{2,5}));")
# What only lays a page out; a tag such as `<code>` may as well be a field, and the cells of a table tell that it is one.
_MARKUP = lazy(
    r"</?(?:html|head|title|body|div|p|span|b|i|em|strong|small|h[1-6]|br|hr|img|a|button|section|main|font|center)(?: [^<>]{0,400})?/?>",
    re.I,
)
# JSON in a query or a form: `body=%7B%22code%22%3A20049…`.
_PERCENT = lazy(r"%7[Bb](?:%0[AaDd]|%20|\+){0,8}%22(?:[\w.+*~-]|%[0-9A-Fa-f]{2}){4,8000}")
_SLACK_LINK = lazy(r"<((?:https?|mailto|tel):[^\s<>|]{1,4000})\|([^<>\n]{0,400})>")
_BORDER = lazy(r"^[ \t]{0,40}(?:[│┃║▏▎|❱⎿>] ?){1,4}(?=\S| )", re.M)
_BORDER_END = lazy(r"[ \t]{0,200}[│┃║][ \t]{0,4}$", re.M)
_QUOTED = lazy(r"[ \t]{0,3}(?:>|&gt;) ?")
_CONTAINER = lazy(r"[A-Za-z][\w.-]{0,60}[ \t]{1,20}\| ?")
_LOG_HEAD = lazy(r"\d{4}[-/]\d\d[-/]\d\d[T ][\d:.,]{5,16}Z?[ \t]{1,4}(?:[\w\[\].:()-]{1,40}[ \t]{1,4}){0,4}(?:- |\| |: )?")
_STANDARD_WIDTHS = frozenset({72, 76, 78, 79, 80, 99, 100, 119, 120, 132, 150, 160, 200})

_WIDE = str.maketrans(
    {
        "：": ":", "，": ",", "；": ";", "（": "(", "）": ")", "［": "[", "］": "]", "【": "[", "】": "]", "｛": "{", "｝": "}", "＝": "=",
        "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "「": '"', "」": '"', "『": '"', "』": '"', "＂": '"', "＇": "'",
        "｜": "|", "＜": "<", "＞": ">", "／": "/", "＿": "_", "－": "-", "＃": "#", "？": "?", "＆": "&", "％": "%", "．": ".",
        "\xa0": " ", "\u3000": " ", "\u2009": " ", "\u202f": " ", "–": "-", "—": "-", "…": " ", "\r": "\n",
        **{chr(0xFF10 + i): str(i) for i in range(10)},
        **{chr(0xFF21 + i): chr(0x41 + i) for i in range(26)},
        **{chr(0xFF41 + i): chr(0x61 + i) for i in range(26)},
        "İ": "I",
    }
)  # fmt: skip
_WIDE_SIGN = lazy("[" + re.escape("".join(map(chr, _WIDE))) + "]")


def _narrow(found: re.Match[str]) -> str:
    return _WIDE[ord(found[0])]


def _unescape(found: re.Match[str]) -> str:
    unicode, octets, quote, mark = found.groups()
    if unicode:
        units = b"".join(int(part[1:5], 16).to_bytes(2, "big") for part in _RUN.split(unicode))
        return units.decode("utf-16-be", "replace")
    if octets:
        return bytes(int(part[1:3], 16) for part in _RUN.split(octets)).decode("utf-8", "replace")
    return _SPACE.get(quote, quote) if quote else str(mark)


def _character(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 10 if found[1] else 16)
    return chr(code) if code <= 0x10FFFF else found[0]


def plain(text: str) -> str:  # noqa: C901 (one line for each way to dress text up)
    """The text with one reading of everything that was escaped or dressed up. Its length may differ from the input's."""
    text = _undressed(text).replace("\r\n", "\n")
    if "│" in text or "┃" in text or "║" in text or "⎿" in text:
        text = _BORDER_END.sub("", _BORDER.sub("", text))
    if ">" in text or "|" in text:
        text = _unprefixed(text)
    if "\n" in text and text[:1].isdigit():
        text = _one_record(text)
    if "\n" in text:
        text = _unwrap(text)  # before escapes are undone: a terminal breaks lines, an escaped line break is the text's own
    if "\\" in text:
        text = _ESCAPE.sub(_unescape, text)
        if "\\u" in text or "\\x" in text:
            text = _ESCAPE.sub(_unescape, text)
        text = _undressed(text)
    if "</" in text:
        text = _MARKUP.sub(" ", text)
    if "%7B" in text or "%7b" in text:
        text = _PERCENT.sub(lambda found: f" {unquote_plus(found[0])} ", text)
    if "&#" in text:
        text = _NUMBERED.sub(_character, text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: _ENTITIES[found[1].lower()], text)
    if "<" in text and "|" in text:
        text = _SLACK_LINK.sub(r" \1 ", text)
    return _CONTROL.sub("", text)


def _unprefixed(text: str) -> str:
    """Without what stands before every line: the mark of a quotation, the name of a container."""
    for prefix in (_QUOTED, _CONTAINER):
        lines = [line for line in text.split("\n") if line.strip()]
        if lines and all(prefix.match(line) and not line.rstrip().endswith("|") for line in lines):
            text = "\n".join(prefix.sub("", line, count=1) for line in text.split("\n"))
    return text


def _one_record(text: str) -> str:
    """Lines that a logger broke, each under the very same time and name: the head is kept once."""
    head = _LOG_HEAD.match(text)
    if head is None or text.count("\n" + head[0]) < text.count("\n"):
        return text
    return text.replace("\n" + head[0], "\n")


def _undressed(text: str) -> str:
    """Without a terminal's colours; a link's address stays."""
    return _CSI.sub("", _OSC.sub(r" \1 ", text)) if "\x1b" in text or "\x9d" in text else text


def flat(text: str) -> str:
    """Plain text with full-width signs made half-width, position by position: offsets stay the same."""
    return _WIDE_SIGN.sub(_narrow, text)


def _width(line: str) -> int:
    if line.isascii():
        return len(line)
    return len(line) + sum("\u1100" <= each <= "\uff60" for each in line)


_RECORD_START = lazy(r"(?:\d{2,4}[-:/.]\d\d|\[|at |File |[-*#{]|[A-Z]{4,6}[ :|])")


def _unwrap(text: str) -> str:
    """Join lines that a terminal broke at its right edge.

    A line was broken when it is as wide as the widest one (and another is as wide too, or the width is a usual one), its end stands
    inside a quoted string or a web address, and the next line does not begin like a draft of its own.
    """
    lines = text.split("\n")
    widths = [_width(line) for line in lines]
    widest = max(widths)
    full = sum(widest - 1 <= width for width in widths)
    if not 40 <= widest <= 400 or (full < 2 and widest not in _STANDARD_WIDTHS):
        return text
    parts = [lines[0]]
    inside = lines[0].count('"') % 2 == 1
    for above, width, line in zip(lines, widths, lines[1:], strict=False):
        rest = line.lstrip(" ")
        broken = width >= widest - 1 and rest and not above[-1:].isspace() and not _RECORD_START.match(rest)
        if broken and (inside or "://" in above[above.rfind(" ") + 1 :]):
            parts.append(rest)
        else:
            parts.append("\n" + line)
            inside = inside and width >= widest - 1
        inside ^= line.count('"') % 2 == 1
    return "".join(parts)
