"""What a reply under a card says: claims, an API, an app, as whom, a document, "look again", "who can do it?", or only talk.

A reply is read beside the card that it stands under; whether its text is a new error is decided by `extract`, not here. Everything read here is a
claim: it ranks remedies and chooses words, and is never proof. The rows stand in `replies.toml`, both languages, each with texts on which it
fires and texts on which it does not. A claim or a question wins over thanks: "thanks, but still the same" is no small talk.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from bot.extract.attributes import apis
from bot.model import Identity, Text
from bot.patterns import lazy
from bot.platforms.spec import Spec

Kind = Literal["watch", "claim", "works", "look", "who", "thanks", "talk", "none"]
ORDER: tuple[Kind, ...] = ("watch", "claim", "works", "look", "who", "thanks", "talk")
"""What a reply is when several rows fire: the first of these."""

MOST = 600
"""Characters of a reply; what is longer is a report of its own, or nothing for us."""

_EDGES = " \t\r\n.。!！,，;；:："
_BARE_API = lazy(r"\bopen\.(?:[a-z]{2,24}\.){1,5}[a-z]{2,24}\b|(?<![\w/])/open-apis/[\w./:{}-]{2,120}|(?<![\w/])/v1\.0/[\w./{}-]{2,120}")
_LINK = lazy(r"https?://[^\s<>\"'|)）]{4,300}")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `replies.toml`."""

    id: str
    kind: Kind
    pattern: re.Pattern[str]
    whole: bool
    claim: str
    says: str
    answers: Mapping[str, str]
    identity: Identity
    heard: Text
    fires_on: tuple[str, ...]
    silent_on: tuple[str, ...]

    def fires(self, text: str) -> bool:
        """Whether a reply says this."""
        if self.whole:
            return self.pattern.fullmatch(text.strip(_EDGES + "?？")) is not None or self.pattern.fullmatch(text.strip()) is not None
        return self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply says. `rows` are those that fired, `tried` their claims (ids of `claims.toml`); `answers`: telling question → answer; `heard` repeats it, sentence by sentence."""

    kind: Kind = "none"
    rows: tuple[str, ...] = ()
    tried: frozenset[str] = frozenset()
    says: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    identity: Identity = Identity.UNKNOWN
    api: str = ""
    app_id: str = ""
    document: str = ""
    heard: tuple[Text, ...] = ()

    @property
    def facts(self) -> bool:
        """Whether it names something that can be looked up."""
        return bool(self.api or self.app_id or self.document)


@cache
def rows() -> tuple[Row, ...]:
    """Every row, in the order of the file."""
    found = tomllib.loads(files(__package__).joinpath("replies.toml").read_text(encoding="utf-8"))["reply"]
    return tuple(_row(each) for each in found)


def read_reply(text: str, spec: Spec | None = None, is_document: Callable[[str], bool] | None = None) -> Said:
    """Read a reply under a card of the platform of `spec`; `text` is masked already. `is_document`: whether a link names a document of it."""
    if len(text) > MOST:
        return Said()
    fired = [row for row in rows() if row.fires(text)]
    if any(row.kind == "claim" for row in fired):
        fired = [row for row in fired if row.id != "published" or not any(other.id == "not-published" for other in fired)]
        fired = [row for row in fired if row.kind != "works" or not any(other.id in ("still-fails", "worked-before") for other in fired)]
    identities = {row.identity for row in fired} - {Identity.UNKNOWN}
    app = spec.app_shape.search(text) if spec is not None and spec.app_shape is not None else None
    said = Said(
        kind=next((kind for kind in ORDER if any(row.kind == kind for row in fired)), "none"),
        rows=tuple(row.id for row in fired),
        tried=frozenset(row.claim for row in fired if row.claim),
        says=". ".join(row.says for row in fired if row.says),
        answers={question: answer for row in fired for question, answer in row.answers.items()},
        identity=identities.pop() if len(identities) == 1 else Identity.UNKNOWN,
        api=_api(text),
        app_id=app[0] if app else "",
        document=next((link for link in _LINK.findall(text) if is_document is not None and is_document(link)), ""),
        heard=tuple(row.heard for row in fired if row.heard.en),
    )
    named = said.facts and said.kind not in ("watch", "claim", "works")
    return replace(said, kind="claim") if named else said  # to name something is a claim, whatever is said beside it


def _api(text: str) -> str:
    bare = _BARE_API.search(text)
    if bare:
        return bare[0].rstrip(".")
    named = next(apis(text), None)
    return next((each for each in named.groups() if each), "")[:120] if named else ""


def _row(row: Mapping[str, Any]) -> Row:
    pattern: str | list[str] = row["pattern"]
    return Row(
        id=row["id"],
        kind=cast("Kind", row["kind"]),
        pattern=lazy("|".join([pattern] if isinstance(pattern, str) else pattern), re.IGNORECASE),
        whole=bool(row.get("whole")),
        claim=row.get("claim", ""),
        says=row.get("says", ""),
        answers=row.get("answers", {}),
        identity=Identity(row.get("identity", "unknown")),
        heard=Text(row["heard"]["en"], row["heard"]["zh"]),
        fires_on=tuple(row["fires_on"]),
        silent_on=tuple(row["silent_on"]),
    )
