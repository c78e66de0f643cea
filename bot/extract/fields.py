"""The shared readers: pairs of key and value, numbers with a label, words, web addresses. They produce marks, they decide nothing."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from bot.patterns import lazy

# A key with its sign of assignment: JSON, reprs, logfmt, headers, YAML, PHP (=>), debuggers (->), queries.
# Tried only where a word begins: from its second letter on it would only be looked at again.
_PAIR = lazy(r"([A-Za-z_](?<![A-Za-z_]{2})[A-Za-z0-9_-]{0,40})[\"'`*\]]{0,4}+[ \t]{0,40}+(?:=>|->|[:=])(?!//)[ \t\n]{0,12}")
_TAG = lazy(r"<([A-Za-z_]{2,24})>([^<]{1,400})</")
_BEFORE_KEY = lazy(r"([A-Za-z\u4e00-\u9fff]{2,12})[ _-]$")
_CAST = lazy(
    r"(?:\{\w{1,40}@\d{1,10}\}|\((?:int|string|str|float|long|number|integer)(?:\(\d+\))?\)|Object|Array|u?(?=['\"])|b(?=['\"]))\s{0,4}"
)
_CASTS = "{(OAub"  # how a cast can begin; a quote alone is none
_DUMPED = lazy(r"(?:int|float)\((-?\d{1,12})\)|string\(\d{1,6}\) ")  # PHP's var_dump
_WORD_END = lazy(r"[\s,;\"'`)}\]<>&|*]")
_MESSAGE_END = lazy(
    r"\n|,? {0,2}\b(?:log_?id|req(?:uest)?_?id|resp(?:onse)?|ext|err(?:or)?_?code|code|error|data|status|troubleshooter)[\"']?[:=]|[\"'] ?[,}]|$"
)
NUMBER: Final = lazy(r"(?<![0-9A-Za-z_.+/@-])-?\d{2,10}(?![0-9A-Za-z_@])(?!\.\d)(?!-\d)")
TOKEN: Final = lazy(r"[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z0-9]+)*")
_URL = lazy(r"https?://(?:[^\s\"'<>\\\]}，。；）]|<[A-Za-z_]{1,24}>){4,4000}")
_INNER = lazy(r"https?%3A%2F%2F", re.I)
_QUERY = lazy(r"[?&#;]([A-Za-z_]\w{0,30})=([^&#;\s]{0,3000})")
_FIELD_LIMIT = 1200
_LIST_LIMIT = 3000
_MOST_PAIRS = 800  # in one context: more is no report but an attack
_SQUARE = lazy(r"[\[\]]")
_FRAMES: Final = frozenset({"error", "request", "log", "trace", "correlation", "sub", "method", "app", "client", "日志", "请求", "追踪", "required", "missing",
                            "need", "needs", "granted", "requested", "provided", "accepted", "current", "status", "err", "response", "http", "ret", "token", "return"})  # fmt: skip
_SECOND: Final = frozenset({"id", "code", "message", "msg", "scope", "scopes", "type"})


class Pair(NamedTuple):
    """A key that has a role, and what stands behind it. `kind`: number, string, list, object, word; positions are of the value.

    A named tuple, because a long paste makes thousands of them, and a frozen dataclass takes three times as long to make.
    """

    key: str
    role: str
    value: str
    kind: str
    at: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Address:
    """A web address of the paste: only read, never offered as a link."""

    host: str
    path: str
    query: Mapping[str, str]
    start: int
    end: int


@lru_cache(maxsize=2048)
def normal(key: str) -> str:
    """A key without case, dashes, underscores and spaces."""
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()


def pairs(text: str, roles: Mapping[str, str]) -> list[Pair]:
    """Every pair whose key has a role."""
    found: list[Pair] = []
    for match in _PAIR.finditer(text):
        key, start = _key(text, match, roles)
        if key in roles:
            found.append(_pair(text, key, roles[key], start, match.end()))
        if len(found) >= _MOST_PAIRS:
            break
    if not text.isascii():
        for match in _chinese(tuple(each for each in roles if not each.isascii())).finditer(text):
            key = normal(match[1])
            found.append(_pair(text, key, roles[key], match.start(), match.end()))
            if len(found) >= 2 * _MOST_PAIRS:
                break
    if "</" in text:
        for match in _TAG.finditer(text):
            role = roles.get(normal(match[1]))
            if role is not None:
                found.append(
                    Pair(normal(match[1]), role, match[2].strip(), _kind(match[2].strip()), match.start(), match.start(2), match.end(2))
                )
    found.sort(key=lambda each: each.start)
    return found


def _key(text: str, match: re.Match[str], roles: Mapping[str, str]) -> tuple[str, int]:
    """A key and its start; `Log ID`, `error code` and the like are one key of two words."""
    word, start = normal(match[1]), match.start()
    if word in _SECOND and start and text[start - 1] in " _-":
        before = _BEFORE_KEY.search(text, max(0, start - 14), start)
        if before and before[1].lower() in _FRAMES and before[1].lower() + word in roles:
            return before[1].lower() + word, before.start()
    return word, start


@cache
def _chinese(keys: tuple[str, ...]) -> re.Pattern[str]:
    spelled = "|".join(each.replace("id", " ?(?:ID|id|Id)") for each in sorted(keys, key=len, reverse=True))
    return re.compile(rf"({spelled})[\"'`*\]]{{0,4}}[ \t]{{0,4}}[:=][ \t]{{0,8}}")


def _kind(value: str) -> str:
    return "number" if value.lstrip("-").isdigit() and value.isascii() else "word"


def _pair(text: str, key: str, role: str, at: int, i: int) -> Pair:  # noqa: C901 (one case for each way to begin a value)
    cast = _CAST.match(text, i) if text[i : i + 1] in _CASTS else None
    if cast and cast.end() > i and cast.end() < len(text) and (text[i] in "{(" or text[cast.end()] in "\"'[{`"):
        i = cast.end()
    dumped = _DUMPED.match(text, i) if text[i : i + 1] in "ifs" else None
    if dumped:
        if dumped[1]:
            return Pair(key, role, dumped[1], "number", at, dumped.start(1), dumped.end(1))
        i = dumped.end()
    while text[i : i + 1] == "*":
        i += 1
    sign = text[i : i + 1]
    if sign and sign in "\"'`":
        end = text.find(sign, i + 1, i + 1 + _FIELD_LIMIT)
        if end < 0:
            end = min(len(text), i + 1 + _FIELD_LIMIT)
            if role != "message":
                end = min(end, _line_end(text, i + 1))
        return Pair(key, role, text[i + 1 : end], "string", at, i + 1, end)
    if sign == "[":
        end = _balanced(text, i)
        return Pair(key, role, text[i + 1 : end], "list", at, i + 1, end)
    if sign == "{":
        return Pair(key, role, "", "object", at, i, i)
    if role == "message":
        match = _MESSAGE_END.search(text, i, i + _FIELD_LIMIT)
        end = match.start() if match else min(len(text), i + _FIELD_LIMIT)
        return Pair(key, role, text[i:end].strip(), "word", at, i, end)
    match = _WORD_END.search(text, i, i + 400)
    end = match.start() if match else min(len(text), i + 400)
    value = text[i:end].rstrip(".:,")
    return Pair(key, role, value, _kind(value), at, i, i + len(value))


def _line_end(text: str, i: int) -> int:
    end = text.find("\n", i, i + _FIELD_LIMIT)
    return end if end >= 0 else min(len(text), i + _FIELD_LIMIT)


def _balanced(text: str, i: int) -> int:
    depth = 0
    limit = min(len(text), i + _LIST_LIMIT)
    for match in _SQUARE.finditer(text, i, limit):
        depth += 1 if match[0] == "[" else -1
        if depth == 0:
            return match.start()
    return limit


def addresses(text: str) -> Iterator[Address]:
    """Every web address, percent-decoded once."""
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        raw = match[0].rstrip(".,:;!)*_`|")
        host, _, rest = raw.split("://", 1)[1].partition("/")
        path, mark, query = rest.partition("?")
        if not mark and "#" in path:
            path, _, query = path.partition("#")
        host = host.rsplit("@", 1)[-1].split("?")[0].split(":")[0].lower()
        fields = {key: unquote(value) for key, value in _QUERY.findall("?" + query)}
        yield Address(host, "/" + unquote(path), fields, match.start(), match.start() + len(raw))
        inner = _INNER.search(raw)
        if inner:  # an address inside an address: percent-encoded in its query
            for each in addresses(unquote(raw[inner.start() :])):
                yield Address(each.host, each.path, each.query, match.start(), match.start() + len(raw))


class Brackets:
    """Which bracket pair stands around a place. Made in one pass; nesting deeper than 48 counts as one."""

    __slots__ = ("_opens", "_order")
    _SIGN = lazy(r"[{}]")

    def __init__(self, text: str) -> None:
        # `_order`: positions at which the innermost node changes; `_opens[k]`: chain of open positions from there on.
        self._order: list[int] = [0]
        self._opens: list[tuple[int, ...]] = [()]
        stack: tuple[int, ...] = ()
        skipped = 0
        for match in self._SIGN.finditer(text):
            if match[0] == "{":
                if len(stack) >= 48:
                    skipped += 1
                    continue
                stack = (*stack, match.start())
            elif skipped:
                skipped -= 1
                continue
            elif stack:
                stack = stack[:-1]
            self._order.append(match.start())
            self._opens.append(stack)

    def around(self, at: int) -> tuple[int, ...]:
        """The open brackets around a place, outermost first."""
        return self._opens[bisect_right(self._order, at) - 1]
