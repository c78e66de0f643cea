"""Slack shapes beside the card: a plain line, the modal, the share button, text to copy. The card itself is drawn by the templates."""

from __future__ import annotations

import json
from typing import Any

from bot.card import button_value
from bot.i18n import say
from bot.model import Button, Locale, Text
from bot.render.escape import PAPERS

MOST_TYPED = 3000  # Slack's limit of a plain_text_input
Body = dict[str, Any]


def line(sentence: Text, locale: Locale, *, link: str = "", label: Text | None = None) -> Body:
    """One or more sentences, with a link of ours at the end. Foreign words in them are seen, not obeyed."""
    paper = PAPERS["slack"](locale, 1.0)
    said = paper.prose(sentence, 2800)
    url = paper.url(link) if link else ""
    shown = f"{said}  <{url}|{paper.prose(label or say('Open'), 80)}>" if url else said
    return {"text": said, "blocks": [_section("why_line", shown)]}


def to_copy(sentence: Text, text: Text, locale: Locale) -> Body:
    """A sentence, and below it text in a code block, letter by letter."""
    paper = PAPERS["slack"](locale, 1.0)
    said = paper.prose(sentence, 900)
    return {"text": said, "blocks": [_section("why_line", said), _section("why_copy", paper.quote(text.in_(locale), 2600))]}


def with_share(body: Body, card_id: str, locale: Locale) -> Body:
    """A private answer, with the button that shows its brief form to the channel."""
    words = PAPERS["slack"](locale, 1.0).plain(say("Share in channel"), 70)
    button = {
        "type": "button",
        "action_id": "why_share_0",
        "text": {"type": "plain_text", "text": words, "emoji": False},
        "value": json.dumps(button_value(card_id, Button("share", say("Share in channel")))),
    }
    blocks = [dict(block) for block in body.get("blocks", ())]
    row = next((block for block in blocks if block.get("block_id") == "why_buttons"), None)
    if row is None:
        blocks.append({"type": "actions", "block_id": "why_buttons", "elements": [button]})
    else:
        row["elements"] = [*row["elements"][:1], button, *row["elements"][1:]]
    return {**body, "blocks": blocks}


def modal(locale: Locale, channel: str, response_url: str) -> Body:
    """The window to paste into. `response_url` lets the answer appear where the command was typed, whoever is a member there."""
    paper = PAPERS["slack"](locale, 1.0)

    def words(sentence: Text, limit: int) -> Body:
        return {"type": "plain_text", "text": paper.plain(sentence, limit), "emoji": False}

    return {
        "type": "modal",
        "callback_id": "why_paste",
        "title": words(say("Why forbidden?"), 24),
        "submit": words(say("Explain"), 24),
        "close": words(say("Cancel"), 24),
        "private_metadata": json.dumps({"channel": channel, "url": response_url}),
        "blocks": [
            {
                "type": "input",
                "block_id": "why_paste",
                "label": words(say("The error, as it came back"), 100),
                "hint": words(
                    say(
                        "JSON, a log line, a log_id or a document link. For more than {count} characters send me a direct message.",
                        count=MOST_TYPED,
                    ),
                    300,
                ),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": MOST_TYPED,
                    "placeholder": words(say("Paste the error here"), 100),
                },
            }
        ],
    }


def _section(block_id: str, text: str) -> Body:
    return {"type": "section", "block_id": block_id, "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
