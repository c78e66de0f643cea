"""A structural checker for Lark card JSON 2.0, which the server reads strictly: an unknown field is an error there, so it is one here.

`tests/data/lark_card.json` holds the documented shapes in our own short form: shape → field → `type` (a `!` marks a needed one), or
`[type, rule]` where a rule is a regular expression, `[least, most]`, `{"one_of": [...]}`, or one of `@locales` and `@size`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "lark_card.json"
MAX_BYTES, MAX_TAGS, MAX_DEPTH, MAX_TABLES = 30 * 1024, 200, 5, 5
NEVER_A_LEVEL = frozenset({"column"})
"""Whether a column counts as a level is not documented; one official sample fits only if it does not."""
# `normal_v2` stands, undeclared, in two official samples.
_SIZE = re.compile(r"heading-[0-4]|heading|normal|notation|x{0,4}-?large|medium|small|x-small|normal_v2")


@cache
def _data() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8"))


def problems(card: object) -> list[str]:
    """Everything that is wrong with a card, each with the path to it; empty when the card is good."""
    if not isinstance(card, dict):
        return ["card: not an object"]
    checker = _Checker()
    style = card.get("config", {}).get("style", {}) if isinstance(card.get("config"), dict) else {}
    checker.sizes = set(style.get("text_size", {})) if isinstance(style, dict) else set()
    checker.shape(card, "card", "card")
    checker.whole(card)
    return checker.found


class _Checker:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.ids: set[str] = set()
        self.sizes: set[str] = set()

    def bad(self, path: str, why: str) -> None:
        self.found.append(f"{path}: {why}")

    def whole(self, card: dict[str, Any]) -> None:
        size = len(json.dumps(card, ensure_ascii=False).encode())
        if size > MAX_BYTES:
            self.bad("card", f"{size} bytes")
        tags = [tag for tag in _tags(card) if tag]
        if len(tags) > MAX_TAGS:
            self.bad("card", f"{len(tags)} elements")
        if tags.count("table") > MAX_TABLES:
            self.bad("card", f"{tags.count('table')} tables")
        body = card.get("body")
        for element in body.get("elements", []) if isinstance(body, dict) else []:
            if (depth := _depth(element)) > MAX_DEPTH:
                self.bad("body", f"nested {depth} deep")

    def shape(self, value: object, name: str, path: str, *, inside: tuple[str, ...] = ()) -> None:
        if not isinstance(value, dict):
            return self.bad(path, "not an object")
        fields: dict[str, Any] = _data()["shapes"][name]
        for field in value:
            if field not in fields:
                self.bad(f"{path}.{field}", f"unknown field of {name}")
        for field, spec in fields.items():
            kind, rule = spec if isinstance(spec, list) else (spec, None)
            if field in value:
                self.value(value[field], kind.rstrip("!"), rule, f"{path}.{field}", inside=(*inside, name))
            elif kind.endswith("!"):
                self.bad(f"{path}.{field}", "missing")
        self.together(value, name, path, inside)
        return None

    def together(self, value: dict[str, Any], name: str, path: str, inside: tuple[str, ...]) -> None:
        """Rules that tie several fields together."""
        if "content" in _data()["shapes"][name] and name != "summary" and not ("content" in value or "i18n_content" in value):
            self.bad(path, "neither content nor i18n_content")
        if name in ("icon", "panel_icon"):
            needed = "token" if value.get("tag") == "standard_icon" else "img_key"
            if not value.get(needed):
                self.bad(path, f"no {needed}")
        if "element_id" in value and isinstance(value["element_id"], str):
            if value["element_id"] in self.ids:
                self.bad(path, f"element_id {value['element_id']} stands twice")
            self.ids.add(value["element_id"])
        if name in _data()["root_only"] and inside != ("card", "body"):
            self.bad(path, f"{name} stands at the root only")
        if name in _data()["form_only"] and "form" not in inside:
            self.bad(path, f"{name} stands in a form only")
        if "form" in inside and "name" in _data()["shapes"][name] and name != "table_column" and not value.get("name"):
            self.bad(path, "no name inside a form")
        if "form_action_type" in value and "form" not in inside:
            self.bad(path, "form_action_type outside a form")

    def value(self, value: object, kind: str, rule: object, path: str, *, inside: tuple[str, ...]) -> None:
        if kind.startswith("array of "):
            self.items(value, kind.removeprefix("array of "), rule, path, inside)
        elif kind.startswith("object of "):
            self.mapping(value, kind.removeprefix("object of "), rule, path, inside)
        elif kind == "component":
            self.component(value, path, inside)
        elif kind == "object behavior":
            name = f"behavior {value.get('type')}" if isinstance(value, dict) else ""
            if name in _data()["shapes"]:
                self.shape(value, name, path, inside=inside)
            else:
                self.bad(path, "unknown behavior")
        elif kind.startswith("object "):
            self.shape(value, kind.removeprefix("object "), path, inside=inside)
        else:
            self.plain(value, kind, rule, path)

    def items(self, value: object, kind: str, rule: object, path: str, inside: tuple[str, ...]) -> None:
        if not isinstance(value, list):
            return self.bad(path, "not a list")
        if isinstance(rule, list):
            if not rule[0] <= len(value) <= rule[1]:
                self.bad(path, f"{len(value)} items")
            rule = None
        for index, item in enumerate(value):
            self.value(item, kind, rule, f"{path}[{index}]", inside=inside)
        return None

    def mapping(self, value: object, kind: str, rule: object, path: str, inside: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            return self.bad(path, "not an object")
        for key, item in value.items():
            if rule == "@locales" and key not in _data()["locales"]:
                self.bad(f"{path}.{key}", "not a locale")
            self.value(item, kind, None, f"{path}.{key}", inside=inside)
        return None

    def component(self, value: object, path: str, inside: tuple[str, ...]) -> None:
        tag = value.get("tag") if isinstance(value, dict) else None
        if tag not in _data()["components"]:
            return self.bad(path, f"unknown component {tag!r}")
        if (tag == "column") != (inside[-1] == "column_set"):
            self.bad(path, f"{tag} cannot stand in {inside[-1]}")
        if tag == "form" and "collapsible_panel" in inside:
            self.bad(path, "form inside a panel")
        return self.shape(value, tag, path, inside=inside)

    def plain(self, value: object, kind: str, rule: object, path: str) -> None:
        types: dict[str, Any] = {"string": str, "boolean": bool, "object": dict, "number": (int, float), "integer": int}
        wanted = [types[one] for one in kind.split(" or ")]
        if not any(isinstance(value, one) for one in wanted) or (isinstance(value, bool) and bool not in wanted):
            return self.bad(path, f"not a {kind}")
        if isinstance(rule, str) and isinstance(value, str):
            good = (_SIZE.fullmatch(value) or value in self.sizes) if rule == "@size" else re.fullmatch(rule, value)
            if not good:
                self.bad(path, f"{value[:40]!r} is not allowed")
        if isinstance(rule, list) and isinstance(value, (int, float)) and (value < rule[0] or (rule[1] is not None and value > rule[1])):
            self.bad(path, f"{value} is out of range")
        if isinstance(rule, dict) and value not in rule["one_of"]:
            self.bad(path, f"{value!r} is not allowed")
        return None


def _tags(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("tag"), str):
            yield value["tag"]
        for item in value.values():
            yield from _tags(item)
    elif isinstance(value, list):
        for item in value:
            yield from _tags(item)


def _depth(element: object) -> int:
    if not isinstance(element, dict):
        return 0
    inside = [*element.get("elements", []), *element.get("columns", [])] if element.get("tag") != "table" else []
    return (element.get("tag") not in NEVER_A_LEVEL) + max(map(_depth, inside), default=0)
