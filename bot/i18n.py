"""Every sentence that we say ourselves, in both languages.

The English sentence is the key; the Chinese one stands in `templates/locale/zh/LC_MESSAGES/whyforbidden.po`, which is compiled to a
`.mo` when the wheel is built (and by the tests). A sentence without a Chinese twin falls back to English at run time; a test keeps
that from ever shipping.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from string import Formatter

from bot.model import Text
from bot.patterns import lazy

DOMAIN = "whyforbidden"
_CHINESE = lazy(r"[\u3400-\u9fff]")
_LATIN = lazy(r"[A-Za-z0-9]")


@cache
def _chinese() -> gettext.NullTranslations:
    compiled = files("templates").joinpath("locale", "zh", "LC_MESSAGES", f"{DOMAIN}.mo")
    try:
        with compiled.open("rb") as stream:
            return gettext.GNUTranslations(stream)
    except FileNotFoundError:
        return gettext.NullTranslations()


def say(msgid: str, **values: object) -> Text:
    """One sentence in both languages; `{name}` places are filled from `values`.

    A value that is itself a `Text` appears in the language of its sentence. Values are inserted as they are: braces in them mean nothing.
    """
    en, zh = msgid, _chinese().gettext(msgid)
    if values:
        en = en.format(**{name: value.en if isinstance(value, Text) else value for name, value in values.items()})
        zh = _spaced(zh, {name: value.zh if isinstance(value, Text) else value for name, value in values.items()})
    return Text(en, zh)


def _spaced(sentence: str, values: dict[str, object]) -> str:
    """The Chinese sentence filled in, with the blanks that its typography asks for: around Latin words, not between Chinese ones."""
    whole = ""
    for literal, name, form in _parts(sentence):
        whole = _after(whole, literal)
        if name is not None:
            whole = _after(whole, format(values[name], form))
    return whole


@cache  # as many as there are sentences of ours
def _parts(sentence: str) -> tuple[tuple[str, str | None, str], ...]:
    return tuple((literal, name, form or "") for literal, name, form, _ in Formatter().parse(sentence))


def _after(whole: str, piece: str) -> str:
    if not whole or not piece:
        return whole or piece
    if (_CHINESE.match(whole[-1:]) and _LATIN.match(piece)) or (_LATIN.match(whole[-1:]) and _CHINESE.match(piece)):
        return f"{whole} {piece}"
    if whole.endswith(" ") and _CHINESE.match(whole[-2:-1]) and _CHINESE.match(piece):
        return whole[:-1] + piece
    if piece.startswith(" ") and _CHINESE.match(whole[-1:]) and _CHINESE.match(piece[1:]):
        return whole + piece[1:]
    return whole + piece


def same(text: str) -> Text:
    """A name that is written alike in both languages (a code, a scope, an id)."""
    return Text(text, text)


def listed(items: Iterable[str | Text]) -> Text:
    """Names in a row: `a, b` in English, `a、b` in Chinese."""
    parts = [item if isinstance(item, Text) else same(item) for item in items]
    return Text(", ".join(part.en for part in parts), "、".join(part.zh for part in parts))


def joined(items: Iterable[Text]) -> Text:
    """Sentences after each other: with a blank in English, without one in Chinese."""
    parts = list(items)
    return Text(" ".join(part.en for part in parts), "".join(part.zh for part in parts))
