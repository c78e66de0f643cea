"""Values under telling names: `app_secret='…'`, `“密码”：“…”`, `{"name": "token", "value": "…"}`, `| api key | … |`, `--password …`.

A noun of `names.toml` is looked for; the whole name around it says what it means; then comes a sign (an assignment, markup, a cell of a
table, or only a blank) and a value. The looser the sign, the more the value itself must look like a secret. A value is read at most
once and everything else is bounded, so time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from bot.patterns import lazy
from bot.redact import values
from bot.redact.judge import Field, Sign, is_secret
from bot.redact.masked import Span
from bot.redact.names import Name, meaning, names

_IN_NAME: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-$"
_LONGEST_NAME: Final = 64
_WORD_BEFORE: Final = lazy(r"([A-Za-z]{2,16})[ ]{1,2}\Z|([^\W\d_A-Za-z]{1,4})\Z")

_BEHIND_NAME: Final = r"(?:\*\*(?!\*)|[\"'`\])]){0,4}(?:[ ]?\([^()\n\"'`\d]{1,16}\))?(?:\*\*(?!\*)|[\"'`\])]){0,3}(?:值|如下|内容)?"
_ASSIGN: Final = lazy(
    _BEHIND_NAME
    + r"[ \t]{0,40}(?::[ \t]{0,2}[\w.<>\[\]?|]{1,24}[ \t]{0,3}(?==[^=>]))?(:=|=>|={1,3}|[-~]>|→|(?:是|为|為)?:(?!:)|是|为|為)[ \t]{0,40}"
    + r"(?:\\?\n[ \t]{0,24}(?=[\"'`])|(?<!=)\\?\n[ \t]{0,24}(?![\w.-]{1,60}[ ]?[:=]))?"
)
_PAIR: Final = lazy(r"(?i)[\"'`]\s{0,8}[,;]?\s{0,24}[\"'`]?(?:initial|current)?_?(?:value|val|content|text)[\"'`]?\s{0,4}[:=]\s{0,4}")
_MARKUP: Final = lazy(
    r"(?:[\"'][^<>\n]{0,80})?(?:[:=]?[ \t]{0,4}</?[a-zA-Z!][^<>\n]{0,120}|)>\s{0,8}(?:</?[a-zA-Z!][^<>\n]{0,120}>\s{0,8}){0,4}"
)
_CELL: Final = lazy(r"[ \t*`]{0,40}\|[ \t*`]{0,40}")
_LOOSE: Final = lazy(_BEHIND_NAME + r"(?:[ \t]{1,8}(?:(?:is|was|are|=|:)[ \t]{1,4})?|[ \t]{0,2}[,(\[][ \t]{0,2}|(?=[\"'`]))")
_OPENING: Final = lazy(
    r"(?:[|>][+-]?[ \t]{0,4}\n[ \t]{1,24})?(\{\s{0,8}[\"'`]?(?:value|val|raw|secret|token|plaintext)[\"'`]?\s{0,2}[:=]\s{0,2}|[\[(]\s{0,8})?(?:\w{1,10}\(\d{0,4}\)\s?)?"
    r"(?:<!\[CDATA\[)?(?:sha\d{1,3}=|v\d=)?(?:[bBuUrRfF@$]{0,2}(\"{1,3}|'{1,3}|`{1,3}|\*\*(?!\*)))?(?:sha\d{1,3}=|v\d=)?"
)  # fmt: skip
_BARE: Final = lazy(r"[^\s\"'`,;&<>(){}\[\]|\\]{1,8000}")
_BARE_PASSWORD: Final = lazy(r"[^\s\"'`<>\\]{1,8000}")
_NEXT_FIELD: Final = lazy(r"[&;,|][\w.-]{1,40}=|[,;)\]}&|]+\Z")
_GOES_ON: Final = lazy(r"[,;&|][^\s\"'`<>(){}\[\],;&|=:\\]{4,8000}")
_MORE: Final = lazy(r"[^\s\"'`<>(){}\[\],;&|\\]*")
_CLOSED: Final = lazy(r"[\s,;:.&|<>)}\]\\\"'`*]|\Z")
_LINE: Final = lazy(r"[^\r\n\"'`]*")
_LONG_WORD: Final = lazy(r"[^\s,;()]{12,8000}")
_NEXT_IN_LIST: Final = lazy(r"\s{0,8},\s{0,24}([\"'])")
_WRAPPED: Final = lazy(r"[\w+/=.\s-]+")
_LONGEST: Final = 8000
_LONG: Final = 256  # characters from which reading a value again would be felt
_MOST_NESTED: Final = 20


@cache
def _nouns() -> re.Pattern[str]:
    return names().pattern()


def find(text: str, lower: str) -> Iterator[Span]:
    """Secrets by the names they stand under, in order. `lower` is the text in lower case, of the same length."""
    done = run = nested = 0
    for noun in _nouns().finditer(lower):
        if noun.start() < done:
            continue
        start, done = _whole_name(text, noun.start(), noun.end())
        row = _row(text, start, done)
        if row is None:
            continue
        sign = _sign(text, start, done, row)
        if sign is None or (row.signs and sign.text != row.signs):
            continue
        # `code=code=code=…`: each value holds all that follow. So many are looked into, the rest is taken unread.
        nested = nested + 1 if start < run else 0
        if nested > _MOST_NESTED:
            more = _MORE.match(text, sign.end)
            done = more.end() if more else done
            yield Span(sign.end, done, row.kind, row.live)
            continue
        for span in _values(text, start, sign, row):
            run = max(run, span.end) if span.end - span.start > _LONG else run
            if span.kind:
                done = max(done, span.end)
                yield span


def _whole_name(text: str, start: int, end: int) -> tuple[int, int]:
    head = text[max(0, start - _LONGEST_NAME) : start]
    start -= len(head) - len(head.rstrip(_IN_NAME))
    tail = text[end : end + _LONGEST_NAME]
    end += len(tail) - len(tail.lstrip(_IN_NAME))
    return start, start + len(text[start:end].rstrip(".-$"))


def _row(text: str, start: int, end: int) -> Name | None:
    """What the name means; the word before it helps: `page token`, `API key`, `加密Key`."""
    name = text[start:end]
    last = text[start - 1 : start]
    before = _WORD_BEFORE.search(text[max(0, start - 18) : start]) if last == " " or not last.isascii() else None
    if before is None:
        return meaning(name)
    longer = meaning(f"{before[1] or before[2]} {name}")
    return longer if longer is not None or before[2] is None else meaning(name)


def _sign(text: str, start: int, end: int, row: Name) -> Sign | None:
    if found := _ASSIGN.match(text, end):
        return Sign(found[0][found.start(1) - end :], found.end(), 2)
    if found := _PAIR.match(text, end):
        return Sign("", found.end(), 2)
    if (
        (found := _MARKUP.match(text, end))
        and "<" in text[max(0, start - 80) : found.end()]
        and text[found.end() : found.end() + 1] not in "\"'`"
    ):
        return Sign("<", found.end(), 2)
    if found := _CELL.match(text, end):
        return Sign("|", found.end(), 1)
    if found := _LOOSE.match(text, end):
        flag = text[start] == "-" and row.value != "random" and found[0].isspace()
        return Sign(found[0], found.end(), 2 if flag else 0)
    return None


def _values(text: str, name: int, sign: Sign, row: Name) -> Iterator[Span]:
    """The value or, in a list, the values behind a sign. A span without a kind was read and is harmless."""
    opening = _OPENING.match(text, sign.end)
    assert opening is not None  # noqa: S101 (every part of it may be missing)
    start, quote, listed = opening.end(), opening[2] or "", bool(opening[1]) and opening[1][0] in "[("
    for _ in range(50):
        end = _quoted(text, start, quote) if quote else _bare(text, start, row)
        value = text[start:end]
        if not value:
            return
        if is_secret(Field(row, sign, value.strip(), text, name, end, bool(quote), listed)):
            yield Span(start, end, row.kind, row.live)
        elif " " in value and sign.strength == 2 and row.kind not in ("sign", "code"):
            yield from _in_sentence(value, start, row)
        else:
            yield Span(start, end, "")
        following = _NEXT_IN_LIST.match(text, end + len(quote)) if listed and quote else None
        if following is None:
            return
        start, quote = following.end(), following[1]


def _quoted(text: str, start: int, quote: str) -> int:
    """Where a quoted value ends: at the same quote, when what follows is no part of a value; else at the end of the line."""
    at = start
    for _ in range(8):
        at = text.find(quote, at, start + _LONGEST)
        if at < 0:
            break
        if _CLOSED.match(text, at + len(quote)):
            inside = text[start:at]
            return at if "\n" not in inside or _WRAPPED.fullmatch(inside) else start + inside.index("\n")
        at += len(quote)
    line = _LINE.match(text, start)
    return line.end() if line else start


def _bare(text: str, start: int, row: Name) -> int:
    """Where a value without quotes ends. A comma or an ampersand ends it where another field follows."""
    if row.kind == "password":
        found = _BARE_PASSWORD.match(text, start)
        if found is None:
            return start
        end = found.end()
        if following := _NEXT_FIELD.search(text, start, end):
            end = following.start()
    else:
        found = _BARE.match(text, start)
        if found is None:
            return start
        end = found.end()
        if end - start >= _LONGEST and (more := _MORE.match(text, end)):
            return more.end()  # longer than any secret: it goes as a whole
        if (more := _GOES_ON.match(text, end)) and values.is_random(more[0][1:]) and values.is_random(found[0]):
            end = more.end()
    return start + len(_ascii(text[start:end]))


def _ascii(value: str) -> str:
    """The part before Chinese text, which needs no blank behind a value."""
    if value.isascii():
        return value
    cut = next(number for number, sign in enumerate(value) if not sign.isascii())
    return value[:cut].rstrip(",;") if cut else value


def _in_sentence(value: str, start: int, row: Name) -> Iterator[Span]:
    for word in _LONG_WORD.finditer(value):
        if values.is_random(word[0]):
            yield Span(start + word.start(), start + word.end(), row.kind, row.live)
