"""Every row of `replies.toml` fires on its own samples, stays silent on the others, and is said in both languages."""

from __future__ import annotations

import pytest

from bot.diagnose.questions import questions
from bot.extract.replies import Row, read_reply, rows
from bot.extract.signals import weights

CLAIMS = {"", *(claim.id for claim in weights().claims)}
ANSWERS = {asking.question.id: {answer.id for answer in asking.question.answers} for asking in questions()}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_fires_where_it_should_and_nowhere_else(row: Row) -> None:
    """Samples stand beside the pattern, so that nobody has to guess what it is for."""
    assert [text for text in row.fires_on if not row.fires(text)] == []
    assert [text for text in row.silent_on if row.fires(text)] == []
    assert bool(row.heard.en) == bool(row.heard.zh)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_the_answers_of_a_row_exist(row: Row) -> None:
    """A row names telling questions, answers and claims that there are."""
    assert row.claim in CLAIMS
    assert [pair for pair in row.answers.items() if pair[1] not in ANSWERS.get(pair[0], ())] == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("thanks, but still the same", "claim"),
        ("谢谢，还是报错", "claim"),
        ("ok, published", "claim"),
        ("it works now, thanks", "works"),
        ("it worked until yesterday", "claim"),
        ("not published yet", "claim"),
        ("open.order.detail", "claim"),
        ("ok", "talk"),
        ("x" * 601, "none"),
    ],
)
def test_a_claim_wins_over_talk(text: str, kind: str) -> None:
    """What is said about the error counts, whatever is said beside it."""
    assert read_reply(text).kind == kind
