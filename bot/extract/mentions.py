"""Every platform code of a window: where a vendor puts it (fields, addresses, its own forms, the head of a message), then in sentences.

A label beats a shape: what stands in a code field is a code in any form, unless it is the platform's own sign of success, a wrapper's value
or an HTTP status. Nothing here asks whether the text reports an error or talks about one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from bot.extract.attribution import HTTP_STATUS, Owner, foreign, number_owner, strange, word_owner
from bot.extract.context import BELIEVED, NAME, NEAR, Context
from bot.extract.draft import LABELLED, PROSE, STRUCTURED, Mention
from bot.extract.fields import Address, Pair, normal
from bot.extract.prose import MOST_CODES, numbers, words
from bot.extract.vocabulary import FAIL_WIDE, WRAPPER
from bot.patterns import lazy
from bot.platforms import spec as roles

_ASKED_KEYS: Final = ("code", "e", "error_code", "status_code", "err_code", "errcode", "errno")  # of a link that explains a code
_CLASS: Final = lazy(r"(?i)(?:error|exception)$")  # the name of an exception's class
_INNER: Final = lazy(r"(?i)inner_? ?error[\"']?\s?: ?\{\s*[\"']?$")
_INNER_REACH: Final = 40  # characters
_WELL: Final = lazy(r"(?i)success(?:ful(?:ly)?)?|ok|[^\n]{0,12}成功[!。]?|done")
_WELL_REACH: Final = 80  # characters
_MOST_CODE: Final = 120  # characters
_MESSAGE_LEAD: Final = lazy(
    r"\s{0,4}[\"'\[]?(\d{4,10}|[A-Za-z]\w{1,40}(?:\.\w{1,40}){1,5})[\])\"']?(?: ?([,:]) ?[^\s\d]| (?=[A-Za-z\u4e00-\u9fff]))"
)
_MESSAGE_CODE: Final = lazy(r"\d{4,6}[,:]")
_HARDLY_ELSE: Final = 5  # digits
_LED: Final = lazy(r"(-?\d{1,10})(?:$|\.0$|[-:,;]\s?[^\d\s])", re.A)  # a number, alone or before its message
_STATUS_DIGITS: Final = 3
_IN_FILE: Final = lazy(r"(?:\.[a-z]{1,5}:|\w\()$")  # `log.py:error:15`, `Log(error:45)`
_FILE_REACH: Final = 12


def mentions(context: Context) -> list[Mention]:
    """Every platform code of the window, in order."""
    found: dict[int, Mention] = {}
    for code in (*_of_addresses(context), *_of_patterns(context)):
        found.setdefault(code.at, code)
    for pair in context.pairs:
        if len(found) >= MOST_CODES:
            break
        if pair.role in (roles.CODE, roles.SUB_CODE, roles.STATUS) and pair.start not in found:
            mine = _of_pair(context, pair)
            if mine is not None:
                found[mine.at] = mine
        elif pair.role == roles.MESSAGE:
            mine = _of_message(context, pair)
            if mine is not None:
                found.setdefault(mine.at, mine)
    # A field whose role is another one is no code; a field that might be one may still be read as a sentence.
    taken = {each.start for each in context.pairs if each.role not in (roles.CODE, roles.MESSAGE)}
    decided = {each.start for each in context.pairs if each.role in (roles.CODE, roles.SUB_CODE) and each.kind == "string"}
    for code in (*islice(numbers(context, taken | found.keys()), MOST_CODES), *islice(words(context, decided), MOST_CODES)):
        found.setdefault(code.at, code)
    owned = _owned(found)
    strong = {code.platform for code in owned if not _is_weak(context, code)}
    return [code for code in owned if code.platform not in strong or not _is_weak(context, code)]


def _owned(found: dict[int, Mention]) -> list[Mention]:
    """The mentions in order. One without a platform takes that of all the others, if they have but one; a mere guess needs to be the only one."""
    if any(code.evidence != "guess" for code in found.values()):
        found = {at: code for at, code in found.items() if code.evidence != "guess"}
    platforms = {code.platform for code in found.values() if code.platform}
    only = platforms.pop() if len(platforms) == 1 else ""
    codes = (found[at] for at in sorted(found))
    return [code if code.platform else replace(code, platform=only) for code in codes if code.platform or only]


def _is_weak(context: Context, code: Mention) -> bool:
    weak = context.words.specs[code.platform].weak
    return weak is not None and weak.fullmatch(code.value) is not None


def _of_addresses(context: Context) -> Iterable[Mention]:
    for each in context.addresses:
        told = _of_callback(context, each)
        for name, value in told:
            at = max(context.text.find(value, each.start, each.end), each.start)
            yield Mention(name, value, at, each.end, STRUCTURED, "field", sub=value != told[0][1])
        for name, spec in context.words.specs.items():
            if each.host not in spec.brands or spec.number is None:
                continue
            value = next((each.query[key] for key in _ASKED_KEYS if each.query.get(key)), "")
            asked = "search" in each.path or "query" in each.path or "error" in each.path
            if asked and spec.number.fullmatch(value):
                yield Mention(name, value, max(context.text.find(value, each.start, each.end), each.start), each.end, STRUCTURED, "field")


def _of_callback(context: Context, address: Address) -> list[tuple[str, str]]:
    """What an OAuth callback was given (`?error=access_denied`, `?result=100200106&error=…`): each code with its platform."""
    given = [value for key, value in address.query.items() if context.words.roles.get(normal(key)) == roles.CODE]
    word = address.query.get("error", "")
    if not word or word.isdigit():
        return []
    owners = [
        name for value in (word, *given) for name in context.catalog.platforms_of(value) if context.clue(name, address.start) >= BELIEVED
    ]
    if not owners:
        return []
    return [(owners[0], value) for value in dict.fromkeys((word, *given)) if owners[0] in context.catalog.platforms_of(value)]


def _of_patterns(context: Context) -> Iterable[Mention]:
    """Codes in a vendor's own forms (`Spec.patterns`)."""
    for name, each in context.words.patterns:
        if each.trigger not in context.lower:
            continue
        for match in islice(each.regex.finditer(context.text), MOST_CODES):
            groups = match.groupdict()
            for group in ("code", "sub_code"):
                value = groups.get(group)
                if value and not foreign(context, name, match.start()):
                    grade = (LABELLED, "label") if each.bare else (STRUCTURED, "field")
                    yield Mention(name, value, *match.span(group), *grade, group == "sub_code")


def _of_pair(context: Context, pair: Pair) -> Mention | None:
    value = pair.value.strip().strip("'\"")
    cut = pair.kind == "string" and context.text[pair.end : pair.end + 1] not in "\"'`"  # the value may be a part only
    if not value or cut or pair.kind in ("object", "list") or len(value) > _MOST_CODE or context.address_at(pair.at):
        return None
    if WRAPPER.fullmatch(value) and not ("_" in value and context.catalog.platforms_of(value)):
        return None
    led = _LED.match(value)
    if led:
        return _number_pair(context, pair._replace(end=pair.start + led.end(1)), led[1])
    name = word_owner(context, value, pair.start, pair.key)
    sub = pair.role == roles.SUB_CODE or _INNER.search(context.text, max(0, pair.at - _INNER_REACH), pair.at) is not None
    return Mention(name, value, pair.start, pair.end, STRUCTURED, "field", sub, pair.key) if name else None


def _number_pair(context: Context, pair: Pair, value: str) -> Mention | None:
    success = not value.strip("-0") or (pair.key == "result" and value == "1") or _went_well(context, pair, value)
    status = pair.role == roles.STATUS and not (pair.key == "statuscode" and len(value) > _STATUS_DIGITS)
    if (
        success
        or status
        or _IN_FILE.search(context.text, max(0, pair.at - _FILE_REACH), pair.at)
        or context.text[pair.end : pair.end + 3] == "***"
    ):
        return None
    owner = _owner_of_field(context, pair, value)
    if owner is None:
        return None
    if len(value) == 1 and any(_MESSAGE_CODE.match(each.value) for each in context.near(pair.start, _WELL_REACH)):
        return None  # the wrapper of the code that the message begins with
    told = any(each.role in (roles.MESSAGE, roles.FLAG, roles.REQUEST_ID) and each is not pair for each in context.near(pair.start, NEAR))
    strength, evidence = (STRUCTURED, "field") if told else (LABELLED, "label")
    if not owner.sure:
        strength, evidence = PROSE, "prose"
    return Mention(owner.platform, value, pair.start, pair.end, strength, evidence, pair.role == roles.SUB_CODE, pair.key)


def _owner_of_field(context: Context, pair: Pair, value: str) -> Owner | None:
    """Whose the number in a code field is: what lists or knows it, else the platform that is plainly named around it."""
    owner = number_owner(context, value, pair.start, pair.key)
    if owner is not None or HTTP_STATUS.fullmatch(value) or pair.key in ("type", "reason", "error", "result"):
        return owner
    if len(value) < 2 and pair.key not in ("errorcode", "errcode", "errno"):
        return None  # a process's exit code
    clue, name = max((context.clue(name, pair.start), name) for name, spec in context.words.specs.items() if not spec.status_is_code)
    if clue >= BELIEVED and not strange(context, name, pair.start):
        return Owner(name, sure=True)
    return Owner(context.guess, sure=False) if len(value) >= _HARDLY_ELSE and context.guess else None


def _went_well(context: Context, pair: Pair, value: str) -> bool:
    """Whether a number that nobody lists has a message of success beside it: `"code":"10000","msg":"业务处理成功"`."""
    beside = [each for each in context.near(pair.start, _WELL_REACH) if each.role == roles.MESSAGE and each.value]
    return bool(beside) and not context.catalog.platforms_of(value) and all(_WELL.fullmatch(each.value.strip()) for each in beside)


def _of_message(context: Context, pair: Pair) -> Mention | None:
    """The code that a message begins with: `errorMsg: "chat.coolApp.notInstalled:…"`, `errorMessage: 52013, …`, `"99991662 app not in use"`."""
    whole = next(
        (each for each, spec in context.words.specs.items() if spec.may_be(pair.value) and context.clue(each, pair.start) >= NAME), None
    )
    if whole is not None:
        return Mention(whole, pair.value, pair.start, pair.end, STRUCTURED, "field")
    lead = _MESSAGE_LEAD.match(context.text, pair.start, pair.end)
    if lead is None:
        return None
    value, at = lead[1], lead.start(1)
    name = None
    if value.isdigit():
        if lead[2] or (context.catalog.platforms_of(value) and FAIL_WIDE.search(context.text, lead.end(), lead.end() + 120)):
            owner = number_owner(context, value, at, "")
            name = owner.platform if owner else None
    elif lead[2] and not _CLASS.search(value):
        name = next((each for each, spec in context.words.specs.items() if spec.may_be(value) and context.clue(each, at) >= BELIEVED), None)
    return Mention(name, value, at, lead.end(1), STRUCTURED, "field") if name else None
