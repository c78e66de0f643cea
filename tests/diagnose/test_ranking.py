"""How remedies are ranked, what a live look settles, which question is asked, and what an answer changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.catalog import Catalog, PackText, catalog
from bot.diagnose import diagnose
from bot.diagnose.hypotheses import Subject, rank
from bot.diagnose.questions import answered, questions, telling
from bot.diagnose.scope_choice import choose
from bot.explain import explain
from bot.model import App, AppFacts, Cause, Claims, Diagnosis, Facts, Finding, Identity, Mode, RemedyState, Who

USER = frozenset({Identity.USER})
CHANNEL = '{"ok":false,"error":"channel_not_found"}'
FEISHU = App("lark", "cli_a5ca35a685b0x26e", brand="feishu")


def told(text: str, facts: Facts | None = None) -> Diagnosis:
    """The one diagnosis of a text."""
    found = explain(text, facts=facts).diagnoses
    assert len(found) == 1
    return found[0]


def ids(found: Diagnosis) -> list[str]:
    """The remedies by name."""
    return [remedy.id for remedy in found.remedies]


def test_likelihoods_are_a_distribution_in_order() -> None:
    """All remedies take part, their likelihoods sum to one, and the ranking follows them."""
    ranked = rank(Subject("slack", Cause.RESOURCE_NOT_FOUND, codes=("channel_not_found",)))
    likely = [one.likelihood for one in ranked]
    assert sum(likely) == pytest.approx(1.0) and likely == sorted(likely, reverse=True) and len(ranked) == 42


def test_evidence_is_named_and_adds_up() -> None:
    """What speaks for the first remedy is named, and its weights are those that were added."""
    entry = catalog().entry("slack", "channel_not_found")
    assert entry is not None
    first = rank(Subject("slack", entry.cause, codes=("channel_not_found",), entries=((entry, None),)))[0]
    assert first.remedy == "right-id" and {one.rule for one in first.evidence} == {"entry", "same_code"}
    assert all(one.text.en and one.text.zh for one in first.evidence)


def test_what_others_did_is_told_with_its_sources() -> None:
    """“Fixed so in n of m public threads”, with the addresses of two."""
    seen = told(CHANNEL).remedies[0].seen
    assert seen is not None and 1 < seen.fixed <= seen.of and len(seen.sources) == 2
    assert all(source.startswith("https://") for source in seen.sources)


@pytest.mark.parametrize(
    ("enabled", "pending", "granted", "first", "state"),
    [
        ({}, (), None, "enable-app-scope", RemedyState.OPEN),
        ({}, ("docx:document:readonly",), None, "publish-version", RemedyState.OPEN),
        ({"docx:document:readonly": USER}, (), frozenset(), "reauthorize", RemedyState.OPEN),
        ({"docx:document:readonly": USER}, (), frozenset({"docx:document:readonly"}), "use-new-token", RemedyState.OPEN),
        ({"docx:document:readonly": USER}, (), frozenset({"docx:document"}), "use-new-token", RemedyState.OPEN),
    ],
)
def test_a_look_settles(
    enabled: dict[str, frozenset[Identity]], pending: tuple[str, ...], granted: frozenset[str] | None, first: str, state: RemedyState
) -> None:
    """Not enabled → enable it; waiting → publish; enabled → consent; granted, itself or a wider one → use the new token."""
    finding = Finding("lark", ("99991679",), scopes=("docx:document:readonly",), app_id=FEISHU.app_id, identity=Identity.USER)
    facts = Facts((FEISHU,), {FEISHU.app_id: AppFacts(enabled=enabled, pending=frozenset(pending))}, granted)
    remedy = diagnose([finding], catalog(), facts)[0].remedies[0]
    assert (remedy.id, remedy.state) == (first, state)


def test_a_scope_that_is_held_is_not_the_missing_one() -> None:
    """The poster says that a wider scope is there: enabling it falls behind, a token that is older than it rises."""
    plain = Finding("lark", ("99991672",), scopes=("docx:document:readonly",), identity=Identity.APP)
    held = replace(plain, claims=Claims(held=("docx:document",)))
    before, after = (diagnose([one], catalog(), Facts())[0].remedies for one in (plain, held))
    likely = [{one.id: one.likelihood for one in remedies} for remedies in (before, after)]
    assert likely[1]["enable-app-scope"] < likely[0]["enable-app-scope"]
    assert any(one.rule == "claim:held" for remedy in after for one in remedy.evidence)


def test_the_question_separates_the_first_two() -> None:
    """Where membership and a wrong id are both likely, membership is asked for; both answers move the card."""
    found = told(CHANNEL + ' for a private channel "C0123456789"')
    assert found.question is not None and found.question.id == "bot-in-chat"
    yes = told(CHANNEL, Facts(answers={"bot-in-chat": "yes"}))
    no = told(CHANNEL, Facts(answers={"bot-in-chat": "no"}))
    assert ids(yes)[0] == "right-id" and ids(no)[0] == "join-chat"
    assert yes.question is None or yes.question.id != "bot-in-chat"


def test_an_answer_is_evidence_with_its_words() -> None:
    """What was answered stands among the evidence, in both languages; unknown ids say nothing."""
    said = dict(answered({"bot-in-chat": "no", "nonsense": "yes", "since-when": "nonsense"}))
    assert list(said) == ["join-chat"] and "No" in said["join-chat"].text.en and "不在" in said["join-chat"].text.zh


@pytest.mark.parametrize("asking", questions(), ids=lambda asking: asking.question.id)
def test_every_answer_can_change_the_order(asking: object) -> None:
    """For each question there is a case in which two of its answers lead to different remedies."""
    firsts = set()
    cause = next(iter(asking.causes), Cause.OTHER)  # type: ignore[attr-defined]
    platform = next(iter(asking.platforms), "lark")  # type: ignore[attr-defined]
    for answer in asking.question.answers:  # type: ignore[attr-defined]
        looks = answered({asking.question.id: answer.id})  # type: ignore[attr-defined]
        firsts.add(tuple(one.remedy for one in rank(Subject(platform, cause, confidence=0.3, looks=looks))[:2]))
    assert len(firsts) > 1


def test_nothing_known_is_never_empty() -> None:
    """A bare complaint still has remedies with a person, and the one question that would tell them apart."""
    finding = Finding("lark", message="飞书上传失败了")
    found = diagnose([finding], catalog(), Facts())[0]
    assert len(found.remedies) >= 3 and all(isinstance(remedy.who, Who) for remedy in found.remedies)
    assert found.question is not None and len(found.question.answers) >= 2


def test_sure_cards_ask_nothing() -> None:
    """A first remedy that is nearly certain needs no question."""
    entry = catalog().entry("wecom", "60020")
    assert entry is not None
    ranked = rank(Subject("wecom", Cause.IP_NOT_ALLOWED, codes=("60020",), entries=((entry, None),)))
    assert ranked[0].likelihood > 0.8
    assert telling("wecom", Cause.IP_NOT_ALLOWED, ("60020",), ranked, ()) is None


def test_ten_errors_of_four_platforms_each_have_remedies() -> None:
    """A long paste answers each of its errors, and none without a remedy."""
    rows = [
        '{"ok":false,"error":"channel_not_found"}',
        '{"ok":false,"error":"missing_scope","needed":"chat:write"}',
        '{"code":99991672,"msg":"Access denied."}',
        '{"code":230002,"msg":"Bot/User can NOT be out of the chat."}',
        '{"code":1254040,"msg":"WrongBaseToken"}',
        '{"errcode":310000,"errmsg":"sign not match"}',
        '{"errcode":60020,"errmsg":"not allow to access from your ip"}',
        '{"errcode":48002,"errmsg":"api forbidden"}',
        "AADSTS50011: The redirect URI does not match",
        "AADSTS65001: The user or administrator has not consented",
    ]
    found = explain("\n\n".join(rows)).diagnoses
    assert len({one.finding.platform for one in found}) >= 4
    assert all(one.remedies and one.remedies[0].text.en and one.remedies[0].text.zh for one in found)


TREE = "scope,identity,level,title_en,title_zh,source\n" + "\n".join(
    f"{name},both,{level},{name} title,{name} 名称,x"
    for name, level in [
        ("disk:disk", "write"),
        ("disk:disk:readonly", "read"),
        ("sheet:book", "write"),
        ("sheet:book:readonly", "read"),
        ("sheet:book:write_only", "write"),
        ("sheet:book.cell:write_only", "write"),
    ]
)
BOOK = Catalog.from_texts({"p": PackText(scopes=TREE, tree='[also]\n"disk:disk" = ["sheet"]\n"disk:disk:readonly" = ["sheet"]\n')})


@pytest.mark.parametrize(
    ("names", "granted", "best", "reason"),
    [
        ("disk:disk sheet:book", (), "sheet:book", "disk:disk would also open"),
        ("disk:disk:readonly sheet:book", (), "sheet:book", "disk:disk:readonly would also open"),
        ("sheet:book sheet:book:readonly", (), "sheet:book:readonly", "it only reads"),
        ("sheet:book sheet:book:write_only", (), "sheet:book:write_only", "narrowest"),
        ("sheet:book:write_only sheet:book.cell:write_only", (), "sheet:book.cell:write_only", "would also open"),
        ("sheet:book:readonly sheet:book:write_only", ("sheet:book:write_only",), "sheet:book:write_only", "already granted"),
        ("disk:disk sheet:book:write_only", ("disk:disk",), "sheet:book:write_only", "would also open"),
    ],
)
def test_the_smaller_subtree_first(names: str, granted: tuple[str, ...], best: str, reason: str) -> None:
    """Fewer kinds of objects, then the lower level, then a single action; a wider scope that is held counts for each that it covers."""
    choice = choose("p", names.split(), Mode.ANY, BOOK, granted=frozenset(granted))
    assert choice is not None and choice.recommended == (best,) and reason in choice.reason.en


@pytest.mark.parametrize(
    ("held", "wanted", "covers"),
    [
        ("disk:disk", "sheet:book.cell:write_only", True),
        ("disk:disk:readonly", "sheet:book:readonly", True),
        ("disk:disk:readonly", "sheet:book:write_only", False),
        ("sheet:book:write_only", "sheet:book:readonly", False),
        ("sheet:book", "disk:disk", False),
        ("sheet:book.cell:write_only", "sheet:book:write_only", False),
        ("unheard:of", "sheet:book", False),
    ],
)
def test_what_covers_what(held: str, wanted: str, covers: bool) -> None:
    """A scope without an action covers its object's parts and all actions; one action never covers another, and reading never writing."""
    assert BOOK.tree("p").covers(held, wanted) is covers


SHOP = App("kuaishou", "ks6857000000000912", brand="shop")
PACKS = ("merchant_item", "merchant_order", "user_info")


@pytest.mark.parametrize(
    ("granted", "enabled", "scopes"),
    [
        (frozenset(PACKS[:2]), None, PACKS[:2]),
        (None, dict.fromkeys(PACKS, USER), PACKS),
        (frozenset(PACKS), {}, PACKS),
        (None, None, None),
    ],
)
def test_a_renewal_names_what_was_held(
    granted: frozenset[str] | None, enabled: dict[str, frozenset[Identity]] | None, scopes: tuple[str, ...] | None
) -> None:
    """On Kuaishou a new grant replaces the old one: an expired or used token is renewed with the packs held before, or not from here."""
    finding = Finding("kuaishou", ("100200102",), "refresh_token invalid", identity=Identity.USER, app_id=SHOP.app_id)
    facts = Facts((SHOP,), {SHOP.app_id: AppFacts(enabled=enabled)} if enabled is not None else {}, granted)
    found = diagnose([finding], catalog(), facts)[0]
    assert [offer.scopes for offer in found.offers] == ([scopes] if scopes else [])
    assert scopes or (found.no_offer is not None and "has to name every permission" in found.no_offer.en)
