"""What stands in a Lark message: its text, its files, whether it was forwarded. Pure; the shapes are those of "message content" (im v1).

A message's `content` is a JSON string whose form depends on `message_type`. Whatever is odd in it is left out, never an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

SLASH = re.compile(r"^\s*/\s*whyforbidden\b", re.IGNORECASE)
_SAME_LINK = re.compile(r"\[(https?://[^\[\]\s]{1,2000})\]\(\1\)")
_DEEPEST = 8
_MOST_PIECES = 5000


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message, not fetched yet."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `forwarded`: the words are in other messages, to be fetched by this one's id."""

    text: str = ""
    files: tuple[File, ...] = ()
    forwarded: bool = False


def read(kind: str, content: object, mentions: object = (), bot: str = "") -> Content:
    """A message of type `kind`. Mentions of the `bot` (its open_id) are taken out, those of others become names."""
    said = parse(kind, content)
    return replace(said, text=without_mentions(said.text, mentions, bot).strip())


def parse(kind: str, content: object) -> Content:
    """The same with the keys of mentions still in the text (`@_user_1`)."""
    said = _object(content)
    match kind:
        case "text":
            text = _plain(str(said.get("text") or ""))
        case "post":
            text = _post(said)
        case "file":
            key, name = said.get("file_key"), said.get("file_name")
            return Content(files=(File(str(key), str(name or "")),)) if key else Content()
        case "interactive":
            text = _card(said)
        case "merge_forward":
            return Content(forwarded=True)
        case _:
            return Content()
    return Content(text)


def forwarded(items: Iterable[Mapping[str, Any]], parent: str) -> Content:
    """The children of a forwarded bundle, in order, as the message API lists them."""
    texts = []
    for item in items:
        if item.get("message_id") == parent or not item.get("upper_message_id"):
            continue
        texts.append(of_item(item).text)
    return Content("\n\n".join(text for text in texts if text))


def of_item(item: Mapping[str, Any]) -> Content:
    """A message as the message API returns it (`msg_type`, `body.content`)."""
    body = item.get("body")
    content = body.get("content") if isinstance(body, Mapping) else None
    return read(str(item.get("msg_type") or ""), content, item.get("mentions") or ())


def mentions_bot(mentions: object, bot: str) -> bool:
    """Whether the bot is named. While its own id is not known, anybody's mention counts: without the permission to hear all of a group, only
    messages that name the bot arrive."""
    named = list(_mentions(mentions))
    return any(_id_of(one) == bot for one in named) if bot else bool(named)


def as_text(raw: bytes) -> str | None:
    """A file's text, whatever Unicode it is in; None when it is not text."""
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\x00" in raw[:4096] and not wide:
        return None
    return raw.decode("utf-16" if wide else "utf-8-sig", "replace")


# ---------------------------------------------------------------- the forms


def _object(content: object) -> Mapping[str, Any]:
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return {}
    return content if isinstance(content, Mapping) else {}


def _plain(text: str) -> str:
    """Addresses that the client turned into `[address](address)`, as they were typed."""
    return _SAME_LINK.sub(r"\1", text) if "](" in text else text


def _post(said: Mapping[str, Any]) -> str:
    if "content" not in said:  # with the languages around it, as posts are sent
        said = next((one for one in said.values() if isinstance(one, Mapping) and "content" in one), {})
    rows = said.get("content")
    title = said.get("title")
    lines = [title] if isinstance(title, str) and title else []
    return "\n".join(lines + [_row(row) for row in rows if isinstance(row, list)]) if isinstance(rows, list) else "\n".join(lines)


def _row(row: Sequence[Any]) -> str:
    return "".join(_piece(piece) for piece in row if isinstance(piece, Mapping))


def _piece(piece: Mapping[str, Any]) -> str:
    text = piece.get("text")
    text = text if isinstance(text, str) else ""
    match piece.get("tag"):
        case "a":
            href = piece.get("href")
            return (
                f"{text} ({href})" if isinstance(href, str) and href and text and not text.startswith("http") else text or str(href or "")
            )
        case "at":
            return (
                str(piece.get("user_id") or "") if str(piece.get("user_id") or "").startswith("@_") else f"@{piece.get('user_name') or ''}"
            )
        case "code_block":
            return f"\n{text}\n"
        case "img" | "media" | "emotion":
            return ""
        case "hr":
            return "\n"
        case _:
            return text


def _card(said: Mapping[str, Any]) -> str:
    """What the platform lets others read of a card: rows like a post's, or, in older forms, texts anywhere inside."""
    title, rows = said.get("title"), said.get("elements")
    lines = [title] if isinstance(title, str) and title else []
    if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return "\n".join(lines + [_row(row) for row in rows])
    found: list[str] = []
    _texts(rows if rows is not None else said.get("body"), found, 0)
    return "\n".join(lines + found)


def _texts(value: object, found: list[str], depth: int) -> None:
    if depth > _DEEPEST or len(found) > _MOST_PIECES:
        return
    if isinstance(value, Mapping):
        found += [value[name] for name in ("text", "content", "title") if isinstance(value.get(name), str)]
        for inside in value.values():
            if isinstance(inside, (Mapping, list)):
                _texts(inside, found, depth + 1)
    elif isinstance(value, list):
        for inside in value:
            _texts(inside, found, depth + 1)


# ---------------------------------------------------------------- mentions


def _mentions(mentions: object) -> Iterable[Mapping[str, Any]]:
    return (one for one in mentions if isinstance(one, Mapping)) if isinstance(mentions, (list, tuple)) else ()


def _id_of(mention: Mapping[str, Any]) -> str:
    named = mention.get("id")
    return str(named.get("open_id") or "") if isinstance(named, Mapping) else str(named or "")


def without_mentions(text: str, mentions: object, bot: str) -> str:
    """`@_user_1` and the like, longest first so that `@_user_1` does not eat the front of `@_user_12`."""
    named = sorted(_mentions(mentions), key=lambda one: -len(str(one.get("key") or "")))
    for one in named:
        key = str(one.get("key") or "")
        if key:
            only = not bot and len(named) == 1
            text = text.replace(key, "" if only or _id_of(one) == bot else f"@{one.get('name') or ''}")
    return text
