"""Looking at Feishu and Lark: app facts in every stage of a scope, asking the admin, and the question about a document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.model import App, Identity
from bot.oauth.messages import PlatformRefusal, Response
from bot.platforms.lark import checks
from bot.platforms.lark.documents import DocumentQuestion, ask, question_of
from handlers.practice import Practice, running
from handlers.practice.world import Fault
from tests.practice import Talker, diagnosis, http, talker

__all__ = ["http", "talker"]
Make = Callable[..., Talker]
PLAN = "doxcnPracticePlan0000000001"
LINKS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "lark_document_links.json").read_text(encoding="utf-8"))


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each test: consoles are changed here."""
    with running() as one:
        yield one


async def test_app_facts_follow_a_scope_from_draft_to_use(talker: Make) -> None:
    """Draft: not seen. Submitted: pending and not published. Approved: enabled for its token types."""
    one = talker("lark", "feishu")
    name, world = "calendar:calendar:readonly", one.practice.world

    draft = await one.ask(checks.app_facts(one.app))
    world.submit(one.app.app_id)
    waiting = await one.ask(checks.app_facts(one.app))
    world.approve(one.app.app_id)
    done = await one.ask(checks.app_facts(one.app))

    assert draft.enabled is not None
    assert draft.enabled["sheets:spreadsheet"] == {Identity.USER}
    assert draft.enabled["docx:document:readonly"] == {Identity.USER, Identity.APP}
    assert (name in draft.enabled, name in draft.pending, draft.published) == (False, False, True)
    assert (name in waiting.enabled, name in waiting.pending, waiting.published) == (False, True, False)
    assert (done.enabled[name], done.pending, done.published) == ({Identity.USER, Identity.APP}, frozenset(), True)
    assert done.redirect_uris == (one.app.redirect_uri,)
    assert done.status == "enabled"


async def test_an_app_that_may_not_read_itself_still_knows_its_scopes(talker: Make) -> None:
    """Without application:application:self_manage only the list is known: token types, status and addresses are `None`, never guessed."""
    one = talker("lark", "feishu")
    one.practice.world.consoles[one.app.app_id].online.pop("application:application:self_manage")

    facts = await one.ask(checks.app_facts(one.app))

    assert facts.enabled is not None
    assert facts.enabled["sheets:spreadsheet"] == {Identity.UNKNOWN}
    assert (facts.redirect_uris, facts.published, facts.status) == (None, None, None)


async def test_a_disabled_app_is_seen_as_such(talker: Make) -> None:
    """Status comes from the app's own data."""
    one = talker("lark", "lark")
    one.practice.world.consoles[one.app.app_id].enabled = False

    assert (await one.ask(checks.app_facts(one.app))).status == "disabled"


async def test_a_wrong_secret_is_the_apps_fault(talker: Make) -> None:
    """10014 comes with HTTP 200."""
    one = talker("lark", "feishu").with_app(secret="wrong")

    with pytest.raises(PlatformRefusal) as refused:
        await one.ask(checks.app_facts(one.app))

    assert (refused.value.code, refused.value.blame) == ("10014", "app")


async def test_asking_the_admin_and_every_way_it_ends(talker: Make) -> None:
    """212002 nothing to ask for, then asked, then 212004 already asked, 212003 after ten."""
    one = talker("lark", "feishu")
    world = one.practice.world

    nothing = await one.ask(checks.apply_scopes(one.app))
    world.submit(one.app.app_id)
    asked = await one.ask(checks.apply_scopes(one.app))
    again = await one.ask(checks.apply_scopes(one.app))
    world.consoles[one.app.app_id].applied = 10
    enough = await one.ask(checks.apply_scopes(one.app))

    assert [(step.ok, step.code) for step in (nothing, asked, again, enough)] == [
        (False, "212002"),
        (True, "0"),
        (False, "212004"),
        (False, "212003"),
    ]
    assert all(step.text.en and step.text.zh != step.text.en for step in (nothing, asked, again, enough))


@pytest.mark.parametrize("code", [212001, 212100])
def test_the_endings_that_practice_does_not_play_are_explained_too(code: int) -> None:
    """Super-level scopes and an app that is not installed."""
    talk = checks.apply_scopes(App("lark", "cli_x", secret="s"))
    next(talk)
    talk.send(Response(200, {}, b'{"code":0,"tenant_access_token":"t-x","expire":7200}'))

    with pytest.raises(StopIteration) as done:
        talk.send(Response(400, {}, json.dumps({"code": code, "msg": "x"}).encode()))

    assert done.value.value.code == str(code)
    assert not done.value.value.ok


@pytest.mark.parametrize("link", LINKS["documents"], ids=lambda row: row["link"][:60])
def test_links_of_documents_are_understood(link: dict[str, str]) -> None:
    """Every kind of document, on every domain, with query and fragment."""
    question = question_of(link["link"], link.get("given", ""), "edit")

    assert question == DocumentQuestion(link["token"], link["type"], "edit")


@pytest.mark.parametrize("link", LINKS["others"])
def test_what_is_no_document_is_not_asked_about(link: str) -> None:
    """Foreign hosts, tricks with user names, folders, bare tokens without a type."""
    assert question_of(link) is None


def test_unknown_types_and_actions_are_refused_before_anything_is_sent() -> None:
    """The API knows nine types and eight actions."""
    assert question_of(PLAN, "spreadsheet") is None
    assert question_of(PLAN, "docx", "destroy") is None


async def test_yes_and_no_come_with_the_identity_asked_for(talker: Make) -> None:
    """Alice may edit, Chen Wei may not, the app itself may not even look."""
    one = talker("lark", "feishu")
    link = f"https://practice.feishu.cn/docx/{PLAN}?from=chat"
    scope = "docs:permission.member:auth"
    alice, chen = await one.token(scope, who="alice"), await one.token(scope, who="chenwei")

    yes = await one.ask(checks.check_document(one.app, link, action="edit", user_token=alice.access_token))
    no = await one.ask(checks.check_document(one.app, link, action="edit", user_token=chen.access_token))
    app = await one.ask(checks.check_document(one.app, PLAN, "docx", "view"))

    assert [(answer.ok, answer.identity) for answer in (yes, no, app)] == [
        (True, Identity.USER),
        (False, Identity.USER),
        (False, Identity.APP),
    ]


@pytest.mark.parametrize(
    ("target", "type_", "code"),
    [("doxcnPracticeGone0000000006", "docx", "1063005"), (PLAN, "sheet", "1063001"), ("doxcnNobodyKnowsThis00000000", "docx", "1063001")],
)
async def test_errors_of_the_question_are_explained(talker: Make, target: str, type_: str, code: str) -> None:
    """Deleted, wrong type, unknown: neither yes nor no, but why."""
    one = talker("lark", "lark")

    answer = await one.ask(checks.check_document(one.app, target, type_, "view"))

    assert (answer.ok, answer.code) == (None, code)
    assert answer.request_id


@pytest.mark.parametrize("code", [1063001, 1063003, 1063005, 1063006, 1066001, 1066002, 99991672, 99991679, 99991668, 4711])
def test_every_code_of_the_table_has_its_own_sentence(code: int) -> None:
    """The whole table of the page, and an unknown code with the platform's own words."""
    talk = ask(App("lark", "cli_x"), DocumentQuestion(PLAN, "docx"), "u-x", Identity.USER)
    next(talk)

    with pytest.raises(StopIteration) as done:
        talk.send(Response(429 if code == 1063006 else 400, {}, json.dumps({"code": code, "msg": "the platform's words"}).encode()))

    answer = done.value.value
    assert (answer.ok, answer.code) == (None, str(code))
    assert answer.text.en != answer.text.zh
    assert ("the platform's words" in answer.text.en) is (code == 4711)


async def test_a_missing_scope_is_not_taken_for_a_missing_right(talker: Make) -> None:
    """The person never granted the question itself: that is scope trouble, said as such."""
    one = talker("lark", "feishu")
    token = await one.token("task:task:read", who="bob")

    answer = await one.ask(checks.check_document(one.app, PLAN, "docx", "view", token.access_token))

    assert (answer.ok, answer.code) == (None, "99991679")


async def test_where_there_is_no_room_nothing_is_sent(talker: Make) -> None:
    """`wait` above zero is an answer, not a request."""
    one = talker("lark", "feishu")

    answer = await one.ask(checks.check_document(one.app, PLAN, "docx", "view", wait=12.4))

    assert (answer.ok, answer.code) == (None, "1063006")
    assert "12" in answer.text.en
    assert not [line for line in one.practice.world.seen if "members" in line]


async def test_the_platform_holds_the_limit_too(talker: Make) -> None:
    """Call 101 within a minute is answered 429 with the seconds to wait."""
    one = talker("lark", "feishu")
    for _ in range(100):
        one.practice.world.room(f"members_auth/{one.app.app_id}", 100, 60)

    answer = await one.ask(checks.check_document(one.app, PLAN, "docx", "view"))

    assert answer.code == "1063006"


async def test_the_proof_asks_about_the_document_of_the_failed_call(talker: Make) -> None:
    """Where the error names a document and the token may ask, yes or no about it is the proof."""
    one = talker("lark", "feishu")
    scope = "docs:permission.member:auth"

    alice = await one.ask(checks.prove(one.app, await one.token(scope), diagnosis("lark", PLAN), (scope,)))
    contract = diagnosis("lark", "https://practice.feishu.cn/file/boxcnPracticeContract000005")
    refused = await one.ask(checks.prove(one.app, await one.token(scope), contract, (scope,)))

    assert (alice.ok, alice.kind) == (True, "members_auth")
    assert (refused.ok, refused.kind) == (False, "members_auth")


async def test_the_proof_compares_scopes_first_and_is_never_green_on_a_guess(talker: Make) -> None:
    """A token without the scope is no proof; a platform that is down raises instead of saying yes."""
    one = talker("lark", "feishu")
    token = await one.token("task:task:read", who="chenwei")

    lacking = await one.ask(checks.prove(one.app, token, diagnosis("lark"), ("sheets:spreadsheet",)))
    one.practice.world.faults.append(Fault("/feishu/open-apis/authen/v1/user_info", "html"))
    with pytest.raises(PlatformRefusal) as down:
        await one.ask(checks.prove(one.app, token, diagnosis("lark"), ("task:task:read",)))

    assert (lacking.ok, lacking.kind) == (False, "scopes")
    assert down.value.retryable
