"""Text whose secrets are masked, as a type of its own: what stores, cards and logs take, and what only `bot.redact` can make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, SupportsIndex


class Masked(str):
    """A text that went through `bot.redact.redact`. Calling the class is an error; there is no other way to get one."""

    __slots__ = ()

    def __new__(cls, *_: object) -> Self:
        """Raises `TypeError`: text is masked by `redact`, not by saying so."""
        raise TypeError("Masked is made by bot.redact.redact() alone")

    def __getitem__(self, key: SupportsIndex | slice) -> Masked:
        """A piece of masked text is masked."""
        return sealed(super().__getitem__(key))

    def strip(self, chars: str | None = None, /) -> Masked:
        """As `str.strip`."""
        return sealed(super().strip(chars))

    def __reduce__(self) -> tuple[Callable[[str], Masked], tuple[str]]:
        """It stays masked on its way from a worker process of ours."""
        return sealed, (str(self),)


class TakesMasked:
    """A value whose `text` is masked. Making one with any other text raises `TypeError`."""

    __slots__ = ()
    text: Masked

    def __post_init__(self) -> None:
        """The check, when all fields are set."""
        masked_only(self.text)


def masked_only(text: str) -> None:
    """Raises `TypeError` for text that did not go through `redact`: the check at run time beside the type checker's."""
    if not isinstance(text, Masked):
        raise TypeError("text from outside goes through bot.redact.redact() first")


def sealed(text: str) -> Masked:
    """Call a text masked. For `bot.redact` itself, which has masked it, and for pieces of masked text."""
    return str.__new__(Masked, text)


NOTHING: Final = sealed("")
"""No text at all."""


@dataclass(frozen=True, slots=True)
class Span:
    """A secret found: its places in a text, what it is, and whether whoever has it can use it."""

    start: int
    end: int
    kind: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text with its secrets masked. `kinds` names what was masked (`lark_user_token`, `bearer`, …), `live` whether one looked usable.

    `unread`: the text was so long that looking through it was given up; nothing of it is here.
    """

    text: Masked
    kinds: tuple[str, ...] = ()
    live: bool = False
    unread: bool = False
