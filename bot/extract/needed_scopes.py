"""Which scopes of a paste are missing, and which were granted, provided or only asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice
from typing import Final

from bot.extract.context import Context
from bot.extract.draft import Draft
from bot.extract.fields import Address
from bot.extract.vocabulary import SCOPE_HAD, SCOPE_LABEL, SCOPE_WORD
from bot.patterns import lazy
from bot.platforms import spec as roles
from bot.platforms.spec import Spec

_MOST: Final = 400  # of one kind in one window
_NAME: Final = lazy(r"(?<![\w.:/@#-])[A-Za-z][\w.:-]{2,100}", re.A)
_LABEL_REACH: Final = 240  # characters
_MARKS: Final = frozenset({"", "`", '"', "'", "[", "]", ",", ":", "=", ";", "\n"})
_LIST_SIGN: Final = lazy(r"[,\s+]+")
_FIELD: Final = lazy(r"(?:^|\n)[ \t]*[A-Za-z]{3,20}[ \t]?:[ \t]*[\"'`]?$")
# `scope merchant_refund is not authorized`, `权限 corp.user 未开通`; and `权限 corp.user 都开了`, `corp.user is already enabled`.
_CALLED_SCOPE: Final = lazy(r"(?:scope|permission|privilege|权限[包点]?)[ :\"'`\[]{1,4}$")
_CALLED_MISSING: Final = lazy(r"[\"'`\]]{0,2} ?(?:(?:is |was |has )?(?:not|missing|required|unauthori[sz]ed|denied)\b|未|没|不足|缺)")
_CALLED_THERE: Final = lazy(
    r"[\"'`\]]{0,2}(?: ?(?:和|与|及|and|,|、) ?[\"'`]?[a-z][\w:.-]{3,60}[\"'`]?){0,4} ?(?:(?:is|was|are|has been|have been|shows?(?: up)? as) (?:already |all |there\b|enabled|granted|added|ticked|on\b)|(?:明明|这个|权限|我|们|是|也|都|全|早|就|昨天|今天|刚|前天|上周|已经?|早已){0,6}(?:开了|开通了|有了|加了|加上了|勾了|申请了|申请过|授权了|给了|配了|开着))"
)
# A checklist: `✅ im:chat:readonly`, `❌ im:message.pins:write_only`.
_MARK: Final = lazy(r"([✅✔✓☑❌✗✘×✖]|\[(?:通过|失败|ok|pass(?:ed)?|fail(?:ed)?|missing|x)\])\ufe0f?[ `*]{0,3}$")
_MARK_REACH: Final = 14
_MISSING_MARKS: Final = frozenset(("❌", "✗", "✘", "×", "✖", "[失败]", "[fail]", "[failed]", "[missing]"))
_YET: Final = lazy(r"还是|仍|依然|但|可是|\bstill\b|\bbut\b|\byet\b")
_YET_REACH: Final = 12  # characters
_SENTENCE_END: Final = lazy(r"[。!?]\s|\.\s+[A-Z]|\n\s+at ")


def namesake(context: Context, name: str, scope: str) -> bool:
    """Whether a scope is listed, or begins with the same word as a listed one."""
    return (name, scope.split(":", maxsplit=1)[0]) in context.known.namesakes


class Scopes:
    """Finds the scopes of one platform that are missing, and not those that were granted, provided or asked for."""

    def __init__(self, context: Context, drafts: list[Draft], of: Callable[[str, int], Draft], name: str, spec: Spec) -> None:
        self.context = context
        self.drafts = drafts
        self.of = of  # the draft of a platform that a place belongs to
        self.name = name
        self.spec = spec
        text = self.context.text
        self._lists = [
            (each.start, each.end, each.role == roles.NEED or text[max(0, each.at - 4) : each.at].lower() == "not ")
            for each in self.context.pairs
            if each.role in (roles.NEED, roles.HAVE)
        ]
        self._starts = [each[0] for each in self._lists]

    def fill(self) -> None:
        """Give every missing scope to its draft."""
        if self.spec.scope is None:
            return
        self._from_text(self.spec.scope)
        for address in self.context.addresses:
            if address.host in self.spec.brands and self.spec.ask_path is not None and self.spec.ask_path.search(address.path):
                self._from_address(self.spec.scope, address)
        for owner, each in self.context.words.patterns:
            if owner == self.name and each.trigger in self.context.lower and "scope" in each.regex.groupindex:
                for match in islice(each.regex.finditer(self.context.text), _MOST):
                    for value in (match["scope"] or "").split():
                        self._add(value, match.start("scope"))

    def _from_text(self, shape: re.Pattern[str]) -> None:
        text = self.context.text
        codes = {value for draft in self.drafts for value in draft.codes}
        last, wanted = -1, None
        for at, name in self._names(shape):
            end = at + len(name)
            if name in codes or self.context.within_address(at):
                continue  # what an address asks for is not missing; what its console page lists is read from its query
            listed = self._in_list(at)
            if listed is not None:
                wanted = listed
            elif at - last > 6 or text[last:at].strip(" ,\"'`、"):
                wanted = self._called(at, end)
                if wanted is None:
                    wanted = self._wanted(at)
            last = end
            if listed is None and name.isalpha() and not self._set_off(at, end):
                continue  # `admin`, `bot`: a word of the sentence
            if wanted or (wanted is None and self.spec.scope_anywhere and ":" in name and self._stands_alone(name, at)):
                self._add(name, at)

    def _names(self, shape: re.Pattern[str]) -> list[tuple[int, str]]:
        """Where names of scopes stand, in order: the catalogue's own, read to their full length, and others of the platform's form."""
        listed = self.context.catalog.scopes(self.name)
        found = {match.start(): match[0] for match in islice(shape.finditer(self.context.text), 4 * _MOST)}
        for match in _NAME.finditer(self.context.text):
            name = match[0].rstrip(".:-")
            if name in listed:
                found[match.start()] = name
        return sorted(found.items())[: 4 * _MOST]

    def _stands_alone(self, value: str, at: int) -> bool:
        """Whether a word that has the form of a scope is not the value of some field: `Operation: bitable:table:draft:add`."""
        return self.context.catalog.scope(self.name, value) is not None or _FIELD.search(self.context.text, max(0, at - 40), at) is None

    def _set_off(self, at: int, end: int) -> bool:
        """Whether a plain word stands by itself: in marks, or as an item of a list."""
        text = self.context.text
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
        lower, first = self.context.lower, max(0, at - _LABEL_REACH)
        labels = SCOPE_LABEL if lower.find("--scope", first, at) >= 0 else SCOPE_WORD
        label = None
        for label in labels.finditer(lower, first, at):  # noqa: B007 (the last one counts)
            pass
        if label is None:
            return None
        between = self.context.text[label.end() : at]
        introduced = ":" in between[:14] or "=" in between[:14]
        if "]" in between or "}" in between or between.count("\n") > 6 or _SENTENCE_END.search(between):
            return None
        if "[" not in between and "\n" in between and not introduced:
            return None
        if "[" not in between[:30] and not introduced and len(between) > 60:
            return None
        return SCOPE_HAD.match(lower, label.start(), at) is None

    def _called(self, at: int, end: int) -> bool | None:
        """Whether the words right behind a scope call it missing (True) or there (False); None when they do neither."""
        lower = self.context.lower
        mark = _MARK.search(lower, max(0, at - _MARK_REACH), at)
        if mark:
            return mark[1] in _MISSING_MARKS
        there = _CALLED_THERE.match(lower, end)
        if there and not _YET.search(lower, there.end(), there.end() + _YET_REACH):
            return False
        return True if _CALLED_MISSING.match(lower, end) and _CALLED_SCOPE.search(lower, max(0, at - 16), at) else None

    def _add(self, value: str, at: int) -> None:
        context = self.context
        draft = self.of(self.name, at)
        if value in draft.scopes:
            return
        if context.catalog.scope(self.name, value) is None:
            if self.spec.scope_known_only or (self.spec.scope_anywhere and not namesake(context, self.name, value)):
                return
            if any(each.startswith(value) and each[len(value)].isalpha() for each in context.catalog.scopes(self.name)):
                return  # a known name, broken off in the middle of a word
        draft.scopes.append(value)
