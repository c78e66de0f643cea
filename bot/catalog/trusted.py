"""Our own pack entries, built without pydantic.

The gate test puts every shipped entry through `bot/catalog/schema.py` and compares, so at run time a plain reading is enough, and `whyforbidden
explain` need not load pydantic (80 ms) for the one entry it shows. Whatever does not look as expected gives None: then the careful
reading in `bot/catalog/schema.py` says what is wrong. Packs of third parties are always read carefully.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.catalog.types import Family
from bot.model import Cause, Entry, Identity, Rival, Text, Variant, Who

_FIELDS = frozenset(
    [
        "title",
        "what",
        "cause",
        "who",
        "steps",
        "remedies",
        "docs",
        "sample",
        "identity",
        "http_status",
        "shown",
        "phrases",
        "retired",
        "variants",
        "rivals",
    ]
)


def plain_entry(platform: str, code: str, raw: Mapping[str, Any]) -> Entry | None:
    """One table of `pack.toml` (with its variants) as an `Entry`; None when anything about it is unusual."""
    if not raw.keys() <= _FIELDS:
        return None
    try:
        return Entry(
            platform=platform,
            code=code,
            title=_text(raw["title"]),
            what=_text(raw["what"]),
            cause=Cause(raw["cause"]),
            who_fixes=Who(raw["who"]),
            steps=_steps(raw["steps"]),
            docs=raw["docs"],
            sample=raw["sample"].strip(),
            identity=Identity(raw.get("identity", "unknown")),
            http_status=raw.get("http_status"),
            variants=tuple(_variant(row) for row in raw.get("variants", ())),
            rivals=tuple(Rival(Cause(row["cause"]), Who(row["who"]), _text(row["tells"])) for row in raw.get("rivals", ())),
            code_shown=raw.get("shown", True),
            retired=raw.get("retired"),
            remedies=tuple(raw.get("remedies", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def plain_family(platform: str, raw: Mapping[str, Any]) -> Family | None:
    """One `[[family]]` of `families.toml`; None when anything about it is unusual."""
    try:
        return Family(platform, raw["codes"], Cause(raw["cause"]), Who(raw["who"]), _text(raw["what"]), raw.get("docs", ""))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _variant(row: Mapping[str, Any]) -> Variant:
    return Variant(
        row["pattern"],
        Cause(row["cause"]),
        Who(row["who"]),
        Identity(row.get("identity", "unknown")),
        _text(row["what"]) if "what" in row else None,
        _steps(row["steps"]) if "steps" in row else (),
        tuple(row.get("remedies", ())),
    )


def _text(raw: Mapping[str, str]) -> Text:
    return Text(raw["en"].strip(), raw["zh"].strip())


def _steps(raw: Mapping[str, list[str]]) -> tuple[Text, ...]:
    return tuple(Text(en.strip(), zh.strip()) for en, zh in zip(raw["en"], raw["zh"], strict=True))
