"""Which numbers and words of a window are platform codes, and whose."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bot.extract import spec as roles
from bot.extract.doubt import line_of
from bot.extract.read import NUMBER, TOKEN, Pair, normal
from bot.extract.spec import Spec
from bot.extract.window import BELIEVED, NEAR, Window
from bot.extract.words import ASKS, BODY, FAIL, FAIL_TOKEN, FAIL_WIDE, HAVE_LABEL, LABEL, NEED_LABEL, STRONG_LABEL, WRAPPER

STRUCTURED: Final = 3  # a field of an answer
LABELLED: Final = 2  # "error code 230002"
PROSE: Final = 1  # a known code and words of refusal
_MOST_CODES: Final = 250  # in one window of 32 KB: denser than any log
_OTHER_KEY: Final = re.compile(r"[\"'`][\w.-]{1,40}[\"'`]\s{0,4}(?::|=>)\s{0,4}[\"'`]?$|[A-Za-z_]\w{0,40}=[\"'`]?$")
_CODE_LABEL: Final = re.compile(r"(?i)code|errno|码|代码|编号|号|信息")
_OPENS_LIST: Final = re.compile(r"[:=\[]")
_SAID: Final = re.compile(r"报错?[: ]{0,3}$")
_STILL: Final = re.compile(r"(?:还是|依然|依旧|仍然?|又|一直|总是|老是|突然)[是报: ]{0,3}$")
_COUNTED: Final = re.compile(r"\s?[次条个元人行]")
_SPOKEN: Final = re.compile(r" [A-Z][a-z]+ [^\n]{4,80}")
# What a log line puts before its message: marks, a time, a file and its line.
_LOG_HEAD: Final = re.compile(r"[>\s\[(|]*\d{2,4}[-/:]\d\d[-/:.\dTZ ,+]*[\])|]?\s*(?:[\w./-]+\.\w+:\d+:?)?\s*")
_MESSAGE_LEAD: Final = re.compile(r"\s{0,4}[\"'\[]?(\d{4,8}|[A-Za-z]\w{1,40}(?:\.\w{1,40}){1,5})[\]\"']? ?[,:] ?[^\s\d]")
_SETS_OFF: Final = re.compile(r"(?:[^\s\d:(\[]{1,40}[ .][^\n:(\[]{1,40}: ?|[^\s\d] ?[(\[]|(?:\A|\n)[ \t>*]*)[\"'`]?$")
_CLOSES_LINE: Final = re.compile(r"[\"'`]?[)\]]?[.!]?[ \t]*(?:\n|$)")
_WONDERS: Final = re.compile(r"\?|吗|是不是|为什么|为啥|怎么|咋")
_CLOSING: Final = " \n\"'`)].,!?~了啊呢吗啦。"
_SENTENCE: Final = 400  # characters of a question, at most
_STATUS_KEYS: Final = frozenset({"status", "statuscode", "code", "httpstatus"})
_JOINERS: Final = frozenset("._")


@dataclass(frozen=True, slots=True)
class Code:
    """A platform code as it stands in the text."""

    platform: str
    value: str
    at: int
    end: int
    strength: int
    sub: bool = False


def codes(window: Window) -> list[Code]:
    """Every platform code of the window, in order."""
    found: dict[int, Code] = {}
    for code in (*_of_addresses(window), *_of_patterns(window)):
        found.setdefault(code.at, code)
    for pair in window.pairs:
        if len(found) >= _MOST_CODES:
            break
        if pair.role in (roles.CODE, roles.SUB_CODE, roles.STATUS) and pair.start not in found:
            mine = _of_pair(window, pair)
            if mine is not None:
                found[mine.at] = mine
        elif pair.role == roles.MESSAGE:
            mine = _of_message(window, pair)
            if mine is not None:
                found.setdefault(mine.at, mine)
    # A field whose role is another one is no code; a field that might be one may still be read as a sentence.
    taken = {each.start for each in window.pairs if each.role != roles.CODE}
    for code in (*islice(_of_numbers(window, taken | found.keys()), _MOST_CODES), *islice(_of_tokens(window), _MOST_CODES)):
        found.setdefault(code.at, code)
    strong = {code.platform for code in found.values() if not _is_weak(window, code)}
    return [found[at] for at in sorted(found) if found[at].platform not in strong or not _is_weak(window, found[at])]


def _is_weak(window: Window, code: Code) -> bool:
    weak = window.words.specs[code.platform].weak
    return weak is not None and weak.fullmatch(code.value) is not None


# ---------------------------------------------------------------- where a vendor puts them


def _of_addresses(window: Window) -> Iterable[Code]:
    for each in window.addresses:
        word = each.query.get("error", "")  # what an OAuth callback was given
        owner = (
            next((name for name in window.catalog.platforms_of(word) if window.clue(name, each.start) >= BELIEVED), None) if word else None
        )
        if owner is not None and not word.isdigit() and not window.doubt.source(each.start):
            beside = [value for key, value in each.query.items() if window.words.roles.get(normal(key)) == roles.CODE]
            for value in (word, *(value for value in beside if value.isdigit() and owner in window.catalog.platforms_of(value))):
                at = max(window.text.find(value, each.start, each.end), each.start)
                yield Code(owner, value, at, each.end, STRUCTURED, sub=value is not word)
        for name, spec in window.words.specs.items():
            if each.host not in spec.brands or spec.number is None:
                continue
            value = each.query.get("code") or each.query.get("e") or each.query.get("error_code") or ""
            asked = "search" in each.path or "query" in each.path or "error" in each.path
            if asked and spec.number.fullmatch(value) and not window.doubt.source(each.start):
                yield Code(name, value, max(window.text.find(value, each.start, each.end), each.start), each.end, STRUCTURED)


def _of_patterns(window: Window) -> Iterable[Code]:
    for name, each in window.words.patterns:
        if each.trigger not in window.lower:
            continue
        for match in islice(each.regex.finditer(window.text), _MOST_CODES):
            groups = match.groupdict()
            for group in ("code", "sub_code"):
                value = groups.get(group)
                if value and not _doubted(window, match.start()):
                    yield Code(name, value, *match.span(group), STRUCTURED, group == "sub_code")


def _of_pair(window: Window, pair: Pair) -> Code | None:
    value = pair.value.strip().strip("'\"")
    cut = pair.kind == "string" and window.text[pair.end : pair.end + 1] not in "\"'`"  # the value may be a part only
    if not value or cut or pair.kind in ("object", "list") or len(value) > 120 or WRAPPER.fullmatch(value):
        return None
    if window.address_at(pair.at) or window.doubt.fixture or window.written(pair.start):
        return None
    if value.lstrip("-").isdigit() and value.isascii():
        return _number_pair(window, pair, value)
    name = _word_owner(window, value, pair.start, pair.key)
    return Code(name, value, pair.start, pair.end, STRUCTURED, pair.role == roles.SUB_CODE) if name else None


def _number_pair(window: Window, pair: Pair, value: str) -> Code | None:
    success = not value.strip("-0") or (pair.key == "result" and value == "1")
    if success or (pair.role == roles.STATUS and window.clue("github", pair.start) < BELIEVED):
        return None
    name = _owner(window, value, pair.start, pair.key)
    if name is None or window.doubt.enumerated(pair.start, pair.end):
        return None
    told = any(each.role in (roles.MESSAGE, roles.FLAG, roles.REQUEST_ID) and each is not pair for each in window.near(pair.start, NEAR))
    if not told and window.doubt.talk:
        return None
    return Code(name, value, pair.start, pair.end, STRUCTURED if told else LABELLED, pair.role == roles.SUB_CODE)


def _of_message(window: Window, pair: Pair) -> Code | None:
    """The code that a message begins with: `errorMsg: "chat.coolApp.notInstalled:…"`, `errorMessage: 52013, …`."""
    lead = _MESSAGE_LEAD.match(window.text, pair.start, pair.end)
    if lead is None or _doubted(window, pair.start):
        return None
    value, at = lead[1], lead.start(1)
    if value.isdigit():
        name = _owner(window, value, at, "")
    else:
        name = next(
            (
                each
                for each, spec in window.words.specs.items()
                if spec.word and spec.word.fullmatch(value) and window.clue(each, at) >= BELIEVED
            ),
            None,
        )
    return Code(name, value, at, lead.end(1), STRUCTURED) if name else None


# ---------------------------------------------------------------- whose


def _owner(window: Window, value: str, at: int, key: str) -> str | None:
    """The platform a numeric code belongs to, or None when nothing makes it one."""
    scores = [
        (_number_score(window, spec, value, at, key), name)
        for name, spec in window.words.specs.items()
        if spec.number is not None and spec.number.fullmatch(value)
    ]
    best = max(scores, key=lambda each: each[0], default=(0.0, ""))
    return best[1] if best[0] >= BELIEVED else None


def _number_score(window: Window, spec: Spec, value: str, at: int, key: str) -> float:
    if spec.status_is_code:
        return window.clue(spec.name, at) if key in _STATUS_KEYS else 0.0
    listed = spec.name in window.catalog.platforms_of(value)
    speaks = spec.code_keys.get(key, 0) if key else 0
    digits = len(value.lstrip("-"))
    if digits == 3 and value[0] in "12345" and not listed and speaks < 2:
        return 0.0  # an HTTP status in a wrapper's field
    score = window.clue(spec.name, at) + (3.0 if listed else 0.0) + speaks
    if not listed and spec.families and window.family(spec.name, value):
        score += 2.0
    if key and (len(value) >= 4 or speaks >= 2):
        score += window.sibling(spec, key, at)
    return 0.0 if digits <= 3 and score < 4 and speaks < 2 else score


def _word_owner(window: Window, value: str, at: int, key: str) -> str | None:
    """The platform a textual code belongs to, or None."""
    owners = window.catalog.platforms_of(value)
    scores = [(0.0, "")]
    for name, spec in window.words.specs.items():
        listed = name in owners
        if spec.word is None or not spec.word.fullmatch(value) or not (key in spec.word_keys or (listed and key in spec.known_word_keys)):
            continue
        if not listed and spec.refuse is not None and spec.refuse.fullmatch(value):
            continue
        trust = 0.0 if not listed else 1.0 if value in spec.foreign_words else 4.0
        scores.append((window.clue(name, at) + window.sibling(spec, key, at) + trust + spec.code_keys.get(key, 0) * 0.25, name))
    best = max(scores, key=lambda each: each[0])
    return best[1] if best[0] >= BELIEVED else None


# ---------------------------------------------------------------- in sentences


def _of_numbers(window: Window, taken: set[int]) -> Iterable[Code]:
    looked = 0
    specs = window.words.specs
    for match in NUMBER.finditer(window.text):
        at, end = match.span()
        if at in taken or window.address_at(at):
            continue
        strong = STRONG_LABEL.search(window.text, max(0, at - 48), at)
        value = match[0]
        if value.startswith("-") and not strong:
            value, at = value[1:], at + 1
        owners = window.catalog.platforms_of(value)
        families = [] if owners else [name for name, each in specs.items() if each.families and window.family(name, value)]
        said = (
            not owners
            and len(value) >= 5
            and _SAID.search(window.text, max(0, at - 8), at) is not None
            and not _COUNTED.match(window.text, end)
        )
        if not owners and not families and not said and not (strong and _CODE_LABEL.search(strong[1])):
            continue
        looked += 1
        if looked > _MOST_CODES:
            return
        grade = _grade(window, value, at, end, strong=strong is not None or said, listed=bool(owners))
        if grade == 0 or _doubted(window, at) or window.doubt.listing or window.doubt.enumerated(at, end):
            continue
        label = normal(strong[1]) if strong else ""
        name = _owner(window, value, at, label if label in ("errcode", "errno") else "") or next(iter(families), None)
        if name is not None and not specs[name].status_is_code:
            yield Code(name, value, at, end, grade)


def _grade(window: Window, value: str, at: int, end: int, *, strong: bool, listed: bool) -> int:
    """How surely a number in a sentence is an error code; 0 when it is not."""
    text = window.text
    digits = len(value.lstrip("-"))
    if strong or (listed and text.strip(" \t\n`\"'*()[]#?!.,") == value):
        return LABELLED
    if digits < 4 or text[at - 1 : at] == "#":  # a ticket or a build
        return 0
    label = LABEL.search(text, max(0, at - 48), at) is not None
    if not label and _OTHER_KEY.search(text, max(0, at - 48), at):
        return 0  # the value of a field that is no code
    body = BODY.match(text, end, end + 120)
    if (listed or digits >= 5) and (label or (body and _leads(text, at) and FAIL_WIDE.search(text, end, end + 120))):
        return LABELLED if label and body else PROSE
    if listed and body and text[at - 2 : at] == ": " and text[end : end + 1] == ":" and FAIL_WIDE.search(text, end, end + 120):
        return PROSE  # `package: code: message`, as errors are wrapped on their way up
    if listed and digits >= 5 and _STILL.search(text, max(0, at - 8), at):
        return PROSE if any(window.clue(name, at) > 0 for name in window.catalog.platforms_of(value)) else 0
    if digits >= 5 and _beside_name(window, value, at, end, listed=listed):
        return PROSE
    return PROSE if listed and _known_in_sentence(text, at, end, digits, body) else 0


def _beside_name(window: Window, value: str, at: int, end: int, *, listed: bool) -> bool:
    """Whether a short text names a platform and its code: `钉钉 33012 无效的USERID`, `飞书一键授权一直 20029`."""
    text = window.text
    if len(text) > _SENTENCE:
        return False
    if listed and not text[end:].strip(_CLOSING):
        return any(window.clue(name, at) >= BELIEVED for name in window.catalog.platforms_of(value))
    return window.named(at) and FAIL_WIDE.search(text, end, end + 40) is not None and text[end : end + 1] in " :,"


def _known_in_sentence(text: str, at: int, end: int, digits: int, body: re.Match[str] | None) -> bool:
    """A listed code without any label: its message follows, or it closes the message, or its line speaks of a refusal."""
    if body and FAIL.match(body[0].lstrip(" :,.\"'`)*]-([")):
        return True
    if digits >= 6 and (spoken := _SPOKEN.match(text, end)) and FAIL.search(spoken[0]):
        return True
    start, stop = line_of(text, at)
    line = (max(start, at - 200), min(stop, end + 200))
    closing = text[at - 1 : at] in ("(", "[") and text[end : end + 1] in (")", "]")
    return bool(((closing or digits >= 7) and FAIL.search(text, *line)) or (digits >= 5 and ASKS.search(text, *line)))


def _leads(text: str, at: int) -> bool:
    """Whether a number is the first thing on its line."""
    start = text.rfind("\n", max(0, at - 200), at) + 1
    return not text[start:at].strip(" \t-*`\"'[(#>·•✗✘✖❌×⚠🚫‼️")


def _doubted(window: Window, at: int) -> bool:
    return window.doubt.talk or window.doubt.fixture or window.written(at)


def _of_tokens(window: Window) -> Iterable[Code]:
    looked = 0
    for match in TOKEN.finditer(window.text):
        owners = (window.catalog.platforms_of(match[0]) if match.end() - match.start() >= 8 else ()) or window.known.kindred(match[0])
        if not owners:
            continue
        looked += 1
        if looked > _MOST_CODES:
            return
        at, end = match.span()
        name = next((each for each in owners if _token_of(window, each, match)), None)
        if name and not window.address_at(at) and not _doubted(window, at) and not _had(window, at):
            yield Code(name, match[0], at, end, LABELLED)


def _token_of(window: Window, name: str, match: re.Match[str]) -> bool:
    """Whether a word of the catalogue is told as an error of this platform here."""
    spec, value = window.words.specs.get(name), match[0]
    if spec is None or spec.word is None or not spec.word.fullmatch(value) or (spec.refuse and spec.refuse.fullmatch(value)):
        return False
    at, end = match.span()
    start, stop = line_of(window.text, at)
    near = window.text[max(start, at - 80) : min(stop, end + 60)]
    joined = not _JOINERS.isdisjoint(value)
    common = value in spec.foreign_words or (not joined and value.islower())
    believed = window.clue(name, at) >= BELIEVED
    if joined and believed and (window.named(at) or _LOG_HEAD.fullmatch(window.text, start, at) or _set_off(window.text, at, end)):
        return True
    if (common or not joined) and not (believed and FAIL_TOKEN.search(near)):
        return False
    if FAIL_TOKEN.search(near.replace(value, " ")) or window.text.strip("`\"'*. \n") == value:
        return True
    if believed and len(window.text) <= _SENTENCE and _WONDERS.search(window.text):
        return True
    return "." in value and FAIL.search(window.text, end, end + 40) is not None


def _set_off(text: str, at: int, end: int) -> bool:
    """Whether a word closes its line as an error's name does: `slack auth.test: not_authed`, `… (not_authed)`, alone in quotes."""
    return _CLOSES_LINE.match(text, end) is not None and _SETS_OFF.search(text, max(0, at - 84), at) is not None


def _had(window: Window, at: int) -> bool:
    """Whether the place is in a list of scopes that one has."""
    head = window.text[max(0, at - 120) : at]
    return any(_OPENS_LIST.search(head, label.end()) for label in HAVE_LABEL.finditer(head)) and NEED_LABEL.search(head) is None
