"""The reading of strangers' pastes keeps its meaning: sampled here, over every labelled paste in `make reading`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

import pytest

from bot.explain import explain
from tests.reading import measure, mutations
from tests.reading.measure import HERE, errors, share

SAMPLED = 25  # each twenty-fifth paste


def hold(results: Iterable[tuple[str, bool]], least: float) -> None:
    """Every kind of change leaves at least this share right."""
    counted = share(results)
    assert counted
    assert {kind: (good, every) for kind, (good, every) in counted.items() if good < least * every} == {}


@pytest.mark.timeout(300)
def test_ids_are_read_in_every_form() -> None:
    """A labelled request id is believed whatever its shape."""
    hold(measure.ids(errors()[::4]), 0.97)


@pytest.mark.timeout(300)
def test_fields_are_read_under_other_names() -> None:
    """`code` as status_code, err_code or errno, `msg` as detail."""
    hold(measure.fields(errors()[::8]), 0.93)


@pytest.mark.timeout(300)
def test_codes_that_nobody_listed_are_read() -> None:
    """In a field, and beside the platform's name."""
    hold(measure.unlisted(errors()[::3]), 0.97)
    hold(measure.in_prose(), 0.85)


@pytest.mark.timeout(300)
def test_harmless_sentences_silence_nothing() -> None:
    """A sentence of somebody's day on a line beside an error: the same error is told, and hardly ever taken for talk."""
    results = list(measure.harmless(errors()[::40], mutations.HARMLESS[::4]))
    hold([each for each in results if each[0].endswith("told")], 0.995)
    hold([each for each in results if each[0].endswith("has_it")], 0.97)


@pytest.mark.timeout(300)
def test_the_same_paste_out_of_another_tool() -> None:
    """Fences, quotes, escapes, colours and politeness change nothing."""
    hold(measure.forms(errors()[::SAMPLED]), 0.985)


@pytest.mark.timeout(300)
def test_every_listed_scope_is_read_back() -> None:
    """Exactly itself, never a wider one that it begins with."""
    hold(islice(measure.scopes(), 0, None, 4), 1.0)


def test_documentation_gets_no_unasked_answer() -> None:
    """Lines and table rows that explain codes."""
    hold(islice(measure.documentation(), 0, None, 2), 0.97)


def test_the_ledger_tells_figures_that_can_be_made_again() -> None:
    """Each change has the command, the figures, and what they were measured on."""
    for entry in json.loads((HERE / "ledger.json").read_text(encoding="utf-8")):
        assert set(entry) == {"change", "command", "out_of_fold", "figures"}
        assert all(0 <= value <= 1 for value in entry["figures"].values())


def test_a_description_is_answered_and_said_to_be_one() -> None:
    """Asked directly, whatever can be read is answered; nothing is said unasked."""
    answer = explain("FAQ 标题：错误码 60020 表示访问 IP 不在白名单，文档里要写清楚")
    assert answer.diagnoses[0].finding.has_it < 0.5
    assert not answer.speaks_up
