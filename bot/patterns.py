"""Regular expressions that are compiled when they are first used, not when their module is imported.

Compiling all patterns of the reading takes longer than explaining an error, and one paste needs few of them.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    """Stands in for a compiled pattern; each of its methods is kept once it was asked for."""

    def __init__(self, source: str, flags: int) -> None:
        self.pattern = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:  # called only for what is not kept yet
        if name.startswith("_"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._flags)
        for kept in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split", name):
            setattr(self, kept, getattr(compiled, kept))
        return getattr(compiled, name)


def lazy(source: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, but a broken pattern raises `re.error` at its first use. Not for functions that ask for a real `re.Pattern`."""
    return cast("re.Pattern[str]", _Lazy(source, flags))
