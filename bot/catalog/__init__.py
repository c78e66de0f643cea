"""What is known about every code and scope: platform packs, indexed at once and read entry by entry.

A pack is `pack.toml` (one table per code), beside it optionally `variants.toml` (what a code may mean besides), `families.toml` (what a
code's shape or wording suggests when the code itself is unknown) and `scopes.csv`. Reading all of it would cost more than a whole
`whyforbidden explain` may take, so the index only looks for table headers, and an entry is parsed and checked when it is asked for.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from bot import platforms as packages
from bot.catalog.trusted import plain_entry, plain_family
from bot.catalog.types import Family, PackError, PackText
from bot.model import Entry, Identity, Level, Scope, Text

_PACK = "pack.toml"
_VARIANTS = "variants.toml"
_FAMILIES = "families.toml"
_SCOPES = "scopes.csv"

# One pass over a pack: where an entry begins, and which wordings it is known by.
_HEADER = re.compile(r'^(?:\["(?P<code>[^"\n]+)"\]|phrases[ \t]*=[ \t]*(?P<phrases>\[))', re.MULTILINE)
_LIST_END = re.compile(r"\][ \t]*$", re.MULTILINE)
# One pass over a variants file: `[["code".variants]]` and `[["code".rivals]]`.
_MORE = re.compile(r'^\[\["(?P<code>[^"\n]+)"\.(?:variants|rivals)\]\]', re.MULTILINE)

# The message in a sample, one that says something (three words, a CamelCase name, or six Chinese signs), and is the same every time.
_SAID = re.compile(
    r'^\["(?P<code>[^"\n]+)"\]|"(?:err_?msg|msg|message|error_?msg|error_description)" ?: ?"(?P<said>(?:[^"\\]|\\.){8,300})"',
    re.MULTILINE | re.IGNORECASE,
)
_TELLING = re.compile(r"\w+\W+\w+\W+\w+|[\u4e00-\u9fff]{6}|[a-z]{12}")
_VARIES = re.compile(r"[\d{}<>\[\]\\%]|https?:")

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

    def __init__(self, packs: Mapping[str, PackText]) -> None:
        self._shelves = {platform: _index(platform, text) for platform, text in packs.items()}
        self._entries: dict[tuple[str, str], Entry | None] = {}
        self._scopes: dict[str, Mapping[str, Scope]] = {}
        self._messages: dict[str, Mapping[str, str]] = {}
        self._families: dict[str, tuple[Family, ...]] = {}
        self._phrases: Mapping[str, tuple[str, str]] | None = None
        owners: dict[str, tuple[str, ...]] = {}
        for platform, shelf in self._shelves.items():
            for code in shelf.spans:
                owners[code] = (*owners.get(code, ()), platform)
        self._owners = owners

    @classmethod
    def from_texts(cls, packs: Mapping[str, PackText | str]) -> Catalog:
        """A catalogue from texts: platform name → its files, or only the text of its `pack.toml`."""
        return cls({name: PackText(pack=text, where=name) if isinstance(text, str) else text for name, text in packs.items()})

    @classmethod
    def from_dirs(cls, dirs: Iterable[Traversable]) -> Catalog:
        """A catalogue from folders; a folder's name is the platform's."""
        return cls({folder.name: _read(folder, str(folder)) for folder in dirs})

    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have a pack."""
        return tuple(self._shelves)

    def codes(self, platform: str) -> tuple[str, ...]:
        """Every key of a platform's pack, in the order of the file (own names of codeless entries included)."""
        shelf = self._shelves.get(platform)
        return tuple(shelf.spans) if shelf else ()

    def platforms_of(self, code: str) -> tuple[str, ...]:
        """The platforms that know this code; empty when none does."""
        return self._owners.get(code, ())

    def entry(self, platform: str, code: str) -> Entry | None:
        """What is known about a code, or None. Raises `PackError` when its entry is malformed."""
        key = (platform, code)
        if key not in self._entries:
            shelf = self._shelves.get(platform)
            self._entries[key] = _entry(platform, code, shelf) if shelf and code in shelf.spans else None
        return self._entries[key]

    def phrases(self) -> Mapping[str, tuple[str, str]]:
        """Wordings that name an entry without its code: lower-case text → (platform, key)."""
        if self._phrases is None:
            found: dict[str, tuple[str, str]] = {}
            for platform, shelf in self._shelves.items():
                for code, start in shelf.phrases:
                    for phrase in _phrase_list(platform, code, shelf.text, start):
                        owner = found.setdefault(phrase, (platform, code))
                        if owner != (platform, code):
                            raise PackError(f"{_file(platform, shelf.text)}: [{code}] phrases: {phrase!r} already belongs to {owner}")
            self._phrases = found
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

    def families(self, platform: str) -> tuple[Family, ...]:
        """What shapes and ranges of unknown codes suggest, the most special first."""
        if platform not in self._families:
            shelf = self._shelves.get(platform)
            self._families[platform] = _read_families(platform, shelf.text) if shelf else ()
        return self._families[platform]


@cache
def catalog() -> Catalog:
    """The packs of all platform packages, ours and third parties'."""
    return Catalog({name: _read(files(package), f"{package}/", ours=_is_ours(package)) for name, package in packages.packages().items()})


def _is_ours(package: str) -> bool:
    return package.startswith(f"{packages.__name__}.")


# ---------------------------------------------------------------- reading


def _read(folder: Traversable, where: str, *, ours: bool = False) -> PackText:
    def text(name: str) -> str:
        path = folder.joinpath(name)
        try:
            return path.read_text(encoding="utf-8") if path.is_file() else ""
        except UnicodeDecodeError as error:
            raise PackError(f"{where}{name}: not UTF-8 ({error.reason} at byte {error.start})") from error

    return PackText(text(_PACK), text(_VARIANTS), text(_FAMILIES), text(_SCOPES), where, ours)


def _file(platform: str, text: PackText, name: str = _PACK) -> str:
    return f"{text.where.rstrip('/') or platform}/{name}"


def _index(platform: str, text: PackText) -> _Shelf:
    shelf = _Shelf(text)
    code, start = "", 0
    for match in _HEADER.finditer(text.pack):
        if match["phrases"]:
            if code:
                shelf.phrases.append((code, match.start("phrases")))
            continue
        if code:
            shelf.spans[code] = (start, match.start())
        code, start = match["code"], match.start()
        if code in shelf.spans:
            raise PackError(f"{_file(platform, text)}: [{code}] stands twice")
    if code:
        shelf.spans[code] = (start, len(text.pack))
    headers = list(_MORE.finditer(text.variants))
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


def _phrase_list(platform: str, code: str, text: PackText, start: int) -> Sequence[str]:
    end = _LIST_END.search(text.pack, start)
    where = f"{_file(platform, text)}: [{code}] phrases"
    try:
        value = tomllib.loads(f"phrases = {text.pack[start : end.end() if end else None]}")["phrases"]
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{where}: {error}") from error
    if not all(isinstance(item, str) and item and item == item.lower() for item in value):
        raise PackError(f"{where}: wordings are lower-case texts")
    return value  # type: ignore[no-any-return]


def _entry(platform: str, code: str, shelf: _Shelf) -> Entry:

    start, end = shelf.spans[code]
    where = f"{_file(platform, shelf.text)}: [{code}]"
    raw = _toml(shelf.text.pack[start:end], where)[code]
    if code in shelf.more:
        more = "\n".join(shelf.text.variants[a:b] for a, b in shelf.more[code])
        for name, rows in _toml(more, f"{_file(platform, shelf.text, _VARIANTS)}: [{code}]")[code].items():
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
    where = _file(platform, text, _SCOPES)
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


def _read_families(platform: str, text: PackText) -> tuple[Family, ...]:

    where = _file(platform, text, _FAMILIES)
    rows = _toml(text.families, where).get("family", [])
    plain = [family for row in rows if (family := plain_family(platform, row))] if text.ours else []
    if len(plain) == len(rows):
        return tuple(plain)
    from bot.catalog.schema import check_family  # noqa: PLC0415 (pydantic is loaded only for what our tests have not checked)

    return tuple(check_family(platform, row, f"{where}: family {number}") for number, row in enumerate(rows, start=1))


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to "what is this code?": its entries, one for each platform that uses it, or codes that look like it."""

    code: str
    entries: tuple[Entry, ...]
    similar: tuple[tuple[str, str], ...] = ()


def explain_code(code: str, platform: str | None = None, *, book: Catalog | None = None) -> Lookup:
    """Look a code up without any paste. `similar` holds (platform, code) pairs when there is no entry.

    Letter case is forgiven; keys that are only our own names for a wording are found too, but never suggested.
    """
    book = book or catalog()
    code = code.strip()
    wanted = [platform] if platform else list(book.platforms())
    entries = [entry for name in wanted if (entry := book.entry(name, code))]
    if not entries:
        folded = code.casefold()
        entries = [entry for name in wanted for key in book.codes(name) if key.casefold() == folded and (entry := book.entry(name, key))]
    if entries or not code:
        return Lookup(code, tuple(entries))
    from rapidfuzz import fuzz, process  # noqa: PLC0415 (only for a code that nobody knows)

    known = {(name, key): key.casefold() for name in wanted for key in book.codes(name)}
    near = process.extract(code.casefold(), known, scorer=fuzz.ratio, score_cutoff=75, limit=12)
    shown = [pair for _, _, pair in near if (entry := book.entry(*pair)) and entry.code_shown]
    return Lookup(code, (), tuple(shown[:5]))
