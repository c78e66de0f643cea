"""Measures of the reading over the labelled pastes: how much of it survives a change, and how much of the documentation is left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bot.catalog import catalog
from bot.explain import Explained, explain
from bot.extract import extract
from tests.reading import mutations

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
Row = dict[str, Any]


@cache
def errors() -> tuple[Row, ...]:
    """The labelled errors of both files."""
    rows = [
        json.loads(line) for name in ("pastes", "threads") for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return tuple(row for row in rows if row["expect"]["is_error"])


@cache
def read(text: str) -> Explained:
    """The answer to a text, made once."""
    return explain(text)


def told(answer: Explained) -> tuple[str, ...]:
    """What an answer says at its heart: the platform and the codes; nothing where somebody would read that it is none."""
    return (answer.diagnoses[0].finding.platform, *answer.diagnoses[0].finding.codes) if answer.diagnoses else ()


def union(answer: Explained, name: str) -> set[str]:
    """All values of a field of the findings."""
    return {value for each in answer.findings for value in getattr(each, name)}


def ids(rows: Iterable[Row]) -> Iterator[tuple[str, bool]]:
    """A labelled id in another form: is it read?"""
    for row in rows:
        for known in row["expect"].get("request_ids", ())[:1]:
            if known not in union(read(row["text"]), "request_ids"):
                continue
            for form, new in mutations.IDS.items():
                changed = mutations.with_id(row["text"], known, new)
                if changed is not None:
                    yield f"id as {form}", new in union(explain(changed), "request_ids")


def fields(rows: Iterable[Row]) -> Iterator[tuple[str, bool]]:
    """The code's or message's field under another name: is the same code read?"""
    for row in rows:
        before = union(read(row["text"]), "codes")
        for name in ("status_code", "err_code", "errno"):
            changed = mutations.renamed_code(row["text"], name)
            if changed is not None and before:
                yield "code renamed", before <= union(explain(changed), "codes")
        changed = mutations.renamed_message(row["text"])
        if changed is not None and before:
            yield "msg renamed", before <= union(explain(changed), "codes")


def harmless(rows: Iterable[Row], sentences: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """A harmless sentence beside an error that is read: is the same told, and is it still taken for an error that somebody has?"""
    sentences = tuple(sentences)
    for row in rows:
        before = read(row["text"])
        if not before.diagnoses:
            continue
        had = before.diagnoses[0].finding.has_it >= 0.5
        for sentence in sentences:
            for place, changed in mutations.with_talk(row["text"], sentence):
                after = explain(changed)
                yield f"harmless {place}: told", told(after) == told(before)
                if had and after.diagnoses:
                    yield f"harmless {place}: has_it", after.diagnoses[0].finding.has_it >= 0.5


def forms(rows: Iterable[Row]) -> Iterator[tuple[str, bool]]:
    """The same paste out of another tool: is the same told?"""
    for row in rows:
        before = told(read(row["text"]))
        if before:
            for form, change in mutations.FORMS.items():
                yield f"form: {form}", told(explain(change(row["text"]))) == before


def unlisted(rows: Iterable[Row]) -> Iterator[tuple[str, bool]]:
    """A number that nobody lists in the place of a listed one: is it read?"""
    book = catalog()
    for row in rows:
        found = read(row["text"]).findings
        code = next((each for finding in found for each in finding.codes if each.isdigit() and len(each) >= 5), None)
        if code is None or not re.search(rf"(?i)code[\"']?\s?[:=]\s?[\"']?{code}\b", row["text"]):
            continue
        new = code[:-3] + next(str(end) for end in (417, 823, 619, 741) if not book.platforms_of(code[:-3] + str(end)))
        yield "unlisted code in a field", new in union(explain(re.sub(rf"(?<!\d){code}(?!\d)", new, row["text"])), "codes")


_PROSE = (
    "{name} 接口报错 {code}，怎么办",
    "calling the {name} API gives error {code}, any idea?",
    "{name} returned {code}: operation refused",
    "{name}一直提示{code}",
)
_NAMES = {
    "lark": ("飞书", "Feishu"),
    "dingtalk": ("钉钉", "DingTalk"),
    "wecom": ("企业微信", "WeCom"),
    "kuaishou": ("快手开放平台", "Kuaishou"),
}


def in_prose() -> Iterator[tuple[str, bool]]:
    """A number that nobody lists, told beside a platform's name."""
    book = catalog()
    for names in _NAMES.values():
        for code in ("230947", "1255613", "48917", "60923", "41977", "190873"):
            if book.platforms_of(code):
                continue
            for name in names:
                for sentence in _PROSE:
                    yield "unlisted code in prose", code in union(explain(sentence.format(name=name, code=code)), "codes")


def scopes() -> Iterator[tuple[str, bool]]:
    """Every listed scope, named as missing: is it read back as it is, and alone?"""
    book = catalog()
    wanted = {
        "lark": '{{"code":99991672,"msg":"Access denied. One of the following scopes is required: [{scope}]"}}',
        "slack": '{{"ok":false,"error":"missing_scope","needed":"{scope}","provided":"identify"}}',
        "dingtalk": '{{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","message":"应用尚未开通所需的权限：[{scope}]","accessdenieddetail":{{"requiredScopes":["{scope}"]}}}}',
    }
    for name, shape in wanted.items():
        for scope in sorted(book.scopes(name)):
            text = shape.format(scope=scope)
            yield f"scope of {name}", {each for found in extract(text, book) for each in found.scopes} == {scope}


def documentation() -> Iterator[tuple[str, bool]]:
    """Lines and table rows of the project's own documentation that hold catalogue codes, and the catalogue told as a document: unasked, silence."""
    for line in _documented():
        yield "documentation line", not explain(line).speaks_up


def _documented() -> Iterator[str]:
    book = catalog()
    word = re.compile(r"(?<![\w.])(?:\d{5,10}|[a-z]+(?:_[a-z]+)+)(?![\w.])")
    for path in (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "README.zh.md"):
        inside = False
        for line in path.read_text(encoding="utf-8").splitlines():
            inside ^= line.lstrip().startswith("```")
            if not inside and any(book.platforms_of(each) for each in word.findall(line)):
                yield line
    for name in ("lark", "slack", "dingtalk", "wecom"):
        for code in sorted(book.codes(name))[::9]:
            if (entry := book.entry(name, code)) and entry.code_shown:
                yield f"| `{code}` | {entry.title.en} | {entry.what.en} |"
                yield f"- `{code}`：{entry.title.zh}。{entry.what.zh}"


def share(results: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """How many were right of how many, by kind."""
    counted: dict[str, tuple[int, int]] = {}
    for kind, right in results:
        good, every = counted.get(kind, (0, 0))
        counted[kind] = (good + right, every + 1)
    return counted
