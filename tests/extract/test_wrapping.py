"""However an error is wrapped on its way into a chat, it says the same: quoted, indented, logged, escaped, or spoken about."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

import pytest

from bot.catalog import catalog
from bot.extract import extract
from bot.redact import redact
from tests.cases import rows

TEXTS = [row["text"] for row in rows("extract", "errors", "errors-more", "more", "varied")[::12]]


def _each_line(form: str) -> Callable[[str], str]:
    return lambda text: "\n".join(form.format(line) for line in text.split("\n"))


WRAPPINGS: dict[str, Callable[[str], str]] = {
    "in a code block": lambda text: f"```json\n{text}\n```",
    "quoted": _each_line("> {}"),
    "indented": _each_line("    {}"),
    "with a word before": lambda text: f"帮忙看下这个报错\n{text}",
    "with words around": lambda text: f"anyone seen this?\n\n{text}\n\nthanks!",
    "for the bot": lambda text: f"<@U0123ABC> {text}",
    "with another system's line ends": lambda text: text.replace("\n", "\r\n"),
    "in a log line as JSON": lambda text: json.dumps({"level": "error", "time": "2026-03-01T10:11:12Z", "msg": text}, ensure_ascii=False),
    "in a log line as ASCII": lambda text: json.dumps({"level": "error", "ts": 1772360000.123, "message": text}),
    "as a repr": repr,
    "with a log head on each line": _each_line("2026-03-01 10:11:12.345 ERROR [main] app - {}"),
    "from a container": _each_line("app-1  | {}"),
    "as HTML": lambda text: f"<pre>{html.escape(text)}</pre>",
    "in colour": _each_line("\x1b[31m{}\x1b[0m"),
    "with a prompt behind": lambda text: f"{text}\n\n[root@prod-01 ~]# ",
    "with a byte order mark": lambda text: "\ufeff" + text,
}


def said(text: str) -> list[tuple[str, set[str], set[str], set[str]]]:
    """What is read, but for places and messages."""
    return [(each.platform, set(each.codes), set(each.request_ids), set(each.scopes)) for each in extract(redact(text).text, catalog())]


@pytest.fixture(scope="module")
def plainly() -> list[list[tuple[str, set[str], set[str], set[str]]]]:
    return [said(text) for text in TEXTS]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_wrapped_error_says_the_same(name: str, plainly: list[object]) -> None:
    """At most one sample in fifty is read otherwise once it is wrapped; those lose what their line breaks meant."""
    wrap = WRAPPINGS[name]
    others = [text for text, plain in zip(TEXTS, plainly, strict=True) if said(wrap(text)) != plain]
    assert len(others) <= len(TEXTS) // 50, others
