"""Understanding pastes: labelled samples of every shape, talk that must stay unanswered, hostile text, and time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog import catalog
from bot.explain import explain
from bot.extract import anchors, extract
from bot.model import Finding
from bot.redact import redact
from tests.cases import Row, hold, rows

ERRORS = ("errors", "errors-more", "more", "varied")
TALK = ("talk", "talk-more", "talk-short", "talk-notes", "talk-numbers", "talk-varied")


def read(text: str) -> tuple[Finding, ...]:
    return extract(redact(text).text, catalog())


def union(found: tuple[Finding, ...], name: str) -> set[str]:
    return {value for each in found for value in getattr(each, name)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_read(name: str) -> None:
    """Platform, codes, request ids and scopes of each labelled paste, nothing missing and nothing more; spans lie in the redacted text. Where the row
    tells, also the primary cause, and as whom the call was made."""

    def check(row: Row) -> None:
        answer = explain(row["text"])
        want, found = row["expect"], answer.findings
        assert found
        assert found[0].platform == want["platform"]
        allowed = set(want.get("codes_ok", ()))
        assert union(found, "codes") - allowed == set(want["codes"]) - allowed
        assert union(found, "request_ids") == set(want["request_ids"])
        assert union(found, "scopes") == set(want["scopes"])
        assert all(0 <= each.span[0] <= each.span[1] <= len(answer.redaction.text) for each in found)
        if "cause" in want:
            first = answer.diagnoses[0]
            assert first.cause in {want["cause"], *want.get("cause_alt", ())}
            assert first.finding.identity == want.get("identity", first.finding.identity)

    hold(rows("extract", name), check)


@pytest.mark.timeout(600)
def test_talk_is_no_error() -> None:
    """Nobody is answered unasked about source code, documentation, plans, success and other people's numbers; nearly all of it is known as talk."""
    answers = [explain(row["text"]) for name in TALK for row in rows("extract", name)]
    assert [answer.findings for answer in answers if answer.speaks_up] == []
    talk = sum(all(found.has_it < 0.5 for found in answer.findings) for answer in answers)
    assert talk >= 0.95 * len(answers)


def test_small_facts() -> None:
    """Identity, application, status, brand, sub code, violation, API, message and count."""

    def check(row: Row) -> None:
        found = read(row["text"])[0]
        for name, value in row["expect"].items():
            if name == "hints":
                assert {key: found.hints.get(key) for key in value} == value
            elif name == "message":
                assert value in found.message
            else:
                assert getattr(found, name) == value

    hold(rows("extract", "hints"), check)


def test_span_is_where_the_code_stands() -> None:
    """In a text without escapes the span is exact."""
    text = 'head\n{"code":99991672,"msg":"Access denied"}\ntail'
    start, end = extract(text, catalog())[0].span
    assert text[start:end] == "99991672"


def test_several_errors_are_several_findings_in_order() -> None:
    """Three platforms in one paste: three findings, the first one first."""
    text = '{"code":99991672,"msg":"Access denied"}\n{\'ok\': False, \'error\': \'not_in_channel\'}\n{"errcode":60020,"errmsg":"not allow to access from your ip, hint: [1658286717354964018506079]"}'
    assert [each.platform for each in read(text)] == ["lark", "slack", "wecom"]


def test_repeated_error_is_one_finding_with_a_count() -> None:
    """The same code under other log ids is counted, its ids are kept."""
    text = "\n".join(f'{{"code":1770032,"msg":"forBidden","error":{{"log_id":"2026051109304{i}A1B2C3D4E5F60718293A"}}}}' for i in range(5))
    (found,) = read(text)
    assert found.count == 5
    assert len(found.request_ids) == 5


def test_code_nobody_listed_is_still_read() -> None:
    """The shape tells that it is a code."""
    (found,) = read('{"code":230999,"msg":"something new","error":{"log_id":"20260511093045A1B2C3D4E5F60718293A"}}')
    assert (found.platform, found.codes) == ("lark", ("230999",))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_json_in_json_in_json(depth: int) -> None:
    """However often an answer was quoted on its way into the log."""
    text = '{"code":99991679,"msg":"Unauthorized. required one of these privileges under the user identity: [im:chat, im:chat:readonly]"}'
    for _ in range(depth):
        text = json.dumps({"level": "error", "body": text})
    (found,) = read(text)
    assert (found.codes, found.scopes) == (("99991679",), ("im:chat", "im:chat:readonly"))


def test_cut_anywhere_never_invents() -> None:
    """A paste that was cut off gives no code, scope or id that the whole one does not give or begin with."""

    def check(row: Row) -> None:
        whole = read(row["text"])
        size = len(row["text"])
        for cut in range(size // 3, size, max(1, size // 7)):
            for found in read(row["text"][:cut]):
                assert found.platform
                for scope in found.scopes:
                    assert any(each.startswith(scope) for each in union(whole, "scopes") | {scope}), scope

    hold(rows("extract", "errors"), check)


@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    """Lone surrogates, NUL, bidi controls: an answer or none, never an exception; spans in range."""
    for found in extract(text, catalog()):
        assert 0 <= found.span[0] <= found.span[1] <= len(text)


PIECES = [
    '{"code":', "99991672", ',"msg":"', "Access denied", '"}', "\\", '"', "'", "[", "]", "{", "}", "error", "错误码：", "im:chat", "log_id=", "20260511093045A1B2C3D4E5F60718293A", "\n", "slack",
    "missing_scope", "errcode", "=", "60011", "https://open.feishu.cn/app/cli_a1b2c3d4e5f60718/auth?q=", "%3A", "\x1b]8;;", "\x1b[31m", "\\u", "\\xe6", "&lt;", "<http://x|", "\ud800", "\x00", "\u202e",
    "b'", "…", "subcode=", "AADSTS50011", "403", "hint: [", " ",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_mixture_of_pieces_is_survived(text: str) -> None:
    """Anchors and broken structure in any order."""
    masked = redact(text).text
    for found in extract(masked, catalog()):
        assert 0 <= found.span[0] <= found.span[1] <= len(masked)
        assert found.platform


LOUD = [
    "{", '"', "\\", "[", "a=", "QUJD", "1234567890", "20260511093045A1B2C3D4E5F60718293A ", "99991672 ", "errcode=60011 ", '{"error": "', "missing_scope ", "错误码：", "https://", "\\u00e6", "\\xe6", "\x1b]8;;",
    "<http://a|", "im:chat ", "required ", "error ", "msg=", "\n", "权限", "{}", "如果返回报", "if it returns ", "if fails ", "// a\n", "return {\n", '"code":1,', "if (x) {\n", "log_id=",
]  # fmt: skip


def test_no_input_is_much_slower_than_another() -> None:
    """Hostile repetition: nothing takes over fifty times the median."""
    book = catalog()
    read("99991672")
    spent = []
    for piece in LOUD:
        text = piece * (100_000 // len(piece))
        start = time.process_time()
        extract(redact(text).text, book)
        spent.append(time.process_time() - start)
    assert max(spent) < 50 * max(sorted(spent)[len(spent) // 2], 0.01), dict(zip(LOUD, spent, strict=True))


def test_large_text_with_errors_is_linear() -> None:
    """Sixteen times the text costs at most 1.6 times sixteen times as much (noise included)."""
    line = "2026-05-11 09:30:45 INFO handled request path=/api/v1/items status=200 duration=35ms\n" * 40
    error = '2026-05-11 09:30:46 ERROR feishu {"code":1770032,"msg":"forBidden","error":{"log_id":"20260511093045A1B2C3D4E5F60718293A"}}\n'
    block = line + error

    def cost(times: int) -> float:
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            assert extract(block * times, catalog())
            best = min(best, time.process_time() - start)
        return best

    cost(4)
    assert cost(128) <= 16 * 1.6 * cost(8)


def test_quiet_log_costs_no_more_than_looking_for_the_anchors() -> None:
    """A log without an error is done after the anchor scan."""
    text = "2026-05-11 09:30:45,123 INFO [worker-3] app.service handled request path=/api/v1/items/7 duration=35ms user=u12\n" * 2000
    assert extract(text, catalog()) == ()
    start = time.process_time()
    extract(text, catalog())
    ours = time.process_time() - start
    start = time.process_time()
    for anchor in anchors(catalog()):
        text.find(anchor)
    assert ours <= 30 * max(time.process_time() - start, 0.002)


def test_adding_a_platform_is_adding_a_folder() -> None:
    """Every platform with a `parse` module takes part, found through `bot.platforms`."""
    from bot import platforms
    from bot.extract.lexicon import lexicon

    expected = {name for name in platforms.packages() if platforms.reading(name)}
    assert set(lexicon().specs) == expected
    for platform, key in lexicon().wordings.values():
        assert key == "" or catalog().entry(platform, key) is not None, (platform, key)
