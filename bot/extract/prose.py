"""Codes told in sentences and log lines: numbers and words that a catalogue lists, or that stand where a code is told.

Each number or word collects points for what speaks for it (a label, the platform's name, the vendor's message, a line of its own) and
against it (a thing that has numbers, a word that every system uses). Enough points make a mention. Whether the sentence reports an error or
talks about one is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bot.extract.attribution import HTTP_STATUS, foreign, number_owner, told_by_vendor
from bot.extract.context import BELIEVED, NEAR, Context
from bot.extract.draft import LABELLED, PROSE, Mention
from bot.extract.fields import NUMBER, TOKEN, normal
from bot.extract.vocabulary import BODY, FAIL, FAIL_TOKEN, FAIL_WIDE, HAVE_LABEL, LABEL, STRONG_LABEL, WRAPPER
from bot.patterns import lazy
from bot.platforms import spec as roles

MOST_CODES: Final = 250  # in one window of 32 KB: denser than any log
_BELIEVED_CODE: Final = 4.0  # points
_SURELY: Final = 6.0

# The value of a field that is no code; a count; a thing that has numbers.
_OTHER_KEY: Final = lazy(
    r"[\"'`][\w.-]{1,40}[\"'`]\s{0,4}(?::|=>)\s{0,4}\[?(?:\d{1,10}, ?){0,4}[\"'`]?$|[A-Za-z_\u4e00-\u9fff]\w{0,40}=[\"'`]?$"
)
_COUNTED: Final = lazy(  # and the process of `ERROR 21904 ---`
    r"(?a)\s?(?:[次条个元人行分块笔秒天岁页]|--- |(?:rows|items|records|times|ms|seconds|minutes|hours|days|bytes|files|lines|users|requests|results|points|[kMG]i?B)\b)"
)
_THINGS: Final = (
    r"orders?|items?|users?|rows?|lines?|jobs?|tasks?|sessions?|tickets?|shops?|devices?|students?|keys?|pid|port|threads?|employees?",
    r"parent|nodes?|tracking|sku|barcode|invoice|total|customer|connections?|buckets?|locks?|build|batch|step|\w{0,20}_?id|version",
    r"room|page|count|offset|size",
)
_CHINESE_THINGS: Final = (
    "订单号?|单号|用户|任务|文件|工单|商品|设备|学号|工号|门店|会话|批次|房间|端口|版本|进程|人员|员工|数量|邮编|单价|第"
)
_THING: Final = lazy(rf"(?ai)(?:\b(?:{'|'.join(_THINGS)})|{_CHINESE_THINGS})(?:是|为)?[ #:=]{{0,2}}$")
_FILE_BEFORE: Final = lazy(r"\.[A-Za-z]{1,5}(?::\w{1,40})?:$|\w\(\w{1,30}:$|\bline $|\w\[$")  # and `gateway[2217]:`
_WORD_BEFORE: Final = lazy(r"[a-z\u4e00-\u9fff](?<![是为])(?<!\bis)(?<!\bwas)(?<!\bare) ?$")
_OWN_LABEL: Final = lazy(r"(?i)err(?:or)?_?(?:code|no)|错误码")
_OTHER_NUMBER: Final = lazy(r"20[12]\d(?:[01]\d[0-3]\d)?|1[67]\d{8}")  # a year, a day, a second
_NEIGHBOUR: Final = lazy(r"(?<!\d)\d{4,10}[\"'`]?(?: ?[/、,] ?| or | and | ?[和或与] ?)[\"'`]?$")
_CODE_LABEL: Final = lazy(r"(?i)code|errno|码|代码|编号|号|信息")
_SAID: Final = lazy(r"报错?[: ]{0,3}$")
_SPOKEN: Final = lazy(r" [A-Z][a-z]+ [a-z]")  # a message of a vendor
_QUOTES: Final = frozenset("\"'`")
_ALONE: Final = " \t\n`\"'*()[]#?!.,"
# Whom a line is for, where it comes from, and what a log line puts before its message: marks, a time, a level, a file and its line.
_ADDRESSED: Final = lazy(r"<@\w{1,40}>|@\S{1,40}|</?\w{1,10}>|^[\w.-]{1,40}\s*\|")
_LOG_TIME: Final = r"[>\s\[(|]*\d{2,4}[-/:]\d\d[-/:.\dTZ ,+]*[\])|]?\s*"
_LOG_NAME: Final = (
    r"(?:\[?(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|E|W)\]?\s*)?(?:[\[(][\w.:-]{1,40}[\])]\s*)?(?:[\w./-]+(?:\.\w+:\d+:?|\s-))?"
)
_LOG_HEAD: Final = lazy(_LOG_TIME + _LOG_NAME + r"[\s|:✗✘✖❌×⚠-]*")
_STATUS_BEFORE: Final = lazy(r"\b[45]\d\d[)\]]?[\s:,\"'`(-]{1,4}$")
_CLOSES_LINE: Final = lazy(r"[\"'`_*]{0,2}[)\]]?[.!]?[ \t]*(?:\n|$)")
_WONDERS: Final = lazy(r"\?|吗|是不是|为什么|为啥|怎么|咋|[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff]")
_GOES_ON: Final = lazy(r"(?i)报|又|一直|还是|\b(?:still|again|keeps?|always|suddenly)\b")

_WORD_LENGTH: Final = 4  # letters of a word that the catalogue is asked about
_UNMISTAKABLE: Final = 12  # letters
_CAMEL: Final = lazy(r"[a-z][A-Z]")
_HUMPS: Final = 2  # `chatbotNotInstall`: nobody's word
_JOINERS: Final = frozenset("._")
_FILE: Final = lazy(
    r"\.(?:html?|json|ya?ml|toml|xml|md|txt|log|conf|cfg|ini|py|js|ts|jsx|tsx|vue|go|java|kt|php|rb|rs|cs|sh|sql|css|csv|png|jpe?g|svg)$"
)
_DENIED: Final = lazy(r"(?i)[\"'`]?(?:\?\s{0,2}no\b| is not (?:the|our|my) )")  # `missing_scope? no: …`
_NEEDS: Final = lazy(r"(?i)[`\"' (:;,-]{1,6}need(?:ed|s)?\b")
_HELD: Final = 120  # characters before a word in which a list of held scopes begins
_IN_LIST: Final = lazy(r"[:=\[][\s\[\"'`]{0,4}(?:[\w.:-]{1,60}[\"'`]?[, ]\s?[\"'`]?){0,12}$")
_LABEL_REACH: Final = 24  # characters between a label and its colon
_LABEL_LENGTH: Final = 24  # characters of the longest label, with what joins it to its number
_LABEL_SIGNS: Final = ("err", "code", "码", "错误", "报错")  # one stands in each strong label


# ---------------------------------------------------------------- numbers


def numbers(context: Context, taken: set[int]) -> Iterable[Mention]:
    """Numbers that are told as error codes, at places that are not `taken`. A mention without a platform waits for its neighbours' one."""
    looked = 0
    for match in NUMBER.finditer(context.text):
        at, end = match.span()
        value = match[0]
        if at in taken or WRAPPER.fullmatch(value) or context.address_at(at):
            continue
        listed = bool(context.catalog.platforms_of(value))
        if value.startswith("-") and not listed:
            value, at = value[1:], at + 1
        strong = _strong_label(context, at)
        if not strong and not listed and not _may_be(context, value, at, end):
            continue
        looked += 1
        if looked > MOST_CODES:
            return
        points = _number_points(context, value, at, end, strong)
        if points >= _BELIEVED_CODE:
            yield _number(context, value, at, end, strong, sure=points >= _SURELY)


def _strong_label(context: Context, at: int) -> re.Match[str] | None:
    """The label of a code that ends right before a place; asked of every number, so first whether there is anything like one."""
    start = max(0, at - _LABEL_LENGTH)
    return STRONG_LABEL.search(context.text, start, at) if any(map(context.lower[start:at].__contains__, _LABEL_SIGNS)) else None


def _number(context: Context, value: str, at: int, end: int, strong: re.Match[str] | None, *, sure: bool) -> Mention:
    label = normal(strong[1]) if strong else ""
    owner = number_owner(context, value, at, label if label in ("errcode", "errno") else "")
    wording = context.worded(at, end)
    platform = owner.platform if owner else wording or ""
    sure = sure and (owner.sure if owner else bool(wording))
    told = strong is not None or context.catalog.platforms_of(value) or _NEIGHBOUR.search(context.text, max(0, at - 24), at)
    return Mention(platform, value, at, end, LABELLED if sure else PROSE, ("label" if sure else "prose") if told else "guess")


def _may_be(context: Context, value: str, at: int, end: int) -> bool:
    """Whether an unlisted number without a code's label is worth weighing: something before, behind or within it speaks of a code."""
    if len(value) < 4 or _OTHER_NUMBER.fullmatch(value):
        return False
    head = context.text[max(0, at - 48) : at]
    label = LABEL.search(context.text, max(0, at - _LABEL_LENGTH), at)
    if (label and label[0][0] != "[") or _SAID.search(head) or context.named(at):
        return True
    if len(value) < 5:
        return False
    return _of_family(context, value) or bool(context.worded(at, end)) or BODY.match(context.text, end, end + 120) is not None


def _of_family(context: Context, value: str) -> bool:
    """Whether a platform lists codes that begin like this one."""
    return any(spec.families and context.family(name, value) for name, spec in context.words.specs.items())


def _number_points(context: Context, value: str, at: int, end: int, strong: re.Match[str] | None) -> float:
    """How much speaks for a number in a sentence being an error code."""
    text, digits = context.text, len(value.lstrip("-"))
    owners = context.catalog.platforms_of(value)
    head = text[max(0, at - 48) : at]
    if _COUNTED.match(text, end) or text[at - 1 : at] == "#" or text[end : end + 3] == "***" or _FILE_BEFORE.search(head):
        return 0.0
    if digits < 4 and not _short_code(context, value, at, strong):
        return 0.0
    points = min(digits, 8) / 2 if owners else 1.0 + (digits >= 5) * 0.5 + _of_family(context, value)
    points += _label_points(text, head, at, strong, listed=bool(owners), spoken=digits >= 6 and _SPOKEN.match(text, end) is not None)
    if owners:
        if digits >= 4 and told_by_vendor(context, value, at, end):
            points += 4
        if text.strip(_ALONE) == value:
            points += 4
    elif digits >= 5:
        points += 3 * bool(context.worded(at, end)) + 2 * (_NEIGHBOUR.search(head) is not None)
    if digits >= 4 and max(context.clue(name, at) for name in owners or context.words.specs) >= BELIEVED:
        points += 2
    if context.named(at):
        points += 2
    if digits >= 4:
        points += _line_points(context, at, end)
    return points


def _short_code(context: Context, value: str, at: int, strong: re.Match[str] | None) -> bool:
    """Whether a number of up to three digits can be a code: it has a code's label, and it is no HTTP status unless somebody lists it."""
    owners = context.catalog.platforms_of(value)
    if strong is None or not (owners or (len(value) == 3 and not HTTP_STATUS.fullmatch(value))):
        return False
    return _OWN_LABEL.search(strong[0]) is not None or any(context.clue(name, at) >= BELIEVED for name in owners)


def _label_points(text: str, head: str, at: int, strong: re.Match[str] | None, *, listed: bool, spoken: bool) -> float:
    """What the words right before a number say: that it is a code, or that it is something else."""
    if strong and (listed or _CODE_LABEL.search(strong[1])):
        return 5.0
    if strong:
        return 3.0
    if _SAID.search(head):
        return 4.0
    points = 0.0
    label = LABEL.search(text, max(0, at - 48), at)
    if (label is None or label[0][0] == "[") and _OTHER_KEY.search(head):
        return -6.0
    if label:
        points += 2
    elif not spoken and _THING.search(head):
        return -6.0
    elif _WORD_BEFORE.search(head):
        points -= 1
    if text[at - 1 : at] in _QUOTES or text[at - 1 : at] in "([":
        points += 0.5
    return points


def _line_points(context: Context, at: int, end: int) -> float:
    """What stands behind a number and around it on its line: a message, a refusal, somebody who wonders."""
    text, points = context.text, 0.0
    body = BODY.match(text, end, end + 120)
    if body and FAIL_WIDE.search(text, end, end + 120):
        points += 1.5 if FAIL.match(body[0].lstrip(" :,.\"'`)*]-([")) else 1
        if _leads(text, at):
            points += 1
    start, stop = context.line(at)
    line = (max(start, at - 200), min(stop, end + 200))
    if FAIL_WIDE.search(text, *line):
        points += 0.5
    if context.one_line and any(each.search(text) for each in (_WONDERS, _GOES_ON)):
        points += 1
    return points


def _leads(text: str, at: int) -> bool:
    """Whether a place is the first thing on its line, but for marks, a log line's head, or whom the line is for."""
    head = _head(text, at)
    return not head.strip(" \t-*`\"'[(#>·•✗✘✖❌×⚠🚫‼️") or _LOG_HEAD.fullmatch(head) is not None


def _head(text: str, at: int) -> str:
    """What stands before a place on its line, without whom the line is for."""
    return _ADDRESSED.sub("", text[text.rfind("\n", max(0, at - 200), at) + 1 : at])


# ---------------------------------------------------------------- words


def words(context: Context, decided: set[int]) -> Iterable[Mention]:
    """Words of the catalogue (or of a make that it knows) that are told as errors, at places that are not yet `decided`."""
    looked = 0
    for match in TOKEN.finditer(context.text):
        owners = _owners(context, match)
        if not owners:
            continue
        looked += 1
        if looked > MOST_CODES:
            return
        at, end = match.span()
        if at in decided or context.address_at(at) or _held(context, at):
            continue
        points, _, name = max((_word_points(context, each, match), -i, each) for i, each in enumerate(owners))
        if points >= _BELIEVED_CODE and not foreign(context, name, at):
            sure = points >= _SURELY
            yield Mention(name, match[0], at, end, LABELLED if sure else PROSE, "label" if sure else "prose")


def _owners(context: Context, match: re.Match[str]) -> tuple[str, ...]:
    """The platforms that a word can be a code of: they list it, or several of its make, or it looks like one of their codes."""
    word = match[0]
    owners = context.catalog.platforms_of(word) if len(word) >= _WORD_LENGTH else ()
    if not owners and ("_" in word or "." in word or word[-1].isdigit()) and not _FILE.search(word):
        owners = context.known.kindred(word) or (_like_listed(context, match) if "_" in word else ())
    if owners and "_" in word and all(context.clue(name, match.start()) < BELIEVED for name in owners):
        owners += _named_like(context, match)  # a word of the OAuth standard, said by another platform
    return owners


def _named_like(context: Context, match: re.Match[str]) -> tuple[str, ...]:
    """The platforms that are named around a word that has the form of their codes."""
    specs = context.words.specs.items()
    return tuple(
        name for name, spec in specs if spec.word and spec.word.fullmatch(match[0]) and context.clue(name, match.start()) >= BELIEVED
    )


def _like_listed(context: Context, match: re.Match[str]) -> tuple[str, ...]:
    """The platforms whose unlisted code a word can be that is set off from its sentence: believed there, and of a family of theirs."""
    at = match.start()
    if not _set_off(context.text, at, match.end()):
        return ()
    names = [name for name, spec in context.words.specs.items() if spec.may_be(match[0]) and context.clue(name, at) >= BELIEVED]
    return tuple(name for name in names if any(re.fullmatch(family.codes, match[0]) for family in context.catalog.families(name)))


def _word_points(context: Context, name: str, match: re.Match[str]) -> float:
    """How much speaks for a word being an error of this platform."""
    spec, value, text = context.words.specs.get(name), match[0], context.text
    if spec is None or spec.word is None:
        return 0.0
    at, end = match.span()
    if _DENIED.match(text, end):
        return 0.0
    start, stop = context.line(at)
    near = text[max(start, at - 200) : min(stop, end + 60)]
    joined = not _JOINERS.isdisjoint(value) or len(_CAMEL.findall(value)) >= _HUMPS
    refused = spec.refuse is not None and spec.refuse.fullmatch(value) is not None
    common = refused or value in spec.foreign_words or (not joined and value.islower())
    believed = context.clue(name, at) >= BELIEVED or context.sounds_like(name)
    points = 3.0 if joined and not common else 1.0
    points += 2 if believed else -3 if common else 0
    points += len(value) >= _UNMISTAKABLE
    points += 1.5 * (context.named(at) or _opens(text, at) or _set_off(text, at, end))
    points += bool(FAIL_TOKEN.search(near.replace(value, " ")))
    points += 0.5 * (context.one_line or bool(_WONDERS.search(near)))
    points += text[at - 1 : at] in _QUOTES and text[end : end + 1] in _QUOTES
    points += 3 * _says_what_it_needs(context, at, end)
    points += 4 * (text.strip("`\"'*. \n") == value)
    points += "." in value and FAIL.search(text, end, end + 40) is not None
    return points - 2 * (not joined and not _CAMEL.search(value))


def _says_what_it_needs(context: Context, at: int, end: int) -> bool:
    """Whether a scope that is needed is named beside a word: `missing_scope (needed channels:read)`."""
    asked = any(each.role == roles.NEED and each.value for each in context.near(at, NEAR))
    return asked or _NEEDS.match(context.text, end, end + 16) is not None


def _opens(text: str, at: int) -> bool:
    """Whether a word stands where a log line's message begins, or right behind a status: `answered 403 action_prohibited`."""
    return _LOG_HEAD.fullmatch(_head(text, at)) is not None or _STATUS_BEFORE.search(text, max(0, at - 12), at) is not None


def _set_off(text: str, at: int, end: int) -> bool:
    """Whether a word closes its line as an error's name does: `slack auth.test: not_authed`, `… (not_authed)`, alone in quotes."""
    if _CLOSES_LINE.match(text, end) is None:
        return False
    head = _head(text, at).rstrip(" \"'`_*").lstrip(" \t>*")
    return head in ("", "False") or head[-1] in "([" or (head[-1] == ":" and (" " in head or not head[:-1].islower()))


def _held(context: Context, at: int) -> bool:
    """Whether the place is in a list of scopes that one has."""
    head = context.text[max(0, at - _HELD) : at]
    listed = _IN_LIST.search(head)
    return listed is not None and HAVE_LABEL.search(head, max(0, listed.start() - _LABEL_REACH), listed.start()) is not None
