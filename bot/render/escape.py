"""Foreign text made harmless, once for each surface.

Every sentence of a card is plain text: a `*`, a `<!channel>` or a link in it came from a paste or a name, and must be seen, not obeyed.
A `Paper` writes plain text for one surface and one language. Formatting is added by the templates, around what a paper wrote.

Names that people copy (scopes, ids, addresses) are written as code where the surface has code, so that they survive letter by letter;
elsewhere a letter that means something to the surface becomes an entity, or a twin that looks the same where there are no entities.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote as percent

from markupsafe import Markup
from markupsafe import escape as html_escape

from bot.card.labels import label
from bot.model import Locale, Text
from bot.patterns import lazy

_TERMINAL = lazy(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|[\x1b\x9d](?:(?<=\x9d)|[\]P_^X])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?"
)
"""Escape sequences of terminals (ECMA-48): colours, cursor moves, OSC (titles, links, clipboard), DCS and the like."""

_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029], " "),
    **dict.fromkeys([0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]),
    **dict.fromkeys([0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB]),
    **dict.fromkeys(range(0xE0000, 0xE0080)),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    0: None,
}
_UNSEEN_BUT_LINES = {key: value for key, value in _UNSEEN.items() if key not in (0x0A, 0x09)}

_NAMES = lazy(
    r"[A-Za-z](?:(?<!\w.)[A-Za-z0-9+.-]{1,15}+://[^\s<>\"'`\\|*\[\](){}，。；、：）」】\u3400-\u9fff]++(?P<url>)"
    r"|(?<![A-Za-z0-9_@.:/-].)[A-Za-z0-9]*+(?:[_:./-][A-Za-z0-9]++)+(?P<name>)(?![_:/@]))",
)
"""Addresses and names such as `sheets:spreadsheet:write_only`, `user_access_token`, `Contact.User.Read`; an empty group tells which."""

_EMOJI = lazy(r":(?=[A-Za-z0-9_+'-]+:)")
_BARE_HOST = lazy(r"(?<=[A-Za-z0-9-])\.(?=[A-Za-z]{2})")
_LONE_UNDERSCORE = lazy(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_UNSAFE_IN_URL = lazy(r"[^A-Za-z0-9\-._~:/?#@&+,;=%]")
_OUR_URL = lazy(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:[/?#]|\Z)")
MAX_URL = 2900
_BREAK = "\u200b"


def clean(raw: str, *, lines: bool = False) -> str:
    """Without anything unseen: control characters, terminal escapes, bidi overrides, invisible letters, lone surrogates. Linear.

    `lines` keeps line breaks and tabs (quoted blocks); otherwise everything stands on one line.
    """
    if raw.isprintable():
        return raw
    if "\x1b" in raw or "\x9b" in raw or "\x9d" in raw:
        raw = _TERMINAL.sub("", raw)
    if lines:
        return raw.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSEEN_BUT_LINES)
    return raw.translate(_UNSEEN)


def fit(plain: str, limit: int, write: Callable[[str], str], tail: str) -> str:
    """`write(plain)`, shortened visibly so that it is at most `limit` characters long once written.

    The plain text is shortened, never the written one, so that no entity and no code mark is cut in two.
    """
    short = plain[:limit]
    out = write(short)
    if len(short) == len(plain) and len(out) <= limit:
        return out
    tail = tail if len(tail) < limit else "…"
    while short and len(out) + len(tail) > limit:
        short = short[: max(0, min(len(short) - 1, int(len(short) * (limit - len(tail)) / len(out))))]
        out = write(short)
    return out + tail


def pieces(plain: str) -> list[tuple[bool, str]]:
    """A sentence cut into (is it a name or an address, the letters)."""
    if "_" not in plain and ":" not in plain and plain.count(".") < 2:
        return [(False, plain)]
    out, at = [], 0
    for found in _NAMES.finditer(plain):
        piece = found.group().rstrip(".,;:!?")
        if found.lastgroup == "name" and not ("_" in piece or ":" in piece or piece.count(".") > 1):
            continue
        if found.start() > at:
            out.append((False, plain[at : found.start()]))
        out.append((True, piece))
        at = found.start() + len(piece)
    if at < len(plain) or not out:
        out.append((False, plain[at:]))
    return out


class Paper:
    """Plain writing: the terminal, and the ground for the others. `scale` below 1 shortens harder, when a whole card came out too long."""

    surface = "text"

    def __init__(self, locale: Locale, scale: float = 1.0) -> None:
        self.locale: Locale = locale
        self.scale = scale
        self._tail = label("…(shortened, see details)").in_(locale)

    # -- what the templates' values are made with

    def prose(self, text: Text, limit: int = 900) -> Any:
        """A sentence where the surface knows formatting."""
        return self._fit(clean(text.in_(self.locale)), limit, self.write)

    def plain(self, text: Text, limit: int = 140) -> Any:
        """A sentence where the surface shows letters only (headers, button labels)."""
        return self._fit(clean(text.in_(self.locale)), limit, self.letters)

    def value(self, raw: str, limit: int = 400) -> Any:
        """An id, a scope, any foreign value."""
        return self._fit(clean(raw), limit, self.code)

    def quote(self, raw: str, limit: int = 2400) -> Any:
        """Foreign text as a block, line by line."""
        return self._fit(clean(raw[: 4 * limit + 4000], lines=True).strip("\n"), limit, self.block)

    def url(self, raw: str) -> str:
        """An address of ours, fit to stand in this surface's link syntax; empty when it is none, then nothing is linked."""
        if not _OUR_URL.match(raw) or not raw.isascii():
            return ""
        safe = _UNSAFE_IN_URL.sub(lambda found: percent(found.group(), safe=""), raw)
        return safe if len(safe) <= MAX_URL else ""

    # -- what each surface does its own way

    def letters(self, plain: str) -> str:
        return plain

    def text(self, plain: str) -> str:
        return plain

    def code(self, plain: str) -> str:
        return plain

    def block(self, plain: str) -> str:
        return plain

    def write(self, plain: str) -> str:
        """A sentence: names as code, all else as text."""
        parts = pieces(plain)
        if len(parts) == 1 and not parts[0][0]:
            return self.text(plain)
        return self.join([self.code(piece) if named else self.text(piece) for named, piece in parts])

    def join(self, pieces: list[str]) -> str:
        return "".join(pieces)

    def _fit(self, plain: str, limit: int, write: Callable[[str], str]) -> Any:
        return fit(plain, int(limit * self.scale), write, self._tail)


class TerminalPaper(Paper):
    """Letters only."""

    def write(self, plain: str) -> str:
        return plain


class SlackPaper(Paper):
    """Slack mrkdwn. Only `& < >` have entities; the formatting letters have twins. Texts are sent with `verbatim`, so nothing is linked."""

    surface = "slack"
    _TWINS: ClassVar[Mapping[str, str]] = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "∗", "~": "∼", "`": "ˋ"}
    _SIGN = lazy(r"[&<>*~`]")
    _CODE_SIGN = lazy(r"[&<>`]")
    _SPECIAL = lazy(r"[&<>*~`_:]")

    def letters(self, plain: str) -> str:
        return plain.replace("<", "‹").replace(">", "›")

    def text(self, plain: str) -> str:
        if not self._SPECIAL.search(plain):
            return plain
        out = self._SIGN.sub(self._twin, plain)
        if "_" in out:
            out = _LONE_UNDERSCORE.sub("ˍ", out)
        if ":" in out:
            out = _EMOJI.sub(":" + _BREAK, out)
        return _BREAK + out if out.startswith("&gt;") else out

    def code(self, plain: str) -> str:
        plain = self._CODE_SIGN.sub(self._twin, plain)
        return f"`{plain}`" if plain.strip() else ""

    def block(self, plain: str) -> str:
        return "```\n" + self._CODE_SIGN.sub(self._twin, plain) + "\n```"

    def _twin(self, sign: re.Match[str]) -> str:
        return self._TWINS[sign[0]]

    def join(self, pieces: list[str]) -> str:
        """Code marks count only between blanks or punctuation, which Chinese sentences do not put there."""
        out = pieces[0]
        for piece in pieces[1:]:
            if piece and (out.endswith("`") or piece.startswith("`")) and (out[-1:].isalnum() or piece[0].isalnum()):
                out += " "
            out += piece
        return out


class LarkPaper(Paper):
    """Markdown of Lark cards: CommonMark with tags of its own (`<at>`, `<font>`), entities for every letter that means something."""

    surface = "lark"
    _PROSE = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<>*~[]_`$\\"})
    _SPECIAL = lazy(r"[&<>*~\[\]_`$\\:.]")
    _LINE_START = lazy(r"\A\s*(?:[#+=:|-]|[0-9]+[.)])")
    _PLAIN_CODE = lazy(r"[A-Za-z0-9 _.:/@%?&=+,;#-]+\Z")

    def text(self, plain: str) -> str:
        if not self._SPECIAL.search(plain):
            return plain
        out = plain.translate(self._PROSE)
        if ":" in out:
            out = _EMOJI.sub("&#58;", out).replace("://", "&#58;//")
        return _BARE_HOST.sub("." + _BREAK, out)

    def write(self, plain: str) -> str:
        started = self._LINE_START.match(plain)
        if started:
            mark = started.group()
            return mark[:-1] + f"&#{ord(mark[-1])};" + super().write(plain[started.end() :])
        return super().write(plain)

    def code(self, plain: str) -> str:
        # Whether the client leaves its own tags alone inside code is not documented: anything but plain names is written as text.
        plain = plain.strip()
        return f"`{plain}`" if self._PLAIN_CODE.match(plain) else self.text(plain)


class DingtalkPaper(Paper):
    """DingTalk's small Markdown documents neither entities nor backslashes: letters that mean something become full-width twins."""

    surface = "dingtalk"
    _PROSE = str.maketrans(dict(zip("*[]<>`#~|\\@", "∗［］＜＞ˋ＃∼｜＼＠", strict=True)))

    def text(self, plain: str) -> str:
        out = _LONE_UNDERSCORE.sub("ˍ", plain.translate(self._PROSE)).replace("://", f":{_BREAK}//")
        return _BARE_HOST.sub("." + _BREAK, out)

    def code(self, plain: str) -> str:
        if "://" in plain:
            return self.text(plain)
        return _LONE_UNDERSCORE.sub("ˍ", plain.translate(self._PROSE))

    def block(self, plain: str) -> str:
        return "\n".join("> " + self.text(line.strip()) + "  " for line in plain.split("\n") if line.strip())

    def write(self, plain: str) -> str:
        out = super().write(plain)
        return _BREAK + out if out[:1] in ("-", "+", "=") or out[:1].isdigit() else out


class HtmlPaper(Paper):
    """HTML: everything escaped, names in `<code>`."""

    surface = "html"

    def prose(self, text: Text, limit: int = 4000) -> Any:
        return Markup(super().prose(text, limit))  # noqa: S704 - every piece of it went through html_escape

    def value(self, raw: str, limit: int = 400) -> Any:
        return Markup(super().value(raw, limit))  # noqa: S704 - as above

    def quote(self, raw: str, limit: int = 20_000) -> Any:
        return super().quote(raw, limit)

    def text(self, plain: str) -> str:
        return str(html_escape(plain))

    def code(self, plain: str) -> str:
        return f"<code>{html_escape(plain)}</code>"


class Pair:
    """The same words in both languages, joined as strings are: `"**" + pair + "**"`."""

    __slots__ = ("en", "zh")

    def __init__(self, en: str, zh: str) -> None:
        self.en = en
        self.zh = zh

    def __add__(self, other: object) -> Pair:
        return Pair(self.en + other.en, self.zh + other.zh) if isinstance(other, Pair) else Pair(self.en + str(other), self.zh + str(other))

    def __radd__(self, other: str) -> Pair:
        return Pair(other + self.en, other + self.zh)

    def __getitem__(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en

    def __bool__(self) -> bool:
        return bool(self.en or self.zh)


class BilingualPaper:
    """Lark cards carry both languages: the same interface as `Paper`, each value a `Pair`."""

    surface = "lark"

    def __init__(self, locale: Locale, scale: float = 1.0) -> None:
        self.locale: Locale = locale
        self._en, self._zh = LarkPaper("en", scale), LarkPaper("zh", scale)

    def prose(self, text: Text, limit: int = 1200) -> Pair:
        return Pair(self._en.prose(text, limit), self._zh.prose(text, limit))

    def plain(self, text: Text, limit: int = 95) -> Pair:
        return Pair(self._en.plain(text, limit), self._zh.plain(text, limit))

    def value(self, raw: str, limit: int = 400) -> Pair:
        return Pair(self._en.value(raw, limit), self._zh.value(raw, limit))

    def quote(self, raw: str, limit: int = 3000) -> Pair:
        return Pair(self._en.quote(raw, limit), self._zh.quote(raw, limit))

    def url(self, raw: str) -> str:
        return self._en.url(raw)


PAPERS: dict[str, Callable[[Locale, float], Any]] = {
    "text": TerminalPaper,
    "slack": SlackPaper,
    "lark": BilingualPaper,
    "lark-only-you": BilingualPaper,
    "dingtalk": DingtalkPaper,
    "html": HtmlPaper,
}
