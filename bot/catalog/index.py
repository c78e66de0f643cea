"""What is known about every code and scope: platform packs, indexed at once and read entry by entry.

A pack is `pack.toml` (one table per code), beside it optionally `variants.toml` (what a code may mean besides), `families.toml` (what a
code's shape or wording suggests when the code itself is unknown) and `scopes.csv`. Reading all of it would cost more than a whole
`whyforbidden explain` may take, so the index only looks for table headers, and an entry is parsed and checked when it is asked for.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from bot.catalog.breadth import ScopeTree
from bot.catalog.trusted import plain_entry, plain_family
from bot.catalog.types import Family, PackError, PackText
from bot.model import Entry, Identity, Level, Scope, Text
from bot.patterns import lazy

_PACK = "pack.toml"
_VARIANTS = "variants.toml"
_FAMILIES = "families.toml"
_SCOPES = "scopes.csv"
_TREE = "scope_tree.toml"

# One pass over a pack: where an entry begins, and which wordings it is known by. Begins with a line break and not with `^`, which `re` tries
# at every character; so a line break is put before the text, and a match starts where its line starts.
_HEADER = lazy(r'\n(?:\["(?P<code>[^"\n]+)"\]|phrases[ \t]*=[ \t]*(?P<phrases>\[))')
_LIST_END = lazy(r"\][ \t]*$", re.MULTILINE)
# One pass over a variants file: `[["code".variants]]` and `[["code".rivals]]`.
_MORE = lazy(r'\n\[\["(?P<code>[^"\n]+)"\.(?:variants|rivals)\]\]')

# The message in a sample, one that says something (three words, a CamelCase name, or six Chinese signs), and is the same every time.
_SAID = lazy(
    r'^\["(?P<code>[^"\n]+)"\]|"(?:err_?msg|msg|message|error_?msg|error_description)" ?: ?"(?P<said>(?:[^"\\]|\\.){8,300})"',
    re.MULTILINE | re.IGNORECASE,
)
_TELLING = lazy(r"\w+\W+\w+\W+\w+|[\u4e00-\u9fff]{6}|[a-z]{12}")
_VARIES = lazy(r"[\d{}<>\[\]\\%]|https?:")

_IDENTITIES = {"user": (Identity.USER,), "tenant": (Identity.APP,), "both": (Identity.USER, Identity.APP)}
# A level that nobody documents is taken for the middle one: never preferred to a documented narrow scope.
_LEVELS = {"read": Level.READ, "write": Level.WRITE, "admin": Level.ADMIN, "unknown": Level.WRITE}


@dataclass(slots=True)
class _Shelf:
    """One platform's index: where each entry stands in the text."""

    text: PackText
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    more: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    phrases: list[tuple[str, int]] = field(default_factory=list)


class Catalog:
    """Entries and scopes of all platforms. Looks immutable from outside; parsed entries are kept."""

    def __init__(self, packs: Mapping[str, PackText], own: Mapping[str, PackText] | None = None) -> None:
        """`own`: a team's entries by platform, which go before the platform's."""
        self._shelves = {platform: _index(text) for platform, text in packs.items()}
        self._own = {platform: _index(text) for platform, text in (own or {}).items() if platform in self._shelves}
        self._entries: dict[tuple[str, str], Entry | None] = {}
        self._scopes: dict[str, Mapping[str, Scope]] = {}
        self._trees: dict[str, ScopeTree] = {}
        self._messages: dict[str, Mapping[str, str]] = {}
        self._families: dict[str, tuple[Family, ...]] = {}
        self._phrases: Mapping[str, tuple[str, str]] | None = None
        owners: dict[str, tuple[str, ...]] = {}
        for platform in self._shelves:
            for code in self.codes(platform):
                owners[code] = (*owners.get(code, ()), platform)
        self._owners = owners

    @classmethod
    def from_texts(cls, packs: Mapping[str, PackText | str]) -> Catalog:
        """A catalogue from texts: platform name → its files, or only the text of its `pack.toml`."""
        return cls({name: PackText(pack=text, where=name) if isinstance(text, str) else text for name, text in packs.items()})

    @classmethod
    def from_dirs(cls, dirs: Iterable[Traversable]) -> Catalog:
        """A catalogue from folders; a folder's name is the platform's."""
        return cls({folder.name: read(folder, str(folder)) for folder in dirs})

    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have a pack."""
        return tuple(self._shelves)

    def codes(self, platform: str) -> tuple[str, ...]:
        """Every key of a platform's pack, in the order of the file (own names of codeless entries included), then what the team adds."""
        return tuple(dict.fromkeys(code for shelf in reversed(self._layers(platform)) for code in shelf.spans))

    def _layers(self, platform: str) -> list[_Shelf]:
        """Where an entry of a platform may stand, the team's own first."""
        return [shelves[platform] for shelves in (self._own, self._shelves) if platform in shelves]

    def platforms_of(self, code: str) -> tuple[str, ...]:
        """The platforms that know this code; empty when none does."""
        return self._owners.get(code, ())

    def entry(self, platform: str, code: str) -> Entry | None:
        """What is known about a code, or None. Raises `PackError` when its entry is malformed."""
        key = (platform, code)
        if key not in self._entries:
            shelf = next((shelf for shelf in self._layers(platform) if code in shelf.spans), None)
            self._entries[key] = _entry(platform, code, shelf) if shelf else None
        return self._entries[key]

    def phrases(self) -> Mapping[str, tuple[str, str]]:
        """Wordings that name an entry without its code: lower-case text → (platform, key)."""
        if self._phrases is None:
            self._phrases = {**_all_phrases(self._shelves), **_all_phrases(self._own)}
        return self._phrases

    def messages(self, platform: str) -> Mapping[str, str]:
        """What a platform says with its codes, in lower case → the first such code; only messages that say something. From the samples."""
        if platform not in self._messages:
            shelf = self._shelves.get(platform)
            self._messages[platform] = _messages(shelf.text.pack) if shelf else {}
        return self._messages[platform]

    def scopes(self, platform: str) -> Mapping[str, Scope]:
        """All scopes of a platform by name; empty when the platform has no list."""
        if platform not in self._scopes:
            shelf = self._shelves.get(platform)
            self._scopes[platform] = _read_scopes(platform, shelf.text) if shelf else {}
        return self._scopes[platform]

    def scope(self, platform: str, name: str) -> Scope | None:
        """A scope by its exact name."""
        return self.scopes(platform).get(name)

    def tree(self, platform: str) -> ScopeTree:
        """How far a platform's scopes reach, and which of them cover which."""
        if platform not in self._trees:
            shelf = self._shelves.get(platform)
            self._trees[platform] = _read_tree(self.scopes(platform), shelf.text if shelf else PackText())
        return self._trees[platform]

    def families(self, platform: str) -> tuple[Family, ...]:
        """What shapes and ranges of unknown codes suggest, the most special first."""
        if platform not in self._families:
            shelf = self._shelves.get(platform)
            self._families[platform] = _read_families(platform, shelf.text) if shelf else ()
        return self._families[platform]


# ---------------------------------------------------------------- reading


def read(folder: Traversable, where: str, *, ours: bool = False) -> PackText:
    def text(name: str) -> str:
        path = folder.joinpath(name)
        try:
            return path.read_text(encoding="utf-8") if path.is_file() else ""
        except UnicodeDecodeError as error:
            raise PackError(f"{where}{name}: not UTF-8 ({error.reason} at byte {error.start})") from error

    return PackText(text(_PACK), text(_VARIANTS), text(_FAMILIES), text(_SCOPES), text(_TREE), where, ours)


def _index(text: PackText) -> _Shelf:
    shelf = _Shelf(text)
    code, start = "", 0
    for match in _HEADER.finditer("\n" + text.pack):
        if match["phrases"]:
            if code:
                shelf.phrases.append((code, match.start("phrases") - 1))
            continue
        if code:
            shelf.spans[code] = (start, match.start())
        code, start = match["code"], match.start()
        if code in shelf.spans:
            raise PackError(f"{text.file()}: [{code}] stands twice")
    if code:
        shelf.spans[code] = (start, len(text.pack))
    headers = list(_MORE.finditer("\n" + text.variants))
    ends = [*(header.start() for header in headers[1:]), len(text.variants)]
    for header, end in zip(headers, ends, strict=False):
        shelf.more.setdefault(header["code"], []).append((header.start(), end))
    return shelf


def _messages(pack: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    code = ""
    for match in _SAID.finditer(pack):
        if match["code"]:
            code = match["code"]
            continue
        said = match["said"].lower().strip(" .!。！")
        if _TELLING.search(said) and not _VARIES.search(said):
            found.setdefault(said, code)
    return found


def _all_phrases(shelves: Mapping[str, _Shelf]) -> Mapping[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for platform, shelf in shelves.items():
        for code, start in shelf.phrases:
            for phrase in _phrase_list(code, shelf.text, start):
                owner = found.setdefault(phrase, (platform, code))
                if owner != (platform, code):
                    raise PackError(f"{shelf.text.file()}: [{code}] phrases: {phrase!r} already belongs to {owner}")
    return found


def _phrase_list(code: str, text: PackText, start: int) -> Sequence[str]:
    end = _LIST_END.search(text.pack, start)
    where = f"{text.file()}: [{code}] phrases"
    try:
        value = _strings(text.pack[start : end.end() if end else None])
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{where}: {error}") from error
    if not all(isinstance(item, str) and item and item == item.lower() for item in value):
        raise PackError(f"{where}: wordings are lower-case texts")
    return value  # type: ignore[no-any-return]


def _strings(written: str) -> Any:
    """A list as TOML writes it. Nearly all are JSON too, which is read twenty times as fast, and there are hundreds of them."""
    try:
        return json.loads(written)
    except ValueError:
        return tomllib.loads(f"phrases = {written}")["phrases"]


def _entry(platform: str, code: str, shelf: _Shelf) -> Entry:

    start, end = shelf.spans[code]
    where = f"{shelf.text.file()}: [{code}]"
    raw = _toml(shelf.text.pack[start:end], where)[code]
    if code in shelf.more:
        more = "\n".join(shelf.text.variants[a:b] for a, b in shelf.more[code])
        for name, rows in _toml(more, f"{shelf.text.file(_VARIANTS)}: [{code}]")[code].items():
            raw[name] = [*rows, *raw.get(name, ())]
    plain = plain_entry(platform, code, raw) if shelf.text.ours else None
    if plain is not None:
        return plain
    from bot.catalog.schema import check_entry  # noqa: PLC0415 (pydantic is loaded only for what our tests have not checked)

    return check_entry(platform, code, raw, where)


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{where}: {error}") from error


def _read_scopes(platform: str, text: PackText) -> Mapping[str, Scope]:
    where = text.file(_SCOPES)
    found: dict[str, Scope] = {}
    for number, row in enumerate(csv.DictReader(text.scopes.splitlines()), start=2):
        try:
            name, english, chinese = row["scope"], row["title_en"], row["title_zh"]
            identities, level = frozenset(_IDENTITIES[row["identity"]]), _LEVELS[row["level"]]
        except KeyError as error:
            raise PackError(f"{where}: line {number}: unknown or missing {error.args[0]!r}") from error
        if name in found:
            raise PackError(f"{where}: line {number}: {name!r} stands twice")
        found[name] = Scope(platform, name, identities, level, Text(english or chinese or name, chinese or english or name))
    return found


def _read_tree(scopes: Mapping[str, Scope], text: PackText) -> ScopeTree:
    try:
        return ScopeTree.read(scopes, text.tree)
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{text.file(_TREE)}: {error}") from error


def _read_families(platform: str, text: PackText) -> tuple[Family, ...]:

    where = text.file(_FAMILIES)
    rows = _toml(text.families, where).get("family", [])
    plain = [family for row in rows if (family := plain_family(platform, row))] if text.ours else []
    if len(plain) == len(rows):
        return tuple(plain)
    from bot.catalog.schema import check_family  # noqa: PLC0415 (pydantic is loaded only for what our tests have not checked)

    return tuple(check_family(platform, row, f"{where}: family {number}") for number, row in enumerate(rows, start=1))
