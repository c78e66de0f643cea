"""Every row of the masking rules: its samples hold, and no row or keyword is there that no sample needs."""

from __future__ import annotations

import re

import pytest

from bot import redact as engine
from bot.redact import MASK, fields, redact
from bot.redact.names import Name, Names, means, names
from bot.redact.rules import Rule, rules

SECRET = re.compile("«([^»]*)»")
LEAST = 8  # characters of a secret in a row that must not be readable


def pasted(sample: str) -> str:
    """A sample without the marks around its secrets."""
    return SECRET.sub(r"\1", sample)


def readable(sample: str, shown: str) -> list[str]:
    """The secrets of a sample of which a part can be read in what is shown."""
    return [
        secret
        for secret in SECRET.findall(sample)
        if any(secret[at : at + LEAST] in shown for at in range(max(1, len(secret) - LEAST + 1)))
    ]


@pytest.mark.parametrize("row", [*rules(), *names().rows], ids=lambda row: row.id)
def test_samples_of_a_row_hold(row: Rule | Name) -> None:
    """What must vanish vanishes, what must stay stays, and masking again changes nothing."""
    assert row.masks
    assert row.keeps
    for sample in row.masks:
        shown = redact(pasted(sample))
        assert SECRET.search(sample), sample
        assert readable(sample, shown.text) == [], sample
        assert MASK in shown.text
        assert redact(shown.text).text == shown.text
    for sample in row.keeps:
        assert redact(sample).text == sample


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule_is_needed(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule one of its samples is readable, or is not known for what it is."""
    others = tuple(each for each in rules() if each is not rule)
    told = [redact(pasted(sample)).kinds for sample in rule.masks]
    monkeypatch.setattr(engine, "rules", lambda: others)
    shown = [redact(pasted(sample)) for sample in rule.masks]
    assert any(
        readable(sample, masked.text) or masked.kinds != kinds for sample, masked, kinds in zip(rule.masks, shown, told, strict=True)
    )


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_keyword_is_needed(rule: Rule) -> None:
    """Each keyword stands in a sample; each sample holds one, in lower case as the search is."""
    samples = [pasted(sample).lower() for sample in rule.masks]
    assert [word for word in rule.keywords if word != word.lower() or not any(word in sample for sample in samples)] == []


@pytest.mark.parametrize("row", names().rows, ids=lambda row: row.id)
def test_a_name_is_needed(row: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the row one of its samples is readable."""
    book = names()
    less = Names(tuple(each for each in book.rows if each is not row), book.behind, book.endings)
    monkeypatch.setattr(fields, "meaning", lambda name: means(name, less))
    assert any(readable(sample, redact(pasted(sample)).text) for sample in row.masks)


def test_patterns_are_short_enough_to_be_read() -> None:
    """A pattern over 300 characters is two rules."""
    assert [rule.id for rule in rules() if len(rule.pattern) > 300] == []


def test_ids_are_unique() -> None:
    """A row is named in a failure by its id alone."""
    ids = [row.id for row in (*rules(), *names().rows)]
    assert len(ids) == len(set(ids))
