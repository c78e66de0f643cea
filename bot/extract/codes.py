"""Which numbers and words of a window are platform codes, and whose."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from bot.catalog import Catalog
from bot.extract import spec as roles
from bot.extract.clean import flat, plain
from bot.extract.doubt import Doubt, line_of
from bot.extract.read import NUMBER, TOKEN, Address, Brackets, Pair, addresses, normal, pairs
from bot.extract.spec import Lexicon
from bot.extract.words import ASKS, BODY, FAIL, FAIL_TOKEN, FAIL_WIDE, HAVE_LABEL, LABEL, NEED_LABEL, STRONG_LABEL, WRAPPER, alike

STRUCTURED: Final = 3
LABELLED: Final = 2
PROSE: Final = 1
_NEAR = 400
_MOST_CODES = 250  # in one window of 32 KB: denser than any log
_MOST_ADDRESSES = 400
_BELIEVED = 3
_OTHER_KEY = re.compile(r"[\"'`][\w.-]{1,40}[\"'`]\s{0,4}(?::|=>)\s{0,4}[\"'`]?$|[A-Za-z_]\w{0,40}=[\"'`]?$")
_CODE_LABEL = re.compile(r"(?i)code|errno|码|代码|编号|号|信息")


@dataclass(slots=True)
class Code:
    """A platform code as it stands in the text."""

    platform: str
    value: str
    at: int
    end: int
    strength: int
    sub: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue's keys alone tell; made once per catalogue."""

    families: frozenset[tuple[str, int]]
    phrases: dict[str, list[tuple[str, str, str]]]


@lru_cache(maxsize=8)
def known(catalog: Catalog, words: Lexicon) -> Known:
    """Index of code families (a code shares all but its last three digits with a known one) and of wordings by their first four characters."""
    families = {
        (name, int(code) // 1000) for name, each in words.specs.items() if each.families for code in catalog.codes(name) if code.isdigit() and len(code) >= 5
    }
    phrases: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    every = dict(catalog.phrases())
    every.update(words.wordings)
    for phrase, (platform, key) in every.items():
        if len(phrase) >= 4:
            phrases[phrase[:4]].append((phrase, platform, key))
    for listed in phrases.values():
        listed.sort(key=lambda each: -len(each[0]))
    return Known(frozenset(families), dict(phrases))


class Window:
    """Reads one window. Everything positional refers to the plain text of that window."""

    def __init__(self, raw: str, catalog: Catalog, words: Lexicon, *, whole: bool) -> None:
        self.shown = plain(raw)
        self.text = flat(self.shown)
        self.lower = alike(self.text)
        self.catalog = catalog
        self.words = words
        self.known = known(catalog, words)
        self.whole = whole
        self._doubt: Doubt | None = None
        self._brackets: Brackets | None = None
        self.pairs: list[Pair] = []
        self.addresses: list[Address] = []
        self._clue_at: dict[tuple[str, int], float] = {}
        self._around: tuple[int, dict[str, list[str]]] | None = None
        self._pair_starts: list[int] = []
        self._address_starts: list[int] = []
        self.clues: dict[str, list[tuple[int, float]]] = {}

    # ------------------------------------------------------------ helpers

    @property
    def doubt(self) -> Doubt:
        if self._doubt is None:
            self._doubt = Doubt(self.text)
        return self._doubt

    @property
    def brackets(self) -> Brackets:
        if self._brackets is None:
            self._brackets = Brackets(self.text)
        return self._brackets

    def _find_clues(self) -> None:
        lower = self.lower
        for clue, said in self.words.clues:
            at = lower.find(clue)
            seen = 0
            while at >= 0 and seen < 24:
                if not (clue[0].isascii() and clue[0].isalpha() and len(clue) < 6 and at and lower[at - 1].isascii() and lower[at - 1].isalpha()):
                    for name, weight in said:
                        self.clues.setdefault(name, []).append((at, weight))
                    seen += 1
                at = lower.find(clue, at + max(len(clue), 40))

    def clue(self, name: str, at: int) -> float:
        """How much the text speaks for a platform at a place (within 64 characters): near words count whole, far ones three quarters; at most 8."""
        bucket = (name, at >> 6)
        known = self._clue_at.get(bucket)
        if known is None:
            known = self._clue_at[bucket] = self._weigh(name, at)
        return known

    def _weigh(self, name: str, at: int) -> float:
        best_near = best_far = total = 0.0
        for where, weight in self.clues.get(name, ()):
            if abs(where - at) <= _NEAR:
                best_near = max(best_near, weight)
                total += weight * 0.2
            else:
                best_far = max(best_far, weight)
                total += weight * 0.05
        return min(8.0, max(best_near, best_far * 0.75) + min(total, 2.0))

    def _refused(self, value: str) -> bool:
        return WRAPPER.fullmatch(value) is not None

    # ------------------------------------------------------------ codes

    def codes(self) -> list[Code]:
        """Every platform code of the window, in order."""
        self._find_clues()
        self.pairs = pairs(self.text, self.words.roles)
        self.addresses = list(islice(addresses(self.text), _MOST_ADDRESSES))
        self._pair_starts = [each.start for each in self.pairs]
        self._address_starts = [each.start for each in self.addresses]
        found: dict[int, Code] = {}
        taken: dict[int, Pair] = {each.start: each for each in self.pairs}
        for code in self._of_addresses():
            found[code.at] = code
        for code in self._of_patterns():
            found.setdefault(code.at, code)
        for pair in self.pairs:
            if len(found) >= _MOST_CODES:
                break
            if pair.role in (roles.CODE, roles.SUB_CODE, roles.STATUS) and pair.start not in found:
                mine = self._of_pair(pair)
                if mine is not None:
                    found[mine.at] = mine
        for reader in (self._of_numbers(taken, found), self._of_tokens(found)):
            for code in islice(reader, _MOST_CODES):
                found.setdefault(code.at, code)
        return [found[at] for at in sorted(found)]

    def inside_address(self, at: int) -> bool:
        index = bisect_right(self._address_starts, at) - 1
        return index >= 0 and at < self.addresses[index].end

    def near(self, at: int, reach: int) -> list[Pair]:
        """The pairs within reach of a place, at most 24 to each side."""
        middle = bisect_left(self._pair_starts, at)
        first = max(bisect_left(self._pair_starts, at - reach), middle - 24)
        return self.pairs[first : min(bisect_right(self._pair_starts, at + reach), middle + 24)]

    def _of_addresses(self) -> Iterable[Code]:
        for each in self.addresses:
            for name, spec in self.words.specs.items():
                if each.host in spec.brands and spec.number:
                    value = each.query.get("code") or each.query.get("e") or each.query.get("error_code") or ""
                    asked = "search" in each.path or "query" in each.path or "error" in each.path
                    if asked and spec.number.fullmatch(value) and not self.doubt.source(each.start):
                        at = self.text.find(value, each.start, each.end)
                        yield Code(name, value, max(at, each.start), each.end, STRUCTURED)

    def _of_patterns(self) -> Iterable[Code]:
        for name, each in self.words.patterns:
            if each.trigger not in self.lower:
                continue
            for match in each.regex.finditer(self.text):
                groups = match.groupdict()
                for group in ("code", "sub_code"):
                    value = groups.get(group)
                    if value and not self.doubt.source(match.start()) and not self.doubt.fixture:
                        at = match.start(group)
                        yield Code(name, value, at, at + len(value), STRUCTURED, group == "sub_code")

    def _of_pair(self, pair: Pair) -> Code | None:
        value = pair.value.strip().strip("'\"")
        if not value or pair.kind in ("object", "list") or len(value) > 120 or self._refused(value):
            return None
        if self.inside_address(pair.at) or self.doubt.source(pair.start) or self.doubt.fixture:
            return None
        if pair.kind == "string" and self.text[pair.end : pair.end + 1] not in "\"'`":
            return None  # cut off in the middle: the value may be a part only
        numeric = value.lstrip("-").isdigit() and value.isascii()
        sub = pair.role == roles.SUB_CODE
        if numeric:
            if pair.role == roles.STATUS and self.clue("github", pair.start) < _BELIEVED:
                return None
            if value.strip("-0") == "" or (pair.key in ("result",) and value == "1"):
                return None
            name = self._owner(value, pair.start, pair.key)
            if name is None:
                return None
            if self.doubt.enumerated(pair.start, pair.end):
                return None
            strength = STRUCTURED if self._sibling_message(pair) else LABELLED
            if strength < STRUCTURED and self.doubt.talk:
                return None
            return Code(name, value, pair.start, pair.end, strength, sub)
        name = self._word_owner(value, pair.start, pair.key)
        if name is None:
            return None
        return Code(name, value, pair.start, pair.end, STRUCTURED, sub)

    def _sibling_message(self, pair: Pair) -> bool:
        return any(each.role in (roles.MESSAGE, roles.FLAG, roles.REQUEST_ID) and each is not pair for each in self.near(pair.start, _NEAR))

    def _owner(self, value: str, at: int, key: str) -> str | None:
        """The platform a numeric code belongs to, or None when nothing makes it one."""
        best: tuple[float, str] | None = None
        owners = self.catalog.platforms_of(value)
        for name, spec in self.words.specs.items():
            if spec.number is None or not spec.number.fullmatch(value):
                continue
            is_known = name in owners
            if spec.status_is_code:
                score = self.clue(name, at) if key in ("status", "statuscode", "code", "httpstatus") else 0.0
            else:
                if len(value.lstrip("-")) == 3 and value[0] in "12345" and not is_known and spec.code_keys.get(key, 0) < 2:
                    continue  # an HTTP status in a wrapper's field
                score = self.clue(name, at) + (3.0 if is_known else 0.0)
                if not is_known and spec.families and self._family(name, value):
                    score += 2.0
                if key:
                    score += spec.code_keys.get(key, 0)
                    if len(value) >= 4 or spec.code_keys.get(key, 0) >= 2:
                        score += max((weight for (mine, other), weight in spec.siblings.items() if mine == key and self._has_sibling(at, other)), default=0.0)
                if len(value.lstrip("-")) <= 3 and score < 4 and spec.code_keys.get(key, 0) < 2:
                    continue
            if score >= _BELIEVED and (best is None or score > best[0]):
                best = (score, name)
        return best[1] if best else None

    def _has_sibling(self, at: int, key: str) -> bool:
        """Whether a key stands near; written `key=value` it must have that value, `key~zh` asks for a Chinese text, `key~en` for another."""
        if self._around is None or self._around[0] != at:
            values: dict[str, list[str]] = {}
            for each in self.near(at, 2 * _NEAR):
                values.setdefault(each.key, []).append(each.value)
            self._around = (at, values)
        if "=" in key:
            key, _, value = key.partition("=")
            return any(each.lower() == value for each in self._around[1].get(key, ()))
        key, _, language = key.partition("~")
        near = self._around[1].get(key, ())
        return bool(near) and (not language or (language == "zh") != near[0].isascii())

    def _family(self, name: str, value: str) -> bool:
        return value.isdigit() and len(value) >= 5 and (name, int(value) // 1000) in self.known.families

    def _word_owner(self, value: str, at: int, key: str) -> str | None:
        best: tuple[float, str] | None = None
        owners = self.catalog.platforms_of(value)
        for name, spec in self.words.specs.items():
            is_known = name in owners
            if spec.word is None or not spec.word.fullmatch(value) or not (key in spec.word_keys or (is_known and key in spec.known_word_keys)):
                continue
            if spec.refuse is not None and spec.refuse.fullmatch(value):
                continue
            clue = self.clue(name, at) + max((weight for (mine, other), weight in spec.siblings.items() if mine == key and self._has_sibling(at, other)), default=0.0)
            if value in spec.foreign_words or not is_known:
                score = clue + (1.0 if is_known else 0.0)
            else:
                score = clue + 4.0
            score += spec.code_keys.get(key, 0) * 0.25
            if score >= _BELIEVED and (best is None or score > best[0]):
                best = (score, name)
        return best[1] if best else None

    def _of_numbers(self, taken: dict[int, Pair], found: dict[int, Code]) -> Iterable[Code]:
        text = self.text
        only = text.strip(" \t\n`\"'*()[]#?!.,")
        looked = 0
        for match in NUMBER.finditer(text):
            at, end = match.span()
            if at in found or (at in taken and taken[at].role != roles.CODE) or self.inside_address(at):
                continue
            value = match[0]
            owners = self.catalog.platforms_of(value)
            digits = len(value.lstrip("-"))
            head = text[max(0, at - 48) : at]
            strong = STRONG_LABEL.search(head)
            if value.startswith("-") and not strong:
                value, at = value[1:], at + 1
                owners = self.catalog.platforms_of(value)
            family = not owners and any(self._family(name, value) for name, each in self.words.specs.items() if each.families)
            if not owners and not family and not (strong and _CODE_LABEL.search(strong[1])):
                continue
            looked += 1
            if looked > _MOST_CODES:
                break
            weak = strong or LABEL.search(head)
            tail = text[end : end + 120]
            body = BODY.match(tail)
            if text[at - 1 : at] == "#" and not strong:
                continue  # a ticket or a build
            if not weak and _OTHER_KEY.search(head):
                continue  # the value of a field that is no code
            line_start = text.rfind("\n", max(0, at - 200), at) + 1
            leads = not text[line_start:at].strip(" \t-*`\"'[(#>·•")
            if only == value and owners:
                grade = LABELLED
            elif strong and digits >= 2:
                grade = LABELLED
            elif digits >= 4 and (weak or (leads and body and FAIL_WIDE.search(tail))) and (owners or digits >= 5):
                grade = LABELLED if weak and body else PROSE
            elif digits >= 4 and owners and body and FAIL.match(body[0].lstrip(" :,.\"'`)*]-([")):
                grade = PROSE
            elif digits >= 4 and owners and text[at - 1 : at] in ("(", "[") and text[end : end + 1] in (")", "]") and FAIL.search(text, *line_of(text, at)):
                grade = PROSE
            elif digits >= 7 and owners and FAIL.search(text, *line_of(text, at)):
                grade = PROSE
            elif digits >= 5 and owners and ASKS.search(text, *line_of(text, at)):
                grade = PROSE
            else:
                continue
            if self.doubt.source(at) or self.doubt.talk or self.doubt.listing or self.doubt.fixture or self.doubt.enumerated(at, end):
                continue
            label = normal(strong[1]) if strong and strong[1] else ""
            name = self._owner(value, at, label if label in ("errcode", "errno") else "")
            if name is None and family:
                name = next((each for each, one in self.words.specs.items() if one.families and self._family(each, value)), None)
            if name is None:
                continue
            spec = self.words.specs[name]
            if spec.status_is_code:
                continue
            yield Code(name, value, at, end, grade)

    def _of_tokens(self, found: dict[int, Code]) -> Iterable[Code]:
        text = self.text
        looked = 0
        for match in TOKEN.finditer(text):
            value = match[0]
            owners = self.catalog.platforms_of(value)
            if not owners or match.start() in found or len(value) < 8:
                continue
            looked += 1
            if looked > _MOST_CODES:
                break
            at, end = match.span()
            start, stop = line_of(text, at)
            near = text[max(start, at - 80) : min(stop, end + 60)]
            for name in owners:
                spec = self.words.specs.get(name)
                if spec is None or spec.word is None or not spec.word.fullmatch(value):
                    continue
                if value in spec.foreign_words or (not any(sign in value for sign in "._") and value.islower()):
                    if self.clue(name, at) < _BELIEVED or not FAIL_TOKEN.search(near):
                        continue
                elif not any(sign in value for sign in "._") and self.clue(name, at) < _BELIEVED:
                    continue
                if not FAIL_TOKEN.search(near.replace(value, " ")) and text.strip("`\"'*. \n") != value:
                    rest = text[end : end + 40]
                    if not ("." in value and FAIL.search(rest)):
                        continue
                if self.inside_address(at) or self.doubt.source(at) or self.doubt.fixture or self.doubt.talk:
                    continue
                if self._has_context(at):
                    continue
                yield Code(name, value, at, end, LABELLED)
                break

    def _has_context(self, at: int) -> bool:
        """Whether the place is the value of a list of scopes that one has."""
        head = self.text[max(0, at - 120) : at]
        return HAVE_LABEL.search(head) is not None and NEED_LABEL.search(head) is None
