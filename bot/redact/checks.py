"""What a rule may ask of a value beside its shape. Each check is told the match; `secret` is the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from bot.patterns import lazy
from bot.redact import values

_ID_LABEL: Final = lazy(
    r"(?i)(?:(?<![a-z])(?:log|trace|request|req|method|order|trade|task|job|seq|hint|code|ts|time|timestamp|serial)|id|ids|编号|单号|流水号|错误码|订单号?|日志)[ \"'\])]{0,4}[:=]?[ ]?[\[\"']{0,2}\Z"
)
_PARAMETER: Final = lazy(r"[a-z_]+=")
_CLIENT: Final = lazy(r"(?i)(?:client|credentials?|auth|login|signer|connect(?:ion)?|config|robot|bot|app)\Z")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCES: Final = frozenset({"11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82", "83"})  # fmt: skip


def _labelled_as_id(found: re.Match[str]) -> bool:
    start = found.start("secret")
    return _ID_LABEL.search(found.string[max(0, start - 32) : start]) is not None


def id_card(found: re.Match[str]) -> bool:
    """A Chinese resident identity number (GB 11643): a province, a day of birth and a check digit (ISO 7064 MOD 11-2)."""
    number = found["secret"].replace(" ", "").upper()
    if len(number) != 18 or number[:2] not in _PROVINCES:
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return 1900 <= born.year <= 2100 and "10X98765432"[total % 11] == number[17]


def bank_card(found: re.Match[str]) -> bool:
    """A payment card's number (ISO/IEC 7812): the Luhn check holds, and nothing before it calls it an id."""
    digits = [int(sign) for sign in found["secret"] if sign.isdigit()]
    doubled = [digit if number % 2 == 0 else digit * 2 - 9 * (digit > 4) for number, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and not _labelled_as_id(found)


def unlabelled(found: re.Match[str]) -> bool:
    """A number that nothing before it calls an id, a code or a time."""
    return not _labelled_as_id(found)


def random(found: re.Match[str]) -> bool:
    """What nobody would choose by hand."""
    return values.is_random(found["secret"])


def client_call(found: re.Match[str]) -> bool:
    """What nobody would choose by hand, among the arguments of a client, a login or a configuration."""
    start = found.start("secret")
    head = found.string[max(0, start - 400) : start]
    return values.is_random(found["secret"]) and _CLIENT.search(head, 0, head.rfind("(")) is not None


def mixed(found: re.Match[str]) -> bool:
    """No word, no error code, no stand-in."""
    value = found["secret"]
    return not (values.says_nothing(value) or values.is_word(value.rstrip("=")) or values.is_code(value) or _PARAMETER.fullmatch(value))


def given(found: re.Match[str]) -> bool:
    """A value at all: no stand-in such as `${PASSWORD}`, and no words about what is wrong."""
    value = found["secret"]
    return not (values.says_nothing(value) or values.says_what_is_wrong(value))


CHECKS: Final[Mapping[str, Callable[[re.Match[str]], bool]]] = {
    "id_card": id_card, "bank_card": bank_card, "unlabelled": unlabelled, "random": random, "client_call": client_call, "mixed": mixed, "given": given,
}  # fmt: skip
