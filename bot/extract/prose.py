"""Codes told in sentences and log lines: numbers with a label or a message, and words of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bot.extract.attribution import LABELLED, MOST_CODES, PROSE, Mention, doubted, foreign, owner, told_by_vendor
from bot.extract.context import BELIEVED, NEAR, Context
from bot.extract.doubt import line_of
from bot.extract.fields import NUMBER, TOKEN, normal
from bot.extract.vocabulary import ASKS, BODY, FAIL, FAIL_TOKEN, FAIL_WIDE, HAVE_LABEL, LABEL, NEED_LABEL, STRONG_LABEL, TROUBLE
from bot.platforms import spec as roles

_OTHER_KEY: Final = re.compile(
    r"[\"'`][\w.-]{1,40}[\"'`]\s{0,4}(?::|=>)\s{0,4}\[?(?:\d{1,10}, ?){0,4}[\"'`]?$|[A-Za-z_\u4e00-\u9fff]\w{0,40}=[\"'`]?$"
)
_CODE_LABEL: Final = re.compile(r"(?i)code|errno|码|代码|编号|号|信息")
_LABEL: Final = 24  # characters between a label and its colon
_OPENS_LIST: Final = re.compile(r"[:=\[]")
_SAID: Final = re.compile(r"报错?[: ]{0,3}$")
_STILL: Final = re.compile(r"(?:还是|依然|依旧|仍然?|又|一直|总是|老是|突然|变成|成了)[了是报: ]{0,3}$")
_COUNTED: Final = re.compile(
    r"(?a)\s?(?:[次条个元人行分块笔秒天岁页]|(?:rows|items|records|times|ms|seconds|minutes|hours|days|bytes|files|lines|users|errors|requests|results|points|[kMG]i?B)\b)"
)
_ADDRESSED: Final = re.compile(r"<@\w{1,40}>|@\S{1,40}|</?\w{1,10}>|^[\w.-]{1,40}\s*\|")  # whom a line is for, or where it comes from
_QUOTES: Final = frozenset("\"'`")
_QUOTED: Final = re.compile(r"[ :,][^\"'`\n]{4,120}[\"'`]")
_SPOKEN: Final = re.compile(r" [A-Z][a-z]+ [^\n]{4,80}")
# What a log line puts before its message: marks, a time, a file and its line.
_LOG_HEAD: Final = re.compile(
    r"[>\s\[(|]*\d{2,4}[-/:]\d\d[-/:.\dTZ ,+]*[\])|]?\s*(?:\[?(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|E|W)\]?\s*)?(?:[\[(][\w.:-]{1,40}[\])]\s*)?(?:[\w./-]+(?:\.\w+:\d+:?|\s-))?[\s|:✗✘✖❌×⚠-]*"
)
# What has numbers of its own.
_THING: Final = re.compile(
    r"(?ai)(?:\b(?:orders?|items?|users?|rows?|lines?|jobs?|tasks?|sessions?|tickets?|messages?|shops?|devices?|students?|keys?|pid|port|threads?|dep(?:t|artment)s?|employees?|parent|nodes?|tracking|sku|barcode|invoice|total|customer|connections?|buckets?|locks?|build|batch|step|"
    r"user_?id|uid|version|room|page|count|offset|size)|订单号?|单号|用户|任务|文件|工单|商品|设备|学号|工号|门店|会话|批次|房间|端口|版本|进程|部门|人员|员工|数量|邮编|单价|第)(?:是|为)?[ #:=]{0,2}$"
)
_WORD_BEFORE: Final = re.compile(r"[a-z\u4e00-\u9fff](?<![是为])(?<!\bis)(?<!\bwas)(?<!\bare) ?$")
_STATUS_BEFORE: Final = re.compile(r"\b[45]\d\d[)\]]?[\s:,\"'`(-]{1,4}$")
_CLOSES_LINE: Final = re.compile(r"[\"'`]?[)\]]?[.!]?[ \t]*(?:\n|$)")
# A question, or a language whose words of trouble we do not know: Japanese, Korean, Cyrillic.
_WONDERS: Final = re.compile(r"\?|吗|是不是|为什么|为啥|怎么|咋|[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff]")
_CLOSING: Final = " \n\"'`)].,!?~了啊呢吗啦。"
_QUOTED_DATA: Final = re.compile(r"[\"'`{}|=]")
_NUMBERS_BEFORE: Final = re.compile(r"\d[ ,]$")
_NAMED_DIGITS: Final = 5
_GOES_ON: Final = re.compile(r"(?i)报|又|一直|还是|\b(?:still|again|keeps?|always|suddenly)\b")
_HARDLY_ELSE: Final = 6  # digits
_NAMED: Final = 8  # letters of a word that the catalogue is asked about
_UNMISTAKABLE: Final = 12  # letters
SENTENCE: Final = 400  # characters of a question, at most
_NEEDS: Final = re.compile(r"(?i)[`\"' (:;,-]{1,6}need(?:ed|s)?\b")
_CAMEL: Final = re.compile(r"[a-z][A-Z]")
_FILE: Final = re.compile(
    r"\.(?:html?|json|ya?ml|toml|xml|md|txt|log|conf|cfg|ini|py|js|ts|jsx|tsx|vue|go|java|kt|php|rb|rs|cs|sh|sql|css|csv|png|jpe?g|svg)$"
)
_HUMPS: Final = 2  # `chatbotNotInstall`: nobody's word
_JOINERS: Final = frozenset("._")


def of_numbers(context: Context, taken: set[int]) -> Iterable[Mention]:
    """Numbers that are told as error codes, at places that are not `taken`."""
    looked = 0
    specs = context.words.specs
    for match in NUMBER.finditer(context.text):
        at, end = match.span()
        if at in taken or context.address_at(at):
            continue
        strong = STRONG_LABEL.search(context.text, max(0, at - 48), at)
        value = match[0]
        if value.startswith("-") and not strong and not context.catalog.platforms_of(value):
            value, at = value[1:], at + 1
        owners = context.catalog.platforms_of(value)
        families = [] if owners else [name for name, each in specs.items() if each.families and context.family(name, value)]
        if not strong and _COUNTED.match(context.text, end):
            continue
        said = not owners and len(value) >= 5 and _SAID.search(context.text, max(0, at - 8), at) is not None
        if not owners and not families and not said and not (strong and _CODE_LABEL.search(strong[1])):
            continue
        looked += 1
        if looked > MOST_CODES:
            return
        grade = _grade(context, value, at, end, strong=strong is not None or said, listed=bool(owners))
        if grade == 0 or doubted(context, at) or context.doubt.listing or context.doubt.enumerated(at, end):
            continue
        label = normal(strong[1]) if strong else ""
        name = owner(context, value, at, label if label in ("errcode", "errno") else "") or next(iter(families), None)
        if name is not None and not specs[name].status_is_code:
            yield Mention(name, value, at, end, grade)


def _grade(context: Context, value: str, at: int, end: int, *, strong: bool, listed: bool) -> int:
    """How surely a number in a sentence is an error code; 0 when it is not."""
    text = context.text
    digits = len(value.lstrip("-"))
    if strong or (listed and text.strip(" \t\n`\"'*()[]#?!.,") == value):
        return LABELLED
    if digits < 4 or text[at - 1 : at] == "#":  # a ticket or a build
        return 0
    if listed and told_by_vendor(context, value, end):
        return LABELLED
    label = LABEL.search(text, max(0, at - 48), at)
    if (label is None or label[0][0] == "[") and _OTHER_KEY.search(text, max(0, at - 48), at):
        return 0  # the value of a field that is no code
    body = BODY.match(text, end, end + 120)
    if label and body and (listed or digits >= 5):
        return LABELLED
    return PROSE if _spoken_of(context, value, at, end, body, label=label is not None, listed=listed) else 0


def _spoken_of(context: Context, value: str, at: int, end: int, body: re.Match[str] | None, *, label: bool, listed: bool) -> bool:
    """Whether the words around a number speak of it as an error."""
    text, digits = context.text, len(value.lstrip("-"))
    if listed and _asked_about(context, value, at, digits):
        return True
    if not label and _of_a_thing(context, value, at):
        return False  # the number of an order
    if (listed or digits >= 5) and (label or (body and _leads(text, at) and FAIL_WIDE.search(text, end, end + 120))):
        return True
    if digits >= 5 and _beside_name(context, value, at, end, listed=listed):
        return True
    return listed and _known_in_sentence(context, value, at, end, body)


def _of_a_thing(context: Context, value: str, at: int) -> bool:
    """Whether a number belongs to the word before it: `item 40035 not found`, `订单 60011 不存在`. Where the platform is named, any word
    but that of a thing that has numbers may as well be followed by a code."""
    head = context.text[max(0, at - 32) : at]
    if _THING.search(head):
        return True
    return not _spoken_for(context, value, at) and _WORD_BEFORE.search(head) is not None


def _asked_about(context: Context, value: str, at: int, digits: int) -> bool:
    """Whether a text of a line or two names a number that is hardly anything else: `长连接 1000040350 了，是不是测试环境也占连接数`."""
    if (
        not context.one_line
        or _THING.search(context.text, max(0, at - 32), at)
        or _NUMBERS_BEFORE.search(context.text, max(0, at - 12), at)
    ):
        return False
    if digits < (_NAMED_DIGITS if _spoken_for(context, value, at) else _HARDLY_ELSE):
        return False
    return any(each.search(context.text) for each in (_WONDERS, FAIL_WIDE, _GOES_ON))


def _alone(context: Context, value: str) -> bool:
    """Whether a line names no other code: who names several speaks about them."""
    others = (match[0] for match in TOKEN.finditer(context.text) if match[0] != value and len(match[0]) >= _NAMED)
    return not any(context.catalog.platforms_of(each) for each in others)


def _screen(context: Context) -> bool:
    """Whether the text is what somebody read off a screen: short, and no data or source code in it."""
    return len(context.text) <= SENTENCE and not _QUOTED_DATA.search(context.text)


def _spoken_for(context: Context, value: str, at: int) -> bool:
    """Whether a platform that lists the number is named around it."""
    return any(context.clue(name, at) >= BELIEVED for name in context.catalog.platforms_of(value))


def _beside_name(context: Context, value: str, at: int, end: int, *, listed: bool) -> bool:
    """Whether a text speaks of a platform and its code: `写表格还是 91403`, `钉钉 33012 无效的USERID`, `飞书一键授权一直 20029`."""
    text = context.text
    spoken_for = max((context.clue(name, at) for name in context.catalog.platforms_of(value)), default=0.0) if listed else 0.0
    if spoken_for > 0 and _STILL.search(text, max(0, at - 8), at):
        return True
    if len(text) > SENTENCE:
        return False
    if spoken_for >= BELIEVED and not text[end:].strip(_CLOSING):
        return True
    return (
        (spoken_for >= BELIEVED or context.named(at)) and FAIL_WIDE.search(text, end, end + 40) is not None and text[end : end + 1] in " :,"
    )


def _known_in_sentence(context: Context, value: str, at: int, end: int, body: re.Match[str] | None) -> bool:
    """A listed code without any label: its message follows, or it closes the message, or its line speaks of a refusal."""
    text, digits = context.text, len(value.lstrip("-"))
    if body and FAIL.match(body[0].lstrip(" :,.\"'`)*]-([")):
        return True
    if body and text[at - 2 : at] == ": " and text[end : end + 1] == ":" and FAIL_WIDE.search(text, end, end + 120):
        return True  # `package: code: message`, as errors are wrapped on their way up
    if text[at - 1 : at] in _QUOTES and (quoted := _QUOTED.match(text, end)) and FAIL_WIDE.search(quoted[0]):
        return True  # `it said "20029 redirect_uri request is invalid"`
    if digits >= 6 and (spoken := _SPOKEN.match(text, end)) and FAIL.search(spoken[0]):
        return True
    start, stop = line_of(text, at)
    line = (max(start, at - 200), min(stop, end + 200))
    closing = text[at - 1 : at] in ("(", "[") and text[end : end + 1] in (")", "]")
    return bool(
        (closing and digits >= 5 and text[end + 1 : end + 2] in _QUOTES and _spoken_for(context, value, at))
        or (closing and FAIL_WIDE.search(text, *line))
        or (digits >= 7 and FAIL.search(text, *line))
        or (digits >= 5 and ASKS.search(text, *line))
    )


def _leads(text: str, at: int) -> bool:
    """Whether a number is the first thing on its line, but for marks, a log line's head, or whom the line is for."""
    head = _head(text, at)
    return not head.strip(" \t-*`\"'[(#>·•✗✘✖❌×⚠🚫‼️") or _LOG_HEAD.fullmatch(head) is not None


def _head(text: str, at: int) -> str:
    """What stands before a place on its line, without whom the line is for."""
    return _ADDRESSED.sub("", text[text.rfind("\n", max(0, at - 200), at) + 1 : at])


def of_tokens(context: Context) -> Iterable[Mention]:
    """Words of the catalogue (or of a make that it knows) that are told as errors."""
    looked = 0
    for match in TOKEN.finditer(context.text):
        owners = _owners(context, match)
        if not owners:
            continue
        looked += 1
        if looked > MOST_CODES:
            return
        at, end = match.span()
        name = next((each for each in owners if _token_of(context, each, match)), None)
        if name and not foreign(context, name, at) and not context.address_at(at) and not doubted(context, at) and not _had(context, at):
            yield Mention(name, match[0], at, end, LABELLED)


def _owners(context: Context, match: re.Match[str]) -> tuple[str, ...]:
    """The platforms that a word can be a code of: they list it, or several of its make, or it looks like one of their codes."""
    word = match[0]
    owners = context.catalog.platforms_of(word) if len(word) >= _NAMED else ()
    if not owners and ("_" in word or "." in word or word[-1].isdigit()) and not _FILE.search(word):
        owners = context.known.kindred(word) or (_like_listed(context, match) if "_" in word else ())
    return owners


def _like_listed(context: Context, match: re.Match[str]) -> tuple[str, ...]:
    """The platforms whose unlisted code a word can be that closes its line: believed there, and of a family of theirs."""
    at = match.start()
    if not _set_off(context.text, at, match.end()):
        return ()
    names = [name for name, spec in context.words.specs.items() if spec.may_be(match[0]) and context.clue(name, at) >= BELIEVED]
    return tuple(name for name in names if any(re.fullmatch(family.codes, match[0]) for family in context.catalog.families(name)))


def _token_of(context: Context, name: str, match: re.Match[str]) -> bool:
    """Whether a word of the catalogue is told as an error of this platform here."""
    spec, value = context.words.specs.get(name), match[0]
    if spec is None or spec.word is None or not spec.word.fullmatch(value) or (spec.refuse and spec.refuse.fullmatch(value)):
        return False
    at, end = match.span()
    start, stop = line_of(context.text, at)
    near = context.text[max(start, at - 200) : min(stop, end + 60)]
    joined = not _JOINERS.isdisjoint(value) or len(_CAMEL.findall(value)) >= _HUMPS
    common = value in spec.foreign_words or (not joined and value.islower())
    believed = context.clue(name, at) >= BELIEVED
    if (joined or _CAMEL.search(value)) and believed and (context.named(at) or _opens(context.text, at) or _set_off(context.text, at, end)):
        return True
    if (common or not joined) and not (believed and FAIL_TOKEN.search(near)):
        return False
    if joined and not common and context.one_line and (believed or len(value) >= _UNMISTAKABLE) and _alone(context, value):
        return True
    if joined and not common and len(value) >= _UNMISTAKABLE and _screen(context) and TROUBLE.search(context.lower):
        return True
    told = FAIL_TOKEN.search(near.replace(value, " ")) or context.doubt.result(at) or (joined and _says_what_it_needs(context, at, end))
    return bool(told) or _plain(context, value, end, believed=believed)


def _says_what_it_needs(context: Context, at: int, end: int) -> bool:
    """Whether a scope that is needed is named beside a word: `missing_scope (needed channels:read)`."""
    asked = any(each.role == roles.NEED and each.value for each in context.near(at, NEAR))
    return asked or _NEEDS.match(context.text, end, end + 16) is not None


def _plain(context: Context, value: str, end: int, *, believed: bool) -> bool:
    """Whether a word needs no words of failure: it is all that was pasted, somebody wonders about it, or its own message follows."""
    if context.text.strip("`\"'*. \n") == value or (believed and len(context.text) <= SENTENCE and _WONDERS.search(context.text)):
        return True
    return "." in value and FAIL.search(context.text, end, end + 40) is not None


def _opens(text: str, at: int) -> bool:
    """Whether a word stands where a log line's message begins, or right behind a status: `answered 403 action_prohibited`."""
    return _LOG_HEAD.fullmatch(_head(text, at)) is not None or _STATUS_BEFORE.search(text, max(0, at - 12), at) is not None


def _set_off(text: str, at: int, end: int) -> bool:
    """Whether a word closes its line as an error's name does: `slack auth.test: not_authed`, `… (not_authed)`, alone in quotes."""
    if _CLOSES_LINE.match(text, end) is None:
        return False
    head = _head(text, at).rstrip(" \"'`").lstrip(" \t>*")
    return head in ("", "False") or head[-1] in "([" or (head[-1] == ":" and (" " in head or not head[:-1].islower()))


def _had(context: Context, at: int) -> bool:
    """Whether the place is in a list of scopes that one has."""
    head = context.text[max(0, at - 120) : at]
    return (
        any(_OPENS_LIST.search(head, label.end(), label.end() + _LABEL) for label in HAVE_LABEL.finditer(head))
        and NEED_LABEL.search(head) is None
    )
