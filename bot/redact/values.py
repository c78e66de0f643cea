"""What a value looks like: empty, a word, a sentence, an error's own code, a placeholder, or something that nobody would type by hand.

No value is judged here by the name it stands under; that is for `names.py`, and both together for `fields.py`.
"""

from __future__ import annotations

import re
from typing import Final

from bot.patterns import lazy
from bot.redact.rules import words

MASK: Final = "***"

_NOTHING: Final = lazy(
    r"(?i)[*.…_-]+|null|nil|none|undefined|nan|true|false|yes|no|on|off|ok|string|str|int|integer|object|array|optional|header|query|n/a|todo|(?:u|t|a|c|ur|xox[a-z]|xapp)-|.{0,60}\*{3,}"
)
_STANDS_FOR: Final = lazy(r"(?i)\$.*|<.*|\{.*|%[sdv@].*|#\{.*|process\.env.*|os\.(?:environ|getenv).*|env[:.(].*|self\..*|this\..*|ENV\[.*")
_CALL: Final = lazy(r"(?:await |new )?[A-Za-z_][\w.]{0,80}\(.*", re.DOTALL)
_WORDS: Final = lazy(r"[A-Za-z]+(?:[-_.'/ ][A-Za-z]+){0,12}[.:!?…]{0,3}")
_CAMEL: Final = lazy(r"[a-zA-Z][a-z]+(?:[A-Z][a-z]+){1,6}")
_SAYS_WRONG: Final = lazy(rf"(?i)(?:^|[^a-z])(?:{'|'.join(words('wrong'))})(?![a-z])|(?-i:[a-z](?:{'|'.join(words('Wrong'))}))")
_SAYS_WRONG_CHINESE: Final = lazy("|".join(words("wrong_chinese")))
# 99991663 · 0x80070005 · AADSTS7000215 · ORA-01017 · CM4001 · ERR_1234 · 28.1
CODE: Final = lazy(r"-?\d{1,10}(?:\.\d{1,6})?|0x[0-9A-Fa-f]{4,8}|[A-Z]{1,12}[-_]?\d{1,8}|[A-Z]{2,}(?:_[A-Z0-9]+){1,8}")
_CODE_IN_WORDS: Final = lazy(r"(?:[A-Z][a-z]+_?){2,8}[A-Z]\d(?:[A-Z][a-z]*_?){0,6}")  # `…TenantOrB2CTenant`
_KNOWN_FORM: Final = lazy(
    r"v?\d+(?:\.\d+){1,4}[\w.+-]{0,20}|\d{4}-\d\d-\d\d[\dT:.Z+ -]*|[a-z][a-z0-9+.-]{1,15}:\S*|(?:/|~/|\.{1,2}/|[A-Za-z]:\\).*|[\w.-]+\.(?:com|cn|net|org|io|dev|json|ya?ml|toml|py|js|ts|go|java|log|txt|pem|so|exe)"
    r"|(?:[A-Z]{1,6}[a-z]{2,}){2,8}\d{1,8}|[\w-]+(?:\.[\w-]+){2,}|\S*@\S*|\S+://\S*"
)
_PIECES: Final = lazy(r"[-_.:/,+=@#~|\s]+")
_ONE_KIND: Final = lazy(r"[A-Za-z]?[a-z]{0,15}|[A-Z]{1,6}|\d{1,10}|[A-Za-z]{1,8}\d{1,4}|v\d+")
_TURNS: Final = lazy(r"[A-Za-z]\d|\d[A-Za-z]|[a-z][A-Z]")
_HARD_TO_SAY: Final = lazy(r"(?i)[bcdfghjklmnpqrstvwxz]{6}")
_PLACEHOLDER: Final = lazy(
    r"(?i)x{3,}|\*{2,}|\.{3}|…|<|>|\$\{?|\{\{|your|example|placeholder|dummy|fake|sample|redacted|masked|changeme|忽略|示例|process\.env|os\.environ|(?:^|[^a-z])test|_here\b"
)
_SEQUENCE: Final = lazy(r"(?i)01234567|12345678|abcdefgh|0{8}|1{8}|a{8}")


def looks_live(value: str) -> bool:
    """Whether a secret could be a real one: long and mixed enough, and no placeholder such as `xoxb-xxx` or `u-****`."""
    if len(value) < 10 or _PLACEHOLDER.search(value[:400]) or _SEQUENCE.search(value[:400]):
        return False
    letters = set(value.lower()) - set("-_.=/+ ")
    return len(letters) >= 6


def says_nothing(value: str) -> bool:
    """Empty, masked already, a type, a yes or no, a variable, a call: there is nothing in it to hide."""
    short = value[:200]
    return not value or bool(_NOTHING.fullmatch(short) or _STANDS_FOR.fullmatch(short) or _CALL.fullmatch(short)) or value.endswith(MASK)


def says_what_is_wrong(value: str) -> bool:
    """Words about an error, such as `invalid_grant` or `密码错误`."""
    short = value[:200]
    wordy = _WORDS.fullmatch(short) is not None or " " in short.strip()
    return (wordy and _SAYS_WRONG.search(short) is not None) or _SAYS_WRONG_CHINESE.search(short) is not None


def is_word(value: str) -> bool:
    """A word or a few, as in a sentence, a class or a constant; one long run of letters is none."""
    if len(value) > 80:
        return False
    if _CODE_IN_WORDS.fullmatch(value):
        return True
    if not _WORDS.fullmatch(value):
        return False
    longest = max(map(len, re.split(r"[^A-Za-z]+", value)))
    return longest < 16 or _CAMEL.fullmatch(value.rstrip(".:!?…")) is not None


def is_code(value: str) -> bool:
    """An error's own code: a number, or letters with a number behind."""
    return CODE.fullmatch(value.rstrip(".:,")) is not None


def is_random(value: str) -> bool:
    """Letters and digits in a mix that nobody chose: no version, date, address, path, nor words and numbers joined by hyphens."""
    short = value.strip()[:2000]
    if len(short) < 8 or not short.isascii() or " " in short:
        return False
    if short.isdigit():
        return len(short) > 20
    if is_code(short) or _KNOWN_FORM.fullmatch(short):
        return False
    pieces = [piece for piece in _PIECES.split(short) if piece]
    longest = max(pieces, key=len, default="")
    if all(_ONE_KIND.fullmatch(piece) for piece in pieces):
        return len(longest) >= 8 and _HARD_TO_SAY.search(short) is not None
    if len(longest) < 8 and len(pieces) > 2:
        return len(short) >= 24 and sum(len(_TURNS.findall(piece)) for piece in pieces) >= len(pieces)
    return _is_mixed(longest)


def _is_mixed(word: str) -> bool:
    turns = len(_TURNS.findall(word))
    if len(word) >= 20 and _HARD_TO_SAY.search(word):
        return True
    if turns >= 5 or (turns >= 2 and any(sign.isdigit() for sign in word)):
        return True
    return len(word) >= 12 and turns >= 1 and not _CAMEL.fullmatch(word)
