"""Fuzz target: the whole way from any bytes to the card of every surface. Run alone: `python -m tests.fuzz.fuzz_card -runs=5000`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

from bot.explain import explain
from bot.render import render
from bot.render.json_api import as_json
from tests.render import lark_card, slack_blocks

CALLS = re.compile(r"<!|<@|<#|<at[ >]|<script|\x1b|[\u202a-\u202e\u2066-\u2069]")
"""What would call somebody, run, or turn letters around: never part of an answer, whatever was pasted."""


def check(data: bytes) -> None:
    """What must hold for any text: an answer or a sentence why not, cards that the platforms take, and nothing of the paste that acts."""
    answer = explain(data.decode("utf-8", "surrogateescape"))
    assert bool(answer.diagnoses) != (answer.why_nothing is not None)
    for diagnosis in answer.diagnoses:
        said = json.dumps(as_json(diagnosis, answer.locale), ensure_ascii=False)
        said.encode()
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", said), "a control character"
    for card_id in ("", "card"):
        slack = render(answer.diagnoses, "slack", answer.locale, why=answer.why_nothing, card_id=card_id).body
        assert isinstance(slack, dict)
        assert slack_blocks.problems(slack) == []
        lark = render(answer.diagnoses, "lark", answer.locale, why=answer.why_nothing, card_id=card_id).body
        assert lark_card.problems(lark) == []
        for said in (*_formatted(slack), *_formatted(lark)):
            assert not CALLS.search(said), "something that acts"
    for surface in ("text", "html", "dingtalk"):
        body = render(answer.diagnoses, surface, answer.locale, why=answer.why_nothing).body
        shown = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        shown.encode()
        assert not re.search(r"<script|\x1b|[\u202a-\u202e]", shown), "something that acts"


def _formatted(body: object) -> Iterator[str]:
    """Every text of a card in which signs mean something: all but the `plain_text` ones, which are shown letter by letter."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for each in body:
            yield from _formatted(each)
    elif isinstance(body, dict) and "plain_text" not in (body.get("type"), body.get("tag")):
        for each in body.values():
            yield from _formatted(each)


def main() -> None:
    """Hand the target to atheris, instrumented."""
    import atheris  # optional: only this program needs it

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
