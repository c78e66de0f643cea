"""Answering through the service: redaction, memory for request ids, no nagging, commands, and who may see what."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot import platforms
from bot.diagnose.questions import answer_number
from bot.model import Person, Place, Question
from bot.oauth.messages import Response
from bot.ports import StoredToken
from bot.redact import redact
from bot.services import card_snapshot
from tests.consent_world import ALICE, APP, BOB, NARROW, PLACE, WIDE, Scene, once, teach

REAL_CHECKS = platforms.checks  # beside the checks of the test platform (`teach`)

LOG_ID = "202308071603455425F5854702B4000DB9"
ERROR = json.dumps(
    {
        "code": 99991679,
        "msg": "Unauthorized. You do not have permission to perform the requested operation on the resource. Please request user "
        f"re-authorization and try again. required one of these privileges: [{WIDE}, {NARROW}]",
        "error": {"log_id": LOG_ID, "permission_violations": [{"type": "action_privilege_required", "subject": WIDE}]},
    }
)
SECRET = "u-7f1bcd13fc57d46bac21793a18e560"

REAL_CHECKS = platforms.checks


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def asked(
    text: str = ERROR, person: Person | None = ALICE, *, direct: bool = True, place: Place = PLACE, private: bool = False
) -> Question:
    hidden = redact(text)
    return Question(hidden.text, "slack", person, place, "en", direct=direct, private=private, live=hidden.live)


async def test_a_paste_becomes_a_stored_card(scene: Scene) -> None:
    """The card is kept before it is posted, and can be drawn again for any surface."""
    answer = await scene.service.answer(asked())

    assert answer is not None
    assert answer.diagnoses[0].finding.codes == ("99991679",)
    assert answer.diagnoses[0].offers[0].scopes == (NARROW,)
    for surface in ("slack", "lark", "dingtalk", "text", "html", "web"):
        assert await scene.service.draw(answer.card.id, surface) is not None
    assert await scene.service.draw("no-such-card", "slack") is None


async def test_from_paste_to_proof(scene: Scene) -> None:
    """The real thinking and the consent together: paste, click, consent, proven."""
    answer = await scene.service.answer(asked())
    assert answer is not None

    done = await scene.loop(card_id=answer.card.id)

    assert done.view.state == "proven"
    assert "Proven" in scene.says()


async def test_secrets_are_masked_before_anything_is_kept(scene: Scene) -> None:
    """A token in the paste is in no card, report, flow or reply; the poster alone is told."""
    answer = await scene.service.answer(asked(f"Authorization: Bearer {SECRET}\n{ERROR}"))

    assert answer is not None
    assert answer.notice is not None
    kept = json.dumps([c.snapshot for c in scene.store.cards.values()]) + repr(scene.store.reports) + repr(answer.reply)
    assert SECRET not in kept


async def test_nothing_in_a_paste_is_authority(scene: Scene) -> None:
    """A paste that names another app, an unknown scope and a link of its own gets no offer and no such link."""
    evil = ERROR.replace(WIDE, "evil:all").replace(NARROW, "evil:some")
    evil = evil.replace('"code"', '"url": "https://evil.example/x", "app_id": "cli_ffffffffffffffff", "code"')
    answer = await scene.service.answer(asked(evil))

    assert answer is not None
    assert answer.diagnoses[0].offers == ()
    assert all("evil.example" not in link.url for one in answer.diagnoses for link in one.links)
    assert (await scene.click(card_id=answer.card.id)).url == ""


async def test_silence_where_nobody_asked(scene: Scene) -> None:
    """Overheard talk without an error gets no answer; a direct question always gets one."""
    assert await scene.service.answer(asked("lunch at noon?", direct=False)) is None
    answer = await scene.service.answer(asked("lunch at noon?"))

    assert answer is not None
    assert answer.diagnoses == ()
    assert answer.reply.fallback


@pytest.mark.parametrize("text", ["", "   \n", "\x00\x01\x02" * 50, '{"code":0,"msg":"success"}', '{"code": 9999', "x" * 2_000_000])
async def test_bad_input_is_answered(scene: Scene, text: str) -> None:
    """Empty, blank, binary, success, truncated, huge: one sentence, no crash, and a small card."""
    answer = await scene.service.command(asked(text))

    assert answer.reply.fallback
    assert len(json.dumps(answer.card.snapshot)) < 40_000


async def test_the_same_need_in_a_chat_is_one_card(scene: Scene) -> None:
    """Bob's paste of the same error updates Alice's card and lets him use it too; after a while there is a new one."""
    first = await scene.service.answer(asked())
    second = await scene.service.answer(asked(person=BOB))

    assert first is not None
    assert second is not None
    assert second.existing is not None
    assert second.existing.id == first.card.id
    assert (await scene.click(BOB, card_id=first.card.id)).url
    assert (await scene.click(ALICE, card_id=first.card.id)).url
    assert len(scene.store.cards) == 1
    scene.clock.go(3601)
    third = await scene.service.answer(asked())
    assert third is not None
    assert third.existing is None


async def test_another_chat_is_another_card(scene: Scene) -> None:
    """Merging stops at the chat's door."""
    await scene.service.answer(asked())
    other = await scene.service.answer(asked(place=replace(PLACE, chat="C2")))

    assert other is not None
    assert other.existing is None


async def test_after_a_proof_the_same_error_means_an_old_token(scene: Scene) -> None:
    """Consent done and proven, the error again: a new card, which says that the program still uses the old token."""
    first = await scene.service.answer(asked())
    assert first is not None
    await scene.loop(card_id=first.card.id)

    again = await scene.service.answer(asked())

    assert again is not None
    assert again.existing is None
    assert "old token" in json.dumps(again.reply.body)


async def test_a_bare_log_id_recalls_the_error(scene: Scene) -> None:
    """Seen before: the full diagnosis. Not seen: an answer that says what to paste next."""
    unknown = await scene.service.answer(asked(LOG_ID))
    assert unknown is not None
    assert not unknown.diagnoses or not unknown.diagnoses[0].finding.codes
    await scene.service.answer(asked())

    known = await scene.service.answer(asked(LOG_ID, BOB, place=replace(PLACE, chat="C2")))

    assert known is not None
    assert known.diagnoses[0].finding.codes == ("99991679",)
    assert known.diagnoses[0].offers


async def test_a_pasted_log_id_stays_in_its_workspace(scene: Scene) -> None:
    """What one workspace pasted is not told to another; what the app itself reported is."""
    await scene.service.answer(asked())
    stranger = asked(LOG_ID, Person("slack", "T2", "U9"), place=Place("slack", "T2", "C9"))

    before = await scene.service.answer(stranger)
    assert before is not None
    assert all(not one.finding.codes for one in before.diagnoses)
    assert list(await scene.service.report(ERROR, source=APP.app_id)) == [LOG_ID]
    after = await scene.service.answer(stranger)

    assert after is not None
    assert after.diagnoses[0].finding.codes == ("99991679",)
    found = await scene.service.look_up(LOG_ID)
    assert found is not None
    assert found.finding.codes == ("99991679",)
    assert await scene.service.look_up("nope") is None


async def test_a_report_may_name_its_own_request_id(scene: Scene) -> None:
    """An app that knows the id from a header sends it beside the body."""
    body = '{"code":99991672,"msg":"Access denied. One of the following scopes is required: [contact:user.base:readonly]"}'

    assert list(await scene.service.report(body, request_id="my-id-1")) == ["my-id-1"]
    assert list(await scene.service.report("all is well", request_id="my-id-2")) == []
    assert await scene.service.look_up("my-id-1") is not None


async def test_a_scope_the_app_lacks_shows_before_the_click(scene: Scene) -> None:
    """The look at the app happens when answering: not enabled means no consent button and the developer's step."""
    scene.platform.enabled = {"offline_access"}

    answer = await scene.service.answer(asked())

    assert answer is not None
    assert answer.diagnoses[0].offers == ()
    assert answer.diagnoses[0].no_offer is not None


async def test_the_channel_sees_less_than_the_asker(scene: Scene) -> None:
    """In a channel the other scopes stay out; the asker's own details show them."""
    channel = await scene.service.answer(asked())
    assert channel is not None
    details = await scene.click(action="details", card_id=channel.card.id)

    assert WIDE not in json.dumps(channel.reply.body).replace(NARROW, "")
    assert details.whisper is not None and WIDE in json.dumps(details.whisper.body).replace(NARROW, "")


# ---------------------------------------------------------------- muting


async def test_a_mute_is_remembered_and_direct_questions_still_answered(scene: Scene) -> None:
    """Muted: overheard errors are left alone, a direct question is not; unmute brings it back."""
    answer = await scene.service.answer(asked())
    assert answer is not None
    await scene.click(BOB, "mute", card_id=answer.card.id)

    assert await scene.service.answer(asked(direct=False)) is None
    assert await scene.service.answer(asked()) is not None
    await scene.service.command(asked("unmute"))
    assert await scene.service.answer(asked(direct=False)) is not None


async def test_a_chat_can_be_muted_altogether(scene: Scene) -> None:
    """`mute all` silences everything overheard."""
    await scene.service.command(asked("/whyforbidden mute all"))

    assert await scene.service.answer(asked(direct=False)) is None


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("text", ["/whyforbidden help", "help", "/whyforbidden 帮助", "whyforbidden: help"])
async def test_help(scene: Scene, text: str) -> None:
    """Help says what one can ask, in the language of the word."""
    answer = await scene.service.command(asked(text))

    assert "log_id" in answer.reply.fallback


@pytest.mark.parametrize("text", ["99991679", "/whyforbidden 99991679", "/whyforbidden missing_scope"])
async def test_a_bare_code(scene: Scene, text: str) -> None:
    """A code alone is explained."""
    answer = await scene.service.command(asked(text))

    assert answer.diagnoses
    assert text.rpartition(" ")[2] in answer.diagnoses[0].finding.codes


async def test_the_command_takes_a_paste(scene: Scene) -> None:
    """Everything that is no word of ours is the error."""
    answer = await scene.service.command(asked(f"/whyforbidden {ERROR}"))

    assert answer.diagnoses[0].finding.codes == ("99991679",)


async def test_grants_and_revoke(scene: Scene) -> None:
    """Mine are listed with app, scopes and day; revoke forgets the token and turns the card; other people's stay."""
    await scene.card()
    await scene.loop()
    other = StoredToken("lark", APP.app_id, "ou_bob", "sealed:", frozenset({WIDE}), person=BOB)
    await scene.store.put_token(other)

    mine = await scene.service.command(asked("grants"))
    assert "Weekly report" in mine.reply.fallback
    assert NARROW in json.dumps(mine.reply.body)
    assert WIDE + '"' not in json.dumps(mine.reply.body)
    gone = await scene.service.command(asked("revoke 1"))

    assert "forgotten" in gone.reply.fallback
    assert [token.subject for token in scene.store.tokens.values()] == ["ou_bob"]
    assert await scene.state() == "revoked"
    assert any(row["action"] == "grant.revoked" for row in await scene.service.audit())
    assert "no consent" in (await scene.service.command(asked("revoke"))).reply.fallback


async def test_a_document_question(scene: Scene) -> None:
    """A document's address with an action is asked of the platform, with the asker's own token."""
    await scene.card()
    await scene.loop()
    yes = Response(200, {}, b'{"code":0,"msg":"success","data":{"auth_result":true}}')
    scene.platform.faults = [once("/members/auth", yes)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platforms, "checks", REAL_CHECKS)
        answer = await scene.service.command(asked("/whyforbidden https://team.feishu.cn/docx/WRn1dpMHxoabcdefghijk edit"))

    assert answer.reply.fallback.count("Yes")
    sent = scene.platform.requests[-1]
    assert sent.headers["authorization"].removeprefix("Bearer ") in scene.platform.tokens
    assert sent.query == {"type": "docx", "action": "edit"}


async def test_posted_moves_the_card(scene: Scene) -> None:
    """After the door has posted, redraws go to where the card stands."""
    answer = await scene.service.answer(asked())
    assert answer is not None

    await scene.service.posted(answer.card.id, replace(PLACE, message="171.9"))

    kept = await scene.store.card(answer.card.id)
    assert (kept.place.message, kept.message) == ("171.9", "171.9")


async def test_check_again_sees_what_the_developer_enabled(scene: Scene) -> None:
    """First the app lacks the scope; the developer enables it; "check again" looks anew, and now the consent can be asked for."""
    scene.platform.enabled = {"offline_access"}
    answer = await scene.service.answer(asked())
    assert answer is not None
    assert (await scene.click(card_id=answer.card.id)).url == ""
    scene.platform.enabled |= {NARROW, WIDE}

    checked = await scene.click(action="check", card_id=answer.card.id)

    assert checked.card is not None
    assert (await scene.loop(card_id=answer.card.id)).view.state == "proven"


async def test_the_admin_is_asked_once_an_hour(scene: Scene) -> None:
    """The button passes the request on and explains the platform's answer; an impatient second click does not ask again."""
    answer = await scene.service.answer(asked())
    assert answer is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platforms, "checks", REAL_CHECKS)
        scene.platform.faults = [
            once("/tenant_access_token/internal", Response(200, {}, b'{"code":0,"tenant_access_token":"t-abc","expire":7200}')),
            once("/scopes/apply", Response(400, {}, b'{"code":212004,"msg":"already applied"}')),
        ]
        first = await scene.click(action="ask_admin", card_id=answer.card.id)
        second = await scene.click(action="ask_admin", card_id=answer.card.id)

    assert "already" in first.toast.en
    assert "last hour" in second.toast.en
    assert sum(request.url.endswith("/scopes/apply") for request in scene.platform.requests) == 1


# ---------------------------------------------------------------- the telling question


async def test_an_answer_to_the_telling_question_changes_the_card_once(scene: Scene) -> None:
    """The answer is kept with the card and ranks the remedies anew; a second answer to the same question is told so and changes nothing."""
    made = await scene.service.answer(asked('{"code":20073,"msg":"refresh token was already used"}'))
    assert made is not None
    question = made.diagnoses[0].question
    assert question is not None
    first, second = (answer_number(question.id, one.id) for one in question.answers[:2])

    clicked = await scene.service.click(made.card.id, "answer", ALICE, PLACE, first)
    again = await scene.service.click(made.card.id, "answer", ALICE, PLACE, second)
    unknown = await scene.service.click(made.card.id, "answer", ALICE, PLACE, 999)
    handed = await scene.click(action="handover", card_id=made.card.id)

    kept = await scene.store.card(made.card.id)
    assert kept is not None and card_snapshot.answers(kept.snapshot) == {question.id: question.answers[0].id}
    assert clicked.card is not None and "answered already" in again.toast.en and "older version" in unknown.toast.en
    assert handed.copy is not None and "20073" in handed.copy.en and "20073" in handed.copy.zh
