"""The named signals: each fires where it says, the shipped weights are the fitted ones, and talk never silences what has an answer's form."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from bot.catalog import catalog
from bot.extract import extract, signals
from bot.extract.claims import claims
from bot.extract.context import Context
from bot.extract.grams import ModelError, loaded
from bot.extract.lexicon import lexicon
from bot.model import Claims, Identity
from tests.fit import rules

ROWS = [row for row in rules.rows() if "pattern" in row]
SHIPPED: dict[str, Any] = json.loads(files("bot.extract").joinpath("weights.json").read_text(encoding="utf-8"))


def rule(row: dict[str, Any]) -> signals.Rule:
    return signals.Rule(
        row["id"], row["kind"], 0.0, row["why"], row["in"], row["pattern"], rules.needles(row["pattern"]), cased=row.get("cased", False)
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_rule_fires_on_its_samples_and_only_there(row: dict[str, Any]) -> None:
    """Without the rule its samples would say nothing: each has some where it fires, and some like them where it does not."""
    assert row["fires_on"]
    assert row["silent_on"]
    assert len(row["pattern"]) <= rules.LONGEST
    for text in row["fires_on"]:
        assert rule(row).find(text, text.lower()), text
    for text in row["silent_on"]:
        assert rule(row).find(text, text.lower()) is None, text


@pytest.mark.parametrize("row", rules.claims(), ids=lambda row: row["id"])
def test_a_claim_is_heard_in_its_samples_and_only_there(row: dict[str, Any]) -> None:
    """What somebody says of the world, and what only sounds like it."""
    claim = signals.Claim(row["id"], row["kind"], row["pattern"], rules.needles(row["pattern"]))
    assert len(row["pattern"]) <= rules.LONGEST
    for text in row["fires_on"]:
        assert claim.find(text.lower()), text
    for text in row["silent_on"]:
        assert claim.find(text.lower()) is None, text


def test_the_shipped_weights_are_those_of_the_rules() -> None:
    """Every shipped rule is a row of signals.toml as it stands there; whoever changes a row has to fit again."""
    written = {row["id"]: row for row in rules.rows()}
    for shipped in SHIPPED["rules"]:
        row = written[shipped["id"]]
        assert shipped["kind"] == row["kind"]
        assert shipped.get("pattern", "") == row.get("pattern", "")
        assert shipped.get("feature", "") == row.get("feature", "")
    assert {row["id"]: row["pattern"] for row in SHIPPED["claims"]} == {row["id"]: row["pattern"] for row in rules.claims()}


def test_weights_of_another_version_stop_the_start() -> None:
    """The message says which version is needed, and how to get it."""
    with pytest.raises(signals.SetupError, match=r"version 99.*make fit"):
        signals.loaded(json.dumps({**SHIPPED, "version": 99}))
    with pytest.raises(signals.SetupError, match="make fit"):
        signals.loaded("{")
    with pytest.raises(ModelError, match="make fit"):
        loaded(b'{"version": 99, "bits": 2, "scale": 1, "constants": {"x": 0}}\n....', "voice.bin")


def test_a_broken_rule_is_named_with_its_line() -> None:
    """A pattern that is no regular expression, and a signal of talk that would look at the whole paste."""
    row = '[[signal]]\nid = "talk.broken"\nkind = "talk"\nin = "{where}"\npattern = "{pattern}"\nwhy = "x"\n'
    with pytest.raises(signals.SetupError, match=r"line 2.*talk\.broken.*pattern is broken"):
        rules.rows(row.format(where="line", pattern="("))
    with pytest.raises(signals.SetupError, match=r"talk\.broken.*paste"):
        rules.rows(row.format(where="paste", pattern="x"))


TALK = "We plan to document in the FAQ that usually, if the API returns this, it means the following:"


@pytest.mark.parametrize(
    "answer",
    [
        '{"code":99991672,"msg":"Access denied. One of the following scopes is required: [im:message]"}',
        '{"ok":false,"error":"missing_scope","needed":"files:write","provided":"chat:write"}',
        '{"errcode":60020,"errmsg":"not allow to access from your ip"}',
    ],
)
def test_no_talk_lowers_an_answer_of_a_platform(answer: str) -> None:
    """Talk before it, even in its own sentence, leaves an answer's shape at one half or more."""
    found = extract(f"{TALK} {answer}", catalog())
    assert found
    assert found[0].has_it >= 0.5
    assert any(signal.rule.startswith("talk.") for signal in found[0].signals), "the talk was seen"


def said(text: str, platform: str = "lark", needed: tuple[str, ...] = ()) -> Claims:
    return claims(Context(text, catalog(), lexicon(), whole=True), frozenset({platform}), frozenset(needed))


def test_what_one_has_is_a_claim_and_no_missing_scope() -> None:
    """Scopes held and asked for, what was tried, where it runs, and as whom."""
    told = said("应用已开通 docx:document 和 drive:drive，重新授权了，用用户身份调还是 99991679，服务器在内网")
    assert set(told.held) == {"docx:document", "drive:drive"}
    assert told.tried == {"reauthorized"}
    assert "company_network" in told.environment
    assert told.identity is Identity.USER
    assert said("lark-cli auth login --scope im:message 报 20027").requested == ("im:message",)
    assert said('{"code":99991672,"msg":"required: [im:message]"}', needed=("im:message",)) == Claims()
