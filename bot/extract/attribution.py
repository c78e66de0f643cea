"""A platform code as it stands in a text, whose it is, and whether its place is to be believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bot.extract.context import BELIEVED, NAME, NEAR, Context
from bot.platforms.spec import Spec

STRUCTURED: Final = 3  # a field of an answer
LABELLED: Final = 2  # "error code 230002"
PROSE: Final = 1  # a known code and words of refusal
MOST_CODES: Final = 250  # in one context of 32 KB: denser than any log
_MESSAGE: Final = 160  # characters behind a code in which its message stands
_TELLING: Final = 12  # letters without which a message is anybody's
_LONG: Final = 6  # digits
_BESIDE: Final = 300  # characters within which a name says whose a code is
_LABEL: Final = 16  # characters
_OURS_ALONE: Final = 8  # digits that no other system's codes have
_CLOSE: Final = 2.0  # scores that differ by less leave it to the wording
_WORDS: Final = re.compile(r"[a-z]{3,}|[\u4e00-\u9fff]{2}")
_SAID: Final = re.compile(r"(?:msg|message)\"\s?:\s?\"((?:[^\"\\]|\\.){3,400})")
_NO_WORDS: Final = frozenset(
    ["errcode", "errmsg", "hint", "from", "more", "info", "https", "open", "com", "query", "devtool", "request", "error", "the", "invalid"]
)
_STATUS_KEYS: Final = frozenset({"status", "statuscode", "code", "httpstatus"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A platform code as it stands in the text; `key` is the name of its field, if it has one."""

    platform: str
    value: str
    at: int
    end: int
    strength: int
    sub: bool = False
    key: str = ""


def owner(context: Context, value: str, at: int, key: str) -> str | None:
    """The platform a numeric code belongs to, or None when nothing makes it one."""
    scores = {
        name: _number_score(context, spec, value, at, key)
        for name, spec in context.words.specs.items()
        if spec.number is not None and spec.number.fullmatch(value)
    }
    if len(value) < _OURS_ALONE:
        scores = {name: score for name, score in scores.items() if not strange(context, name, at)}
    best = max(scores.values(), default=0.0)
    rivals = [name for name in context.catalog.platforms_of(value) if name in scores and scores[name] > best - _CLOSE]
    if len(rivals) > 1:
        for name in rivals:
            scores[name] += _CLOSE * _told_like(context, name, value, at)
    found = max(scores, key=lambda name: scores[name], default=None)
    return found if found is not None and scores[found] >= BELIEVED else None


def _told_like(context: Context, name: str, value: str, at: int) -> float:
    """How many of the words with which a platform tells a code stand near it, from 0 to 1."""
    told = _message_words(context, name, value)
    near = context.lower[max(0, at - NEAR) : at + NEAR]
    return sum(word in near for word in told) / len(told) if told else 0.0


def _message_words(context: Context, name: str, value: str) -> frozenset[str]:
    """The words of the message with which a platform tells a code, as its sample has them."""
    entry = context.catalog.entry(name, value)
    return _words_of(entry.sample.lower()) if entry else frozenset()


@lru_cache(maxsize=4096)
def _words_of(sample: str) -> frozenset[str]:
    said = _SAID.search(sample)
    return frozenset(_WORDS.findall(said[1] if said else sample)) - _NO_WORDS


def _weight(word: str) -> int:
    """How many letters a word is worth: a Chinese sign says as much as three."""
    return len(word) if word.isascii() else 3 * len(word)


def told_by_vendor(context: Context, value: str, end: int) -> bool:
    """Whether the words with which the platform tells this code stand right behind it (`1254045 FieldNameNotFound`), or all of them right
    before it. Of a code that is long enough to be nothing else, half of them will do."""
    behind, before = context.lower[end : end + _MESSAGE], context.lower[max(0, end - _MESSAGE) : end]
    for name in context.catalog.platforms_of(value):
        told = _message_words(context, name, value)
        all_of_them = sum(map(_weight, told))
        if sum(_weight(word) for word in told if word in behind) >= max(_TELLING, all_of_them * (0.5 if len(value) >= _LONG else 0.75)):
            return True
        if all_of_them >= 2 * _TELLING and all(word in before for word in told):
            return True
    return False


def _number_score(context: Context, spec: Spec, value: str, at: int, key: str) -> float:
    if spec.status_is_code:
        return context.clue(spec.name, at) if key in _STATUS_KEYS else 0.0
    listed = spec.name in context.catalog.platforms_of(value)
    if not listed and _numbered_elsewhere(context, at):
        return 0.0
    speaks = spec.code_keys.get(key, 0) if key else 0
    digits = len(value.lstrip("-"))
    if digits == 3 and value[0] in "12345" and not listed and speaks < 2:
        return 0.0  # an HTTP status in a wrapper's field
    score = context.clue(spec.name, at) + (3.0 if listed else 0.0) + speaks
    if not listed and spec.families and context.family(spec.name, value):
        score += 2.0
    if key and (len(value) >= 4 or speaks >= 2):
        score += context.sibling(spec, key, at)
    return 0.0 if digits <= 3 and score < 4 and speaks < 2 else score


def word_owner(context: Context, value: str, at: int, key: str) -> str | None:
    """The platform a textual code belongs to, or None."""
    owners = context.catalog.platforms_of(value)
    scores = [(0.0, "")]
    for name, spec in context.words.specs.items():
        listed = name in owners
        if spec.word is None or not spec.word.fullmatch(value) or not (key in spec.word_keys or (listed and key in spec.known_word_keys)):
            continue
        if (not listed and spec.refuse is not None and spec.refuse.fullmatch(value)) or strange(context, name, at):
            continue
        trust = 0.0 if not listed else 1.0 if value in spec.foreign_words else 4.0
        scores.append((context.clue(name, at) + context.sibling(spec, key, at) + trust + spec.code_keys.get(key, 0) * 0.25, name))
    best = max(scores, key=lambda each: each[0])
    return best[1] if best[0] >= BELIEVED else None


def doubted(context: Context, at: int) -> bool:
    """Whether a place only looks like an error: talk, a test, source code."""
    return context.doubt.talk or context.doubt.fixture or context.written(at)


def _numbered_elsewhere(context: Context, at: int) -> bool:
    """Whether the label right before a number is that of another system: `SQL Error: 1045`."""
    return context.stranger(at - _LABEL, at)


def strange(context: Context, name: str, at: int) -> bool:
    """Whether a system that is none of our platforms is named around a place, and this platform is not."""
    return context.stranger(at - _BESIDE, at + _BESIDE) and context.clue(name, at) < NAME


def foreign(context: Context, name: str, at: int) -> bool:
    """Whether another platform or system is named at a place, and this one is not."""
    if strange(context, name, at):
        return True
    return context.clue(name, at) < BELIEVED and any(context.clue(other, at) >= BELIEVED for other in context.words.specs if other != name)
