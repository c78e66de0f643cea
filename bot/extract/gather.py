"""From codes to errors: which codes tell the same one, and what can be said where no code stands."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from bot.extract import spec as roles
from bot.extract.belongings import Belongings, request_ids
from bot.extract.codes import codes
from bot.extract.doubt import line_of, went_well
from bot.extract.owners import LABELLED, PROSE, STRUCTURED, Code, strange
from bot.extract.records import Record
from bot.extract.scopes import namesake
from bot.extract.sentences import SENTENCE
from bot.extract.window import BELIEVED, NAME, NEAR, Window
from bot.extract.words import FAIL, HTTP, MACHINERY, REFUSAL, REPORT, TRACE, TROUBLE

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


def read(window: Window) -> list[Record]:
    """The errors of one window, in the order in which they stand there."""
    found = codes(window)
    records = _cluster(window, found) if found else _codeless(window)
    if records:
        Belongings(window, records).hand_out()
        for record in records:
            _name_by_wording(window, record)
    return records


def _cluster(window: Window, codes: list[Code]) -> list[Record]:
    records: list[Record] = []
    for code in codes:
        chain = window.brackets.around(code.at)
        common = window.words.specs[code.platform].foreign_words
        home = next((each for each in reversed(records[-6:]) if _together(each, code, chain) or _finer(each, code, common)), None)
        if home is None:
            home = Record(code.platform, start=code.at, end=code.end, chain=chain)
            records.append(home)
        if code.value not in home.codes:
            home.codes.append(code.value)
            if code.sub:
                home.subs.append(code.value)
        home.keys.add(code.key)
        home.end = max(home.end, code.end)
        home.strength = max(home.strength, code.strength)
    return records


def _name_by_wording(window: Window, record: Record) -> None:
    """A code nobody listed may still come with a wording that somebody did."""
    listed = [each for each in record.codes if window.catalog.entry(record.platform, each)]
    if not listed and "errno" in window.lower:
        named = next((each for each in record.codes if window.catalog.entry(record.platform, f"errno:{each}")), None)
        if named is not None:
            record.hints["entry"] = f"errno:{named}"
    if record.codes and not listed and "entry" not in record.hints:
        _from_phrases(window, {record.platform: record}, _spoken(window), trouble=True)


def _together(record: Record, code: Code, chain: tuple[int, ...]) -> bool:
    if record.platform != code.platform or code.at - record.end > 1200:
        return False
    if code.value in record.codes and code.at - record.end < 160 and "\n" not in record.codes:
        return record.chain == chain and bool(chain)
    if code.sub or (record.subs and len(record.codes) == len(record.subs)):
        return code.at - record.end < 500
    if chain == record.chain and (code.key in record.keys if code.key else record.strength < STRUCTURED > code.strength):
        return False  # an object has a key once: two errors told within one text
    shorter = min(len(chain), len(record.chain))
    return shorter > 0 and chain[:shorter] == record.chain[:shorter]


def _finer(record: Record, code: Code, common: frozenset[str]) -> bool:
    """Whether a field tells finer what was said before it with a word that every system uses: `PERMISSION_DENIED: … { reason: 'BILLING_DISABLED' }`."""
    if record.platform != code.platform or not code.key or code.at - record.end > _FINER_REACH:
        return False
    return record.keys == {""} and code.value not in common and all(each in common for each in record.codes)


# ---------------------------------------------------------------- without a code


def _codeless(window: Window) -> list[Record]:
    if window.doubt.fixture or window.doubt.listing:
        return []
    found: dict[str, Record] = {}
    failed = any(
        (each.role == roles.FLAG and each.value.lower() == "false") or (each.role == roles.CODE and _REFUSED.fullmatch(each.value))
        for each in window.pairs
    )
    worked = not failed and any(
        (each.role == roles.FLAG and each.value.lower() == "true") or (each.role == roles.CODE and each.value in ("0", "success", "ok"))
        for each in window.pairs
    )
    _from_addresses(window, found)
    if worked and not found:
        return []
    spoken = _spoken(window)
    if spoken and not window.doubt.talk:
        _from_phrases(window, found, spoken, trouble=failed or _troubled(window) or window.one_line)
    if not found and len(window.text) <= SENTENCE and not window.doubt.talk:
        _from_messages(window, found)
    if not found:
        _from_scopes(window, found)
        if not found and (failed or _troubled(window)):
            _from_trouble(window, found)
        if found and window.doubt.talk:  # asked late: it is the dearest question, and most windows hold nothing to doubt
            found.clear()
    if not found:
        _from_ids(window, found, failed=failed)
    return list(found.values())


def _troubled(window: Window) -> bool:
    """Whether the text has words of trouble, or an HTTP status that tells of a refusal."""
    return TROUBLE.search(window.lower) is not None or _refused_status(window) is not None


def _refused_status(window: Window) -> re.Match[str] | None:
    """An HTTP status that tells of a refusal."""
    return next((each for each in HTTP.finditer(window.lower) if (each[1] or each[2])[0] in "45"), None)


def _from_addresses(window: Window, found: dict[str, Record]) -> None:
    for address in window.addresses:
        for name, spec in window.words.specs.items():
            if (
                address.host not in spec.brands
                or spec.ask_path is None
                or not spec.ask_path.search(address.path)
                or window.doubt.source(address.start)
            ):
                continue
            if not any(address.query.get(key, "").strip("<>.") for key in spec.ask_keys):
                continue
            found.setdefault(name, Record(name, start=address.start, end=address.end, strength=STRUCTURED))


def _spoken(window: Window) -> list[tuple[int, list[tuple[str, str, str]]]]:
    """Where a wording of the catalogue stands, in order: the place, and the wordings (longest first), each with its platform and entry."""
    lower = window.lower
    spoken: list[tuple[int, list[tuple[str, str, str]]]] = []
    for head, listed in window.known.phrases.items():
        at = lower.find(head)
        while at >= 0:
            here = [each for each in listed if lower.startswith(each[0], at)]
            if here:
                spoken.append((at, here))
            at = lower.find(head, at + 1)
    return sorted(spoken)


def _from_phrases(window: Window, found: dict[str, Record], spoken: list[tuple[int, list[tuple[str, str, str]]]], *, trouble: bool) -> None:
    best: tuple[float, int, str, str, str] | None = None
    for at, here in spoken:
        for phrase, name, key in here:
            weight = sum(1 if sign.isascii() else 2.5 for sign in phrase)
            clue = window.clue(name, at)
            rival = max((window.clue(other, at) for other in window.words.specs if other != name), default=0.0)
            if strange(window, name, at) or _NONE_OF.search(window.lower, max(0, at - 6), at):
                continue
            if (weight < 14 and not (trouble and clue >= 3)) or (rival > clue + 1 and weight < 40) or window.written(at):
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
        told = [each.value for each in window.near(at, NEAR) if each.role == roles.CODE and window.words.specs[name].may_be(each.value)]
        before = _CODE_BEFORE.search(window.text, max(0, at - 16), at)
        if before:
            told.append(before[1])
        entry = window.catalog.entry(name, key)
        if (
            entry
            and entry.code_shown
            and re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", window.text[max(0, at - _OWN_CODE) : at + _OWN_CODE])
        ):
            told.append(key)
        listed = [each for each in dict.fromkeys(told) if window.catalog.entry(name, each)]
        found[name] = Record(name, codes=listed, start=at, end=at + len(phrase), strength=LABELLED, hints={"entry": key})


def _from_messages(window: Window, found: dict[str, Record]) -> None:
    """Somebody names a platform and quotes what it says with one of its codes, without the code."""
    middle = len(window.text) // 2
    clue, name = max((window.clue(name, middle), name) for name in window.words.specs)
    if clue == 0.0:
        return
    least = 0 if clue >= NAME else _SAYS_WHOSE
    said = max((each for each in window.catalog.messages(name) if len(each) >= least and each in window.lower), key=len, default=None)
    if said is not None and not window.written(at := window.lower.index(said)):
        entry = window.catalog.messages(name)[said]
        found[name] = Record(name, start=at, end=at + len(said), strength=LABELLED, hints={"entry": entry})


def _from_scopes(window: Window, found: dict[str, Record]) -> None:
    """A known scope named as missing, with words of refusal, is an error even when nothing else stands there."""
    for name, spec in window.words.specs.items():
        if spec.scope is None or not spec.scope_anywhere:
            continue
        for match in spec.scope.finditer(window.text):
            head = window.text[max(0, match.start() - 120) : match.start()]
            if not namesake(window, name, match[0]) or window.doubt.source(match.start()):
                continue
            if _MISSING.search(head):
                found[name] = Record(name, start=match.start(), end=match.end(), strength=LABELLED)
                return


def _from_trouble(window: Window, found: dict[str, Record]) -> None:
    """No code and no known wording, but words of trouble and of refusal near a word that names the platform."""
    text = window.text
    best: tuple[tuple[bool, float], str, int] | None = None
    traced = TRACE.search(text) is not None
    if _machinery_in_trace(window) if traced else REPORT.search(text) is None:
        return
    status = _refused_status(window)
    for match in [*islice(TROUBLE.finditer(window.lower), 40), *([status] if status else [])]:
        if window.written(match.start()):
            continue
        start, end = line_of(text, match.start())
        if _of_machinery(window, start, end, traced=traced):
            continue
        around = text[start : min(len(text), end + 300)]
        if not REFUSAL.search(around) and not HTTP.search(around.lower()) and not (traced and "access_token" in window.lower):
            continue
        scores = sorted(((window.clue(name, match.start()), name) for name in window.words.specs), reverse=True)
        (score, name), (rival, _) = scores[:2]
        # A name near the trouble speaks for itself; one far from it only when no other is named at all.
        rank = (REFUSAL.search(text, start, end) is not None, score)
        if (score >= 4 or (score >= BELIEVED and rival == 0)) and (best is None or rank > best[0]):
            best = (rank, name, match.start())
    if best is not None and (traced or not window.doubt.mostly_source()):
        start, end = line_of(text, best[2])
        found[best[1]] = Record(best[1], start=start, end=end, strength=PROSE)


def _machinery_in_trace(window: Window) -> bool:
    """Whether what a trace says, and not the source code that it quotes, is told of a database, a disk and the like."""
    return any(MACHINERY.search(line) for line in window.lower[:20_000].split("\n") if line[:1] not in (" ", "\t"))


def _of_machinery(window: Window, start: int, end: int, *, traced: bool) -> bool:
    """Whether the trouble of a line is told of a database, a disk and the like: on the line or, outside a trace, around it."""
    lower = window.lower
    if MACHINERY.search(lower, start, end):
        return True
    return not traced and "://" not in lower[start:end] and MACHINERY.search(lower, max(0, start - _BESIDE), end + _BESIDE) is not None


def _from_ids(window: Window, found: dict[str, Record], *, failed: bool) -> None:
    """A log id or request id that is all, or nearly all, that was pasted."""
    if not window.whole:
        return
    text = window.text.strip()
    asks = failed or _ASKING.search(text) is not None or _troubled(window)
    for name, spec in window.words.specs.items():
        for at, end, value in request_ids(window, spec):
            rest = len(text) - len(value)
            if rest > 200 or went_well(text.replace(value, " ")) or window.doubt.source(at):
                continue
            labelled = end - at != len(text) and _ID_LABEL.search(window.text, max(0, at - 40), at) is not None
            if window.clue(name, at) < 3 and not (spec.id_bare and spec.id_bare.fullmatch(value)):
                continue
            if (rest <= 60 and "{" not in text) or (rest <= 200 and asks and (labelled or window.clue(name, at) >= 3)):
                found.setdefault(name, Record(name, start=at, end=end, strength=PROSE))
                return
