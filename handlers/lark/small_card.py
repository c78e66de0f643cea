"""A card of ours in the older form, JSON 1.0: the only one that can be shown to a single person in a group ("ephemeral" messages).

There both languages are two lists side by side (`i18n_elements`), panels do not fold and buttons stand in `action` rows. Only the parts that
our own templates use are known here; anything else is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_BYTES = 29_000
LANGUAGES = ("zh_cn", "en_us")

Element = dict[str, Any]


def small(card: Mapping[str, Any]) -> dict[str, Any]:
    """The same card in JSON 1.0, both languages; without its folded parts where it would be too large."""
    made = _made(card, folds=True)
    return made if len(json.dumps(made, ensure_ascii=False).encode()) <= MOST_BYTES else _made(card, folds=False)


def _made(card: Mapping[str, Any], *, folds: bool) -> dict[str, Any]:
    header = card.get("header") or {}
    title = header.get("title") or {}
    elements = (card.get("body") or {}).get("elements") or []
    return {
        "config": {"wide_screen_mode": True},
        "header": {
            "template": header.get("template", "default"),
            "title": {
                "tag": "plain_text",
                "content": _words(title, LANGUAGES[1]),
                "i18n": {language: _words(title, language) for language in LANGUAGES},
            },
        },
        "i18n_elements": {
            language: [made for element in elements for made in _element(element, language, folds=folds)] for language in LANGUAGES
        },
    }


def _words(part: Mapping[str, Any], language: str) -> str:
    both = part.get("i18n_content")
    return str((both.get(language) if isinstance(both, Mapping) else None) or part.get("content") or "")


def _element(element: Mapping[str, Any], language: str, *, folds: bool) -> list[Element]:
    match element.get("tag"):
        case "markdown":
            return [{"tag": "markdown", "content": _words(element, language)}]
        case "div":
            text = element.get("text") or {}
            return [{"tag": "div", "text": {"tag": "plain_text", "content": _words(text, language)}}]
        case "column_set":
            inside = [part for column in element.get("columns") or () for part in column.get("elements") or ()]
            buttons = [_button(part, language) for part in inside if part.get("tag") == "button"]
            return [{"tag": "action", "actions": buttons}] if buttons else []
        case "collapsible_panel" if folds:
            title = (element.get("header") or {}).get("title") or {}
            lines = [made for part in element.get("elements") or () for made in _element(part, language, folds=folds)]
            return [{"tag": "hr"}, {"tag": "markdown", "content": f"**{_words(title, language)}**"}, *lines]
        case _:
            return []


def _button(button: Mapping[str, Any], language: str) -> Element:
    made: Element = {
        "tag": "button",
        "text": {"tag": "plain_text", "content": _words(button.get("text") or {}, language)},
        "type": "primary" if "primary" in str(button.get("type")) else "default",
    }
    for behavior in button.get("behaviors") or ():
        if behavior.get("type") == "open_url":
            made["url"] = behavior.get("default_url", "")
        elif behavior.get("type") == "callback":
            made["value"] = behavior.get("value")
    return made
