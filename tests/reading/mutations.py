"""Changes of a labelled paste that leave its meaning alone: what is read before must be read after."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

HARMLESS: tuple[str, ...] = tuple(json.loads((Path(__file__).parent / "harmless.json").read_text(encoding="utf-8")))

# The same request id as other systems would write it.
IDS = {
    "uuid": "3f0c9a52-7d1e-4b86-9c35-0a1b2c3d4e5f",
    "hex": "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
    "13 digits": "1764579283125",
    "15 digits": "202699991672000",
    "req-": "req-7Hs82kQpL0",
    "ulid": "01JE4Z7V3K9Q2M8XW5RBT6YNCP",
    "base62": "k3ZpT09xQvLmN4sYbW2dRa",
    "request-1234": "request-1234",
}
_LABELLED = re.compile(r"(?i)(?:log_?id|request_?id|trace_?id)[\"']?\s{0,2}[:=]\s{0,2}[\"']?$")
_CODE_FIELD = re.compile(r"(?<![\w.-])([\"']?)(?:err)?code(\1\s?[:=])", re.I)
_MESSAGE_FIELD = re.compile(r"(?<![\w.-])([\"'])(?:err)?msg(\1\s?[:=])", re.I)
_OBJECT = re.compile(r"\{[^{}]*\}")


def with_talk(text: str, sentence: str) -> Iterator[tuple[str, str]]:
    """The paste with a harmless sentence on a line before and behind it."""
    yield "before", f"{sentence}\n{text}"
    yield "behind", f"{text}\n{sentence}"


def with_id(text: str, known: str, new: str) -> str | None:
    """The paste with a request id that stands behind its label written in another form; None where none stands so."""
    at = text.find(known)
    if at < 0 or text.count(known) != 1 or not _LABELLED.search(text, max(0, at - 24), at):
        return None
    return text[:at] + new + text[at + len(known) :]


def renamed_code(text: str, name: str) -> str | None:
    """The paste with its one field `code` under another name; None where it has none, or several."""
    return _CODE_FIELD.sub(rf"\1{name}\2", text) if len(_CODE_FIELD.findall(text)) == 1 else None


def renamed_message(text: str) -> str | None:
    """The paste with its one field `msg` called `detail`; None where it has none, or several."""
    return _MESSAGE_FIELD.sub(r"\1detail\2", text) if len(_MESSAGE_FIELD.findall(text)) == 1 else None


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _numbered(text: str) -> str:
    return "\n".join(f"{number:4d} | {line}" for number, line in enumerate(text.split("\n"), 1))


# How the same paste looks out of another tool.
FORMS: dict[str, Callable[[str], str]] = {
    "fence": lambda text: f"```\n{text}\n```",
    "fence with a language": lambda text: f"```json\n{text}\n```",
    "quote": _quoted,
    "indented": lambda text: "\n".join(f"    {line}" for line in text.split("\n")),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "blank lines": lambda text: f"\n\n{text}\n\n",
    "trailing blanks": lambda text: "\n".join(f"{line}   " for line in text.split("\n")),
    "a mention": lambda text: f"<@U0123ABC> {text}",
    "no-break blanks": lambda text: text.replace(" ", "\u00a0"),
    "zero width": lambda text: f"\u200b{text}\u200b",
    "colours": lambda text: f"\x1b[31m{text}\x1b[0m",
    "html escapes": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    "typographic quotes around": lambda text: f"“{text}”",
    "json string": lambda text: json.dumps(text, ensure_ascii=False),
    "json string, ascii": json.dumps,
    "polite": lambda text: f"hi all, we get this:\n\n{text}\n\nany idea?",
    "polite, Chinese": lambda text: f"大家好，调用时报错：\n\n{text}\n\n这是什么原因？",
}
