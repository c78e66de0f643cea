"""What a pack may hold, checked by pydantic at the border: unknown fields are errors, and every text stands in both languages.

Third parties' packs are always read here; ours by `bot/catalog/trusted.py`, which is held equal to this by the gate test and needs no pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from bot.catalog.remedies import remedies
from bot.catalog.types import Family, PackError
from bot.model import Cause, Entry, Identity, Rival, Text, Variant, Who

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[Line, AfterValidator(_compiles)]


def _known_remedy(name: str) -> str:
    if name not in remedies():
        raise ValueError(f"{name!r} is no remedy of bot/remedies.toml")
    return name


Remedies = Annotated[tuple[Annotated[str, AfterValidator(_known_remedy)], ...], Field(max_length=8)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Both(_Closed):
    en: Line
    zh: Line

    def text(self) -> Text:
        return Text(self.en, self.zh)


class _Steps(_Closed):
    en: tuple[Line, ...] = Field(min_length=1, max_length=4)
    zh: tuple[Line, ...] = Field(min_length=1, max_length=4)

    @model_validator(mode="after")
    def _same_number(self) -> _Steps:
        if len(self.en) != len(self.zh):
            raise ValueError(f"{len(self.en)} steps in English, {len(self.zh)} in Chinese")
        return self

    def texts(self) -> tuple[Text, ...]:
        return tuple(Text(en, zh) for en, zh in zip(self.en, self.zh, strict=True))


class _Variant(_Closed):
    pattern: Pattern
    cause: Cause
    who: Who
    identity: Identity = Identity.UNKNOWN
    what: _Both | None = None
    steps: _Steps | None = None
    remedies: Remedies = ()


class _Rival(_Closed):
    cause: Cause
    who: Who
    tells: _Both


class EntryRow(_Closed):
    title: _Both
    what: _Both
    cause: Cause
    who: Who
    steps: _Steps
    docs: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
    sample: Line
    identity: Identity = Identity.UNKNOWN
    http_status: int | None = Field(default=None, ge=100, le=599)
    shown: bool = True
    phrases: tuple[Line, ...] = ()
    retired: Line | None = None
    remedies: Remedies = ()
    variants: tuple[_Variant, ...] = ()
    rivals: tuple[_Rival, ...] = ()


class FamilyRow(_Closed):
    codes: Pattern
    cause: Cause
    who: Who
    what: _Both
    docs: str = ""


def check_entry(platform: str, code: str, raw: Mapping[str, Any], where: str) -> Entry:
    """One table of `pack.toml` (with its variants) as an `Entry`. Raises `PackError`."""
    try:
        row = EntryRow.model_validate(raw)
    except ValidationError as error:
        _refuse(error, where)
    return Entry(
        platform=platform,
        code=code,
        title=row.title.text(),
        what=row.what.text(),
        cause=row.cause,
        who_fixes=row.who,
        steps=row.steps.texts(),
        docs=row.docs,
        sample=row.sample,
        identity=row.identity,
        http_status=row.http_status,
        variants=tuple(
            Variant(
                v.pattern, v.cause, v.who, v.identity, v.what.text() if v.what else None, v.steps.texts() if v.steps else (), v.remedies
            )
            for v in row.variants
        ),
        rivals=tuple(Rival(r.cause, r.who, r.tells.text()) for r in row.rivals),
        code_shown=row.shown,
        retired=row.retired,
        remedies=row.remedies,
    )


def check_family(platform: str, raw: Mapping[str, Any], where: str) -> Family:
    """One `[[family]]` of `families.toml`. Raises `PackError`."""
    try:
        row = FamilyRow.model_validate(raw)
    except ValidationError as error:
        _refuse(error, where)
    return Family(platform, row.codes, row.cause, row.who, row.what.text(), row.docs)


def _refuse(error: ValidationError, where: str) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "entry"
    raise PackError(f"{where} {field}: {first['msg']}") from error
