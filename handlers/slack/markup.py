"""Slack's way of writing, undone: what a person typed comes back letter by letter before anything reads it. Pure.

Slack sends `&`, `<` and `>` as entities, puts links, people and channels into angle brackets, and its clients turn quotes into curly
ones. (https://docs.slack.dev/messaging/formatting-message-text)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MARK = re.compile(r"<([^<>]*)>")
_SCHEME = re.compile(r"(?:https?|mailto|tel|ftp|slack|[a-z][a-z0-9+.-]{1,20}):", re.IGNORECASE)
_ENTITY = re.compile(r"&(amp|lt|gt);")
_LETTER = {"amp": "&", "lt": "<", "gt": ">"}
_KEY = re.compile(r"[“”„‟]([^“”„‟\"\n]{1,120})[“”„‟](?=\s{0,20}:)")
_VALUE = re.compile(r"(:\s{0,20})[“”„‟]([^“”„‟\"\n]{0,2000})[“”„‟](?=\s{0,20}[,}\]])")
_DOUBLE = str.maketrans(dict.fromkeys("“”„‟", '"'))
_SINGLE = str.maketrans(dict.fromkeys("‘’‚‛", "'"))
_DEEPEST = 12


def unslack(text: str, own_id: str = "") -> str:
    """What was typed. Mentions of the bot itself (`own_id`) vanish; other mentions, channels and links become plain words."""
    if "<" in text:
        text = _MARK.sub(lambda found: _plain(found.group(1), found.group(), own_id), text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: _LETTER[found.group(1)], text)
    return _unfenced(straight(text.replace("\xa0", " ")).strip())


def straight(text: str) -> str:
    """Straight quotes where curly ones stand for them. Beside straight quotes, curly ones are part of the words (Chinese uses them)."""
    if any(letter in text for letter in "“”„‟"):
        text = _VALUE.sub(r'\1"\2"', _KEY.sub(r'"\1"', text)) if '"' in text else text.translate(_DOUBLE)
    if any(letter in text for letter in "‘’‚‛") and "'" not in text:
        text = text.translate(_SINGLE)
    return text


def _plain(inner: str, whole: str, own_id: str) -> str:
    target, _, label = inner.partition("|")
    kind, rest = target[:1], target[1:]
    if kind == "@":
        return "" if own_id and rest == own_id else "@" + (label or rest)
    if kind == "#":
        return "#" + (label or rest)
    if kind == "!":
        name = label or rest.partition("^")[0]
        return name if rest.startswith(("date", "subteam")) else "@" + name.lstrip("@")
    if not _SCHEME.match(target):
        return whole  # no markup of Slack's: somebody's own angle brackets
    if not label or label == target:
        return target
    bare = target.partition(":")[2].lstrip("/").rstrip("/")
    return label if label.rstrip("/") == bare else f"{label} ({target})"


def _unfenced(text: str) -> str:
    """Without the code marks, when the whole text stands in them."""
    for fence in ("```", "`"):
        inner = text[len(fence) : -len(fence)]
        if len(text) > 2 * len(fence) and text.startswith(fence) and text.endswith(fence) and "`" not in inner:
            return inner.strip()
    return text


def words_of(message: Mapping[str, Any]) -> str:
    """Everything readable in a message, still in Slack's writing: its text, else its blocks; and what is attached or shared with it."""
    parts = [str(message.get("text") or "")]
    if not parts[0].strip():
        parts = list(_texts(message.get("blocks"), 0))
    for attached in _dicts(message.get("attachments")):
        inside = [str(attached.get(name) or "") for name in ("pretext", "title", "text")]
        inside += [f"{one.get('title', '')}: {one.get('value', '')}" for one in _dicts(attached.get("fields"))]
        found = (
            [part for part in inside if part.strip()] or list(_texts(attached.get("blocks"), 0)) or [str(attached.get("fallback") or "")]
        )
        parts += found
    return "\n".join(dict.fromkeys(part for part in parts if part.strip()))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and item.get("type") in ("text", "link", "emoji", "user", "channel") for item in value):
            yield "".join(str(item.get("text") or item.get("url") or "") for item in value)
            return
        for item in value:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for name in ("text", "elements", "fields", "rows"):
            if isinstance(value.get(name), (dict, list)):
                yield from _texts(value[name], depth + 1)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
