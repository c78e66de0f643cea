"""Text whose secrets are masked, as a type of its own: what stores, cards and logs take, and what only `bot.redact` can make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


class Masked(str):
    """A text that went through `bot.redact.redact`. Calling the class is an error; there is no other way to get one."""

    __slots__ = ()

    def __new__(cls, *_: object) -> Self:
        """Raises `TypeError`: text is masked by `redact`, not by saying so."""
        raise TypeError("Masked is made by bot.redact.redact() alone")

    def __reduce__(self) -> tuple[Callable[[str], Masked], tuple[str]]:
        """It stays masked on its way from a worker process of ours."""
        return sealed, (str(self),)


def sealed(text: str) -> Masked:
    """Call a text masked. For `bot.redact` itself, which has masked it."""
    return str.__new__(Masked, text)


@dataclass(frozen=True, slots=True)
class Span:
    """A secret found: its places in a text, what it is, and whether whoever has it can use it."""

    start: int
    end: int
    kind: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text with its secrets masked. `kinds` names what was masked (`lark_user_token`, `bearer`, …), `live` whether one looked usable."""

    text: Masked
    kinds: tuple[str, ...] = ()
    live: bool = False
