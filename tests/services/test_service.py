"""The consent loop over a strict platform: the good way, and every security rule with a test that fails without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.consent.machine import TABLE, Move, State
from bot.errors import Refused
from bot.model import Facts, Finding, Identity, Mode, Person, Place
from bot.oauth.messages import Response
from bot.ports import Card
from bot.services import card_snapshot, consent_plan
from bot.services.consent_runner import binding
from handlers.vault import FernetVault
from tests.consent_world import ALICE, APP, BOB, NARROW, PLACE, WIDE, MemoryStore, Scene, Timeout, once, teach

TOKEN_PATH, WHO_PATH, CALL_PATH, APP_PATH = "/oauth/token", "/user_info", "/test/call", "/test/app"


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def refused(awaitable: object) -> Refused:
    """The refusal that must come."""
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc]
    assert caught.value.sentence.en
    return caught.value


# ---------------------------------------------------------------- the good way


async def test_the_whole_loop_ends_proven(scene: Scene) -> None:
    """Click, confirm, consent, callback: one token is kept, sealed, for the right account, and the card says what was proven."""
    await scene.card()

    done = await scene.loop()

    assert done.view.state == "proven"
    assert done.view.account == "Alice"
    assert done.view.proof is not None
    assert done.view.proof.text.en == "the call passes now."
    (kept,) = scene.store.tokens.values()
    assert (kept.subject, kept.person, NARROW in kept.scopes) == ("ou_alice", ALICE, True)
    assert kept.sealed.startswith("sealed:")
    assert "Proven" in scene.says()


async def test_the_least_is_asked_for(scene: Scene) -> None:
    """Any one of two would do: only the recommended one goes to the consent page, never both."""
    await scene.card()

    started = await scene.started()

    asked = dict(parse_qsl(urlsplit(started.url).query))["scope"].split()
    assert asked == [NARROW, "offline_access"]


async def test_nothing_secret_is_stored_in_clear(scene: Scene) -> None:
    """After the loop neither flows, cards, audit nor notices hold the ticket, state, cookie, verifier, code or token."""
    await scene.card()
    ticket = await scene.ticket()
    started = await scene.service.start(ticket)
    query = scene.platform.consent(started.url)
    await scene.finish(query, started.cookie)

    snapshots = [card.snapshot for card in scene.store.cards.values()]
    stored = json.dumps([scene.store.flows, scene.store.trail, snapshots, scene.mail.kept], default=str) + repr(scene.store.tokens)
    secrets = [ticket.partition(".")[2], query["state"].partition(".")[2], started.cookie, *scene.platform.tokens, "verifier-"]
    assert [secret for secret in secrets if secret in stored] == []
    assert '"code-0"' not in stored
    assert APP.secret not in stored


async def test_the_app_is_told_without_a_token(scene: Scene) -> None:
    """The notification names account and scopes and that it is proven, and holds no token."""
    await scene.card()
    await scene.loop()

    last = list(scene.mail.kept.values())[-1]
    assert (last["type"], last["account"], last["proven"]) == ("consent.proven", "ou_alice", True)
    assert not any(token in json.dumps(last) for token in scene.platform.tokens)


async def test_the_audit_says_who_did_what(scene: Scene) -> None:
    """Clicked, offered, started, authorized, granted, proven: each with actor, app and time; and the click of somebody who may not."""
    await scene.card()
    await scene.loop()
    await scene.click(BOB)

    clicked, *rows, refused = await scene.service.audit()

    assert [row["action"] for row in rows] == [f"consent.{name}" for name in ("offered", "started", "authorized", "granted", "proven")]
    assert {row["actor"] for row in rows} == {"U1"}
    assert all(row["asked"] == [NARROW] and row["at"] and row["app"] == APP.app_id for row in rows)
    assert (clicked["action"], clicked["actor"], clicked["button"], clicked["allowed"]) == ("clicked", "U1", "reauthorize", True)
    assert (refused["action"], refused["actor"], refused["app"], refused["allowed"]) == ("clicked", "U2", APP.app_id, False)


# ---------------------------------------------------------------- the personal link


async def test_looking_a_hundred_times_consumes_nothing(scene: Scene) -> None:
    """Prefetchers open links; the confirm page changes nothing and still works after them."""
    await scene.card()
    ticket = await scene.ticket()
    before = json.dumps(scene.store.flows, default=str)

    pages = [await scene.service.confirm(ticket) for _ in range(100)]

    assert json.dumps(scene.store.flows, default=str) == before
    assert scene.platform.requests == []
    assert (pages[0].person, pages[0].app_name, pages[0].scopes[0][0]) == (ALICE, "Weekly report", NARROW)
    assert (await scene.service.start(ticket)).url


@pytest.mark.parametrize("ticket", ["", "x", "nope.secret", "..", "a" * 5000, "{flow}.", "{flow}.wrong", "{flow}"])
async def test_a_forged_link_is_unknown(scene: Scene, ticket: str) -> None:
    """Knowing the flow's id is not enough: the link's secret is compared by hash."""
    await scene.card()
    flow_id = (await scene.ticket()).partition(".")[0]

    no = await refused(scene.service.confirm(ticket.replace("{flow}", flow_id)))

    assert no.code == "unknown_ticket"


async def test_a_link_lives_ten_minutes(scene: Scene) -> None:
    """After its time the link is refused with a reason, and the card says so after the next round."""
    await scene.card()
    ticket = await scene.ticket()
    scene.clock.go(601)

    assert (await refused(scene.service.start(ticket))).code == "expired"
    assert await scene.service.resume() == 1
    assert await scene.state() == "expired"
    assert "expired" in scene.says()


async def test_only_the_one_who_asked_gets_a_link(scene: Scene) -> None:
    """Who clicks must be who was asked: Bob gets a private sentence, no link, and nothing is offered."""
    await scene.card(ALICE)

    clicked = await scene.click(BOB)

    assert (clicked.url, clicked.whisper, clicked.card) == ("", None, None)
    assert "Alice" in clicked.toast.en
    assert scene.store.flows == {}


async def test_same_user_id_in_another_workspace_is_somebody_else(scene: Scene) -> None:
    """Ids are only unique within a workspace; the tenant is part of who somebody is."""
    await scene.card(ALICE)

    clicked = await scene.click(Person("slack", "T2", "U1", "Alice"), place=Place("slack", "T2", "C1"))

    assert clicked.url == ""
    assert scene.store.flows == {}


async def test_the_link_is_never_in_the_shared_card(scene: Scene) -> None:
    """What is redrawn in the channel holds no part of the personal link; the whisper does."""
    await scene.card()

    clicked = await scene.click()

    secret = clicked.url.rpartition("/")[2]
    assert secret in json.dumps(clicked.whisper.body)
    assert secret not in json.dumps(clicked.card.body)


async def test_one_live_offer_per_person_and_app(scene: Scene) -> None:
    """A second click ends the first offer; its link says so, and the newer one works."""
    await scene.card()
    first, second = await scene.ticket(), await scene.ticket()

    assert (await refused(scene.service.start(first))).code == "superseded"
    assert (await scene.service.start(second)).url


async def test_a_superseded_card_says_so(scene: Scene) -> None:
    """The same need on another card: starting there turns the first card."""
    await scene.card(card_id="card")
    await scene.card(card_id="other")
    await scene.ticket(card_id="card")
    await scene.ticket(card_id="other")

    assert scene.voice.shown[-1][0] == "card"
    assert "newer" in scene.says()


async def test_two_people_have_two_offers(scene: Scene) -> None:
    """Bob's own card and offer do not end Alice's."""
    await scene.card(ALICE, card_id="card")
    await scene.card(BOB, card_id="bobs")
    hers, his = await scene.ticket(ALICE, "card"), await scene.ticket(BOB, "bobs")

    assert (await scene.service.start(hers)).url
    assert (await scene.service.start(his)).url


# ---------------------------------------------------------------- what may be asked for


async def test_a_scope_the_app_has_not_enabled_never_reaches_the_user(scene: Scene) -> None:
    """Feishu kills the whole page (20027); the start sends the developer to the console instead."""
    await scene.card()
    ticket = await scene.ticket()
    scene.platform.enabled = {"offline_access"}

    no = await refused(scene.service.start(ticket))

    assert no.code == "scope_not_enabled"
    assert NARROW in no.sentence.en
    assert await scene.state() == "failed"


async def test_an_unanswered_look_does_not_block(scene: Scene) -> None:
    """When the platform does not say what is enabled, unknown is not no."""
    await scene.card()
    ticket = await scene.ticket()
    scene.platform.faults = [once(APP_PATH, Timeout())]

    assert (await scene.service.start(ticket)).url


async def test_a_forbidden_scope_is_never_asked_for() -> None:
    """What apps.toml forbids is not asked for, even when the error names it alone."""
    scene = Scene(app=replace(APP, never_ask=frozenset({WIDE})))
    await scene.card(scopes=(WIDE,))

    clicked = await scene.click()

    assert clicked.url == ""
    assert scene.store.flows == {}


async def test_an_invented_scope_is_never_asked_for(scene: Scene) -> None:
    """Nothing in a paste is authority: a scope that the catalogue does not know gives no consent."""
    await scene.card(scopes=("evil:everything",))

    assert (await scene.click()).url == ""


async def test_an_app_that_is_not_configured_gets_no_button(scene: Scene) -> None:
    """A paste naming a foreign app id ends in guidance."""
    await scene.card()
    scene.restart(apps=())

    clicked = await scene.click()

    assert clicked.url == ""
    assert clicked.toast.en


async def test_never_more_scopes_than_a_request_may_hold() -> None:
    """All of 60 are needed, 50 fit (one place is for offline_access): the rest is asked for in the next round, and the card says so."""
    from bot.catalog import catalog

    names = [name for name in catalog().scopes("lark") if consent_plan.may_ask(APP, name) and name != "offline_access"][:60]
    scene = Scene()
    scene.platform.enabled |= set(names)
    scene.platform.works_with = {names[-1]}
    await scene.card(scopes=names, mode=Mode.ALL)

    first = await scene.loop()
    asked = dict(parse_qsl(urlsplit(first.started.url).query))["scope"].split()
    assert len(asked) == 50
    assert first.view.state == "insufficient"
    assert set(first.view.missing) == set(names[49:])
    second = await scene.loop()

    assert second.view.state == "proven"


# ---------------------------------------------------------------- the platform's answer


async def test_another_browser_cannot_finish(scene: Scene) -> None:
    """The cookie binds the start to a browser: somebody who gets hold of code and state is refused, and the owner can still finish."""
    await scene.card()
    started = await scene.started()
    query = scene.platform.consent(started.url)

    for cookie in ("", "x" * 43, started.state):
        assert (await refused(scene.finish(query, cookie))).code == "unknown_state"

    assert scene.platform.exchanged == []
    assert (await scene.service.outcome(await scene.finish(query, started.cookie), started.cookie)).view.state == "proven"


@pytest.mark.parametrize("state", ["", "x", "{flow}", "{flow}.", "{flow}.forged", "z" * 9000])
async def test_a_foreign_state_is_refused(scene: Scene, state: str) -> None:
    """Without the state of this start nothing happens, whatever else is right."""
    await scene.card()
    started = await scene.started()
    query = scene.platform.consent(started.url) | {"state": state.replace("{flow}", started.flow_id)}

    assert (await refused(scene.finish(query, started.cookie))).code == "unknown_state"
    assert await scene.state() == "started"


async def test_a_missing_state_is_refused(scene: Scene) -> None:
    """A callback without any state belongs to nobody."""
    await scene.card()
    started = await scene.started()

    assert (await refused(scene.finish({"code": "code-0"}, started.cookie))).code == "unknown_state"


async def test_a_replayed_answer_is_exchanged_once(scene: Scene) -> None:
    """The same callback again, and one with another code, change nothing: one exchange, one token, the same outcome page."""
    await scene.card()
    done = await scene.loop()
    other = scene.platform.consent(done.started.url)["code"]

    again = await scene.finish(done.query, done.started.cookie)
    second_code = await scene.finish(done.query | {"code": other}, done.started.cookie)

    assert again == second_code == done.flow_id
    assert len(scene.platform.exchanged) == 1
    assert len(scene.store.tokens) == 1
    assert scene.platform.proofs == 1


@pytest.mark.parametrize(("platform", "app_id"), [("slack", APP.app_id), ("lark", "cli_other"), ("dingtalk", "x")])
async def test_mix_up_between_platforms_and_apps_is_refused(scene: Scene, platform: str, app_id: str) -> None:
    """Platform and app come from the consent and must equal the path; an answer on another server's path is foreign."""
    await scene.card()
    started = await scene.started()
    query = scene.platform.consent(started.url)

    assert (await refused(scene.finish(query, started.cookie, platform=platform, app_id=app_id))).code == "unknown_state"
    assert scene.platform.exchanged == []


async def test_a_late_answer_is_expired(scene: Scene) -> None:
    """Ten minutes after the start the answer is worth nothing; nothing is exchanged."""
    await scene.card()
    started = await scene.started()
    query = scene.platform.consent(started.url)
    scene.clock.go(601)

    flow_id = await scene.finish(query, started.cookie)

    assert await scene.state(flow_id) == "expired"
    assert scene.platform.exchanged == []


async def test_a_minute_of_clock_skew_is_harmless(scene: Scene) -> None:
    """Another replica's clock is a minute ahead or behind: the loop still ends proven, and no link lives past ten minutes."""
    for seconds in (60, -60):
        other = Scene(store=MemoryStore())
        await other.card()
        started = await other.started()
        query = other.platform.consent(started.url)
        other.clock.go(seconds)

        assert await other.state(await other.finish(query, started.cookie)) == "proven"


async def test_the_second_of_two_starts_counts(scene: Scene) -> None:
    """One link opened in two browsers: the later start wins, the earlier one's answer is foreign, and there is one token."""
    await scene.card()
    ticket = await scene.ticket()
    first, second = await scene.service.start(ticket), await scene.service.start(ticket)
    one, two = scene.platform.consent(first.url), scene.platform.consent(second.url)

    assert (await refused(scene.finish(one, first.cookie))).code == "unknown_state"
    assert await scene.state(await scene.finish(two, second.cookie)) == "proven"
    assert len(scene.store.tokens) == 1


async def test_an_answer_after_a_newer_offer_changes_nothing(scene: Scene) -> None:
    """The first browser comes back after the person started again: it is told so, and nothing is exchanged."""
    await scene.card()
    first = await scene.started()
    query = scene.platform.consent(first.url)
    await scene.ticket()

    flow_id = await scene.finish(query, first.cookie)

    assert (await scene.service.outcome(flow_id, first.cookie)).view.state == "superseded"
    assert scene.platform.exchanged == []


async def test_the_outcome_belongs_to_the_browser(scene: Scene) -> None:
    """Knowing the flow's id shows nobody else the outcome."""
    await scene.card()
    done = await scene.loop()

    assert (await refused(scene.service.outcome(done.flow_id, "other"))).code == "unknown_flow"
    assert (await refused(scene.service.outcome("nope", done.started.cookie))).code == "unknown_flow"


async def test_refusing_is_told_kindly_and_can_be_undone(scene: Scene) -> None:
    """The user declines: nothing granted, the card says so, and a new click starts anew."""
    await scene.card()
    started = await scene.started()

    flow_id = await scene.finish(scene.platform.consent(started.url, approve=False), started.cookie)

    view = (await scene.service.outcome(flow_id, started.cookie)).view
    assert (view.state, view.may_retry) == ("refused", True)
    assert scene.platform.requests[1:] == []
    assert (await scene.loop()).view.state == "proven"


async def test_pkce_and_redirect_are_bound(scene: Scene) -> None:
    """A code that somebody else obtained for another challenge is refused by the platform, because our verifier does not fit."""
    await scene.card()
    started = await scene.started()
    mallory = started.url.replace("code_challenge=", "code_challenge=x")
    query = scene.platform.consent(mallory)

    flow_id = await scene.finish(query, started.cookie)

    assert await scene.state(flow_id) == "failed"
    assert scene.store.tokens == {}


# ---------------------------------------------------------------- whose account


async def test_another_account_is_discarded_and_both_are_told(scene: Scene) -> None:
    """The expected account is known and another one comes back: no token is kept, the page and the asker are told."""
    await scene.card()
    await scene.store.bind_account(ALICE, binding("lark", APP.app_id), "ou_alice")

    done = await scene.loop("mallory")

    assert done.view.state == "wrong_account"
    assert "Mallory" in done.view.sentence.en
    assert scene.store.tokens == {}
    assert [who for who, _ in scene.voice.whispers] == ["U1"]
    assert scene.platform.proofs == 0
    flow = (await scene.store.flow(done.flow_id))[0]
    assert (flow["token"], flow["code"], flow["granted"]) == ("", "", [])


async def test_the_first_consent_binds_the_account(scene: Scene) -> None:
    """Whoever consents first for a person is that person's account here; any other later is the wrong one."""
    await scene.card()
    assert (await scene.loop("alice")).view.state == "proven"

    assert (await scene.loop("mallory")).view.state == "wrong_account"
    assert [token.subject for token in scene.store.tokens.values()] == ["ou_alice"]


async def test_in_the_platforms_own_chat_the_asker_is_the_account() -> None:
    """Asked in Lark, by the bot of the same app: the account must be the asker's own from the start."""
    alice, place = Person("lark", "T1", "ou_alice", "Alice"), Place("lark", "T1", "oc_1")
    for who, state in (("mallory", "wrong_account"), ("alice", "proven")):
        scene = Scene()
        scene.restart(surface_apps={"lark": APP.app_id}, messengers={})
        card = await scene.card(alice)
        scene.store.cards["card"] = replace(card, place=place)
        clicked = await scene.click(alice, place=place)
        started = await scene.service.start(clicked.url.rpartition("/")[2])
        flow_id = await scene.finish(scene.platform.consent(started.url, who), started.cookie)

        assert await scene.state(flow_id) == state


async def test_the_same_name_is_not_the_same_account(scene: Scene) -> None:
    """No matching by name or e-mail: an account that is only called like the asker is another account."""
    await scene.card()
    await scene.store.bind_account(ALICE, binding("lark", APP.app_id), "ou_alice")
    scene.platform.accounts["mallory"].name = "Alice"

    assert (await scene.loop("mallory")).view.state == "wrong_account"


# ---------------------------------------------------------------- enough, and proven


async def test_success_without_the_scope_is_insufficient(scene: Scene) -> None:
    """Login "succeeds" and grants nothing: the card names what is missing, is not green, and asks again for exactly that."""
    await scene.card()
    scene.platform.drop = {NARROW}

    short = await scene.loop()

    assert (short.view.state, short.view.missing) == ("insufficient", (NARROW,))
    assert scene.platform.proofs == 0
    scene.platform.drop = set()
    assert (await scene.loop()).view.state == "proven"


async def test_the_narrow_scope_does_not_do_so_the_next_is_asked(scene: Scene) -> None:
    """ "Any one suffices" was not true: the live check fails, the card says so and names the next, which then proves it."""
    await scene.card()
    scene.platform.works_with = {WIDE}

    short = await scene.loop()
    assert short.view.state == "insufficient"
    assert WIDE in short.view.sentence.en
    wide = await scene.loop()

    assert dict(parse_qsl(urlsplit(wide.started.url).query))["scope"].split() == [WIDE, "offline_access"]
    assert wide.view.state == "proven"
    assert len(scene.store.tokens) == 1


async def test_when_no_scope_helps_the_button_goes(scene: Scene) -> None:
    """All alternatives granted and the call still fails: no more consent is asked for."""
    await scene.card()
    scene.platform.works_with = set()
    await scene.loop()
    last = await scene.loop()

    assert (last.view.state, last.view.may_retry) == ("insufficient", False)
    assert (await scene.click()).url == ""


async def test_consent_alone_is_not_green(scene: Scene) -> None:
    """The live check cannot be made: granted, not proven, with the reason; "check again" proves it later."""
    await scene.card()
    scene.platform.faults = [once(CALL_PATH, Response(200, {}, b"<html>"))]

    done = await scene.loop()

    assert done.view.state == "granted"
    assert done.view.proof is not None
    assert done.view.proof.ok is None
    clicked = await scene.click(action="check")
    assert clicked.card is not None
    assert await scene.state() == "proven"


async def test_check_again_sees_a_grant_that_went_away(scene: Scene) -> None:
    """A proven card looks again when asked, and says when it is no longer so."""
    await scene.card()
    await scene.loop()
    scene.platform.tokens.clear()

    await scene.click(action="check")

    assert await scene.state() == "insufficient"


# ---------------------------------------------------------------- a bad world


@pytest.mark.parametrize("path", [TOKEN_PATH, WHO_PATH, CALL_PATH])
@pytest.mark.parametrize(
    "answer",
    [
        Timeout(),
        Response(500, {}, b"oops"),
        Response(503, {}, b'{"code": 20072}'),
        Response(429, {"x-ogw-ratelimit-reset": "7"}, b""),
    ],
    ids=["timeout", "500", "503", "429"],
)
async def test_a_platform_that_hiccups_is_asked_again(scene: Scene, path: str, answer: object) -> None:
    """Down, slow, 500, 429 with its reset: the consent waits in its row, and the next round after the pause ends proven."""
    await scene.card()
    scene.platform.faults = [once(path, answer)]  # type: ignore[arg-type]
    if path == CALL_PATH and isinstance(answer, Response):
        scene.platform.faults = [once(path, Timeout())]

    done = await scene.loop()
    assert done.view.state != "proven"
    assert await scene.service.resume() == 0
    scene.clock.go(10)

    assert await scene.service.resume() == 1
    assert await scene.state() == "proven"
    assert len(scene.platform.exchanged) == len(scene.store.tokens) == 1


async def test_a_platform_that_stays_down_ends_with_a_sentence(scene: Scene) -> None:
    """After a few tries it is over, with a reason, a button to try again, and nothing stored."""
    await scene.card()
    scene.platform.faults = [once(TOKEN_PATH, Timeout()) for _ in range(9)]

    await scene.loop()
    for _ in range(6):
        scene.clock.go(20)
        await scene.service.resume()

    assert await scene.state() == "failed"
    assert scene.store.tokens == {}
    scene.platform.faults = []
    assert (await scene.loop()).view.state == "proven"


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'"x"', b'{"code":"0"}', b"\xff\xfe", b'{"access_token": 7, "code": 0}'])
async def test_nonsense_from_the_token_endpoint(scene: Scene, body: bytes) -> None:
    """Whatever is not a token answer is a refusal with a sentence, never a crash and never a token."""
    await scene.card()
    scene.platform.faults = [once(TOKEN_PATH, Response(200, {}, body))]

    done = await scene.loop()

    assert done.view.state == "failed"
    assert scene.store.tokens == {}


async def test_a_code_as_string_is_understood(scene: Scene) -> None:
    """One brand was seen answering `"code": "0"`; that is success."""
    await scene.card()
    token = b'{"code":"0","access_token":"u-token0-zzzzzzzzzzzz","expires_in":7200,"scope":"docx:document:readonly"}'
    scene.platform.tokens["u-token0-zzzzzzzzzzzz"] = "alice"
    scene.platform.scopes_of["u-token0-zzzzzzzzzzzz"] = {NARROW}
    scene.platform.faults = [once(TOKEN_PATH, Response(200, {}, token))]

    assert (await scene.loop()).view.state == "proven"


async def test_a_wrong_secret_is_told_to_the_developer(scene: Scene) -> None:
    """20002: the owner hears it privately; the user is told it is not theirs to fix, without a button to repeat it."""
    await scene.card()
    scene.platform.secret = "another-secret"

    done = await scene.loop()

    assert (done.view.state, done.view.may_retry) == ("failed", False)
    assert "developer" in done.view.sentence.en
    assert [who for who, _ in scene.voice.whispers] == ["UOWNER"]
    assert "20002" in scene.voice.whispers[0][1]


async def test_a_messenger_that_fails_is_tried_again(scene: Scene) -> None:
    """The card could not be redrawn: the consent itself goes on, and the card follows later."""
    await scene.card()
    scene.voice.works = False
    await scene.loop()
    assert await scene.state() == "proven"
    scene.voice.works, shown = True, len(scene.voice.shown)
    scene.clock.go(60)

    await scene.service.resume()

    assert len(scene.voice.shown) == shown + 1
    assert "Proven" in scene.says()


async def test_one_broken_row_does_not_stop_the_others(scene: Scene) -> None:
    """A row that cannot be read is noted; the rest of the round goes on."""
    await scene.card()
    await scene.ticket()
    scene.store.flows["broken"] = ({"state": "martian"}, "offered", "x", 0)
    scene.clock.go(601)

    assert await scene.service.resume() == 1
    assert scene.store.trail[-1]["action"] in ("consent.expired", "consent.stuck")
    assert any(row["action"] == "consent.stuck" for row in scene.store.trail)


# ---------------------------------------------------------------- in the client


async def test_the_in_client_page_needs_no_redirect(scene: Scene) -> None:
    """Codes of `requestAccess` come without PKCE and redirect address; state and cookie still bind them."""
    await scene.card()
    page = await scene.service.start(await scene.ticket(), in_client=True)

    query = scene.platform.in_client(page.state, page.scopes)

    assert (await refused(scene.finish(query, "other"))).code == "unknown_state"
    assert await scene.state(await scene.finish(query, page.cookie)) == "proven"


async def test_refusing_in_the_client(scene: Scene) -> None:
    """errno 2700002 is the user's no."""
    await scene.card()
    page = await scene.service.start(await scene.ticket(), in_client=True)

    flow_id = await scene.finish({"errno": "2700002", "errString": "auth failed", "state": page.state}, page.cookie)

    assert await scene.state(flow_id) == "refused"


# ---------------------------------------------------------------- buttons for ever


async def test_every_button_answers_in_every_state(scene: Scene) -> None:
    """No dead buttons: any action, by anybody, on a card in any state, also after a restart, and on cards long gone."""
    actions = ["reauthorize", "check", "ask_admin", "details", "support", "share", "helpful", "unhelpful", "mute", "revoke", "gone_action"]
    for state in State:
        for action in actions:
            world = Scene()
            await world.card()
            flow_id = (await world.ticket()).partition(".")[0]
            row, _, owner, version = world.store.flows[flow_id]
            world.store.flows[flow_id] = ({**row, "state": str(state), "account": "ou_alice"}, str(state), owner, version)
            world.restart()
            for person in (ALICE, BOB):
                clicked = await world.click(person, action)

                assert clicked.toast.en
                assert clicked.toast.zh
    assert (await scene.click(card_id="never-was")).toast.en
    assert set(TABLE) == set(State)
    assert any(isinstance(rule, Move) for rule in TABLE[State.OFFERED].values())


async def test_revoking_forgets_and_says_so(scene: Scene) -> None:
    """The person takes it back: the token is gone, the card says so, the app is told."""
    await scene.card()
    await scene.loop()

    clicked = await scene.click(action="revoke")

    assert scene.store.tokens == {}
    assert clicked.card is not None
    assert await scene.state() == "revoked"
    assert list(scene.mail.kept.values())[-1]["type"] == "consent.revoked"


async def test_revoking_an_offer_kills_its_link(scene: Scene) -> None:
    """A link that is not used yet can be taken back."""
    await scene.card()
    ticket = await scene.ticket()
    await scene.click(action="revoke")

    assert (await refused(scene.service.start(ticket))).code == "revoked"


async def test_nobody_revokes_for_somebody_else(scene: Scene) -> None:
    """Bob cannot take Alice's consent back."""
    await scene.card()
    await scene.loop()

    await scene.click(BOB, "revoke")

    assert len(scene.store.tokens) == 1


async def test_a_card_without_asker_belongs_to_the_first_who_uses_it(scene: Scene) -> None:
    """A card from the API has no asker: the first to click becomes it, the next is told whose it is."""
    await scene.card(None)

    assert (await scene.click(BOB)).url
    assert (await scene.click(ALICE)).url == ""


async def test_the_proof_outlives_a_restart(scene: Scene) -> None:
    """A finished card is drawn again from the store alone."""
    await scene.card()
    await scene.loop()
    scene.restart()

    reply = await scene.service.draw("card", "slack")

    assert reply is not None
    assert "Proven" in reply.fallback
    assert scene.clock.now() - timedelta(days=1) < scene.clock.now()
    assert PLACE.chat == "C1"


# ---------------------------------------------------------------- second lines of defence


async def test_a_guest_from_another_workspace_is_somebody_else(scene: Scene) -> None:
    """In a channel that two workspaces share, a guest with the same user id is not the one who was asked."""
    await scene.card(ALICE)

    clicked = await scene.click(Person("slack", "T2", "U1", "Alice"), place=PLACE)

    assert clicked.url == ""
    assert scene.store.flows == {}


@pytest.mark.parametrize(
    ("platform", "scope", "personal", "allowed"),
    [
        ("lark", NARROW, True, True),
        ("lark", WIDE, True, False),
        ("lark", "evil:everything", True, False),
        ("slack", "evil:everything", False, False),
        ("slack", "channels:history", False, True),
        ("nowhere", NARROW, False, False),
    ],
)
def test_only_known_and_allowed_scopes_may_be_asked(platform: str, scope: str, personal: bool, allowed: bool) -> None:
    """The last look before a consent is made, whatever the diagnosis said: in the catalogue, not forbidden, for this kind of token."""
    app = replace(APP, platform=platform, never_ask=frozenset({WIDE}))

    assert consent_plan.may_ask(app, scope, personal=personal) is allowed


async def test_a_token_refreshed_meanwhile_is_not_put_back(scene: Scene) -> None:
    """Died right after keeping the token; by the time somebody goes on, it was refreshed: the newer pair stays."""
    await scene.card()
    done = await scene.loop()
    row, _, owner, version = scene.store.flows[done.flow_id]
    old = json.dumps({"flow": done.flow_id, "access_token": "u-used-up", "scopes": [NARROW], "extra": {}})
    unfinished = {**row, "state": "granted", "todo": ["keep"], "token": scene.vault.seal(old)}
    scene.store.flows[done.flow_id] = (unfinished, "granted+", owner, version)
    (before,) = scene.store.tokens.values()

    await scene.service.resume()

    assert list(scene.store.tokens.values()) == [before]
    assert (await scene.store.flow(done.flow_id))[0]["token"] == ""


async def test_a_grant_is_revoked_by_its_person_only(scene: Scene) -> None:
    """Holding somebody's grant in hand is not enough to take it back."""
    await scene.card()
    await scene.loop()
    (grant,) = await scene.service.grants(ALICE)

    assert await scene.service.revoke(BOB, grant) is False
    assert len(scene.store.tokens) == 1
    assert await scene.service.grants(BOB) == ()


async def test_signing_in_again_asks_for_no_new_scope(scene: Scene) -> None:
    """A refresh token that is over needs a consent, not a scope: nothing new is asked for, and it is proven all the same."""
    finding = Finding("lark", ("20037",), message="expired", identity=Identity.USER, app_id=APP.app_id, hints={"brand": "feishu"})
    card = Card("again", PLACE, ALICE, card_snapshot.make((finding,), Facts(), asker=ALICE), "en", scene.clock.now())
    await scene.store.put_card(card)

    scene.platform.works_with = {"offline_access"}
    done = await scene.loop(card_id="again")

    assert dict(parse_qsl(urlsplit(done.started.url).query))["scope"] == "offline_access"
    assert done.view.state == "proven"


async def test_a_lost_key_ends_with_a_sentence(scene: Scene) -> None:
    """The operator took the old key away in mid-flight: what was sealed is lost, the person starts again, nothing hangs or crashes."""
    await scene.card()
    started = await scene.started()
    query = scene.platform.consent(started.url)
    scene.restart(vault=FernetVault(["another key of more than thirty-two characters"]))

    flow_id = await scene.finish(query, started.cookie)

    view = (await scene.service.outcome(flow_id, started.cookie)).view
    assert (view.state, view.may_retry) == ("failed", True)
    assert (await scene.loop()).view.state == "proven"
    scene.restart(vault=FernetVault(["a third key of more than thirty-two characters"]))
    for action in ("check", "revoke"):
        assert (await scene.click(action=action)).toast.en
    assert scene.store.tokens == {}


async def test_a_sealed_token_of_another_consent_is_not_believed(scene: Scene) -> None:
    """Somebody with write access to the store copies a sealed token into another consent's row: it is not used."""
    await scene.card()
    done = await scene.loop()
    row, _, owner, version = scene.store.flows[done.flow_id]
    sealed = scene.vault.seal(json.dumps({"flow": "another", "access_token": "u-stolen", "scopes": [NARROW], "extra": {}}))
    scene.store.tokens.clear()
    scene.store.flows[done.flow_id] = ({**row, "state": "authorized", "todo": ["identify"], "token": sealed}, "authorized+", owner, version)

    await scene.service.resume()

    assert await scene.state() == "failed"
    assert scene.store.tokens == {}
