"""From codes to errors: which codes tell the same one, and what can be said where no code stands."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from bot.extract.attributes import Attributes, request_ids
from bot.extract.attribution import LABELLED, PROSE, STRUCTURED, Mention, strange
from bot.extract.context import BELIEVED, NAME, NEAR, Context
from bot.extract.doubt import line_of, went_well
from bot.extract.draft import Draft
from bot.extract.mentions import codes
from bot.extract.needed_scopes import namesake
from bot.extract.prose import SENTENCE
from bot.extract.vocabulary import FAIL, HTTP, MACHINERY, REFUSAL, REPORT, TRACE, TROUBLE
from bot.platforms import spec as roles

_MISSING: Final = re.compile(
    r"(?i)insufficient|not granted|denied|missing[ _](?:required )?scopes?|required scopes?|\blacks?\b|permission_violations|缺少|未开通|未申请|权限不足|无权限|没有"
)
_BESIDE: Final = 200  # characters
_CODE_BEFORE: Final = re.compile(r"(?<![\w.-])(-?\d{4,10})[ :,\"'`\])]{1,4}$")
_SAYS_WHOSE: Final = 30  # letters of a message that tell whose it is where only a hint of the platform stands beside it
_NONE_OF: Final = re.compile(r"(?<![\d.,])(?:0|no|zero) $")  # `0 rate limited`
_OWN_CODE: Final = 60  # characters around a wording in which the code that it belongs to is its own
_FINER_REACH: Final = 500  # characters
_ASKING: Final = re.compile(r"[?？]|帮|看下|看看|查|help|look")
_REFUSED: Final = re.compile(r"[45]\d\d")
_ID_LABEL: Final = re.compile(r"(?i)log_?id|日志|request_?id|trace_?id")


def read(context: Context) -> list[Draft]:
    """The errors of one context, in the order in which they stand there."""
    found = codes(context)
    drafts = _cluster(context, found) if found else _codeless(context)
    if drafts:
        Attributes(context, drafts).fill()
        for draft in drafts:
            _name_by_wording(context, draft)
    return drafts


def _cluster(context: Context, codes: list[Mention]) -> list[Draft]:
    drafts: list[Draft] = []
    for code in codes:
        chain = context.brackets.around(code.at)
        common = context.words.specs[code.platform].foreign_words
        home = next((each for each in reversed(drafts[-6:]) if _together(each, code, chain) or _finer(each, code, common)), None)
        if home is None:
            home = Draft(code.platform, start=code.at, end=code.end, chain=chain)
            drafts.append(home)
        if code.value not in home.codes:
            home.codes.append(code.value)
            if code.sub:
                home.subs.append(code.value)
        home.keys.add(code.key)
        home.end = max(home.end, code.end)
        home.strength = max(home.strength, code.strength)
    return drafts


def _name_by_wording(context: Context, draft: Draft) -> None:
    """A code nobody listed may still come with a wording that somebody did."""
    listed = [each for each in draft.codes if context.catalog.entry(draft.platform, each)]
    if not listed and "errno" in context.lower:
        named = next((each for each in draft.codes if context.catalog.entry(draft.platform, f"errno:{each}")), None)
        if named is not None:
            draft.hints["entry"] = f"errno:{named}"
    if draft.codes and not listed and "entry" not in draft.hints:
        _from_phrases(context, {draft.platform: draft}, _spoken(context), trouble=True)


def _together(draft: Draft, code: Mention, chain: tuple[int, ...]) -> bool:
    if draft.platform != code.platform or code.at - draft.end > 1200:
        return False
    if code.value in draft.codes and code.at - draft.end < 160 and "\n" not in draft.codes:
        return draft.chain == chain and bool(chain)
    if code.sub or (draft.subs and len(draft.codes) == len(draft.subs)):
        return code.at - draft.end < 500
    if chain == draft.chain and (code.key in draft.keys if code.key else draft.strength < STRUCTURED > code.strength):
        return False  # an object has a key once: two errors told within one text
    shorter = min(len(chain), len(draft.chain))
    return shorter > 0 and chain[:shorter] == draft.chain[:shorter]


def _finer(draft: Draft, code: Mention, common: frozenset[str]) -> bool:
    """Whether a field tells finer what was said before it with a word that every system uses: `PERMISSION_DENIED: … { reason: 'BILLING_DISABLED' }`."""
    if draft.platform != code.platform or not code.key or code.at - draft.end > _FINER_REACH:
        return False
    return draft.keys == {""} and code.value not in common and all(each in common for each in draft.codes)


# ---------------------------------------------------------------- without a code


def _codeless(context: Context) -> list[Draft]:
    if context.doubt.fixture or context.doubt.listing:
        return []
    found: dict[str, Draft] = {}
    failed = any(
        (each.role == roles.FLAG and each.value.lower() == "false") or (each.role == roles.CODE and _REFUSED.fullmatch(each.value))
        for each in context.pairs
    )
    worked = not failed and any(
        (each.role == roles.FLAG and each.value.lower() == "true") or (each.role == roles.CODE and each.value in ("0", "success", "ok"))
        for each in context.pairs
    )
    _from_addresses(context, found)
    if worked and not found:
        return []
    spoken = _spoken(context)
    if spoken and not context.doubt.talk:
        _from_phrases(context, found, spoken, trouble=failed or _troubled(context) or context.one_line)
    if not found and len(context.text) <= SENTENCE and not context.doubt.talk:
        _from_messages(context, found)
    if not found:
        _from_scopes(context, found)
        if not found and (failed or _troubled(context)):
            _from_trouble(context, found)
        if found and context.doubt.talk:  # asked late: it is the dearest question, and most windows hold nothing to doubt
            found.clear()
    if not found:
        _from_ids(context, found, failed=failed)
    return list(found.values())


def _troubled(context: Context) -> bool:
    """Whether the text has words of trouble, or an HTTP status that tells of a refusal."""
    return TROUBLE.search(context.lower) is not None or _refused_status(context) is not None


def _refused_status(context: Context) -> re.Match[str] | None:
    """An HTTP status that tells of a refusal."""
    return next((each for each in HTTP.finditer(context.lower) if (each[1] or each[2])[0] in "45"), None)


def _from_addresses(context: Context, found: dict[str, Draft]) -> None:
    for address in context.addresses:
        for name, spec in context.words.specs.items():
            if (
                address.host not in spec.brands
                or spec.ask_path is None
                or not spec.ask_path.search(address.path)
                or context.doubt.source(address.start)
            ):
                continue
            if not any(address.query.get(key, "").strip("<>.") for key in spec.ask_keys):
                continue
            found.setdefault(name, Draft(name, start=address.start, end=address.end, strength=STRUCTURED))


def _spoken(context: Context) -> list[tuple[int, list[tuple[str, str, str]]]]:
    """Where a wording of the catalogue stands, in order: the place, and the wordings (longest first), each with its platform and entry."""
    lower = context.lower
    spoken: list[tuple[int, list[tuple[str, str, str]]]] = []
    for head, listed in context.known.phrases.items():
        at = lower.find(head)
        while at >= 0:
            here = [each for each in listed if lower.startswith(each[0], at)]
            if here:
                spoken.append((at, here))
            at = lower.find(head, at + 1)
    return sorted(spoken)


def _from_phrases(
    context: Context, found: dict[str, Draft], spoken: list[tuple[int, list[tuple[str, str, str]]]], *, trouble: bool
) -> None:
    best: tuple[float, int, str, str, str] | None = None
    for at, here in spoken:
        for phrase, name, key in here:
            weight = sum(1 if sign.isascii() else 2.5 for sign in phrase)
            clue = context.clue(name, at)
            rival = max((context.clue(other, at) for other in context.words.specs if other != name), default=0.0)
            if strange(context, name, at) or _NONE_OF.search(context.lower, max(0, at - 6), at):
                continue
            if (weight < 14 and not (trouble and clue >= 3)) or (rival > clue + 1 and weight < 40) or context.written(at):
                continue
            if not trouble and weight < 24 and not FAIL.search(phrase):
                continue
            if name in found:
                found[name].hints.setdefault("entry", key)
            score = weight + 4 * clue - 4 * rival
            if best is None or score > best[0]:
                best = (score, at, phrase, name, key)
            break
    if best is not None and best[3] not in found and not found:
        _, at, phrase, name, key = best
        told = [each.value for each in context.near(at, NEAR) if each.role == roles.CODE and context.words.specs[name].may_be(each.value)]
        before = _CODE_BEFORE.search(context.text, max(0, at - 16), at)
        if before:
            told.append(before[1])
        entry = context.catalog.entry(name, key)
        if (
            entry
            and entry.code_shown
            and re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", context.text[max(0, at - _OWN_CODE) : at + _OWN_CODE])
        ):
            told.append(key)
        listed = [each for each in dict.fromkeys(told) if context.catalog.entry(name, each)]
        found[name] = Draft(name, codes=listed, start=at, end=at + len(phrase), strength=LABELLED, hints={"entry": key})


def _from_messages(context: Context, found: dict[str, Draft]) -> None:
    """Somebody names a platform and quotes what it says with one of its codes, without the code."""
    middle = len(context.text) // 2
    clue, name = max((context.clue(name, middle), name) for name in context.words.specs)
    if clue == 0.0:
        return
    least = 0 if clue >= NAME else _SAYS_WHOSE
    said = max((each for each in context.catalog.messages(name) if len(each) >= least and each in context.lower), key=len, default=None)
    if said is not None and not context.written(at := context.lower.index(said)):
        entry = context.catalog.messages(name)[said]
        found[name] = Draft(name, start=at, end=at + len(said), strength=LABELLED, hints={"entry": entry})


def _from_scopes(context: Context, found: dict[str, Draft]) -> None:
    """A known scope named as missing, with words of refusal, is an error even when nothing else stands there."""
    for name, spec in context.words.specs.items():
        if spec.scope is None or not spec.scope_anywhere:
            continue
        for match in spec.scope.finditer(context.text):
            head = context.text[max(0, match.start() - 120) : match.start()]
            if not namesake(context, name, match[0]) or context.doubt.source(match.start()):
                continue
            if _MISSING.search(head):
                found[name] = Draft(name, start=match.start(), end=match.end(), strength=LABELLED)
                return


def _from_trouble(context: Context, found: dict[str, Draft]) -> None:
    """No code and no known wording, but words of trouble and of refusal near a word that names the platform."""
    text = context.text
    best: tuple[tuple[bool, float], str, int] | None = None
    traced = TRACE.search(text) is not None
    if _machinery_in_trace(context) if traced else REPORT.search(text) is None:
        return
    status = _refused_status(context)
    for match in [*islice(TROUBLE.finditer(context.lower), 40), *([status] if status else [])]:
        if context.written(match.start()):
            continue
        start, end = line_of(text, match.start())
        if _of_machinery(context, start, end, traced=traced):
            continue
        around = text[start : min(len(text), end + 300)]
        if not REFUSAL.search(around) and not HTTP.search(around.lower()) and not (traced and "access_token" in context.lower):
            continue
        scores = sorted(((context.clue(name, match.start()), name) for name in context.words.specs), reverse=True)
        (score, name), (rival, _) = scores[:2]
        # A name near the trouble speaks for itself; one far from it only when no other is named at all.
        rank = (REFUSAL.search(text, start, end) is not None, score)
        if (score >= 4 or (score >= BELIEVED and rival == 0)) and (best is None or rank > best[0]):
            best = (rank, name, match.start())
    if best is not None and (traced or not context.doubt.mostly_source()):
        start, end = line_of(text, best[2])
        found[best[1]] = Draft(best[1], start=start, end=end, strength=PROSE)


def _machinery_in_trace(context: Context) -> bool:
    """Whether what a trace says, and not the source code that it quotes, is told of a database, a disk and the like."""
    return any(MACHINERY.search(line) for line in context.lower[:20_000].split("\n") if line[:1] not in (" ", "\t"))


def _of_machinery(context: Context, start: int, end: int, *, traced: bool) -> bool:
    """Whether the trouble of a line is told of a database, a disk and the like: on the line or, outside a trace, around it."""
    lower = context.lower
    if MACHINERY.search(lower, start, end):
        return True
    return not traced and "://" not in lower[start:end] and MACHINERY.search(lower, max(0, start - _BESIDE), end + _BESIDE) is not None


def _from_ids(context: Context, found: dict[str, Draft], *, failed: bool) -> None:
    """A log id or request id that is all, or nearly all, that was pasted."""
    if not context.whole:
        return
    text = context.text.strip()
    asks = failed or _ASKING.search(text) is not None or _troubled(context)
    for name, spec in context.words.specs.items():
        for at, end, value in request_ids(context, spec):
            rest = len(text) - len(value)
            if rest > 200 or went_well(text.replace(value, " ")) or context.doubt.source(at):
                continue
            labelled = end - at != len(text) and _ID_LABEL.search(context.text, max(0, at - 40), at) is not None
            if context.clue(name, at) < 3 and not (spec.id_bare and spec.id_bare.fullmatch(value)):
                continue
            if (rest <= 60 and "{" not in text) or (rest <= 200 and asks and (labelled or context.clue(name, at) >= 3)):
                found.setdefault(name, Draft(name, start=at, end=end, strength=PROSE))
                return
