"""Whose a code is: every platform's claim to it is a sum of what speaks for it, and the best one wins.

What speaks: the words around (`Context.clue`), the catalogue, the name of the field, the fields beside it, the vendor's own message. A number
that a platform merely lists, with nothing of that platform around it, is somebody's number: it is attributed, but not `sure`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from bot.extract.context import BELIEVED, NAME, NEAR, Context
from bot.patterns import lazy
from bot.platforms.spec import Spec

_MESSAGE: Final = 160  # characters around a code in which its message stands
_TELLING: Final = 12  # letters without which a message is anybody's
_LONG: Final = 6  # digits
_BESIDE: Final = 300  # characters within which a name says whose a code is
_LABEL: Final = 16  # characters
_OURS_ALONE: Final = 8  # digits that no other system's codes have
_CLOSE: Final = 2.0  # what the vendor's own message weighs
_LISTED: Final = 3.0
_SOUND: Final = 1.0
_FAMILY: Final = 2.0
_A_SIGN: Final = 1.0  # a clue of this weight is a sign of the platform
HTTP_STATUS: Final = lazy(r"[1-5]\d\d")
_WORDS: Final = lazy(r"[a-z]{3,}|[\u4e00-\u9fff]{2}")
_SAID: Final = lazy(r"(?:msg|message)\"\s?:\s?\"((?:[^\"\\]|\\.){3,400})")
_NO_WORDS: Final = frozenset(
    ["errcode", "errmsg", "hint", "from", "more", "info", "https", "open", "com", "query", "devtool", "request", "error", "the", "invalid"]
)


class Owner(NamedTuple):
    """The platform that a code is attributed to; `sure` when something of the platform stands around it."""

    platform: str
    sure: bool


def number_owner(context: Context, value: str, at: int, key: str) -> Owner | None:
    """The platform a numeric code belongs to, or None when nothing makes it one."""
    scores = {
        name: _number_score(context, spec, value, at, key)
        for name, spec in context.words.specs.items()
        if spec.number is not None and spec.number.fullmatch(value) and not spec.status_is_code
    }
    if len(value) < _OURS_ALONE:
        scores = {name: score for name, score in scores.items() if not strange(context, name, at)}
    for name in context.catalog.platforms_of(value):
        if name in scores:
            scores[name] += _CLOSE * _told_like(context, name, value, at)
    found = max(scores, key=lambda name: scores[name], default=None)
    return Owner(found, _sure(context, found, value, at, key)) if found is not None and scores[found] >= BELIEVED else None


def _sure(context: Context, name: str, value: str, at: int, key: str) -> bool:
    """Whether anything but the number itself speaks for its platform."""
    spec = context.words.specs[name]
    if len(value) > _LONG or context.clue(name, at) >= _A_SIGN or spec.code_keys.get(key, 0) > 1:
        return True
    return _told_like(context, name, value, at) >= 0.5


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


def told_by_vendor(context: Context, value: str, at: int, end: int) -> bool:
    """Whether the words with which the platform tells this code stand right behind it (`1254045 FieldNameNotFound`), or all of them right
    before it. Of a code that is long enough to be nothing else, half of them will do."""
    behind, before = context.lower[end : end + _MESSAGE], context.lower[max(0, at - _MESSAGE) : at]
    for name in context.catalog.platforms_of(value):
        told = _message_words(context, name, value)
        all_of_them = sum(map(_weight, told))
        if sum(_weight(word) for word in told if word in behind) >= max(_TELLING, all_of_them * (0.5 if len(value) >= _LONG else 0.75)):
            return True
        if all_of_them >= 2 * _TELLING and all(word in before for word in told):
            return True
    return False


def _number_score(context: Context, spec: Spec, value: str, at: int, key: str) -> float:
    listed = spec.name in context.catalog.platforms_of(value)
    speaks = spec.code_keys.get(key, 0) if key else 0
    digits = len(value.lstrip("-"))
    if not listed and (context.stranger(at - _LABEL, at) or (HTTP_STATUS.fullmatch(value) and speaks < 2)):
        return 0.0  # `SQL Error: 1045`, the status in a wrapper's field
    score = context.clue(spec.name, at) + speaks + (_LISTED + _SOUND * context.sounds_like(spec.name) if listed else 0.0)
    if not listed and spec.families and context.family(spec.name, value):
        score += _FAMILY
    if key and (digits >= 4 or speaks >= 2):
        score += context.sibling(spec, key, at)
    return 0.0 if digits <= 3 and score < 4 and speaks < 2 else score


def word_owner(context: Context, value: str, at: int, key: str) -> str | None:
    """The platform a textual code in a field belongs to, or None."""
    owners = context.catalog.platforms_of(value)
    scores = [(0.0, "")]
    for name, spec in context.words.specs.items():
        listed = name in owners
        if spec.word is None or not (key in spec.word_keys or (listed and key in spec.known_word_keys)):
            continue
        if not (listed and key in spec.word_keys) and not spec.word.fullmatch(value):
            continue
        own = listed and value not in spec.foreign_words
        if (not listed and spec.refuse is not None and spec.refuse.fullmatch(value)) or (not own and strange(context, name, at)):
            continue
        kin = not listed and name in context.known.kindred(value)
        trust = 3.0 if kin else 0.0 if not listed else 1.0 if value in spec.foreign_words else 4.0
        trust += 2 * _SOUND * (listed and context.sounds_like(name))
        scores.append((context.clue(name, at) + context.sibling(spec, key, at) + trust + spec.code_keys.get(key, 0) * 0.25, name))
    best = max(scores, key=lambda each: each[0])
    return best[1] if best[0] >= BELIEVED else None


def strange(context: Context, name: str, at: int) -> bool:
    """Whether a system that is none of our platforms is named around a place, and this platform is not."""
    return context.stranger(at - _BESIDE, at + _BESIDE) and context.clue(name, at) < NAME


def foreign(context: Context, name: str, at: int) -> bool:
    """Whether another platform or system is named at a place, and this one is not."""
    if strange(context, name, at):
        return True
    return context.clue(name, at) < BELIEVED and any(context.clue(other, at) >= BELIEVED for other in context.words.specs if other != name)
