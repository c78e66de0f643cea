"""What belongs to an error: request ids, missing scopes, application, message, HTTP status, identity and small facts."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Final

from bot.extract import spec as roles
from bot.extract.doubt import line_of
from bot.extract.read import Address, normal
from bot.extract.records import Record
from bot.extract.spec import Spec
from bot.extract.window import Window
from bot.extract.words import APP_WORDS, AS_APP, AS_USER, HTTP, MASKED, SCOPE_HAD, SCOPE_LABEL, SCOPE_WORD
from bot.model import Identity

_MOST_MESSAGE: Final = 600
_MOST: Final = 400  # of one kind in one window
_LABEL_REACH: Final = 240
# How an API is named, and the letters of which such a name holds at least some: forms without theirs need not be looked for.
_API_FORMS: Final = (
    (r"request (\w+#\w+)", ("#",)),
    (r"\b(?:client\.)?((?:[a-z]+\.)?[a-z_]{2,24}\.v\d\.[a-z_]+(?:\.[a-z_]+){0,2})\b", (".v",)),
    (
        r"https?://[\w.-]+(/(?:open-apis|api|v1\.0|topapi|cgi-bin|robot|gateway|rest|upload|drive)/[\w./:{}-]{2,120})",
        ("/open-apis/", "/api/", "/v1.0/", "/topapi/", "/cgi-bin/", "/robot/", "/gateway/", "/rest/", "/upload/", "/drive/"),
    ),
    (
        r"\b(?:method|api|apiId)[\"']?\s?[=:]\s?[\"']?(open\.[a-z.]{4,60})",
        ("=open.", ":open.", " open.", "\topen.", "\nopen.", '"open.', "'open."),
    ),
    (r"/(open/[a-z]{2,24}(?:/[a-z]{2,24}){1,5})\b", ("/open/",)),
    (
        r"\b(chat\.[a-zA-Z]+|conversations[._][a-zA-Z]+|users\.[a-z]+|files\.[a-z]+|oauth\.v2\.[a-z]+)\b",
        ("chat.", "conversations", "users.", "files.", "oauth.v2"),
    ),
)
_API_WORDS: Final = (
    "#", "/open-apis/", "/open/", "/v1.0/", "/topapi/", "/cgi-bin/", ".v1.", ".v2.", ".v3.", "/api/", "open.", "chat.", "conversations", "users.", "files.", "oauth.v2", "/rest/", "/drive/",
)  # fmt: skip
_EXCEPTION: Final = re.compile(
    r"^[^\S\n]{0,8}(?:Uncaught |Unhandled (?:exception[.:] )?)?[\w.:]{0,80}(?:Error|Exception)\b[^\n]{0,8}: [^\n]{4,400}(?:\n[ \t]{0,4}[-•*] [^\n]{4,400}){0,3}",
    re.M,
)
_TIME: Final = re.compile(r"20(?<!\w20)\d\d[-/][01]\d[-/][0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d)?")
_VIOLATION: Final = re.compile(r"action_(?:scope_required|privilege_required)")
_RESOURCE: Final = re.compile(
    r"/(?:documents|docx|docs|wiki|nodes|apps|spreadsheets|files|sheets|base)/([A-Za-z0-9]{20,32})\b|\b((?:basc|doxc|shtc|wikc|boxc)[A-Za-z0-9]{16,28})\b"
)
_RESOURCE_WORDS: Final = (
    "/doc",
    "/wiki",
    "/nodes",
    "/apps",
    "/spreadsheets",
    "/files",
    "/sheets",
    "/base",
    "basc",
    "doxc",
    "shtc",
    "wikc",
    "boxc",
)
_STATUS_SAID: Final = re.compile(r"(?<![\w.:/#=-])(?<!line )[45]\d\d(?=[\s:,;)]|$)(?!\s?(?:ms|s|items?|rows?|issues?)\b)")
_PLACEHOLDERS: Final = ("xxxx", "0000000000")
_MARKS: Final = frozenset({"", "`", '"', "'", "[", "]", ",", ":", "=", ";", "\n"})
_LIST_SIGN: Final = re.compile(r"[,\s+]+")
_FIELD: Final = re.compile(r"(?:^|\n)[ \t]*[A-Za-z]{3,20}[ \t]?:[ \t]*[\"'`]?$")
# `scope merchant_refund is not authorized`, `权限 corp.user 未开通`; and `权限 corp.user 都开了`, `corp.user is already enabled`.
_CALLED_SCOPE: Final = re.compile(r"(?:scope|permission|privilege|权限[包点]?)[ :\"'`\[]{1,4}$")
_CALLED_MISSING: Final = re.compile(r"[\"'`\]]{0,2} ?(?:(?:is |was |has )?(?:not|missing|required|unauthori[sz]ed|denied)\b|未|没|不足|缺)")
_CALLED_THERE: Final = re.compile(
    r"[\"'`\]]{0,2} ?(?:(?:is|was|are|has been|have been) (?:already |all |there\b|enabled|granted|added|ticked|on\b)|(?:明明|这个|权限|我|们|是|也|都|全|早|就|已经?|早已){0,6}(?:开了|开通了|有了|加了|加上了|勾了|申请了|申请过|授权了|给了|配了|开着))"
)
_SENTENCE_END: Final = re.compile(r"[。!?]\s|\.\s+[A-Z]|\n\s+at ")


def request_ids(window: Window, spec: Spec) -> list[tuple[int, int, str]]:
    """Every request id of a platform's form (start, end, value), by its label or by its unmistakable shape, in order."""
    found: dict[int, tuple[int, int, str]] = {}
    if spec.id_shape is not None:
        for start, end, value in _labelled_ids(window, spec):
            if spec.id_shape.fullmatch(value) and not MASKED.fullmatch(value):
                found.setdefault(start, (start, end, value))
    for name, each in window.words.patterns:
        if name == spec.name and each.trigger in window.lower and "request_id" in each.regex.groupindex:
            for match in islice(each.regex.finditer(window.text), _MOST):
                if match["request_id"] and not MASKED.fullmatch(match["request_id"]):
                    found.setdefault(match.start("request_id"), (*match.span("request_id"), match["request_id"]))
    if spec.id_bare is not None:
        for match in islice(spec.id_bare.finditer(window.text), _MOST):
            found.setdefault(match.start(), (*match.span(), match[0]))
    ends = len(window.text.rstrip())
    listed = [found[at] for at in sorted(found)]
    return [
        each for each in listed if each[1] < ends - 1 or not any(other[2] != each[2] and other[2].startswith(each[2]) for other in listed)
    ]


def _labelled_ids(window: Window, spec: Spec) -> Iterable[tuple[int, int, str]]:
    for pair in window.pairs:
        if pair.role == roles.REQUEST_ID and pair.key in spec.id_keys:
            yield pair.start, pair.end, pair.value.strip("[]() '\"`")
    for address in window.addresses:
        for key, value in address.query.items():
            if normal(key) in spec.id_keys:
                yield address.start, address.end, value


def namesake(window: Window, name: str, scope: str) -> bool:
    """Whether a scope is listed, or begins with the same word as a listed one."""
    return (name, scope.split(":", maxsplit=1)[0]) in window.known.namesakes


def _apis(text: str) -> Iterator[re.Match[str]]:
    """The places where an API is named; one group of each match is its name."""
    forms = tuple(form for form, letters in _API_FORMS if any(each in text for each in letters))
    return _either(forms).finditer(text) if forms else iter(())


@cache
def _either(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(forms))


class Belongings:
    """Hands everything to the record it stands with."""

    def __init__(self, window: Window, records: list[Record]) -> None:
        self.window = window
        self.records = records
        self._starts = [each.start for each in records]
        self._nodes: dict[int, list[int]] = {}
        if len(records) > 1:
            for index, record in enumerate(records):
                for node in record.chain:
                    self._nodes.setdefault(node, []).append(index)

    def hand_out(self) -> None:
        """Fill every record."""
        specs = self.window.words.specs
        for name in dict.fromkeys(each.platform for each in self.records):
            self._request_ids(name, specs[name])
            _Scopes(self, name, specs[name]).hand_out()
            self._apps(name, specs[name])
        self._messages()
        self._statuses()
        self._identities()
        self._addresses()
        self._facts()

    def home(self, at: int) -> Record:
        """The record that a place belongs to: the nearest one inside the smallest brackets that hold any."""
        if len(self.records) == 1:
            return self.records[0]
        for node in reversed(self.window.brackets.around(at)):
            indexes = self._nodes.get(node)
            if indexes:
                return self.records[self._nearest(indexes, at)]
        return self.records[self._nearest(range(len(self.records)), at)]

    def of(self, name: str, at: int) -> Record:
        """The record of a platform that a place belongs to; there is at least one."""
        record = self.home(at)
        if record.platform == name:
            return record
        return min((each for each in self.records if each.platform == name), key=lambda each: abs(each.start - at))

    def _nearest(self, indexes: list[int] | range, at: int) -> int:
        after = bisect_left(indexes, at, key=self._starts.__getitem__)
        if after in (0, len(indexes)):
            return indexes[0 if after == 0 else -1]
        before, behind = indexes[after - 1], indexes[after]
        text = self.window.text
        if text.find("\n", self._starts[before], at) >= 0 and text.find("\n", at, self._starts[behind]) < 0:
            return behind  # on the same line as the next one, and not on that of the one before
        return before

    def _request_ids(self, name: str, spec: Spec) -> None:
        for at, _, value in request_ids(self.window, spec):
            record = self.of(name, at)
            if value not in record.ids and value not in record.codes:
                record.ids.append(value)

    def _apps(self, name: str, spec: Spec) -> None:
        if spec.app_shape is None:
            return
        for match in islice(spec.app_shape.finditer(self.window.text), _MOST):
            record = self.of(name, match.start())
            if record.app is None and not match[0].endswith(_PLACEHOLDERS):
                record.app = match[0]

    def _messages(self) -> None:
        shown = self.window.shown
        for pair in self.window.pairs:
            if pair.role != roles.MESSAGE or not pair.value:
                continue
            record = self.home(pair.start)
            value = shown[pair.start : pair.end].strip()
            if abs(pair.start - record.start) > 1500 or len(record.message) > 300 or value in record.message:
                continue
            record.message = value if record.message in value else f"{record.message} / {value}"
        for record in self.records:
            if not record.message or len(self.records) == 1:
                start, end = line_of(shown, min(record.start, len(shown)))
                line = shown[start:end].strip()
                told = record.message or self._exception(start)
                record.message = line if told in line else f"{told} / {line}"
            record.message = record.message[:_MOST_MESSAGE]

    def _exception(self, at: int) -> str:
        """What the exception says in whose fields a place stands: its first lines, up to the trace."""
        head = self.window.shown[max(0, at - 1500) : at]
        found = None
        for found in _EXCEPTION.finditer(head):  # noqa: B007 (the nearest one counts)
            pass
        return found[0].strip() if found else ""

    def _statuses(self) -> None:
        for match in islice(HTTP.finditer(self.window.lower), _MOST):
            record = self.home(match.start())
            if record.status is None:
                record.status = int(match[1] or match[2])
        for pair in self.window.pairs:
            value = pair.value
            if pair.role in (roles.STATUS, roles.CODE) and len(value) == 3 and value.isascii() and value.isdigit() and value[0] in "2345":
                record = self.home(pair.start)
                if record.status is None and value not in record.codes:
                    record.status = int(value)
        for record in self.records:
            spec = self.window.words.specs[record.platform]
            if not spec.status_is_code or spec.number is None or record.codes:
                continue
            if record.status is None and (said := self._said_status(record.start, spec.number)):
                record.status = int(said)
            if record.status and spec.number.fullmatch(str(record.status)):
                record.codes.append(str(record.status))

    def _said_status(self, place: int, shape: re.Pattern[str]) -> str | None:
        """A number near a place that can only be its HTTP status: `… 403: Resource protected by …`."""
        near = _STATUS_SAID.finditer(self.window.text, max(0, place - _LABEL_REACH), place + _LABEL_REACH)
        return next((each[0] for each in near if shape.fullmatch(each[0])), None)

    # ------------------------------------------------------------ as whom

    def _identities(self) -> None:
        lower = self.window.lower
        for address in self.window.addresses:
            kind = address.query.get("token_type", "")
            if kind in ("tenant", "user"):
                self.home(address.start).identity = Identity.APP if kind == "tenant" else Identity.USER
        for match in islice(_VIOLATION.finditer(lower), _MOST):
            record = self.home(match.start())
            record.hints.setdefault("violation", match[0])
            if match[0] == "action_privilege_required":
                record.identity = Identity.USER
        for pair in self.window.pairs:
            value = pair.value.lower()
            if pair.role == roles.IDENTITY and (value in APP_WORDS or value in ("user", "user_access_token")):
                self._identify([self.home(pair.start)], Identity.APP if value in APP_WORDS else Identity.USER)
        app, user = AS_APP.search(lower), AS_USER.search(lower)
        if (app is None) != (user is None):
            self._identify(self.records, Identity.APP if app else Identity.USER)

    @staticmethod
    def _identify(records: list[Record], identity: Identity) -> None:
        for record in records:
            if record.identity is Identity.UNKNOWN:
                record.identity = identity

    # ------------------------------------------------------------ small facts

    def _addresses(self) -> None:
        for address in self.window.addresses:
            record = self.home(address.start)
            brand = self.window.words.specs[record.platform].brands.get(address.host)
            if brand:
                record.hints.setdefault("brand", brand)
                record.hints.setdefault("host", address.host)
                for key in ("method_id", "token_type"):
                    if address.query.get(key):
                        record.hints.setdefault(key, address.query[key][:40])

    def _facts(self) -> None:
        text = self.window.text
        for record in self.records:
            if record.subs:
                record.hints["sub_code"] = record.subs[-1]
        if any(each in self.window.lower for each in _API_WORDS):
            for match in islice(_apis(text), _MOST):
                self.home(match.start()).hints.setdefault("api", next(each for each in match.groups() if each)[:120])
        for match in islice(_TIME.finditer(text), _MOST):
            self.home(match.start()).hints.setdefault("time", match[0])
        for match in islice(_RESOURCE.finditer(text), _MOST) if any(each in text for each in _RESOURCE_WORDS) else ():
            self.home(match.start()).hints.setdefault("resource", match[1] or match[2])


class _Scopes:
    """Finds the scopes of one platform that are missing, and not those that were granted, provided or asked for."""

    def __init__(self, belongings: Belongings, name: str, spec: Spec) -> None:
        self.belongings = belongings
        self.window = belongings.window
        self.name = name
        self.spec = spec
        text = self.window.text
        self._lists = [
            (each.start, each.end, each.role == roles.NEED or text[max(0, each.at - 4) : each.at].lower() == "not ")
            for each in self.window.pairs
            if each.role in (roles.NEED, roles.HAVE)
        ]
        self._starts = [each[0] for each in self._lists]

    def hand_out(self) -> None:
        """Give every missing scope to its record."""
        if self.spec.scope is None:
            return
        self._from_text(self.spec.scope)
        for address in self.window.addresses:
            if address.host in self.spec.brands and self.spec.ask_path is not None and self.spec.ask_path.search(address.path):
                self._from_address(self.spec.scope, address)
        for owner, each in self.window.words.patterns:
            if owner == self.name and each.trigger in self.window.lower and "scope" in each.regex.groupindex:
                for match in islice(each.regex.finditer(self.window.text), _MOST):
                    for value in (match["scope"] or "").split():
                        self._add(value, match.start("scope"))

    def _from_text(self, shape: re.Pattern[str]) -> None:
        text = self.window.text
        codes = {value for record in self.belongings.records for value in record.codes}
        last, wanted = -1, None
        for match in islice(shape.finditer(text), 4 * _MOST):
            at, end = match.span()
            if match[0] in codes or self.window.within_address(at):
                continue  # what an address asks for is not missing; what its console page lists is read from its query
            listed = self._in_list(at)
            if listed is not None:
                wanted = listed
            elif at - last > 6 or text[last:at].strip(" ,\"'`、"):
                wanted = self._called(at, end)
                if wanted is None:
                    wanted = self._wanted(at)
            last = end
            if listed is None and match[0].isalpha() and not self._set_off(at, end):
                continue  # `admin`, `bot`: a word of the sentence
            if wanted or (wanted is None and self.spec.scope_anywhere and ":" in match[0] and self._stands_alone(match[0], at)):
                self._add(match[0], at)

    def _stands_alone(self, value: str, at: int) -> bool:
        """Whether a word that has the form of a scope is not the value of some field: `Operation: bitable:table:record:add`."""
        return self.window.catalog.scope(self.name, value) is not None or _FIELD.search(self.window.text, max(0, at - 40), at) is None

    def _set_off(self, at: int, end: int) -> bool:
        """Whether a plain word stands by itself: in marks, or as an item of a list."""
        text = self.window.text
        return text[at - 1 : at] in _MARKS and text[end : end + 1] in _MARKS

    def _from_address(self, shape: re.Pattern[str], address: Address) -> None:
        for key in self.spec.ask_keys:
            values = _LIST_SIGN.split(address.query.get(key, ""))
            for value in values:
                if shape.fullmatch(value):
                    self._add(value, address.start)

    def _in_list(self, at: int) -> bool | None:
        """Whether the place is in the value of a field that lists missing scopes (True) or others (False)."""
        for start, end, need in reversed(self._lists[max(0, bisect_right(self._starts, at) - 4) : bisect_right(self._starts, at)]):
            if start <= at < end:
                return need
        return None

    def _wanted(self, at: int) -> bool | None:
        """Whether the nearest label before a scope calls it missing (True) or there (False); None when no label speaks."""
        lower, first = self.window.lower, max(0, at - _LABEL_REACH)
        labels = SCOPE_LABEL if lower.find("--scope", first, at) >= 0 else SCOPE_WORD
        label = None
        for label in labels.finditer(lower, first, at):  # noqa: B007 (the last one counts)
            pass
        if label is None:
            return None
        between = self.window.text[label.end() : at]
        introduced = ":" in between[:14] or "=" in between[:14]
        if "]" in between or between.count("\n") > 6 or _SENTENCE_END.search(between):
            return None
        if "[" not in between and "\n" in between and not introduced:
            return None
        if "[" not in between[:30] and not introduced and len(between) > 60:
            return None
        return SCOPE_HAD.match(lower, label.start(), at) is None

    def _called(self, at: int, end: int) -> bool | None:
        """Whether the words right behind a scope call it missing (True) or there (False); None when they do neither."""
        lower = self.window.lower
        if _CALLED_THERE.match(lower, end):
            return False
        return True if _CALLED_MISSING.match(lower, end) and _CALLED_SCOPE.search(lower, max(0, at - 16), at) else None

    def _add(self, value: str, at: int) -> None:
        window = self.window
        record = self.belongings.of(self.name, at)
        if value in record.scopes:
            return
        if window.catalog.scope(self.name, value) is None:
            if self.spec.scope_known_only or (self.spec.scope_anywhere and not namesake(window, self.name, value)):
                return
            if any(each.startswith(value) and each[len(value)].isalpha() for each in window.catalog.scopes(self.name)):
                return  # a known name, broken off in the middle of a word
        record.scopes.append(value)
