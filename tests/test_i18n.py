"""Every sentence exists in both languages, with the same places to fill in."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from bot.i18n import joined, listed, same, say
from bot.model import Text

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "templates" / "locale" / "zh" / "LC_MESSAGES" / "whyforbidden.po"
CHINESE = re.compile(r"[\u3400-\u9fff]")
IN_TEMPLATE = re.compile(r"\bsay\(\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")


def translations() -> dict[str, str]:
    """msgid → Chinese."""
    with CATALOGUE.open("rb") as stream:
        return {message.id: message.string for message in read_po(stream, locale="zh") if isinstance(message.id, str) and message.id}


def spoken() -> list[tuple[str, str]]:
    """Every sentence that say() is called with, and where; names are followed to the sentences that were assigned to them."""
    trees = {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")])
    }
    assigned: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        assigned.setdefault(target.id, set()).update(sentences(node.value, {}))
    found = []
    for where, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                found += [(text, f"{where}:{node.lineno}") for text in sentences(node.args[0], assigned)]
    for path in sorted((ROOT / "templates").rglob("*.j2")):
        found += [(ast.literal_eval(text), path.name) for text in IN_TEMPLATE.findall(path.read_text(encoding="utf-8"))]
    return found


def sentences(value: ast.expr, assigned: dict[str, set[str]]) -> set[str]:
    """The sentences an expression can be: a literal, either branch, any value of a table, or what a name was assigned."""
    match value:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return sentences(one, assigned) | sentences(other, assigned)
        case ast.Dict(values=rows):
            return set().union(*(sentences(row, assigned) for row in rows))
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return assigned.get(name, set())
    return set()


def fields(sentence: str) -> set[str]:
    """Names of the places to fill in."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_every_sentence_has_its_chinese_twin() -> None:
    """No sentence of ours is missing in the Chinese catalogue, or merely repeated in English."""
    known = translations()
    missing = sorted({(sentence, where) for sentence, where in spoken() if not known.get(sentence)})
    assert missing == []


def test_every_place_is_filled() -> None:
    """No sentence with places to fill in is said without values: the braces would be read out."""
    bare = []
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and not node.keywords:
                bare += [f"{path.name}:{node.lineno}" for text in sentences(node.args[0], {}) if fields(text)]
    assert bare == []


def test_blanks_around_names_in_a_chinese_sentence() -> None:
    """A Latin name stands apart from the Chinese around it, a Chinese one does not."""
    sentence = "No {platform} app is connected here, so the authorization has to start in the app that failed."
    assert "接入飞书应用" in say(sentence, platform=Text("Feishu", "飞书")).zh
    assert "接入 Slack 应用" in say(sentence, platform="Slack").zh
    assert say("{platform} answered {code}: {message}", platform="Lark", code="1", message="无").zh.startswith("Lark 返回 1：")


def test_twins_have_the_same_places() -> None:
    """A translation fills in exactly the values that the English sentence has."""
    assert [english for english, chinese in translations().items() if fields(english) != fields(chinese)] == []


def test_no_sentence_stands_twice() -> None:
    """A message id stands once in the catalogue file; babel would silently keep the last."""
    ids = re.findall(r'^msgid "(.+)"$', CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted({one for one in ids if ids.count(one) > 1}) == []


def test_a_sentence_is_filled_in_both_languages() -> None:
    """Values go into both; a bilingual value appears in the language of its sentence; braces in a value mean nothing."""
    text = say("Its wording suggests: {cause}.", cause=Text("{red}", "红"))
    assert text == Text("Its wording suggests: {red}.", "从文字看可能是：红。")


def test_an_unknown_sentence_falls_back_to_english() -> None:
    """A sentence without a twin is still said."""
    assert say("Never said before by anybody here.") == Text("Never said before by anybody here.", "Never said before by anybody here.")


def test_a_missing_value_is_a_bug() -> None:
    """Forgetting a value fails at once instead of showing a brace to a person."""
    with pytest.raises(KeyError):
        say("Its wording suggests: {cause}.", cuase="slip")


def test_rows_and_joins_follow_each_language() -> None:
    """Lists and consecutive sentences are punctuated as each language does it."""
    assert listed(["a", Text("b", "乙")]) == Text("a, b", "a、乙")
    assert joined([Text("One.", "一。"), Text("Two.", "二。")]) == Text("One. Two.", "一。二。")
    assert same("99991679").zh == "99991679"
