"""A checker for Slack messages: slack_sdk's own Block Kit validation, and what it does not look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

CLASSIC: Mapping[str, frozenset[str]] = {
    "header": frozenset({"type", "block_id", "text"}),
    "section": frozenset({"type", "block_id", "text", "fields", "accessory", "expand"}),
    "context": frozenset({"type", "block_id", "elements"}),
    "actions": frozenset({"type", "block_id", "elements"}),
    "divider": frozenset({"type", "block_id"}),
    "button": frozenset({"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}),
    "plain_text": frozenset({"type", "text", "emoji"}),
    "mrkdwn": frozenset({"type", "text", "verbatim"}),
}
"""Blocks that every client draws, and every field they have."""


def problems(message: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with `{"text", "blocks"}`; empty when Slack would take it."""
    found: list[str] = []
    blocks = message.get("blocks")
    if set(message) - {"text", "blocks"} or not isinstance(message.get("text"), str) or not message["text"].strip():
        found.append("text and blocks, and a text that says something")
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 50:
        return [*found, "1 to 50 blocks"]
    ids = [block.get("block_id") for block in blocks]
    if len(set(ids)) != len(ids) or any(len(one or "") > 255 for one in ids):
        found.append("block ids unique and at most 255 long")
    total = sum(len(text) for text in _texts(blocks))
    if total > 13_000:
        found.append(f"{total} characters over all blocks")
    for block in Block.parse_all(blocks):
        try:
            block.validate_json()
        except SlackObjectFormationError as error:
            found.append(f"{block.block_id}: {error}")
    for block in blocks:
        found += [f"{block.get('block_id')}: {why}" for why in _of(block)]
    return found


def _of(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if kind not in ("header", "section", "context", "actions", "divider"):
        yield f"{kind} is no classic block"
        return
    for piece in _pieces(block):
        unknown = set(piece) - CLASSIC.get(piece["type"], frozenset())
        if unknown:
            yield f"unknown {sorted(unknown)} in {piece['type']}"
        if piece["type"] in ("plain_text", "mrkdwn") and not piece["text"]:
            yield "an empty text"
    fields = block.get("fields", [])
    if len(fields) > 10 or any(len(field["text"]) > 2000 for field in fields):
        yield "at most 10 fields of 2,000"
    if kind == "context" and not 1 <= len(block["elements"]) <= 10:
        yield "1 to 10 elements"
    if kind == "header" and (block["text"]["type"] != "plain_text" or len(block["text"]["text"]) > 150):
        yield "a header is plain text of at most 150"
    if kind == "section" and len(block.get("text", {}).get("text", "")) > 3000:
        yield "a section has at most 3,000"
    if kind == "actions":
        yield from _of_buttons(block["elements"])


def _of_buttons(buttons: list[dict[str, Any]]) -> Iterator[str]:
    ids = [button["action_id"] for button in buttons]
    if not 1 <= len(ids) <= 25 or len(set(ids)) != len(ids):
        yield "1 to 25 elements with unique action ids"
    for button in buttons:
        if len(button["text"]["text"]) > 75 or len(button.get("value", "")) > 2000 or len(button.get("url", "")) > 3000:
            yield "a button's text, value or url is too long"
        if button.get("style", "primary") not in ("primary", "danger"):
            yield "unknown style"


def _pieces(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for item in value.values():
            yield from _pieces(item)
    elif isinstance(value, list):
        for item in value:
            yield from _pieces(item)


def _texts(blocks: object) -> Iterator[str]:
    return (piece["text"] for piece in _pieces(blocks) if piece["type"] in ("plain_text", "mrkdwn"))
