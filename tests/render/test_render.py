"""Every surface: drawn as on file, valid for its platform, within its limits, and foreign text is inert in all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from bot.card import CardView, nothing, notice, view
from bot.catalog import explain_code
from bot.model import (
    Button,
    Cause,
    Choice,
    ConsentView,
    Diagnosis,
    Finding,
    Link,
    Locale,
    Offer,
    Proof,
    Rival,
    Step,
    StepState,
    SupportItem,
    Text,
    Who,
)
from bot.render import _environment, as_json, code_page, render
from bot.render.escape import PAPERS, clean, fit, pieces
from tests.fixtures import DIAGNOSES, consents, lark_user_scope, lark_which_app, rate_limit
from tests.render import lark_card, slack_blocks

DATA = Path(__file__).parents[1] / "data"
HOSTILE: list[str] = json.loads((DATA / "hostile.json").read_text(encoding="utf-8"))
SURFACES = ("text", "json", "lark", "lark-only-you", "slack", "dingtalk", "html")
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200c-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
"""Letters nobody may see on a card: control, bidi, joiners, surrogates, tags. U+200B is our own mark for "no link here"."""


# ---------------------------------------------------------------- golden files

CASES: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "lark-user-scope": lambda: ([lark_user_scope(), rate_limit()], {"card_id": "c1"}),
    "lark-channel": lambda: ([lark_user_scope()], {"card_id": "c1", "audience": "channel"}),
    "lark-static": lambda: ([lark_user_scope()], {}),
    "lark-which-app": lambda: ([lark_which_app()], {"card_id": "c1"}),
    "dingtalk-permission": lambda: ([DIAGNOSES["dingtalk-permission"]()], {"card_id": "c1"}),
    "kuaishou-scope": lambda: ([DIAGNOSES["kuaishou-scope"]()], {"card_id": "c1"}),
    "proven": lambda: ([lark_user_scope()], {"card_id": "c1", "consent": consents()["proven"]}),
    "wrong-account": lambda: ([lark_user_scope()], {"card_id": "c1", "consent": consents()["wrong_account"]}),
    "nothing": lambda: ([], {}),
}


def on_file(body: Any) -> str:
    """A body as it is kept: JSON indented, text as it is."""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("surface", "locale"),
    [(one, tongue) for one in SURFACES for tongue in ("en", "zh") if (one, tongue) not in (("lark", "zh"), ("lark-only-you", "zh"))],
)
def test_drawn_as_on_file(case: str, surface: str, locale: Locale, golden: Callable[[str, str], None]) -> None:
    """What a person sees changes only on purpose."""
    answer, options = CASES[case]()
    ending = {"text": "txt", "html": "html"}.get(surface, "json")
    golden(f"{surface}/{case}.{locale}.{ending}", on_file(render(answer, surface, locale, **options).body))


# ---------------------------------------------------------------- valid for the platform


def official() -> Iterator[Any]:
    for number, line in enumerate((DATA / "lark_card_examples.jsonl").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        yield pytest.param(row["card"], id=f"{number}-{row['from']}")


@pytest.mark.parametrize("card", list(official()))
def test_checker_takes_every_official_card(card: Any) -> None:
    """The checker refuses nothing that the vendor itself shows as valid."""
    assert lark_card.problems(card) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"colour": "red"}, "unknown field"),
        ({"tag": "note"}, "unknown component"),
        ({"element_id": "1st"}, "not allowed"),
        ({"element_id": "verdict"}, "stands twice"),
        ({"text_size": "giant"}, "not allowed"),
        ({"content": 7}, "not a string"),
        ({"i18n_content": {"xx": "?"}}, "not a locale"),
    ],
)
def test_checker_refuses_what_the_server_refuses(change: dict[str, Any], complaint: str) -> None:
    """A checker that cannot fail proves nothing: each broken card is refused for its own reason."""
    card = render([lark_user_scope()], "lark").body
    assert isinstance(card, dict)
    card["body"]["elements"][1].update(change)
    assert any(complaint in why for why in lark_card.problems(card))


def test_checker_counts_levels_elements_and_bytes() -> None:
    """Nesting, number and size have their limits."""
    panel: dict[str, Any] = {"tag": "collapsible_panel", "header": {}, "elements": []}
    for _ in range(5):
        panel = {"tag": "collapsible_panel", "header": {}, "elements": [panel]}
    many = [{"tag": "hr"} for _ in range(201)]
    big = [{"tag": "markdown", "content": "x" * 31_000}]
    found = [lark_card.problems({"schema": "2.0", "body": {"elements": elements}}) for elements in ([panel], many, big)]
    assert found == [["body: nested 6 deep"], ["card: 201 elements"], [found[2][0]]]
    assert "bytes" in found[2][0]


def test_slack_checker_refuses_what_slack_refuses() -> None:
    """The same for Block Kit."""
    for break_it in (
        lambda m: m["blocks"].append({"type": "table", "rows": []}),
        lambda m: m["blocks"].append(m["blocks"][0]),
        lambda m: m["blocks"][0]["text"].update(text="x" * 151),
        lambda m: m["blocks"][1]["text"].update(text="x" * 3001),
        lambda m: m["blocks"][1].update(colour="red"),
        lambda m: m.update(text=""),
        lambda m: m["blocks"].extend({"type": "divider", "block_id": f"d{n}"} for n in range(50)),
    ):
        message = json.loads(json.dumps(render([lark_user_scope()], "slack").body))
        assert slack_blocks.problems(message) == []
        break_it(message)
        assert slack_blocks.problems(message)


@pytest.mark.parametrize("name", DIAGNOSES)
@pytest.mark.parametrize("state", [None, *consents()])
def test_every_card_is_valid_everywhere(name: str, state: str | None) -> None:
    """Every kind of diagnosis in every state of a consent, for asker and channel, live and static, is a valid card."""
    for audience in ("asker", "channel"):
        for card_id in ("", "c1"):
            card = view(DIAGNOSES[name](), others=[rate_limit()], consent=consents()[state] if state else None, audience=audience)  # type: ignore[arg-type]
            assert lark_card.problems(render(card, "lark", card_id=card_id).body) == []
            assert slack_blocks.problems(render(card, "slack", card_id=card_id).body) == []  # type: ignore[arg-type]
            check_dingtalk(render(card, "dingtalk", card_id=card_id).body)


def check_dingtalk(body: Any) -> None:
    """The documented shapes of DingTalk messages."""
    kind = body["msgtype"]
    assert set(body) == {"msgtype", kind}
    inner = body[kind]
    assert inner["title"].strip()
    assert inner["text"].strip()
    assert sum(len(text) for text in strings(body)) < 5000
    if kind == "actionCard":
        assert set(inner) in ({"title", "text", "singleTitle", "singleURL"}, {"title", "text", "btnOrientation", "btns"})
        assert all(button["title"] and button["actionURL"].startswith("https://") for button in inner.get("btns", []))
    else:
        assert set(inner) == {"title", "text"}


def strings(value: Any) -> list[str]:
    """Every string in a JSON value, keys left out."""
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inside for text in strings(item)]


def test_lark_card_carries_both_languages() -> None:
    """Every text of a Lark card exists in both languages, and `content` is the asker's."""

    def texts(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "content" in value:
                yield value
            for item in value.values():
                yield from texts(item)
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    for locale, key in (("en", "en_us"), ("zh", "zh_cn")):
        card = render([lark_user_scope()], "lark", locale, card_id="c1").body  # type: ignore[arg-type]
        assert card["config"]["locales"] == ["en_us", "zh_cn"]  # type: ignore[index]
        for text in texts(card):
            assert set(text["i18n_content"]) == {"en_us", "zh_cn"}
            assert text["content"] == text["i18n_content"][key]


# ---------------------------------------------------------------- no dead buttons


def test_without_a_stored_card_there_are_only_links() -> None:
    """Nobody could answer a click on a card that is not kept, so there is nothing to click but links."""
    slack = render([lark_user_scope()], "slack").body
    buttons = [item for block in slack["blocks"] if block["type"] == "actions" for item in block["elements"]]  # type: ignore[index]
    assert buttons
    assert all("url" in button for button in buttons)
    assert "callback" not in json.dumps(render([lark_user_scope()], "lark").body)
    assert "data-action" not in str(render([lark_user_scope()], "html").body)


def test_buttons_carry_card_action_and_index() -> None:
    """Slack, Lark and the page send back the same three things."""
    carried = {"card": "c1", "action": "reauthorize", "index": 1}
    slack = render([lark_which_app()], "slack", card_id="c1").body
    values = [json.loads(item["value"]) for block in slack["blocks"] if block["type"] == "actions" for item in block["elements"]]  # type: ignore[index]
    assert carried in values
    assert carried in list(callbacks(render([lark_which_app()], "lark", card_id="c1").body))
    assert 'data-action="reauthorize" data-index="1"' in str(render([lark_which_app()], "html", card_id="c1").body)


def callbacks(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if value.get("type") == "callback":
            yield value["value"]
        for item in value.values():
            yield from callbacks(item)
    elif isinstance(value, list):
        for item in value:
            yield from callbacks(item)


def test_slack_folds_behind_a_button_and_unfolds_without_one() -> None:
    """Slack cannot fold: the rest waits behind "Details", or stands open when there is no such button."""
    folded, unfolded = (json.dumps(render([lark_user_scope()], "slack", card_id=card_id).body) for card_id in ("c1", ""))
    assert "why_details_0" in folded
    assert "why_support" not in folded.replace("why_support_0", "")
    assert "why_details_0" not in unfolded
    assert "why_support_facts" in unfolded


def test_html_has_labels_and_no_script() -> None:
    """The fragment can be read aloud, folds by itself, and brings no script, style or handler."""
    page = str(render([lark_user_scope()], "html", card_id="c1", consent=consents()["wrong_account"]).body)
    assert page.count("<details") == page.count("<summary") == 8
    assert 'role="status"' in page
    assert 'aria-label="to do"' in page
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)


# ---------------------------------------------------------------- foreign text


def hostile_diagnosis(bad: str) -> Diagnosis:
    """A diagnosis with the same foreign text in every field that could hold any."""
    told = Text(f"Before {bad} after", f"之前{bad}之后")
    link = Link("docs", "https://open.feishu.cn/document/x", told)
    return Diagnosis(
        finding=Finding(
            platform="lark",
            codes=(bad, "99991679"),
            message=bad,
            request_ids=(bad,),
            scopes=(bad,),
            app_id=bad,
            resource=bad,
            hints={"time": bad, "api": bad},
        ),
        cause=Cause.USER_SCOPE_MISSING,
        who_fixes=Who.USER,
        confidence=0.5,
        title=told,
        verdict=told,
        platform_title=Text("Feishu", "飞书"),
        choice=Choice((bad,), told, (bad,), (bad, "x"), {"x": bad}),
        steps=(Step(told, StepState.TODO, told, link), Step(Text(bad, bad), evidence=Text(bad, bad))),
        links=(link,),
        rivals=(Rival(Cause.OTHER, Who.DEVELOPER, told),),
        offers=(Offer("lark", bad, (bad,), bad), Offer("lark", "cli_2", (bad,), bad)),
        no_offer=told,
        notes=(told, Text(bad, bad), told),
        support=(SupportItem(told, bad), SupportItem(Text(bad, bad), None)),
    )


def hostile_consent(bad: str) -> ConsentView:
    """A consent whose account, scopes and sentence are foreign."""
    return ConsentView("proven", Text(bad, bad), (bad,), (bad,), (bad,), bad, Proof(True, Text(bad, bad)))


def draw(bad: str, surface: str, **options: Any) -> Any:
    """A whole hostile answer on one surface."""
    answer = [hostile_diagnosis(bad), hostile_diagnosis(bad)]
    return render(answer, surface, options.pop("locale", "en"), card_id="c1", unfold=True, consent=hostile_consent(bad), **options)


def inert(surface: str, body: Any) -> None:
    """The rules that no foreign text may break on a surface."""
    everything = strings(body) if not isinstance(body, str) else [body]
    if surface == "html":
        check_html(body)
        return
    for text in everything:
        assert not UNSEEN.search(text), (surface, ascii(text))
        text.encode("utf-8")
    OF[surface](body, everything)


def check_slack(body: Any, _texts: list[str]) -> None:
    assert slack_blocks.problems(body) == []
    mrkdwn = [body["text"], *(piece["text"] for piece in slack_blocks._pieces(body["blocks"]) if piece["type"] == "mrkdwn")]
    for text in mrkdwn:
        for opened in re.findall(r"<([^>]*)>?", text):
            assert opened.startswith("https://open.feishu.cn/document/x|"), ascii(text)
        assert not re.search(r":(?:tada|calendar|OK|drive):", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)), ascii(text)
        assert text.count("```") in (0, 2)
    for text in (piece["text"] for piece in slack_blocks._pieces(body["blocks"]) if piece["type"] == "plain_text"):
        assert "<" not in text
    for block in body["blocks"]:
        for element in block["elements"] if block["type"] == "actions" else ():
            assert element.get("url", "https://open.feishu.cn/document/x") == "https://open.feishu.cn/document/x"


def assert_lark_markdown(text: str) -> None:
    """Only our own tag, only our own address, no picture, no variable, no bare link."""
    for tag in re.findall(r"<[^>]*>?", text):
        assert tag in ("<font color='grey'>", "</font>"), ascii(text)
    for address in re.findall(r"\]\(([^)]*)", text):
        assert address == "https://open.feishu.cn/document/x", ascii(text)
    assert "![" not in text
    assert "${" not in text
    assert not re.search(r"(?<!`)https?://(?!open\.feishu\.cn/document/x\))", re.sub(r"`[^`]*`", "", text)), ascii(text)


def check_only_you(body: Any, texts: list[str]) -> None:
    """JSON 1.0: the few tags we use, nothing of 2.0, within the size, the same in both languages; the same rules for foreign text."""
    assert set(body) == {"config", "header", "i18n_elements"}
    english, chinese = body["i18n_elements"]["en_us"], body["i18n_elements"]["zh_cn"]
    assert [element["tag"] for element in english] == [element["tag"] for element in chinese]
    assert {element["tag"] for element in english} <= {"div", "hr", "action"}
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= 30 * 1024
    for element in (*english, *chinese):
        for button in element.get("actions", ()):
            assert button.get("url", "https://open.feishu.cn/document/x") == "https://open.feishu.cn/document/x"
        if element.get("text", {}).get("tag") == "lark_md":
            assert_lark_markdown(element["text"]["content"])


def check_lark(body: Any, _texts: list[str]) -> None:
    assert lark_card.problems(body) == []

    def markdown(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if value.get("tag") in ("markdown", "lark_md"):
                yield from (value["content"], *value["i18n_content"].values())
            for item in value.values():
                yield from markdown(item)
        elif isinstance(value, list):
            for item in value:
                yield from markdown(item)

    for text in markdown(body):
        assert_lark_markdown(text)
    assert set(re.findall(r'"default_url": "([^"]*)"', json.dumps(body))) <= {"https://open.feishu.cn/document/x"}


def check_dingtalk_text(body: Any, _texts: list[str]) -> None:
    check_dingtalk(body)
    text = body[body["msgtype"]]["text"]
    assert "@" not in text
    assert "<" not in text
    assert "`" not in text
    assert "![" not in text
    for address in re.findall(r"\]\(([^)]*)", text):
        assert address == "https://open.feishu.cn/document/x"
    assert not re.search(r"://(?!open\.feishu\.cn/document/x\))", text), ascii(text)


def check_text(_body: Any, texts: list[str]) -> None:
    assert "\x1b" not in texts[0]


def check_json(body: Any, _texts: list[str]) -> None:
    json.dumps(body).encode("utf-8")
    for diagnosis in body["diagnoses"]:
        assert {link["url"] for link in diagnosis["links"]} == {"https://open.feishu.cn/document/x"}


OF: dict[str, Callable[[Any, list[str]], None]] = {
    "slack": check_slack,
    "lark": check_lark,
    "lark-only-you": check_only_you,
    "dingtalk": check_dingtalk_text,
    "text": check_text,
    "json": check_json,
}


class Reader(HTMLParser):
    """Collects what a browser would make of a fragment."""

    ALLOWED = frozenset("article header h3 span div p strong ul li ol a button details summary dl dt dd pre code".split())  # noqa: SIM905
    KNOWN = frozenset("class href target rel type lang role tabindex aria-label".split()) | frozenset(  # noqa: SIM905
        f"data-{name}" for name in ("kind", "colour", "card", "state", "tone", "action", "index", "fold", "copy")
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            return
        assert tag in self.ALLOWED, tag
        self.open.append(tag)
        for name, value in attrs:
            assert name in self.KNOWN, name
            assert name != "href" or value == "https://open.feishu.cn/document/x", value
            self.seen.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def check_html(body: str) -> None:
    """Only our tags, our attributes, our links, well nested; nothing unseen."""
    reader = Reader()
    reader.feed(body)
    reader.close()
    assert reader.open == []
    for text in reader.seen:
        assert not UNSEEN.search(text), ascii(text)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_is_inert(surface: str, number: int) -> None:
    """Mentions, links, formats, markup, template code, bidi, control and escape sequences do nothing anywhere, in either language."""
    for locale in ("en", "zh"):
        inert(surface, draw(HOSTILE[number], surface, locale=locale).body)


@pytest.mark.parametrize("surface", SURFACES)
def test_hostile_text_together_and_long_is_inert(surface: str) -> None:
    """All of it at once, and far over every limit."""
    for bad in (" ".join(HOSTILE), " ".join(HOSTILE) * 30, "&" * 20_000, "`" * 9_000, "<!channel>" * 3_000, "😀" * 5_000, "_:*" * 6_000):
        inert(surface, draw(bad, surface).body)


_letters = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=60),
    st.lists(st.sampled_from([*HOSTILE, *"<>&*_~`[]()!@#:|\\$-+=.\n\r\t\x1b\u202e ", "://", "a", "中", "a_b:c"]), max_size=12).map("".join),
)


@pytest.mark.parametrize("surface", SURFACES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bad=_letters)
def test_any_text_is_inert(surface: str, bad: str) -> None:
    """Whatever a paste holds, in every field."""
    inert(surface, draw(bad, surface).body)


@pytest.mark.parametrize("surface", SURFACES)
def test_template_code_stays_text(surface: str) -> None:
    """`{{7*7}}` is shown, not computed."""
    body = on_file(draw("{{7*7}}", surface).body)
    assert re.search(r"\{\{7(\*|∗|&#42;)7\}\}", body)
    assert "49" not in body


@pytest.mark.parametrize("surface", SURFACES)
def test_ids_and_scopes_survive_letter_by_letter(surface: str) -> None:
    """What people copy is what they pasted: no entity, twin or invisible letter inside."""
    body = on_file(render([lark_user_scope()], surface).body)
    for name in ("sheets:spreadsheet:write_only", "cli_a90bee6e8d781bd1", "2024110416232661C50BC902DF30E6C183"):
        assert name in body or surface == "dingtalk"
    assert "sheets:spreadsheet:write_only" in body


def test_links_that_are_not_ours_to_make_are_dropped() -> None:
    """A link with another scheme, a user part, a foreign letter or an absurd length is not linked; odd letters are encoded."""
    paper = PAPERS["slack"]("en", 1.0)
    for bad in (
        "javascript:alert(1)",
        "https://a@evil.com/",
        "ftp://x.com/",
        "https://evil․com/",
        "//x.com",
        "https://x.com/" + "a" * 3000,
        "lark://x",
    ):
        assert paper.url(bad) == ""
    assert paper.url("https://open.feishu.cn/a?q=x|y>z)*[]") == "https://open.feishu.cn/a?q=x%7Cy%3Ez%29%2A%5B%5D"


# ---------------------------------------------------------------- shortening


@pytest.mark.parametrize("surface", ["slack", "lark", "dingtalk", "html"])
def test_shortening_is_said(surface: str) -> None:
    """A text over the limit ends with words that say so, in the asker's language."""
    long = replace(lark_user_scope(), finding=replace(lark_user_scope().finding, message="error " * 20_000))
    for locale, words in (("en", "…(shortened, see details)"), ("zh", "…（已截断，见详情）")):
        assert words in on_file(render([long], surface, locale, unfold=True).body)  # type: ignore[arg-type]


def test_a_card_far_too_big_still_says_what_and_who() -> None:
    """However much there is, title, verdict and main button stand."""
    huge = hostile_diagnosis("&<*" * 4_000)
    for surface in ("slack", "lark", "dingtalk"):
        body = on_file(render([huge] * 6, surface, card_id="c1", unfold=True).body)
        assert "Before" in body
        assert "reauthorize" in body or surface == "dingtalk"


def test_shortened_text_never_breaks_an_entity() -> None:
    """The plain text is cut, not the written one."""
    paper = PAPERS["slack"]("en", 1.0)
    for limit in range(30, 60):
        out = fit("&<>" * 40, limit, paper.text, "…(shortened)")
        assert len(out) <= limit
        assert re.fullmatch(r"(?:&(?:amp|lt|gt);)*…\(shortened\)", out.replace("\u200b", ""))


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300), st.integers(1, 120))
def test_fit_keeps_the_limit(text: str, limit: int) -> None:
    """Never longer than asked, for any text and limit; untouched when it fits."""
    paper = PAPERS["slack"]("en", 1.0)
    out = fit(clean(text), limit, paper.write, "…(shortened)")
    assert len(out) <= limit
    whole = paper.write(clean(text))
    assert out == whole or len(whole) > limit or len(clean(text)) > limit


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_pieces_lose_nothing(text: str) -> None:
    """Cutting a sentence into names and the rest keeps every letter in order."""
    assert "".join(piece for _, piece in pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("needs sheets:spreadsheet:write_only.", ["sheets:spreadsheet:write_only"]),
        ("需要sheets:spreadsheet权限", ["sheets:spreadsheet"]),
        ("use a user_access_token, not Contact.User.Read.", ["user_access_token", "Contact.User.Read"]),
        ("see https://open.feishu.cn/app?x=1.", ["https://open.feishu.cn/app?x=1"]),
        ("at 12:30, and/or e.g. this", []),
    ],
)
def test_names_are_found(text: str, named: list[str]) -> None:
    """Scopes, tokens and addresses are written as code; times and words are not."""
    assert [piece for is_name, piece in pieces(text) if is_name] == named


def test_slack_code_in_chinese_gets_room() -> None:
    """Slack sees a code mark only beside a blank or punctuation."""
    paper = PAPERS["slack"]("zh", 1.0)
    assert paper.write("需要sheets:spreadsheet权限") == "需要 `sheets:spreadsheet` 权限"


# ---------------------------------------------------------------- JSON, code page, the rest

CONTRACT = {
    "platform", "codes", "request_ids", "scopes", "scopes_mode", "identity", "app_id", "http_status", "cause", "who_fixes", "confidence",
    "recommended_scopes", "reason", "steps", "links", "reauthorize", "message",
}  # fmt: skip


@pytest.mark.parametrize("name", DIAGNOSES)
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_json_keeps_the_contract(name: str, locale: Locale) -> None:
    """Scripts find every promised field, with the promised types."""
    data = as_json(DIAGNOSES[name](), locale)
    assert set(data) >= CONTRACT
    assert all(isinstance(code, str) for code in data["codes"])
    assert all(set(step) == {"text", "state", "evidence", "url"} for step in data["steps"])
    assert all({"rel", "url"} <= set(link) for link in data["links"])
    assert 0 <= data["confidence"] <= 1
    assert data["scopes_mode"] in ("any", "all")
    assert json.loads(json.dumps(data)) == data


def test_json_offers_one_app_or_none() -> None:
    """`reauthorize` is there only when it is certain which app it is about."""
    assert as_json(lark_user_scope())["reauthorize"] == {
        "platform": "lark",
        "app_id": "cli_a90bee6e8d781bd1",
        "scopes": ["sheets:spreadsheet:write_only"],
    }
    assert as_json(lark_which_app())["reauthorize"] is None
    assert len(as_json(lark_which_app())["offers"]) == 2


def test_no_error_is_an_empty_list_in_json() -> None:
    """Text that is no error report gives `[]`."""
    assert render([], "json").body == {"diagnoses": []}


def test_code_page_explains_and_suggests() -> None:
    """A known code has its page in both languages; an unknown one names those that look like it."""
    english, chinese = (code_page(explain_code("99991679", "lark"), locale) for locale in ("en", "zh"))
    assert english.found
    assert "99991679" in english.text.splitlines()[0]
    assert english.text != chinese.text
    unknown = code_page(explain_code("9999167"))
    assert not unknown.found
    assert "99991679" in unknown.text or "9999167" in unknown.text


def test_json_templates_cannot_forget_to_quote() -> None:
    """Any value in a JSON template comes out as JSON, a macro's output as it is, and an unknown name is an error."""
    template = _environment("json").from_string(
        '{% macro m(x) %}[{{ x }}]{% endmacro %}{"a": {{ bad }}, "b": {{ m(bad) }}, "n": {{ nil }}}'
    )
    bad = '"}</b>\n{{7*7}}\\'
    assert json.loads(template.render(bad=bad, nil=None)) == {"a": bad, "b": [bad], "n": None}
    with pytest.raises(UndefinedError):
        template.render(nil=None)


def test_fallback_is_one_line_for_every_surface() -> None:
    """Notifications and screen readers get state, title and verdict in one line."""
    for surface in SURFACES:
        fallback = render([lark_user_scope()], surface, consent=consents()["expired"]).fallback
        assert fallback.startswith("Link expired — Missing user consent · Feishu 99991679 — ")
        assert "\n" not in fallback


def test_a_finished_view_is_drawn_as_it_is() -> None:
    """`render` takes a card as well as diagnoses; a notice is a card like any other, valid everywhere."""
    link = Button("open", Text("Continue", "继续"), url="https://why.example.com/consent/abc", primary=True)
    cards: list[CardView] = [nothing(), notice(Text("A live secret was posted.", "发布的内容包含有效密钥。"), buttons=[link])]
    for card in cards:
        assert lark_card.problems(render(card, "lark", "zh").body) == []
        assert slack_blocks.problems(render(card, "slack", "zh").body) == []  # type: ignore[arg-type]
        check_dingtalk(render(card, "dingtalk", "zh").body)
    assert "https://why.example.com/consent/abc" in str(render(cards[1], "html").body)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example.com\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]0;title\x07after", "after"),
        ("\x9b2Jgone", "gone"),
        ("a\x00b\x07c", "ab c"),
        ("pay\u202eload", "payload"),
        ("lone \ud800", "lone \ufffd"),
        ("two\r\nlines\ttab", "two  lines tab"),
    ],
)
def test_clean_leaves_what_a_person_sees(raw: str, seen: str) -> None:
    """Whole escape sequences go, not only their first letter; the rest stays."""
    assert clean(raw) == seen


def test_clean_keeps_lines_of_a_block() -> None:
    """A quoted error keeps its lines and tabs, with one kind of line end."""
    assert clean("a\r\n\tb\rc\x07", lines=True) == "a\n\tb\nc "


def test_dingtalk_names_the_word_that_stands_for_the_button() -> None:
    """DingTalk's buttons are links only, so the card says what to send instead of a click; several apps have one word each."""
    one = render([lark_user_scope()], "dingtalk", card_id="c1").body["markdown"]["text"]  # type: ignore[index]
    assert "send me in a direct chat: **reauthorize c1**" in one
    two = json.dumps(render([lark_which_app()], "dingtalk", card_id="c1").body)
    assert "**reauthorize c1** (Re-authorize Sheet Helper)" in two
    assert "**reauthorize c1 1** (Re-authorize Report Robot)" in two
    assert "reauthorize" not in json.dumps(render([lark_user_scope()], "dingtalk").body)
