"""From marks to findings: what belongs to which code, and what can be said where no code stands."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from bot.extract import spec as roles
from bot.extract.codes import STRUCTURED, Code, Window
from bot.extract.doubt import line_of, went_well
from bot.extract.read import Pair, normal
from bot.extract.spec import Spec
from bot.extract.words import APP_WORDS, AS_APP, AS_USER, FAIL, HTTP, MASKED, REFUSAL, REPORT, SCOPE_LABEL, TRACE, TROUBLE
from bot.model import Finding, Identity, Mode

_MOST_MESSAGE: Final = 600
_LABEL_REACH: Final = 240
_ALL_OF: Final = re.compile(r"(?i)\ball (?:of )?(?:the )?(?:following )?(?:scopes?|permissions?)\b|全部权限|以下所有权限")
_ANY_OF: Final = re.compile(r"(?i)\b(?:one|any) of\b|任一|之一")
_API: Final = re.compile(
    r"request (\w+#\w+)|\b(?:client\.)?((?:[a-z]+\.)?[a-z_]{2,24}\.v\d\.[a-z_]+(?:\.[a-z_]+){0,2})\b|https?://[\w.-]+(/(?:open-apis|api|v1\.0|topapi|cgi-bin|robot|gateway|rest|upload|drive)/[\w./:{}-]{2,120})"
    r"|\b(?:method|api|apiId)[\"']?\s?[=:]\s?[\"']?(open\.[a-z.]{4,60})|\b(chat\.[a-zA-Z]+|conversations[._][a-zA-Z]+|users\.[a-z]+|files\.[a-z]+|oauth\.v2\.[a-z]+)\b"
)
_API_WORDS: Final = ("#get", "#", "/open-apis/", "/v1.0/", "/topapi/", "/cgi-bin/", ".v1.", ".v2.", ".v3.", "/api/", "open.", "chat.", "conversations", "users.", "files.", "oauth.v2", "/rest/", "/drive/")
_TIME: Final = re.compile(r"\b20\d\d[-/][01]\d[-/][0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d)?")
_VIOLATION: Final = re.compile(r"action_(?:scope_required|privilege_required)")
_RESOURCE: Final = re.compile(r"/(?:documents|docx|docs|wiki|nodes|apps|spreadsheets|files|sheets|base)/([A-Za-z0-9]{20,32})\b|\b((?:basc|doxc|shtc|wikc|boxc)[A-Za-z0-9]{16,28})\b")


@dataclass(slots=True)
class Record:
    """One error being put together."""

    platform: str
    codes: list[str] = field(default_factory=list)
    subs: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    message: str = ""
    app: str | None = None
    status: int | None = None
    identity: Identity = Identity.UNKNOWN
    hints: dict[str, str] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    strength: int = 0
    chain: tuple[int, ...] = ()


def read(window: Window) -> list[Record]:
    """The errors of one window, in the order in which they stand there."""
    codes = window.codes()
    records = _cluster(window, codes) if codes else _codeless(window)
    if records:
        _Belongings(window, records).hand_out()
    return records


def _cluster(window: Window, codes: list[Code]) -> list[Record]:
    records: list[Record] = []
    for code in codes:
        chain = window.brackets.around(code.at)
        home = next((each for each in reversed(records[-6:]) if _together(each, code, chain)), None)
        if home is None:
            home = Record(code.platform, start=code.at, end=code.end, chain=chain)
            records.append(home)
        if code.value not in home.codes:
            home.codes.append(code.value)
            if code.sub:
                home.subs.append(code.value)
        home.end = max(home.end, code.end)
        home.strength = max(home.strength, code.strength)
    return records


def _together(record: Record, code: Code, chain: tuple[int, ...]) -> bool:
    if record.platform != code.platform or code.at - record.end > 1200:
        return False
    if code.value in record.codes and code.at - record.end < 160 and "\n" not in record.codes:
        return record.chain == chain and bool(chain)
    if code.sub or (record.subs and len(record.codes) == len(record.subs)):
        return code.at - record.end < 500
    shorter = min(len(chain), len(record.chain))
    return shorter > 0 and chain[:shorter] == record.chain[:shorter]


# ---------------------------------------------------------------- without a code


def _codeless(window: Window) -> list[Record]:
    if window.doubt.fixture or window.doubt.listing:
        return []
    found: dict[str, Record] = {}
    failed = any(each.role == roles.FLAG and each.value.lower() == "false" for each in window.pairs)
    worked = not failed and any(
        (each.role == roles.FLAG and each.value.lower() == "true") or (each.role == roles.CODE and each.value in ("0", "success", "ok")) for each in window.pairs
    )
    _from_addresses(window, found)
    if worked and not found:
        return []
    trouble = failed or TROUBLE.search(window.text) is not None or _refused_status(window) is not None
    if not window.doubt.talk:
        _from_phrases(window, found, trouble)
        if not found:
            _from_scopes(window, found)
        if not found and trouble:
            _from_trouble(window, found)
    if not found:
        _from_ids(window, found, trouble)
    return list(found.values())


def _refused_status(window: Window) -> re.Match[str] | None:
    """An HTTP status that tells of a refusal."""
    return next((each for each in HTTP.finditer(window.lower) if (each[1] or each[2])[0] in "45"), None)


def _from_addresses(window: Window, found: dict[str, Record]) -> None:
    for address in window.addresses:
        for name, spec in window.words.specs.items():
            if address.host not in spec.brands or spec.ask_path is None or not spec.ask_path.search(address.path) or window.doubt.source(address.start):
                continue
            if not any(address.query.get(key, "").strip("<>.") for key in spec.ask_keys):
                continue
            found.setdefault(name, Record(name, start=address.start, end=address.end, strength=STRUCTURED))


def _from_phrases(window: Window, found: dict[str, Record], trouble: bool) -> None:
    lower, phrases = window.lower, window.known.phrases
    best: tuple[float, int, str, str, str] | None = None
    for at in range(len(lower) - 3):
        listed = phrases.get(lower[at : at + 4])
        if listed is None:
            continue
        for phrase, name, key in listed:
            if not lower.startswith(phrase, at):
                continue
            weight = sum(1 if sign.isascii() else 2.5 for sign in phrase)
            clue = window.clue(name, at)
            rival = max((window.clue(other, at) for other in window.words.specs if other != name), default=0.0)
            if (weight < 14 and not (trouble and clue >= 3)) or (rival > clue + 1 and weight < 40) or window.doubt.source(at):
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
        found[name] = Record(name, start=at, end=at + len(phrase), strength=2, hints={"entry": key})


def _from_scopes(window: Window, found: dict[str, Record]) -> None:
    """A known scope named as missing, with words of refusal, is an error even when nothing else stands there."""
    for name, spec in window.words.specs.items():
        if spec.scope is None or not spec.scope_anywhere:
            continue
        for match in spec.scope.finditer(window.text):
            head = window.text[max(0, match.start() - 120) : match.start()]
            if window.doubt.source(match.start()) or (window.catalog.scope(name, match[0]) is None and window.clue(name, match.start()) < 2 and not _namesake(window, name, match[0])):
                continue
            if re.search(r"(?i)insufficient|not granted|denied|missing[ _](?:required )?scopes?|required scopes?|lacks?\b|缺少|未开通|未申请|权限不足|无权限|没有", head):
                found[name] = Record(name, start=match.start(), end=match.end(), strength=2)
                return


def _namesake(window: Window, name: str, scope: str) -> bool:
    """Whether the first word of a scope is that of a known one."""
    first = scope.split(":", maxsplit=1)[0] + ":"
    return any(each.startswith(first) for each in window.catalog.scopes(name))


def _from_trouble(window: Window, found: dict[str, Record]) -> None:
    """No code and no known wording, but words of trouble and of refusal near a word that names the platform."""
    text = window.text
    best: tuple[float, str, int] | None = None
    traced = TRACE.search(text) is not None
    if not traced and (REPORT.search(text) is None or window.doubt.mostly_source()):
        return
    status = _refused_status(window)
    for match in [*list(TROUBLE.finditer(text))[:40], *([status] if status else [])]:
        if window.doubt.source(match.start()):
            continue
        start, end = line_of(text, match.start())
        around = text[start : min(len(text), end + 300)]
        if not REFUSAL.search(around) and not HTTP.search(around.lower()) and not (traced and "access_token" in window.lower):
            continue
        for name in window.words.specs:
            score = window.clue(name, match.start())
            if score >= 4 and (best is None or score > best[0]):
                best = (score, name, match.start())
    if best is not None:
        start, end = line_of(text, best[2])
        found[best[1]] = Record(best[1], start=start, end=end, strength=1)


def _from_ids(window: Window, found: dict[str, Record], trouble: bool) -> None:
    """A log id or request id that is all, or nearly all, that was pasted."""
    text = window.text.strip()
    asks = trouble or "?" in text or re.search(r"帮|看下|看看|查|help|look", text) is not None
    for name, spec in window.words.specs.items():
        for at, end, value in _ids(window, spec):
            rest = len(text) - len(value)
            if went_well(text.replace(value, " ")) or window.doubt.source(at) or not window.whole:
                continue
            labelled = end - at != len(text) and re.search(r"(?i)log_?id|日志|request_?id|trace_?id", text[max(0, at - 40) : at]) is not None
            if window.clue(name, at) < 3 and not (spec.id_bare and spec.id_bare.fullmatch(value)):
                continue
            if (rest <= 60 and "{" not in text) or (rest <= 200 and asks and (labelled or window.clue(name, at) >= 3)):
                found.setdefault(name, Record(name, start=at, end=end, strength=1))
                return


def _ids(window: Window, spec: Spec) -> list[tuple[int, int, str]]:
    """Every request id of a platform's form, by label or by its unmistakable shape."""
    found: dict[int, tuple[int, int, str]] = {}
    if spec.id_shape is not None:
        for pair in window.pairs:
            if pair.role == roles.REQUEST_ID and pair.key in spec.id_keys:
                value = pair.value.strip("[]() '\"`")
                if spec.id_shape.fullmatch(value) and not MASKED.fullmatch(value):
                    found[pair.start] = (pair.start, pair.end, value)
        for name, each in window.words.patterns:
            if name == spec.name and each.trigger in window.lower and "request_id" in each.regex.groupindex:
                for match in each.regex.finditer(window.text):
                    value = match["request_id"]
                    if value and not MASKED.fullmatch(value):
                        found.setdefault(match.start("request_id"), (*match.span("request_id"), value))
        for address in window.addresses:
            for key, value in address.query.items():
                if window.words.roles.get(normal(key)) == roles.REQUEST_ID and normal(key) in spec.id_keys and spec.id_shape.fullmatch(value) and not MASKED.fullmatch(value):
                    found.setdefault(address.start, (address.start, address.end, value))
    if spec.id_bare is not None:
        for match in spec.id_bare.finditer(window.text):
            found.setdefault(match.start(), (*match.span(), match[0]))
    ends = len(window.text.rstrip())
    listed = [found[at] for at in sorted(found)]
    return [each for each in listed if not (each[1] >= ends - 1 and any(other[2] != each[2] and other[2].startswith(each[2]) for other in listed))]


# ---------------------------------------------------------------- what belongs to an error


class _Belongings:
    """Hands ids, scopes, messages and small facts to the record they stand with."""

    def __init__(self, window: Window, records: list[Record]) -> None:
        self.window = window
        self.records = records
        self._starts = [each.start for each in records]
        self._nodes: dict[int, list[int]] = {}
        if len(records) > 1:
            for index, record in enumerate(records):
                for node in record.chain:
                    self._nodes.setdefault(node, []).append(index)

    def home(self, at: int) -> Record:
        """The record that a place belongs to: the nearest one inside the smallest brackets that hold any."""
        if len(self.records) == 1:
            return self.records[0]
        for node in reversed(self.window.brackets.around(at)):
            indexes = self._nodes.get(node)
            if indexes:
                return self._nearest([self._starts[each] for each in indexes], [self.records[each] for each in indexes], at)
        return self._nearest(self._starts, self.records, at)

    def _nearest(self, starts: list[int], records: list[Record], at: int) -> Record:
        after = bisect_left(starts, at)
        if after == 0:
            return records[0]
        if after == len(starts):
            return records[-1]
        text = self.window.text
        if "\n" not in text[starts[after - 1] : at][:4000]:
            return records[after - 1]
        if "\n" not in text[at : starts[after]][:4000]:
            return records[after]
        return records[after - 1]

    def hand_out(self) -> None:
        """Fill every record."""
        specs = self.window.words.specs
        for name in {each.platform for each in self.records}:
            self._request_ids(name, specs[name])
            self._scopes(name, specs[name])
            self._apps(name, specs[name])
        self._messages()
        self._statuses()
        self._identities()
        self._hints()

    def _of(self, name: str, at: int) -> Record | None:
        record = self.home(at)
        if record.platform == name:
            return record
        same = [each for each in self.records if each.platform == name]
        return min(same, key=lambda each: abs(each.start - at)) if same else None

    def _request_ids(self, name: str, spec: Spec) -> None:
        for at, _, value in _ids(self.window, spec):
            record = self._of(name, at)
            if record is not None and value not in record.ids and value not in record.codes:
                record.ids.append(value)

    # ------------------------------------------------------------ scopes

    def _scopes(self, name: str, spec: Spec) -> None:
        if spec.scope is None:
            return
        window, text = self.window, self.window.text
        last, wanted = -1, None
        lists = [
            (each.start, each.end, each.role == roles.NEED or text[max(0, each.at - 4) : each.at].lower() == "not ")
            for each in window.pairs
            if each.role in (roles.NEED, roles.HAVE)
        ]
        codes = {value for record in self.records for value in record.codes}
        for match in spec.scope.finditer(text):
            at, end, value = match.start(), match.end(), match[0]
            if value in codes:
                continue
            listed = next((need for start, stop, need in reversed(lists) if start <= at < stop), None)
            if listed is not None:
                wanted = listed
            elif at - last > 6 or text[last:at].strip(" ,\"'`、"):
                wanted = self._wanted(text, at)
            last = end
            if wanted is False or (wanted is None and not spec.scope_anywhere):
                continue
            self._add_scope(name, value, at, end, unknown_ok=True)
        for address in window.addresses:
            if address.host in spec.brands and spec.ask_path is not None and spec.ask_path.search(address.path):
                for key in spec.ask_keys:
                    for value in re.split(r"[,\s+]+", address.query.get(key, "")):
                        whole = spec.scope.fullmatch(value)
                        if whole:
                            cut = value == re.split(r"[,\s+]+", address.query[key])[-1] and address.query.get(key, "").endswith(value)
                            self._add_scope(name, value, address.start, address.end if cut else address.start, unknown_ok=True)
        for owner, each in window.words.patterns:
            if owner == name and each.trigger in window.lower and "scope" in each.regex.groupindex:
                for match in each.regex.finditer(text):
                    for value in (match["scope"] or "").split():
                        self._add_scope(name, value, match.start("scope"), match.start("scope"), unknown_ok=True)

    def _wanted(self, text: str, at: int) -> bool | None:
        """Whether the nearest label before a scope calls it missing (True) or there (False); None when no label speaks."""
        start = max(0, at - _LABEL_REACH)
        label = None
        for label in SCOPE_LABEL.finditer(self.window.lower, start, at):
            pass
        if label is None:
            return None
        between = text[label.end() : at]
        listed = "[" in between[:30] or ":" in between[:14] or "=" in between[:14]
        if "\n" in between and "[" not in between and (":" not in between[:14] or between.count("\n") > 6 or re.search(r"\n\s+at ", between)):
            return None
        if not listed and len(between) > 60:
            return None
        if "]" in between or between.count("\n") > 8 or re.search(r"[。!?]\s|\.\s+[A-Z]", between):
            return None
        return label.lastgroup == "need"

    def _add_scope(self, name: str, value: str, at: int, end: int, *, unknown_ok: bool) -> None:
        window = self.window
        record = self._of(name, at)
        if record is None or value in record.scopes:
            return
        if window.catalog.scope(name, value) is None:
            if not unknown_ok or window.words.specs[name].scope_known_only:
                return
            if end >= len(window.text.rstrip(" \n\"'`")) - 1 and any(each.startswith(value) for each in window.catalog.scopes(name)):
                return  # cut off in the middle of a longer name
            if window.words.specs[name].scope_anywhere and not _namesake(window, name, value):
                return
        record.scopes.append(value)

    # ------------------------------------------------------------ the rest

    def _apps(self, name: str, spec: Spec) -> None:
        if spec.app_shape is None:
            return
        for match in spec.app_shape.finditer(self.window.text):
            record = self._of(name, match.start())
            if record is not None and record.app is None and not match[0].endswith(("xxxx", "0000000000")):
                record.app = match[0]

    def _messages(self) -> None:
        shown = self.window.shown
        for pair in self.window.pairs:
            if pair.role != roles.MESSAGE or not pair.value:
                continue
            record = self.home(pair.start)
            if abs(pair.start - record.start) > 1500:
                continue
            value = shown[pair.start : pair.end].strip()
            if value and value not in record.message and record.message not in value:
                record.message = f"{record.message} / {value}" if record.message and len(record.message) < 300 else record.message or value
            elif len(value) > len(record.message):
                record.message = value
        for record in self.records:
            if not record.message or len(self.records) == 1:
                start, end = line_of(shown, min(record.start, len(shown)))
                line = shown[start:end].strip()
                if record.message and record.message not in line:
                    line = f"{record.message} / {line}" if line not in record.message else record.message
                record.message = line
            record.message = record.message[:_MOST_MESSAGE]

    def _statuses(self) -> None:
        for match in HTTP.finditer(self.window.lower):
            record = self.home(match.start())
            if record.status is None:
                record.status = int(match[1] or match[2])
        for pair in self.window.pairs:
            if pair.role in (roles.STATUS, roles.CODE) and pair.value.isascii() and pair.value.isdigit() and len(pair.value) == 3 and pair.value[0] in "2345":
                record = self.home(pair.start)
                if record.status is None and pair.value not in record.codes:
                    record.status = int(pair.value)
        for record in self.records:
            spec = self.window.words.specs[record.platform]
            if spec.status_is_code and not record.codes and record.status in (401, 403, 404, 422, 429, 451):
                record.codes.append(str(record.status))

    def _identities(self) -> None:
        text, lower = self.window.text, self.window.lower
        for address in self.window.addresses:
            kind = address.query.get("token_type", "")
            if kind in ("tenant", "user"):
                self.home(address.start).identity = Identity.APP if kind == "tenant" else Identity.USER
        if "privilege_required" in lower:
            for match in _VIOLATION.finditer(text):
                record = self.home(match.start())
                record.hints.setdefault("violation", match[0])
                if match[0] == "action_privilege_required":
                    record.identity = Identity.USER
        elif "action_scope_required" in lower:
            self.home(lower.find("action_scope_required")).hints.setdefault("violation", "action_scope_required")
        for pair in self.window.pairs:
            if pair.role == roles.IDENTITY and pair.value.lower() in APP_WORDS | {"user", "user_access_token"}:
                record = self.home(pair.start)
                if record.identity is Identity.UNKNOWN:
                    record.identity = Identity.APP if pair.value.lower() in APP_WORDS else Identity.USER
        app, user = AS_APP.search(lower), AS_USER.search(lower)
        if (app is None) != (user is None):
            identity = Identity.APP if app else Identity.USER
            for record in self.records:
                if record.identity is Identity.UNKNOWN:
                    record.identity = identity

    def _hints(self) -> None:
        text = self.window.text
        for record in self.records:
            if record.subs:
                record.hints["sub_code"] = record.subs[-1]
            if "errno" in self.window.lower:
                named = next((f"errno:{each}" for each in record.codes if self.window.catalog.entry(record.platform, f"errno:{each}")), None)
                if named:
                    record.hints.setdefault("entry", named)
            if record.codes and not any(self.window.catalog.entry(record.platform, each) for each in record.codes) and "entry" not in record.hints:
                probe: dict[str, Record] = {record.platform: record}
                _from_phrases(self.window, probe, True)
        for address in self.window.addresses:
            record = self.home(address.start)
            brand = self.window.words.specs[record.platform].brands.get(address.host)
            if brand:
                record.hints.setdefault("brand", brand)
                record.hints.setdefault("host", address.host)
                for key in ("method_id", "token_type"):
                    if address.query.get(key):
                        record.hints.setdefault(key, address.query[key][:40])
        if any(each in self.window.lower for each in _API_WORDS):
            for match in islice(_API.finditer(text), 50):
                record = self.home(match.start())
                record.hints.setdefault("api", next(each for each in match.groups() if each)[:120])
        for match in islice(_TIME.finditer(text), 200):
            self.home(match.start()).hints.setdefault("time", match[0])
        for match in islice(_RESOURCE.finditer(text), 50):
            self.home(match.start()).hints.setdefault("resource", match[1] or match[2])


def finding(record: Record, span: tuple[int, int], text: str, count: int) -> Finding:
    """The frozen value of a record; `span` and `text` are those of the paste."""
    everything = bool(_ALL_OF.search(text) and not _ANY_OF.search(text)) if len(record.scopes) > 1 else False
    mode = Mode.ALL if everything or (record.platform == "slack" and len(record.scopes) > 1) else Mode.ANY
    hints = dict(record.hints)
    resource = hints.pop("resource", None)
    return Finding(
        platform=record.platform, codes=tuple(record.codes), message=record.message, request_ids=tuple(record.ids), scopes=tuple(record.scopes), scopes_mode=mode,
        identity=record.identity, app_id=record.app, resource=resource, http_status=record.status, hints=hints, span=span, count=count,
    )  # fmt: skip


__all__ = ["Pair", "Record", "finding", "read"]
