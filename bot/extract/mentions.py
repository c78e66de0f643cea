"""Which numbers and words of a context are platform codes: where a vendor puts them, in fields, in messages; then in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from bot.extract.attribution import LABELLED, MOST_CODES, STRUCTURED, Mention, doubted, foreign, owner, word_owner
from bot.extract.context import BELIEVED, NEAR, Context
from bot.extract.fields import Address, Pair, normal
from bot.extract.prose import SENTENCE, of_numbers, of_tokens
from bot.extract.vocabulary import FAIL_WIDE, WRAPPER
from bot.platforms import spec as roles

_CLASS: Final = re.compile(r"(?i)(?:error|exception)$")  # the name of an exception's class
_INNER: Final = re.compile(r"(?i)inner_? ?error[\"']?\s?: ?\{\s*[\"']?$")
_WELL: Final = re.compile(r"(?i)success(?:ful(?:ly)?)?|ok|[^\n]{0,12}成功[!。]?|done")
_WELL_REACH: Final = 80  # characters
_INNER_REACH: Final = 40  # characters
_MESSAGE_LEAD: Final = re.compile(
    r"\s{0,4}[\"'\[]?(\d{4,10}|[A-Za-z]\w{1,40}(?:\.\w{1,40}){1,5})[\])\"']?(?: ?([,:]) ?[^\s\d]| (?=[A-Za-z\u4e00-\u9fff]))"
)


def codes(context: Context) -> list[Mention]:
    """Every platform code of the context, in order."""
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
    taken = {each.start for each in context.pairs if each.role != roles.CODE}
    for code in (*islice(of_numbers(context, taken | found.keys()), MOST_CODES), *islice(of_tokens(context), MOST_CODES)):
        found.setdefault(code.at, code)
    strong = {code.platform for code in found.values() if not _is_weak(context, code)}
    return [found[at] for at in sorted(found) if found[at].platform not in strong or not _is_weak(context, found[at])]


def _is_weak(context: Context, code: Mention) -> bool:
    weak = context.words.specs[code.platform].weak
    return weak is not None and weak.fullmatch(code.value) is not None


# ---------------------------------------------------------------- where a vendor puts them


def _of_addresses(context: Context) -> Iterable[Mention]:
    for each in context.addresses:
        told = _of_callback(context, each)
        if told and not context.doubt.source(each.start):
            for name, value in told:
                at = max(context.text.find(value, each.start, each.end), each.start)
                yield Mention(name, value, at, each.end, STRUCTURED, sub=value != told[0][1])
        for name, spec in context.words.specs.items():
            if each.host not in spec.brands or spec.number is None:
                continue
            value = each.query.get("code") or each.query.get("e") or each.query.get("error_code") or ""
            asked = "search" in each.path or "query" in each.path or "error" in each.path
            if asked and spec.number.fullmatch(value) and not context.doubt.source(each.start):
                yield Mention(name, value, max(context.text.find(value, each.start, each.end), each.start), each.end, STRUCTURED)


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
    for name, each in context.words.patterns:
        if each.trigger not in context.lower:
            continue
        for match in islice(each.regex.finditer(context.text), MOST_CODES):
            groups = match.groupdict()
            for group in ("code", "sub_code"):
                value = groups.get(group)
                if not value or context.doubt.enumerated(*match.span(group)):
                    continue
                if not doubted(context, match.start()) and not foreign(context, name, match.start()):
                    yield Mention(name, value, *match.span(group), STRUCTURED, group == "sub_code")


def _of_pair(context: Context, pair: Pair) -> Mention | None:
    value = pair.value.strip().strip("'\"")
    cut = pair.kind == "string" and context.text[pair.end : pair.end + 1] not in "\"'`"  # the value may be a part only
    if not value or cut or pair.kind in ("object", "list") or len(value) > 120:
        return None
    if WRAPPER.fullmatch(value) and not ("_" in value and context.catalog.platforms_of(value)):
        return None
    if context.address_at(pair.at) or context.doubt.fixture or context.written(pair.start):
        return None
    if value.lstrip("-").isdigit() and value.isascii():
        return _number_pair(context, pair, value)
    if pair.kind == "word" and len(context.text) <= SENTENCE and context.doubt.talk:
        return None  # `(last error: ratelimited)` in a sentence
    name = word_owner(context, value, pair.start, pair.key)
    sub = pair.role == roles.SUB_CODE or _INNER.search(context.text, max(0, pair.at - _INNER_REACH), pair.at) is not None
    return Mention(name, value, pair.start, pair.end, STRUCTURED, sub, pair.key) if name else None


def _number_pair(context: Context, pair: Pair, value: str) -> Mention | None:
    success = not value.strip("-0") or (pair.key == "result" and value == "1") or _went_well(context, pair, value)
    status = pair.role == roles.STATUS and not (pair.key == "statuscode" and len(value) >= 5)  # no HTTP status is that long
    if success or (status and context.clue("github", pair.start) < BELIEVED):
        return None
    name = owner(context, value, pair.start, pair.key)
    if name is None or context.doubt.enumerated(pair.start, pair.end):
        return None
    told = any(each.role in (roles.MESSAGE, roles.FLAG, roles.REQUEST_ID) and each is not pair for each in context.near(pair.start, NEAR))
    if not told and context.doubt.talk:
        return None
    return Mention(name, value, pair.start, pair.end, STRUCTURED if told else LABELLED, pair.role == roles.SUB_CODE, pair.key)


def _went_well(context: Context, pair: Pair, value: str) -> bool:
    """Whether a number that nobody lists has a message of success beside it: `"code":"10000","msg":"业务处理成功"`."""
    beside = [each for each in context.near(pair.start, _WELL_REACH) if each.role == roles.MESSAGE and each.value]
    return bool(beside) and not context.catalog.platforms_of(value) and all(_WELL.fullmatch(each.value.strip()) for each in beside)


def _of_message(context: Context, pair: Pair) -> Mention | None:
    """The code that a message begins with: `errorMsg: "chat.coolApp.notInstalled:…"`, `errorMessage: 52013, …`, `"99991662 app not in use"`."""
    lead = _MESSAGE_LEAD.match(context.text, pair.start, pair.end)
    if lead is None or doubted(context, pair.start):
        return None
    value, at = lead[1], lead.start(1)
    name = None
    if value.isdigit():
        if lead[2] or (context.catalog.platforms_of(value) and FAIL_WIDE.search(context.text, lead.end(), lead.end() + 120)):
            name = owner(context, value, at, "")
    elif lead[2] and not _CLASS.search(value):
        name = next((each for each, spec in context.words.specs.items() if spec.may_be(value) and context.clue(each, at) >= BELIEVED), None)
    return Mention(name, value, at, lead.end(1), STRUCTURED) if name else None
