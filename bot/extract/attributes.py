"""What belongs to an error: request ids, missing scopes, application, message, HTTP status, identity and small facts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import count, islice
from typing import Final

from bot.extract.context import Context
from bot.extract.draft import Draft
from bot.extract.fields import Pair, normal
from bot.extract.needed_scopes import Scopes
from bot.extract.scan import line_of
from bot.extract.vocabulary import APP_WORDS, AS_APP, AS_USER, HTTP, MASKED
from bot.model import Identity
from bot.patterns import lazy
from bot.platforms import spec as roles
from bot.platforms.spec import Spec

_BARE: Final = 40  # characters of a line that says nothing but the code
_ABOVE: Final = 300  # characters
_CLAUSE: Final = 60  # characters
_WENT_WELL: Final = lazy(r"code[\"']?\s?[:=]\s?0\b|http/[\d.]{1,3}\"?\s+2\d\d\b")  # on lower-case text
_MOST_MESSAGE: Final = 600
_MOST: Final = 400  # of one kind in one window
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
_EXCEPTION: Final = lazy(
    r"^[^\S\n]{0,8}(?:Uncaught |Unhandled (?:exception[.:] )?)?[\w.:]{0,80}(?:Error|Exception)\b[^\n]{0,8}: [^\n]{4,400}(?:\n[ \t]{0,4}[-•*] [^\n]{4,400}){0,3}",
    re.M,
)
_TOLD_ID: Final = lazy(r"(?i)\b(?:trace|correlation|request)[+ _]id: ?\+?([0-9a-f-]{36})")
_TIME: Final = lazy(r"20(?<!\w20)\d\d[-/][01]\d[-/][0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d)?")
_VIOLATION: Final = lazy(r"action_(?:scope_required|privilege_required)")
_RESOURCE: Final = lazy(
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
_STATUS_REACH: Final = 240  # characters
_STATUS_SAID: Final = lazy(r"(?<![\w.:/#=-])(?<!line )[45]\d\d(?=[\s:,;)]|$)(?!\s?(?:ms|s|items?|rows?|issues?)\b)")
_ANY_ID: Final = lazy(r"(?!.*(?:xxxx|\*\*|\.\.\.)|\d{4}-\d\d-\d\d)(?=[^\d]{0,60}\d)[A-Za-z0-9][\w.:=+/-]{4,127}")
_PLACEHOLDERS: Final = ("xxxx", "0000000000")


def request_ids(context: Context, spec: Spec) -> list[tuple[int, int, str]]:
    """Every request id of a platform's form (start, end, value), by its label or by its unmistakable shape, in order."""
    found: dict[int, tuple[int, int, str]] = {}
    if spec.id_shape is not None:
        for start, end, value in _labelled_ids(context, spec):
            if _is_id(value, spec) and not MASKED.fullmatch(value):
                at = next(each for each in count(start) if each not in found)  # several may stand in one address
                found[at] = (at, end, value)
    for name, each in context.words.patterns:
        if name == spec.name and each.trigger in context.lower and "request_id" in each.regex.groupindex:
            for match in islice(each.regex.finditer(context.text), _MOST):
                if match["request_id"] and not MASKED.fullmatch(match["request_id"]):
                    found.setdefault(match.start("request_id"), (*match.span("request_id"), match["request_id"]))
    if spec.id_bare is not None:
        for match in islice(spec.id_bare.finditer(context.text), _MOST):
            found.setdefault(match.start(), (*match.span(), match[0]))
    ends = len(context.text.rstrip())
    listed = [found[at] for at in sorted(found)]
    return [
        each for each in listed if each[1] < ends - 1 or not any(other[2] != each[2] and other[2].startswith(each[2]) for other in listed)
    ]


def _is_id(value: str, spec: Spec) -> bool:
    """Whether a labelled value is an id: in any form, as long as it is no placeholder and not a mere word."""
    return (spec.id_shape is not None and spec.id_shape.fullmatch(value) is not None) or _ANY_ID.fullmatch(value) is not None


def _labelled_ids(context: Context, spec: Spec) -> Iterable[tuple[int, int, str]]:
    for pair in context.pairs:
        if pair.role == roles.REQUEST_ID and pair.key in spec.id_keys and not _cut(context, pair, spec):
            yield pair.start, pair.end, pair.value.strip("[]() '\"`")
    for address in context.addresses:
        for key, value in address.query.items():
            if normal(key) in spec.id_keys:
                yield address.start, address.end, value
            if normal(key) == "errordescription":  # what an identity platform tells the callback
                for found in _TOLD_ID.finditer(value):
                    yield address.start, address.end, found[1]


def _cut(context: Context, pair: Pair, spec: Spec) -> bool:
    """Whether the paste ends in the middle of a value that has not the platform's form."""
    ends = pair.end >= len(context.text.rstrip()) and (pair.kind == "string" or context.text[pair.start - 1 : pair.start] in "\"'")
    return ends and not (spec.id_shape and spec.id_shape.fullmatch(pair.value))


def apis(text: str) -> Iterator[re.Match[str]]:
    """The places where an API is named; one group of each match is its name."""
    forms = tuple(form for form, letters in _API_FORMS if any(each in text for each in letters))
    return _either(forms).finditer(text) if forms else iter(())


@cache
def _either(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(forms))


class Attributes:
    """Hands everything to the draft it stands with."""

    def __init__(self, context: Context, drafts: list[Draft]) -> None:
        self.context = context
        self.drafts = drafts
        self._starts = [each.start for each in drafts]
        self._nodes: dict[int, list[int]] = {}
        if len(drafts) > 1:
            for index, draft in enumerate(drafts):
                for node in draft.chain:
                    self._nodes.setdefault(node, []).append(index)

    def fill(self) -> None:
        """Fill every draft."""
        specs = self.context.words.specs
        for name in dict.fromkeys(each.platform for each in self.drafts):
            self._request_ids(name, specs[name])
            Scopes(self.context, self.drafts, self.of, name, specs[name]).fill()
            self._apps(name, specs[name])
        self._messages()
        self._statuses()
        self._identities()
        self._addresses()
        self._facts()

    def home(self, at: int) -> Draft:
        """The draft that a place belongs to: the nearest one inside the smallest brackets that hold any."""
        if len(self.drafts) == 1:
            return self.drafts[0]
        for node in reversed(self.context.brackets.around(at)):
            indexes = self._nodes.get(node)
            if indexes:
                return self.drafts[self._nearest(indexes, at)]
        return self.drafts[self._nearest(range(len(self.drafts)), at)]

    def of(self, name: str, at: int) -> Draft:
        """The draft of a platform that a place belongs to; there is at least one."""
        draft = self.home(at)
        if draft.platform == name:
            return draft
        return min((each for each in self.drafts if each.platform == name), key=lambda each: abs(each.start - at))

    def _nearest(self, indexes: list[int] | range, at: int) -> int:
        after = bisect_left(indexes, at, key=self._starts.__getitem__)
        if after in (0, len(indexes)):
            return indexes[0 if after == 0 else -1]
        before, behind = indexes[after - 1], indexes[after]
        text = self.context.text
        if text.find("\n", self._starts[before], at) >= 0 and text.find("\n", at, self._starts[behind]) < 0:
            return behind  # on the same line as the next one, and not on that of the one before
        return before

    def _request_ids(self, name: str, spec: Spec) -> None:
        for at, _, value in request_ids(self.context, spec):
            if self._of_success(at):
                continue
            draft = self.of(name, at)
            if value not in draft.ids and value not in draft.codes:
                draft.ids.append(value)

    def _of_success(self, at: int) -> bool:
        """Whether a place is on a line that tells of a call that went well, beside other lines."""
        start, end = line_of(self.context.text, at)
        if any(start <= each.start < end for each in self.drafts):
            return False
        return any(start <= place < end for place in self._went_well)

    @cached_property
    def _went_well(self) -> list[int]:
        return [found.start() for found in islice(_WENT_WELL.finditer(self.context.lower), _MOST)]

    def _apps(self, name: str, spec: Spec) -> None:
        if spec.app_shape is None:
            return
        for match in islice(spec.app_shape.finditer(self.context.text), _MOST):
            draft = self.of(name, match.start())
            if draft.app is None and not match[0].endswith(_PLACEHOLDERS):
                draft.app = match[0]

    def _messages(self) -> None:
        shown = self.context.shown
        for pair in self.context.pairs:
            if pair.role != roles.MESSAGE or not pair.value:
                continue
            draft = self.home(pair.start)
            value = shown[pair.start : pair.end].strip()
            if abs(pair.start - draft.start) > 1500 or len(draft.message) > 300 or value in draft.message:
                continue
            draft.message = value if draft.message in value else f"{draft.message} / {value}"
        for draft in self.drafts:
            if not draft.message or len(self.drafts) == 1:
                start, end = line_of(shown, min(draft.start, len(shown)))
                line = shown[start:end].strip()
                told = draft.message or self._exception(start) or self._first_said(draft)
                if draft.codes and len(line) <= _BARE and told in line:
                    told = " ".join(shown[max(0, start - _ABOVE) : start].split())  # `Error 400: invalid_request`, under its explanation
                draft.message = line if told in line else f"{told} / {line}"
            draft.message = draft.message[:_MOST_MESSAGE]

    def _first_said(self, draft: Draft) -> str:
        """The line on which the draft's code first stands."""
        shown = self.context.shown
        at = shown.find(draft.codes[0]) if draft.codes else -1
        return shown[slice(*line_of(shown, at))].strip() if at >= 0 else ""

    def _exception(self, at: int) -> str:
        """What the exception says in whose fields a place stands: its first lines, up to the trace."""
        head = self.context.shown[max(0, at - 1500) : at]
        found = None
        for found in _EXCEPTION.finditer(head):  # noqa: B007 (the nearest one counts)
            pass
        return found[0].strip() if found else ""

    def _statuses(self) -> None:
        for match in islice(HTTP.finditer(self.context.lower), _MOST):
            draft = self.home(match.start())
            if draft.status is None:
                draft.status = int(match[1] or match[2])
        for pair in self.context.pairs:
            value = pair.value
            if pair.role in (roles.STATUS, roles.CODE) and len(value) == 3 and value.isascii() and value.isdigit() and value[0] in "2345":
                draft = self.home(pair.start)
                if draft.status is None and value not in draft.codes:
                    draft.status = int(value)
        for draft in self.drafts:
            spec = self.context.words.specs[draft.platform]
            if not spec.status_is_code or spec.number is None:
                continue
            if draft.status is None and (said := self._said_status(draft.start, spec.number)):
                draft.status = int(said)
            if not draft.codes and draft.status and spec.number.fullmatch(str(draft.status)):
                draft.hints.setdefault("entry", str(draft.status))  # such a platform has no code but its HTTP status

    def _said_status(self, place: int, shape: re.Pattern[str]) -> str | None:
        """A number near a place that can only be its HTTP status: `… 403: Resource protected by …`."""
        near = _STATUS_SAID.finditer(self.context.text, max(0, place - _STATUS_REACH), place + _STATUS_REACH)
        return next((each[0] for each in near if shape.fullmatch(each[0])), None)

    # ------------------------------------------------------------ as whom

    def _identities(self) -> None:
        lower = self.context.lower
        for address in self.context.addresses:
            kind = address.query.get("token_type", "")
            if kind in ("tenant", "user"):
                self.home(address.start).identity = Identity.APP if kind == "tenant" else Identity.USER
        for match in islice(_VIOLATION.finditer(lower), _MOST):
            draft = self.home(match.start())
            draft.hints.setdefault("violation", match[0])
            if match[0] == "action_privilege_required":
                draft.identity = Identity.USER
        for pair in self.context.pairs:
            value = pair.value.lower()
            if pair.role == roles.IDENTITY and (value in APP_WORDS or value in ("user", "user_access_token")):
                self._identify([self.home(pair.start)], Identity.APP if value in APP_WORDS else Identity.USER)
        app, user = AS_APP.search(lower), AS_USER.search(lower)
        if (app is None) != (user is None):
            self._identify(self.drafts, Identity.APP if app else Identity.USER)
        elif app and user:
            for draft in self.drafts:
                self._identify([draft], self._last_named(draft.start))

    def _last_named(self, at: int) -> Identity:
        """As whom the call was made by the words right before a place: `… works, tenant_access_token gives 1770040`."""
        clause = re.split(r"[,;。\n]", self.context.lower[max(0, at - _CLAUSE) : at])[-1]
        app, user = AS_APP.search(clause), AS_USER.search(clause)
        return Identity.UNKNOWN if (app is None) == (user is None) else Identity.APP if app else Identity.USER

    @staticmethod
    def _identify(drafts: list[Draft], identity: Identity) -> None:
        for draft in drafts:
            if draft.identity is Identity.UNKNOWN:
                draft.identity = identity

    # ------------------------------------------------------------ small facts

    def _addresses(self) -> None:
        for address in self.context.addresses:
            draft = self.home(address.start)
            brand = self.context.words.specs[draft.platform].brands.get(address.host)
            if brand:
                draft.hints.setdefault("brand", brand)
                draft.hints.setdefault("host", address.host)
                for key in ("method_id", "token_type"):
                    if address.query.get(key):
                        draft.hints.setdefault(key, address.query[key][:40])

    def _facts(self) -> None:
        text = self.context.text
        for draft in self.drafts:
            if draft.subs:
                draft.hints["sub_code"] = draft.subs[-1]
        if any(each in self.context.lower for each in _API_WORDS):
            for match in islice(apis(text), _MOST):
                self.home(match.start()).hints.setdefault("api", next(each for each in match.groups() if each)[:120])
        for match in islice(_TIME.finditer(text), _MOST):
            self.home(match.start()).hints.setdefault("time", match[0])
        for match in islice(_RESOURCE.finditer(text), _MOST) if any(each in text for each in _RESOURCE_WORDS) else ():
            self.home(match.start()).hints.setdefault("resource", match[1] or match[2])
