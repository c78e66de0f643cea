"""What the rooms of the catalogue hand to one another: a pack's texts, a family of codes, and the error of an unreadable pack."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import OperatorError
from bot.model import Cause, Text, Who


class PackError(OperatorError):
    """A pack that cannot be read; the message names file, entry and field."""


@dataclass(frozen=True, slots=True)
class PackText:
    """The files of one platform, as text. `where` names the folder (or the only file) in messages; `ours` says that our tests have checked them."""

    pack: str = ""
    variants: str = ""
    families: str = ""
    scopes: str = ""
    tree: str = ""
    where: str = ""
    ours: bool = False

    def file(self, name: str = "pack.toml") -> str:
        """How one of the files is called in a message."""
        return self.where if self.where.endswith(".toml") else f"{self.where.rstrip('/')}/{name}"


@dataclass(frozen=True, slots=True)
class Family:
    """What a group of codes, or a wording, has in common on a platform: the best that can be said of a code nobody listed."""

    platform: str
    codes: str
    cause: Cause
    who_fixes: Who
    what: Text
    docs: str = ""
