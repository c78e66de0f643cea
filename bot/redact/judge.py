"""Whether a value is a secret: the name it stands under, the sign between them and the value itself, together.

The surer the name and the sign, the less is asked of the value. An error's own codes are never secrets, nor is what a sentence says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.patterns import lazy
from bot.redact import values
from bot.redact.names import Name

_IN_QUERY: Final = frozenset("?&#")
_ANOTHER_FIELD: Final = lazy(r"[A-Za-z_][\w.-]{1,40}[=:]")
_ELEMENT_ENDS: Final = lazy(r"\s{0,40}(?:</|<br|\]\]>)")


@dataclass(frozen=True, slots=True)
class Sign:
    """What stands between a name and its value. `strength`: 2 an assignment or an element, 1 a cell of a table, 0 a blank or a comma."""

    text: str
    end: int
    strength: int


@dataclass(frozen=True, slots=True)
class Field:
    """A value at its place: `name` is where its name begins in `text`, `end` where the value ends; `listed` in brackets of its own."""

    row: Name
    sign: Sign
    value: str
    text: str
    name: int
    end: int
    quoted: bool
    listed: bool

    @property
    def next(self) -> str:
        """The character behind the value."""
        return self.text[self.end : self.end + 1]

    def stands_alone(self) -> bool:
        """Whether nothing else is in its line, as in YAML and .env files; a sentence would go on."""
        line = self.text[max(0, self.name - 40) : self.name].rpartition("\n")
        begins = not line[2].strip() and (bool(line[1]) or self.name <= 40)
        return begins and self.next in ("", "\n", "\r")


def is_secret(field: Field) -> bool:
    """Whether to mask the value."""
    value, row, sign = field.value, field.row, field.sign
    if values.says_nothing(value) or values.says_what_is_wrong(value):
        return False
    if row.value == "grant":
        in_query = sign.text == "=" and field.text[field.name - 1 : field.name] in _IN_QUERY
        return sign.strength == 2 and _is_grant(value, in_query)
    if sign.strength < 2 or row.value == "random" or field.listed:
        return _stands_out(field)
    return not _is_source(field) and not _is_error_code(field) and _is_assigned(field)


def _stands_out(field: Field) -> bool:
    """Where name or sign are unsure: only what nobody would choose by hand."""
    value = field.value
    if field.sign.strength == 0 and _ANOTHER_FIELD.match(value):
        return False
    in_cell = field.sign.strength == 1 and len(value) >= 8 and not values.is_word(value) and not values.is_code(value)
    return in_cell or values.is_random(value)


def _is_source(field: Field) -> bool:
    """A call, an index, a path, or a stand-in such as `--token <token> --next`."""
    value = field.value
    if value.startswith(("http://", "https://")):
        return True  # a page about it; what an address carries is found by itself
    if field.sign.text == "<" and not _ELEMENT_ENDS.match(field.text, field.end):
        return True
    return (not field.quoted and field.next in ("(", "[", "{")) or (value[0] in "/~." and "/" in value and field.row.kind == "password")


def _is_error_code(field: Field) -> bool:
    value, row = field.value, field.row
    if value.isdigit():
        assigned = field.quoted or field.sign.text == "=" or field.stands_alone()
        chinese = not field.text[field.name].isascii()
        may_be_one = row.value == "digits" and ((assigned and len(value) >= 6) or (chinese and len(value) >= 4))
        return len(value) <= 12 and not may_be_one
    return not field.quoted and values.is_code(value) and (row.value == "any" or value.endswith(":"))


def _is_assigned(field: Field) -> bool:
    """Under a plain assignment to a sure name everything goes but the words of a sentence."""
    value, row = field.value, field.row
    if " " in value or not value.isascii():
        return row.kind == "password" and field.quoted
    if not values.is_word(value):
        return True
    return row.words and (field.quoted or field.sign.text == "=" or (row.kind == "password" and field.stands_alone()))


def _is_grant(value: str, in_query: bool) -> bool:
    """Whether the value of `code` is an authorization code, and not an error code, a word or a number."""
    if " " in value or not value.isascii():
        return False
    if values.is_word(value) or values.is_code(value):
        return in_query and len(value) > 24 and value.isalnum()
    return len(value) >= 6 and (in_query or (values.is_random(value) and any(sign.isdigit() for sign in value)))
