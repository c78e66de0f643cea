"""One window of a paste: its plain text, its pairs and addresses, and how much it speaks for each platform."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Final

from bot.catalog import Catalog
from bot.extract.fields import Address, Brackets, Pair, addresses, normal, pairs
from bot.extract.lexicon import Lexicon
from bot.extract.normalize import flat, plain
from bot.extract.scan import line_of
from bot.extract.vocabulary import STRANGERS, alike
from bot.extract.whose import whose
from bot.patterns import lazy
from bot.platforms.spec import Spec

NEAR: Final = 400
BELIEVED: Final = 3.0
_MOST_ADDRESSES: Final = 400
_MOST_HITS: Final = 24  # of one clue in one window
_SEAM: Final = lazy(r"(?<=[\u4e00-\u9fff]) ?(?=[a-z0-9])|(?<=[a-z0-9]) ?(?=[\u4e00-\u9fff])")
NAME: Final = 4.0  # a clue of this weight is as good as the platform's name
_KIN: Final = 3  # codes of one make that make a family
_MOST_STRANGERS: Final = 400  # of one name in one window
_HEAD: Final = 4  # first characters of a wording, by which it is looked up
_ONE_LINER: Final = 160  # characters
_DATA_SIGN: Final = lazy(r"[{}|<;]|(?<!-)>|=>|\",|: ?\[|^[+-] ")
_SCREENFUL: Final = 1500  # characters
_BROKEN: Final = lazy(r"(?<![\w.:])([A-Za-z][\w.:]{1,60})\n {0,12}([\w.:]{1,60}[A-Za-z0-9])")
# A field of an answer as a row of a table: `| requestid | 3EC7… |`.
_FIELD_ROW: Final = lazy(r"^[ \t]*\|[ \t*`]*([A-Za-z_\u4e00-\u9fff][\w -]{1,30}?)[ \t*`]*\|[ \t*`]*([^|\n]{1,400}?)[ \t*`]*\|[ \t]*$", re.M)
_BROKEN_ID: Final = lazy(r"(?<![\w-])([0-9A-Fa-f-]{4,36})\n {0,12}([0-9A-Fa-f-]{1,32})(?![\w-])")
_BROKEN_NUMBER: Final = lazy(r"(?<=[:= ])(\d{3,9})\n {0,12}(\d{1,6})(?=[,}\s])")
_ID: Final = lazy(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|20\d{12}[0-9A-F]{18,20}")
_WORDING_REACH: Final = 120  # characters: no wording is longer
_BESIDE: Final = 10  # characters between a code and its wording
_SURE_SOUND: Final = 0.7
_LIKELY_SOUND: Final = 0.45
_DIGIT: Final = lazy(r"\d")


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue's keys alone tell; made once per catalogue."""

    families: frozenset[tuple[str, int]]
    kin: Mapping[str, tuple[str, ...]]
    phrases: dict[str, list[tuple[str, str, str]]]
    namesakes: frozenset[tuple[str, str]]
    names: tuple[str, ...]

    def kindred(self, word: str) -> tuple[str, ...]:
        """The platforms that list at least three codes of a word's make: `PAT_…`, `Forbidden.…`, `K0000`."""
        for make in _makes(word):
            if make in self.kin:
                return self.kin[make]
        return ()


def _makes(word: str) -> Iterator[str]:
    """What a textual code has in common with its kin: the name that its parts hang on, and where its digits stand."""
    head, joint, _ = word.partition("." if "." in word else "_")
    if joint and (joint == "." or head.isupper()):
        yield head + joint
    if word[-1:].isdigit() and word[:1].isupper():
        yield _DIGIT.sub("0", word)


@lru_cache(maxsize=8)
def known(catalog: Catalog, words: Lexicon) -> Known:
    """Index of code families (a code shares all but its last three digits with a known one), of the makes of textual codes, of wordings
    by their first four characters, and of the first words of scopes."""
    families = {
        (name, int(code) // 1000)
        for name, each in words.specs.items()
        if each.families
        for code in catalog.codes(name)
        if code.isdigit() and len(code) >= 6
    }
    kin: dict[str, Counter[str]] = defaultdict(Counter)
    for name in words.specs:
        for code in catalog.codes(name):
            if not code.isdigit() and " " not in code:
                for make in _makes(code):
                    kin[make][name] += 1
    phrases: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    every = dict(catalog.phrases())
    every.update(words.wordings)
    for phrase, (platform, key) in every.items():
        for spelled in _spellings(phrase):
            if len(spelled) >= _HEAD:
                phrases[spelled[:_HEAD]].append((spelled, platform, key))
    for listed in phrases.values():
        listed.sort(key=lambda each: -len(each[0]))
    namesakes = {(name, scope.split(":")[0]) for name, each in words.specs.items() if each.scope_anywhere for scope in catalog.scopes(name)}
    names = tuple(clue for each in words.specs.values() for clue, weight in each.clues.items() if weight >= NAME and clue.isalpha())
    many = {make: tuple(name for name, count in owners.items() if count >= _KIN) for make, owners in kin.items()}
    return Known(frozenset(families), {make: names for make, names in many.items() if names}, dict(phrases), frozenset(namesakes), names)


def _spellings(phrase: str) -> set[str]:
    """A wording with and without the blanks that people put between Chinese and Latin letters, or do not."""
    if phrase.isascii():
        return {phrase}
    return {phrase, _SEAM.sub("", phrase), _SEAM.sub(" ", phrase)}


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


class Context:
    """One window. Everything positional refers to its plain text."""

    def __init__(self, raw: str, catalog: Catalog, words: Lexicon, *, whole: bool) -> None:
        self.catalog = catalog
        self.words = words
        self.known = known(catalog, words)
        self.shown = self._mended(plain(raw))
        self.text = flat(self.shown)
        self.lower = alike(self.text)
        self.whole = whole
        self.pairs: list[Pair] = pairs(self.text, words.roles)
        self.addresses: list[Address] = list(islice(addresses(self.text), _MOST_ADDRESSES))
        self._pair_starts = [each.start for each in self.pairs]
        self._address_starts = [each.start for each in self.addresses]
        self._around_at, self._around = -1, dict[str, list[str]]()
        self._weights: dict[tuple[str, int], float] = {}
        self._shaped: dict[str, float] = {}
        self._clues: dict[str, list[tuple[int, float, str]]] = {}

    @cached_property
    def one_line(self) -> bool:
        """Whether the text is what somebody types by hand: one short line, no data."""
        text = self.text.strip()
        return len(text) <= _ONE_LINER and "\n" not in text and not _DATA_SIGN.search(text)

    @cached_property
    def wordings(self) -> list[tuple[int, list[tuple[str, str, str]]]]:
        """Where wordings of the catalogue stand, in order: the place, and the wordings (longest first), each with its platform and entry."""
        lower = self.lower
        spoken: list[tuple[int, list[tuple[str, str, str]]]] = []
        heads = self.known.phrases
        for at in range(len(lower) - _HEAD + 1):
            if lower[at : at + _HEAD] in heads:
                here = [each for each in heads[lower[at : at + _HEAD]] if lower.startswith(each[0], at)]
                if here:
                    spoken.append((at, here))
        return spoken

    @cached_property
    def _wording_starts(self) -> list[int]:
        return [at for at, _ in self.wordings]

    def worded(self, start: int, end: int) -> str:
        """The platform whose wording stands right behind or right before a place, if one does."""
        first = bisect_left(self._wording_starts, start - _WORDING_REACH)
        for at, here in self.wordings[first : bisect_right(self._wording_starts, end + _BESIDE)]:
            phrase, platform, _ = here[0]
            if 0 <= at - end <= _BESIDE or 0 <= start - at - len(phrase) <= _BESIDE:
                return platform
        return ""

    @cached_property
    def brackets(self) -> Brackets:
        """The nesting of the text."""
        return Brackets(self.text)

    def line(self, at: int) -> tuple[int, int]:
        """Start and end of the line around a place, never more than 400 characters to either side."""
        return line_of(self.text, at)

    def _mended(self, text: str) -> str:
        """Words of ours that a narrow screen broke in two put together again (`reques`, `t_id: 15l…`), and the fields of an answer taken out
        of a table. Only in a text of a screenshot's length."""
        if len(text) > _SCREENFUL or "\n" not in text:
            return text
        if "|" in text and sum(normal(key) in self.words.roles for key, _ in _FIELD_ROW.findall(text)) > 1:
            text = _FIELD_ROW.sub(lambda found: f"{found[1]}: {found[2]}" if normal(found[1]) in self.words.roles else found[0], text)
        text = _BROKEN_ID.sub(lambda found: found[1] + found[2] if _ID.fullmatch(found[1] + found[2]) else found[0], text)
        text = _BROKEN_NUMBER.sub(lambda found: found[1] + found[2] if self.catalog.platforms_of(found[1] + found[2]) else found[0], text)
        return _BROKEN.sub(lambda found: found[1] + found[2] if self._ours(found[1] + found[2]) else found[0], text)

    def _ours(self, word: str) -> bool:
        """Whether a word is a code, a scope or the key of a field."""
        scope = ":" in word and any(self.catalog.scope(name, word) for name in self.words.specs)
        return scope or (len(word) >= 8 and bool(self.catalog.platforms_of(word))) or ("_" in word and normal(word) in self.words.roles)

    # ------------------------------------------------------------ whose

    def _clues_for(self, name: str) -> list[tuple[int, float, str]]:
        """Where words speak for a platform, and how much; looked for when the platform is first considered."""
        found = self._clues.get(name)
        if found is None:
            found = self._clues[name] = []
            lower, unsaid = self.lower, self.words.specs[name].unsaid
            for clue, weight in [each for each in self.words.specs[name].clues.items() if each[0] in lower]:
                at = lower.find(clue)
                seen = 0
                while at >= 0 and seen < _MOST_HITS:
                    if (len(clue) >= 6 or not self._inside_word(clue, at)) and not self.lower.endswith(unsaid, 0, at):
                        found.append((at, weight, clue))
                        seen += 1
                    at = lower.find(clue, at + max(len(clue), 40))
        return found

    def _inside_word(self, clue: str, at: int) -> bool:
        before = self.lower[at - 1 : at]
        return clue[0].isascii() and clue[0].isalpha() and before.isascii() and before.isalpha()

    def clue(self, name: str, at: int) -> float:
        """How much the text speaks for a platform at a place (to within 64 characters): the best near word counts whole, the best
        far one three quarters, the others add a little; at most 8."""
        bucket = (name, at >> 6)
        weight = self._weights.get(bucket)
        if weight is None:
            weight = self._weights[bucket] = self._weigh(name, at)
        return weight

    def _weigh(self, name: str, at: int) -> float:
        near = far = 0.0
        heard: dict[str, float] = {}
        for where, weight, clue in self._clues_for(name):
            close = abs(where - at) <= NEAR
            near, far = (max(near, weight), far) if close else (near, max(far, weight))
            heard[clue] = max(heard.get(clue, 0.0), weight * (0.2 if close else 0.05))
        total = sum(heard.values())
        said = max(near, far * 0.75) + min(total, 2.0)
        return min(8.0, said) if said >= BELIEVED else max(said, self._shapes(name))

    def _shapes(self, name: str) -> float:
        """What the shape of an id or a listed scope says for a platform where words say too little."""
        known = self._shaped.get(name)
        if known is None:
            spec = self.words.specs[name]
            seen = spec.id_bare is not None and spec.id_bare.search(self.text) is not None
            if not seen and spec.scope_anywhere and spec.scope is not None:
                seen = any(self.catalog.scope(name, match[0]) for match in islice(spec.scope.finditer(self.text), 100))
            known = self._shaped[name] = BELIEVED + 1 if seen else 0.0
        return known

    @cached_property
    def _sound(self) -> tuple[str, float]:
        return whose(self.lower)

    def sounds_like(self, name: str) -> bool:
        """Whether the words of the text as a whole are those of a platform, named or not."""
        platform, likely = self._sound
        return platform == name and likely >= _SURE_SOUND

    @property
    def guess(self) -> str:
        """The platform whose words the text speaks, if they are more likely its than all the others' together."""
        platform, likely = self._sound
        return platform if likely >= _LIKELY_SOUND else ""

    @cached_property
    def _strangers(self) -> list[int]:
        return sorted(at for name in STRANGERS if name in self.lower for at in islice(_places(self.lower, name), _MOST_STRANGERS))

    def stranger(self, start: int, end: int) -> bool:
        """Whether a system that is none of our platforms is named between two places."""
        index = bisect_left(self._strangers, start)
        return index < len(self._strangers) and self._strangers[index] < end

    def named(self, at: int) -> bool:
        """Whether the word right before a place is a platform's name (or as good as one)."""
        head = self.lower[max(0, at - 24) : at].rstrip(" :,\"'`([")
        return len(head) < min(at, 24) and head.endswith(self.known.names)

    # ------------------------------------------------------------ what stands around

    def address_at(self, at: int) -> bool:
        """Whether the place is inside a web address."""
        index = bisect_right(self._address_starts, at) - 1
        return index >= 0 and at < self.addresses[index].end

    def within_address(self, at: int) -> bool:
        """Whether the place is in the middle of a web address."""
        return self.address_at(at) and at not in self._address_starts

    def near(self, at: int, reach: int) -> list[Pair]:
        """The pairs within reach of a place, at most 24 to each side."""
        middle = bisect_left(self._pair_starts, at)
        first = max(bisect_left(self._pair_starts, at - reach), middle - 24)
        return self.pairs[first : min(bisect_right(self._pair_starts, at + reach), middle + 24)]

    def sibling(self, spec: Spec, key: str, at: int) -> float:
        """How much the keys around a code key speak for a platform."""
        return max((weight for (mine, other), weight in spec.siblings.items() if mine == key and self._stands(at, other)), default=0.0)

    def _stands(self, at: int, key: str) -> bool:
        """Whether a key stands near; written `key=value` it must have that value, `key~zh` asks for a Chinese text, `key~en` for another."""
        if self._around_at != at:
            values: dict[str, list[str]] = {}
            for each in self.near(at, 2 * NEAR):
                values.setdefault(each.key, []).append(each.value)
            self._around_at, self._around = at, values
        if "=" in key:
            key, _, value = key.partition("=")
            return any(each.lower() == value for each in self._around.get(key, ()))
        key, _, language = key.partition("~")
        near = self._around.get(key, [])
        return bool(near) and (not language or (language == "zh") != near[0].isascii())

    def family(self, name: str, value: str) -> bool:
        """Whether an unknown code lies among known ones."""
        return value.isdigit() and len(value) >= 6 and (name, int(value) // 1000) in self.known.families
