"""The data of the diagnosis, row by row: a fault is named with its file and line."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from bot.catalog import catalog
from bot.catalog.remedies import guide, remedies, usual
from bot.diagnose import experience
from bot.diagnose.evidence import rules
from bot.diagnose.hypotheses import fitted
from bot.diagnose.questions import questions
from bot.model import Cause, Who
from bot.platforms import packages
from tests.diagnose.regex_words import needed

ROOT = Path(__file__).parents[2] / "bot"
CLAIMS = {row["id"] for row in tomllib.loads((ROOT / "extract" / "claims.toml").read_text(encoding="utf-8"))["claim"]}
CHINESE = re.compile(r"[\u3400-\u9fff]")
SOURCE = re.compile(r"https://[!-~]+")


def line_of(file: Path, begins: str) -> int:
    """The number of the first line that begins so; 1 where there is none."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(begins)), 1)


def test_every_remedy_has_a_person_and_speaks_both_languages() -> None:
    """Title and sentence in English and Chinese, each on its own, and somebody who does it; the weights know every one."""
    for name, how in remedies().items():
        where = f"remedies.toml:{line_of(ROOT / 'remedies.toml', f'[{name}]')}: {name}"
        assert isinstance(how.who, Who), where
        for text in (how.title, how.text):
            assert text.en.strip() and not CHINESE.search(text.en), f"{where} {text.en}"
            assert CHINESE.search(text.zh), f"{where} {text.zh}"
    assert set(fitted().habit) == set(remedies())


@pytest.mark.parametrize("platform", sorted(packages()))
def test_a_platforms_guides_are_of_known_remedies(platform: str) -> None:
    """A platform's own file names live remedies only; its pages are https or built on the console's address."""
    file = ROOT / "platforms" / platform / "remedies.toml"
    for name, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
        if name == "causes":
            continue
        where = f"{platform}/remedies.toml:{line_of(file, f'[{name}]')}: {name}"
        assert name in remedies(), where
        assert CHINESE.search(guide(platform, name).text.zh), where
        assert row.get("page", "https://").startswith(("https://", "{console}")), where


def test_every_cause_has_a_usual_remedy_everywhere() -> None:
    """No diagnosis is ever without a remedy: each platform and cause has some, all of them known."""
    for platform in packages():
        for cause in Cause:
            names = usual(platform, cause)
            assert names and set(names) <= set(remedies()), f"{platform} {cause}: {names}"


@pytest.mark.parametrize("platform", sorted(packages()))
def test_every_entry_lists_a_remedy_with_a_person(platform: str) -> None:
    """Entries and their variants list live remedies, none twice; the first one's person is the entry's, or does it here."""
    book, faults = catalog(), []
    file = ROOT / "platforms" / platform / "pack.toml"
    for code in book.codes(platform):
        entry = book.entry(platform, code)
        assert entry is not None
        lists = (entry.remedies, *(variant.remedies for variant in entry.variants))
        bad = [names for names in lists if not names or len(set(names)) != len(names) or not set(names) <= set(remedies())]
        faults += [f"{platform}/pack.toml:{line_of(file, f'[{json.dumps(code)}]')}: [{code}] {names}" for names in bad]
    assert not faults, "\n".join(faults)


def test_every_rule_is_needed_and_fires_on_its_sample() -> None:
    """A rule names known remedies, compiles to little, fires on its own sample, and its words are those that it cannot do without."""
    file, seen = ROOT / "diagnose" / "evidence.toml", set()
    for rule in rules():
        where = f"evidence.toml:{line_of(file, f'id = {json.dumps(rule.id)}')}: {rule.id}"
        assert rule.id not in seen and not seen.add(rule.id), f"{where} stands twice"
        assert rule.weights and set(rule.weights) <= set(remedies()), f"{where}: an unknown remedy, or none"
        assert len(rule.pattern) <= 300, f"{where}: {len(rule.pattern)} characters"
        assert not rule.pattern or frozenset(rule.words) == (needed(rule.pattern) or frozenset()), (
            f"{where}: words should be {sorted(needed(rule.pattern) or ())}"
        )
        platform, cause = next(iter(rule.platforms), "lark"), next(iter(rule.causes), Cause.OTHER)
        assert rule.claims <= CLAIMS, f"{where}: an unknown claim"
        assert not rule.pattern or rule.fires(platform, cause, rule.sample.lower()), f"{where}: silent on its sample"
        assert not rule.claims or rule.fires(platform, cause, "", rule.claims), where
        assert CHINESE.search(rule.why.zh) and not CHINESE.search(rule.why.en), f"{where}: not in both languages"


def test_every_question_separates_something() -> None:
    """Two answers at least raise different remedies; ids are live, and what answers it already exists."""
    file, signs = ROOT / "diagnose" / "questions.toml", {rule.id for rule in rules()}
    for asking in questions():
        where = f"questions.toml:{line_of(file, f'id = {json.dumps(asking.question.id)}')}: {asking.question.id}"
        raised = [frozenset(name for name, weight in answer.items() if weight > 0) for answer in asking.weights.values()]
        assert len(set(raised)) >= 2, f"{where} separates nothing"
        assert set().union(*asking.weights.values()) <= set(remedies()), f"{where}: an unknown remedy"
        assert asking.known <= signs and asking.platforms <= set(packages()), where
        for text in (asking.question.text, *(answer.text for answer in asking.question.answers)):
            assert CHINESE.search(text.zh) and not CHINESE.search(text.en), f"{where}: {text}"


def test_experience_rows_have_live_ids_and_sources() -> None:
    """Each line: a known platform first (so that one platform's lines can be told), known remedies and persons, and an address."""
    file = ROOT / "diagnose" / "experience.jsonl"
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        row, where = json.loads(line), f"experience.jsonl:{number}"
        assert next(iter(row)) == "platform" and row["platform"] in packages(), where
        assert row["remedies"] and set(row["remedies"]) <= set(remedies()), f"{where}: {row['remedies']}"
        assert row["who"] and {Who(one) for one in row["who"]}, where
        assert Cause(row["cause"]) and SOURCE.fullmatch(row["source"]), f"{where}: {row['source']}"


def test_every_thread_is_read() -> None:
    """Split by platform, no line is lost."""
    lines = (ROOT / "diagnose" / "experience.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum(len(experience.shipped(platform).threads) for platform in packages()) == len(lines)
