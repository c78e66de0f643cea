"""The buttons by table: which action, pressed by whom, from which tenant, in which state of the consent; who may, what it changes, what is kept about it."""

from __future__ import annotations

import json
from collections.abc import Generator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import platforms
from bot.card import support_text
from bot.consent.machine import State
from bot.i18n import say
from bot.model import ACTIONS, App, Person, Place
from bot.oauth.messages import PlatformRefusal, Request, Response
from bot.platforms.api import Applied, Checks
from bot.services import card_snapshot, consent_plan
from bot.services.results import Clicked
from tests.consent_world import ALICE, APP, BOB, NARROW, PLACE, WIDE, Scene, once, teach

ELSEWHERE = replace(PLACE, tenant="T-other")
OTHER_SURFACE = replace(PLACE, surface="lark")
NAMESAKE = replace(ALICE, tenant="T-other")

#: Written out by hand, as the judge of the code: who may press what.
FOR_THE_ASKER = ("reauthorize", "check", "ask_admin", "details", "support", "handover", "answer", "share", "revoke")
FOR_ANYBODY = ("helpful", "unhelpful", "mute")
#: What is done in somebody's name: kept in the audit trail, allowed or not.
AUDITED = {"reauthorize", "ask_admin", "revoke"}
STATES = ("none", "offered", "granted", "proven", "insufficient", "revoked")


class Admins:
    """A platform that passes a request on to the administrator, as Feishu does."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.asked: list[App] = []

    def apply_scopes(self, app: App) -> Generator[Request, Response, Applied]:
        self.asked.append(app)
        yield Request("GET", "https://open.feishu.cn/test/app")
        if self.refusal:
            raise PlatformRefusal(self.refusal, blame="platform")
        return Applied(True, "0", say("The admin has been asked. The scopes work as soon as the admin approves."))


@pytest.fixture
def admins(monkeypatch: pytest.MonkeyPatch) -> Admins:
    """The platform `lark` has our checks, and administrators."""
    teach(monkeypatch)
    ours, made = platforms.checks, Admins()

    def checks(platform: str) -> Checks | None:
        found = ours(platform)
        return replace(found, apply_scopes=made.apply_scopes) if found and platform == "lark" else found

    monkeypatch.setattr(platforms, "checks", checks)
    return made


async def scene_in(state: str) -> Scene:
    """Alice's card, with a consent of hers in this state."""
    scene = Scene()
    await scene.card()
    if state == "none":
        return scene
    if state == "offered":
        await scene.ticket()
        return scene
    done = await scene.loop()
    row, _, owner, version = scene.store.flows[done.flow_id]
    scene.store.flows[done.flow_id] = ({**row, "state": state, "todo": []}, state, owner, version)
    return scene


def kept(scene: Scene) -> dict[str, Any]:
    """All that the store holds, apart from the audit trail."""
    store = scene.store
    return deepcopy(
        {name: getattr(store, name) for name in ("cards", "flows", "tokens", "mutes", "voices", "claims", "reports", "accounts")}
    )


def audited(scene: Scene) -> list[tuple[Any, ...]]:
    """The clicks of the trail."""
    return [(row["actor"], row["button"], row["allowed"]) for row in scene.store.trail if row["action"] == "clicked"]


def gives_nothing(clicked: Clicked) -> bool:
    """A sentence and nothing else."""
    return not any((clicked.url, clicked.whisper, clicked.share, clicked.copy, clicked.card))


def test_the_tables_name_every_button() -> None:
    """`open` is a plain link; a button that is added needs a line above."""
    assert set(FOR_THE_ASKER) | set(FOR_ANYBODY) | {"open"} == ACTIONS


# ---------------------------------------------------------------- who


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", FOR_THE_ASKER)
@pytest.mark.parametrize("person", [BOB, NAMESAKE], ids=["somebody else", "same id in another workspace"])
async def test_a_button_of_the_asker_does_nothing_for_others(admins: Admins, state: str, action: str, person: Person) -> None:
    """They are told whose it is; nothing changes, nothing is asked of the platform, nothing of the card is handed out."""
    scene = await scene_in(state)
    before, asked, trail = kept(scene), len(scene.platform.requests), len(scene.store.trail)

    clicked = await scene.click(person, action)

    assert clicked.toast.en == "This card answers Alice, so only they can use this button. Paste your own error, and I make you one."
    assert gives_nothing(clicked)
    assert kept(scene) == before
    assert (len(scene.platform.requests), admins.asked, len(scene.voice.whispers)) == (asked, [], 0)
    assert audited(scene)[-1:] == ([(person.user_id, action, False)] if action in AUDITED else audited(scene)[-1:])
    assert len(scene.store.trail) - trail == (1 if action in AUDITED else 0)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", [*FOR_THE_ASKER, *FOR_ANYBODY])
@pytest.mark.parametrize(
    ("place", "person"), [(ELSEWHERE, ALICE), (OTHER_SURFACE, BOB)], ids=["the asker in another workspace", "somebody on another surface"]
)
async def test_a_click_from_another_workspace_does_nothing(admins: Admins, state: str, action: str, place: Place, person: Person) -> None:
    """Whoever presses it there, also the asker's own id: nothing changes, not even the trail."""
    scene = await scene_in(state)
    before, trail = kept(scene), list(scene.store.trail)

    clicked = await scene.click(person, action, place=place)

    assert clicked.toast.en == "This card belongs to another workspace. Paste the error here to get your own."
    assert gives_nothing(clicked)
    assert (kept(scene), scene.store.trail, admins.asked) == (before, trail, [])


@pytest.mark.parametrize("action", FOR_ANYBODY)
@pytest.mark.parametrize("person", [ALICE, BOB, NAMESAKE])
async def test_everybody_may_say_what_they_think(action: str, person: Person) -> None:
    """Thumbs and quiet are for the whole chat; the card does not become theirs."""
    scene = await scene_in("proven")
    before = kept(scene)

    clicked = await scene.click(person, action)

    assert gives_nothing(clicked)
    assert kept(scene)["cards"] == before["cards"]
    assert kept(scene) != before
    assert audited(scene)[1:] == []  # the one of the consent itself


@pytest.mark.parametrize("action", [*FOR_THE_ASKER, *FOR_ANYBODY])
async def test_a_card_of_nobody_goes_to_the_first_who_uses_a_button_of_the_asker(admins: Admins, action: str) -> None:
    """From then on it is theirs; what anybody may press leaves it nobody's."""
    scene = Scene()
    await scene.card(None)

    first = await scene.click(BOB, action)
    owner = (await scene.store.card("card")).asker

    assert "only they" not in first.toast.en
    assert owner == (BOB if action in FOR_THE_ASKER else None)
    assert audited(scene) == ([(BOB.user_id, action, True)] if action in AUDITED else [])
    second = await scene.click(ALICE, "details")
    assert ("only they" in second.toast.en) == (action in FOR_THE_ASKER)


async def test_a_card_that_somebody_else_took_a_moment_before_is_theirs(admins: Admins, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two press at once: the store decides, and the loser is told."""
    scene = Scene()
    await scene.card(None)
    save = scene.store.save_card

    async def late(card: Any) -> bool:
        monkeypatch.setattr(scene.store, "save_card", save)
        await scene.click(ALICE, "details")
        return bool(await save(card))

    monkeypatch.setattr(scene.store, "save_card", late)

    assert "This card answers Alice" in (await scene.click(BOB, "reauthorize")).toast.en
    assert (await scene.store.card("card")).asker == ALICE


async def test_taking_a_card_over_is_one_write_and_the_next_one_knows_of_it(admins: Admins, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is carried on as it now is: what is written after it succeeds at the first try."""
    scene = Scene()
    await scene.card(None)
    saved: list[bool] = []
    save = scene.store.save_card

    async def count(card: Any) -> bool:
        saved.append(await save(card))
        return saved[-1]

    monkeypatch.setattr(scene.store, "save_card", count)
    await scene.click(BOB, "check")

    assert saved == [True, True]


async def test_a_card_that_goes_while_it_is_taken_over_still_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swept at that moment: whoever pressed is not its asker, and is told so."""
    scene = Scene()
    await scene.card(None)

    async def gone(_card: Any) -> bool:
        scene.store.cards.clear()
        return False

    monkeypatch.setattr(scene.store, "save_card", gone)

    assert "only they can use this button" in (await scene.click(BOB, "details")).toast.en


async def test_a_card_without_names_says_the_person_who_asked() -> None:
    """The sentence is whole also where the surface told no name."""
    scene = Scene()
    await scene.card(replace(ALICE, name=""))

    assert (await scene.click(BOB, "details")).toast.en.startswith("This card answers the person who asked, so only they")


@pytest.mark.parametrize("place", [PLACE, ELSEWHERE])
async def test_a_card_that_stands_nowhere_is_bound_to_no_workspace(place: Place) -> None:
    """A card from the API has no place: its asker may use it from anywhere."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card, place=Place("", "", ""))

    assert (await scene.click(ALICE, "details", place=place)).whisper


@pytest.mark.parametrize(
    ("card_id", "action", "says"),
    [
        ("gone", "reauthorize", "This card is too old for me to remember. Paste the error again, and I answer anew."),
        ("card", "explode", "This button is from an older version. Paste the error again for a fresh card."),
        ("card", "open", "This button is from an older version. Paste the error again for a fresh card."),
    ],
)
async def test_what_is_gone_is_said(card_id: str, action: str, says: str) -> None:
    """Old cards and old buttons get a sentence, and leave no trace."""
    scene = await scene_in("none")
    before = kept(scene)

    clicked = await scene.click(ALICE, action, card_id=card_id)

    assert (clicked.toast.en, gives_nothing(clicked), kept(scene), scene.store.trail) == (says, True, before, [])


# ---------------------------------------------------------------- what is kept about it


@pytest.mark.parametrize("action", FOR_THE_ASKER)
async def test_what_is_done_in_somebodys_name_is_audited(admins: Admins, action: str) -> None:
    """Who, which button, which card, which app; the others are nobody's business."""
    scene = await scene_in("none")
    await scene.click(ALICE, action)

    rows = [row for row in scene.store.trail if row["action"] == "clicked"]
    if action not in AUDITED:
        assert rows == []
        return
    (row,) = rows
    assert {name: value for name, value in row.items() if name != "at"} == {
        "actor": ALICE.user_id, "action": "clicked", "button": action, "card": "card", "platform": "lark", "app": APP.app_id, "allowed": True,
    }  # fmt: skip


async def test_a_click_on_a_card_without_an_error_is_audited_too() -> None:
    """A card that is a sentence of ours has no app; the trail has its row all the same."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card, snapshot={**card.snapshot, "findings": []})

    clicked = await scene.click(ALICE, "reauthorize")

    assert clicked.toast.en == "There is no app here whose consent I may ask for. Follow the steps on the card."
    (row,) = scene.store.trail
    assert (row["platform"], row["app"], row["card"], row["allowed"]) == ("", "", "card", True)


# ---------------------------------------------------------------- asking the administrator


async def test_the_administrator_is_asked_once_an_hour(admins: Admins) -> None:
    """Asked and audited with the platform's answer; within the hour nobody asks again; after it one may."""
    scene = await scene_in("none")

    first = await scene.click(ALICE, "ask_admin")
    second = await scene.click(ALICE, "ask_admin")
    scene.clock.go(3599)
    third = await scene.click(ALICE, "ask_admin")
    scene.clock.go(2)
    fourth = await scene.click(ALICE, "ask_admin")

    assert first.toast.en == fourth.toast.en == "The admin has been asked. The scopes work as soon as the admin approves."
    assert second.toast.en == third.toast.en == "The administrator was asked within the last hour. Give them a moment."
    assert [app.app_id for app in admins.asked] == [APP.app_id] * 2
    rows = [row for row in scene.store.trail if row["action"] == "admin.asked"]
    assert [(row["actor"], row["platform"], row["app"], row["code"]) for row in rows] == [(ALICE.user_id, "lark", APP.app_id, "0")] * 2


async def test_the_limit_is_the_apps_not_the_cards(admins: Admins) -> None:
    """Another card of the same app does not ask again; another app's does."""
    scene = await scene_in("none")
    await scene.card(BOB, card_id="second")
    await scene.click(ALICE, "ask_admin")

    again = await scene.click(BOB, "ask_admin", card_id="second")

    assert again.toast.en.startswith("The administrator was asked within the last hour")
    assert list(scene.store.claims) == [f"ask_admin:lark:{APP.app_id}"]


async def test_a_refused_request_is_told_and_not_audited_as_asked(admins: Admins) -> None:
    """The platform's own code is in the sentence."""
    admins.refusal = "212003x"
    scene = await scene_in("none")

    clicked = await scene.click(ALICE, "ask_admin")

    assert clicked.toast.en == "The platform did not pass the request on (212003x)."
    assert [row["action"] for row in scene.store.trail] == ["clicked"]


async def test_where_nobody_can_be_asked_the_card_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform without that way, and an app that is not configured: one sentence, no claim."""
    teach(monkeypatch)
    scene = await scene_in("none")

    assert (await scene.click(ALICE, "ask_admin")).toast.en.startswith("This platform has no way to ask the administrator")
    scene.restart(apps=())
    assert (await scene.click(ALICE, "ask_admin")).toast.en.startswith("This platform has no way to ask the administrator")
    assert scene.store.claims == {}


async def test_the_administrator_can_be_asked_also_where_no_consent_is_offered(admins: Admins) -> None:
    """The app has not enabled the scope for anybody: no button for the user, but the app is known from the error."""
    scene = Scene(app=replace(APP, never_ask=frozenset({NARROW, WIDE})))
    await scene.card()

    clicked = await scene.click(ALICE, "ask_admin")

    assert clicked.toast.en.startswith("The admin has been asked")
    assert [app.app_id for app in admins.asked] == [APP.app_id]


# ---------------------------------------------------------------- reading more


@pytest.mark.parametrize("index", [-1, 0, 1, 99])
async def test_support_gets_its_bundle_ready_to_copy(index: int) -> None:
    """Whispered, with the text for the clipboard; an index that is not there means the first error."""
    scene = await scene_in("none")
    card = await scene.store.card("card")
    (found,) = card_snapshot.diagnoses(card.snapshot, scene.context.apps, scene.clock.now())

    clicked = await scene.service.click("card", "support", ALICE, PLACE, index=index)

    assert clicked.toast.en == "Here is what support asks for, ready to copy. Fill in what is still missing."
    assert clicked.copy == support_text(found)
    assert clicked.whisper is not None and "20260301120000000000000000000000AA" in str(clicked.whisper.body)
    assert (clicked.share, clicked.card, clicked.url) == (None, None, "")


async def test_support_of_the_second_error_is_the_second_errors() -> None:
    """Each error has a bundle of its own."""
    scene = await scene_in("none")
    card = await scene.store.card("card")
    first = card.snapshot["findings"][0]
    second = {**first, "codes": ["99991672"], "request_ids": ["20260302120000000000000000000000BB"], "identity": "app"}
    scene.store.cards["card"] = replace(card, snapshot={**card.snapshot, "findings": [first, second]})

    clicked = await scene.service.click("card", "support", ALICE, PLACE, index=1)

    beyond = await scene.service.click("card", "support", ALICE, PLACE, index=2)

    assert clicked.copy is not None and "000000BB" in clicked.copy.en and "000000AA" not in clicked.copy.en
    assert beyond.copy is not None and "000000AA" in beyond.copy.en


async def test_a_card_without_an_error_has_nothing_for_support() -> None:
    """It says so."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card, snapshot={**card.snapshot, "findings": []})

    clicked = await scene.click(ALICE, "support")

    assert (clicked.toast.en, gives_nothing(clicked)) == ("There is nothing that support would need for this error.", True)


async def test_details_are_whispered_and_shared_ones_are_shared() -> None:
    """The whole card privately; the channel's version to everybody: the asker's button stays out of it."""
    scene = await scene_in("none")

    details, shared = await scene.click(ALICE, "details"), await scene.click(ALICE, "share")

    assert details.toast.en == "Here are all the details, only for you."
    assert details.whisper is not None and details.share is None
    assert "000000AA" in str(details.whisper.body)
    assert shared.toast.en == "Shared with this chat."
    assert shared.share is not None and shared.whisper is None
    assert len(str(shared.share.body)) < len(str(details.whisper.body))
    assert (details.whisper.surface, shared.share.surface) == ("slack", "slack")


# ---------------------------------------------------------------- saying so


@pytest.mark.parametrize(
    ("action", "helpful", "says"),
    [
        ("helpful", True, "Thank you, good to know."),
        ("unhelpful", False, "Thank you for telling me. Paste the whole error, with its log_id, and I look again."),
    ],
)
async def test_a_voice_is_counted_for_the_person_and_the_card(action: str, helpful: bool, says: str) -> None:
    """Whose and what."""
    scene = await scene_in("none")

    assert (await scene.click(BOB, action)).toast.en == says
    assert scene.store.voices == {("card", BOB.user_id): helpful}


async def test_mute_is_for_this_need_in_this_chat_for_thirty_days() -> None:
    """Kept, audited, and said."""
    scene = await scene_in("none")

    clicked = await scene.click(BOB, "mute")

    assert clicked.toast.en.startswith("Quiet for 30 days")
    assert scene.store.mutes == {(PLACE.chat, "need"): scene.clock.now() + timedelta(days=30)}
    (row,) = scene.store.trail
    assert (row["action"], row["actor"], row["need"], row["chat"]) == ("muted", BOB.user_id, "need", PLACE.chat)
    assert timedelta(days=30) == consent_plan.MUTE


async def test_a_card_that_answers_nothing_cannot_be_muted() -> None:
    """A sentence of ours has no need."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card, need="")

    assert (await scene.click(ALICE, "mute")).toast.en == "There is nothing to mute on this card."
    assert (scene.store.mutes, scene.store.trail) == ({}, [])


# ---------------------------------------------------------------- re-authorize, look again, take back


async def test_the_personal_link_is_whispered_and_nowhere_else(admins: Admins) -> None:
    """Toast and redrawn card hold no link; the whisper does, with app and scope by name."""
    scene = await scene_in("none")

    clicked = await scene.click(ALICE, "reauthorize")
    ticket = clicked.url.removeprefix("https://bot.example/consent/")

    assert clicked.toast.en == "I have sent you a personal link."
    assert ticket.count(".") == 1 and ticket != clicked.url
    assert clicked.whisper is not None and clicked.url in str(clicked.whisper.body)
    assert NARROW in str(clicked.whisper.body)
    assert clicked.card is not None and ticket.partition(".")[2] not in str(clicked.card.body)
    assert clicked.share is None and clicked.copy is None


@pytest.mark.parametrize(("name", "shown"), [("Weekly report", "Weekly report"), ("", APP.app_id)])
async def test_the_link_names_the_app(name: str, shown: str) -> None:
    """By its name, or by its id where it has none."""
    scene = Scene(app=replace(APP, name=name))
    await scene.card()

    clicked = await scene.click(ALICE, "reauthorize")

    assert clicked.whisper is not None and f"Your personal link for {shown} on " in clicked.whisper.fallback.replace("`", "")


async def test_what_was_tried_before_is_not_asked_for_again(admins: Admins) -> None:
    """The narrow scope was granted and did not do: the next link asks for the other one."""
    scene = Scene()
    scene.platform.works_with = {WIDE}
    await scene.card()
    assert (await scene.loop()).view.state == "insufficient"

    clicked = await scene.click(ALICE, "reauthorize")

    assert clicked.whisper is not None and WIDE in clicked.whisper.fallback


async def test_an_address_with_a_slash_at_its_end_makes_the_same_link() -> None:
    """The operator may write either."""
    scene = await scene_in("none")
    scene.restart(public_url="https://bot.example/")

    assert (await scene.click(ALICE, "reauthorize")).url.startswith("https://bot.example/consent/")


@pytest.mark.parametrize("index", [-1, 1, 99])
async def test_an_offer_that_is_not_on_the_card_is_refused(index: int) -> None:
    """Nothing is made, and the reason is told."""
    scene = await scene_in("none")

    clicked = await scene.service.click("card", "reauthorize", ALICE, PLACE, index=index)

    assert clicked.url == "" and scene.store.flows == {}
    assert clicked.toast.en == "There is no app here whose consent I may ask for. Follow the steps on the card."


async def test_why_there_is_no_offer_is_told() -> None:
    """The diagnosis's own reason, where it has one."""
    scene = await scene_in("none")
    scene.restart(apps=())
    card = await scene.store.card("card")
    (found,) = card_snapshot.diagnoses(card.snapshot, (), scene.clock.now())

    clicked = await scene.click(ALICE, "reauthorize")

    assert found.no_offer is not None and clicked.toast == found.no_offer
    assert clicked.url == ""


async def test_a_click_while_the_answer_is_being_checked_makes_no_second_link(admins: Admins) -> None:
    """The platform's answer is here already: it is carried on instead."""
    scene = await scene_in("offered")
    (flow_id,) = scene.store.flows
    row, _, owner, version = scene.store.flows[flow_id]
    scene.store.flows[flow_id] = ({**row, "state": "authorized", "todo": ["exchange"], "code": ""}, "authorized+", owner, version)

    clicked = await scene.click(ALICE, "reauthorize")

    assert clicked.toast.en == "The platform's answer is already here and is being checked. One moment."
    assert clicked.url == "" and list(scene.store.flows) == [flow_id]
    assert clicked.card is not None
    assert await scene.state(flow_id) != "authorized"


async def test_looking_again_repeats_the_proof(admins: Admins) -> None:
    """A proven consent is tried once more; the card is redrawn with what was seen, and the trail names who looked."""
    scene = await scene_in("proven")
    proofs = scene.platform.proofs

    clicked = await scene.click(ALICE, "check")

    assert clicked.toast.en == "Looked again; the card shows what I saw."
    assert scene.platform.proofs == proofs + 1
    assert clicked.card is not None and clicked.whisper is None
    assert await scene.state() == "proven"


@pytest.mark.parametrize(("state", "proves"), [("offered", 0), ("granted", 1), ("proven", 1), ("insufficient", 1), ("revoked", 0)])
async def test_only_a_consent_that_was_given_is_proven_again(admins: Admins, state: str, proves: int) -> None:
    """Where nothing was granted there is nothing to try."""
    scene = await scene_in(state)
    proofs = scene.platform.proofs

    await scene.click(ALICE, "check")

    assert scene.platform.proofs - proofs == proves


async def test_looking_again_sees_what_the_app_has_enabled_since(admins: Admins) -> None:
    """Without any consent: the app's facts are fetched anew and kept with the card."""
    scene = await scene_in("none")

    clicked = await scene.click(ALICE, "check")

    facts = (await scene.store.card("card")).snapshot["facts"]
    assert list(facts["apps"]) == [APP.app_id]
    assert NARROW in json.dumps(facts["apps"])
    assert clicked.card is not None


async def test_a_card_that_stands_nowhere_is_drawn_as_a_fragment(admins: Admins) -> None:
    """The API's own card: the page that asked shows it."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card, place=Place("", "", ""))

    clicked = await scene.click(ALICE, "check")

    assert clicked.card is not None and clicked.card.surface == "html"


async def test_looking_again_is_about_ones_own_consent(admins: Admins) -> None:
    """Two people asked, and the card shows the newer consent of the other one: one's own is proven again all the same."""
    scene = Scene()
    card = await scene.card()
    scene.store.cards["card"] = replace(card_snapshot.with_asker(card, BOB), version=card.version)
    assert (await scene.loop()).view.state == "proven"
    await scene.ticket(BOB)
    proofs = scene.platform.proofs

    await scene.click(ALICE, "check")

    assert scene.platform.proofs == proofs + 1


async def test_what_is_known_of_other_apps_stays(admins: Admins) -> None:
    """A look at one app forgets nothing about another one."""
    scene = await scene_in("none")
    card = await scene.store.card("card")
    other = {"cli_other": {"enabled": None, "pending": ["x"], "redirect_uris": None, "published": True, "status": None, "checked_at": None}}
    scene.store.cards["card"] = replace(card, snapshot={**card.snapshot, "facts": {"granted": None, "apps": other}})

    await scene.click(ALICE, "check")

    apps = (await scene.store.card("card")).snapshot["facts"]["apps"]
    assert set(apps) == {"cli_other", APP.app_id}
    assert apps["cli_other"]["pending"] == ["x"]


async def test_looking_again_knows_what_was_granted_since(admins: Admins) -> None:
    """What the person granted stands in the card's facts; a look that finds nothing takes nothing away."""
    scene = await scene_in("proven")
    await scene.click(ALICE, "check")
    first = (await scene.store.card("card")).snapshot["facts"]["granted"]
    scene.store.tokens.clear()
    await scene.click(ALICE, "check")

    assert NARROW in first
    assert (await scene.store.card("card")).snapshot["facts"]["granted"] == first


async def test_what_is_still_to_be_done_goes_before_another_proof(admins: Admins) -> None:
    """A card that cannot be redrawn just now keeps its turn: nothing is proven meanwhile."""
    scene = await scene_in("proven")
    (flow_id,) = scene.store.flows
    row, _, owner, version = scene.store.flows[flow_id]
    scene.store.flows[flow_id] = ({**row, "todo": ["show"]}, "proven+", owner, version)
    scene.voice.works = False
    proofs = scene.platform.proofs

    await scene.click(ALICE, "check")

    assert scene.platform.proofs == proofs


async def test_why_nothing_more_can_be_asked_is_told(admins: Admins, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's own sentence, and no link."""
    scene = await scene_in("none")
    monkeypatch.setattr(consent_plan, "plan", lambda *_: say("Nothing more is needed."))

    clicked = await scene.click(ALICE, "reauthorize")

    assert (clicked.toast.en, gives_nothing(clicked), scene.store.flows) == ("Nothing more is needed.", True, {})


async def test_facts_that_could_not_be_looked_up_stay_as_they_were(admins: Admins) -> None:
    """A platform that does not answer takes nothing away from what was seen before."""
    scene = await scene_in("none")
    await scene.click(ALICE, "check")
    before = (await scene.store.card("card")).snapshot["facts"]["apps"]
    scene.platform.faults = [once("/test/app", PlatformRefusal("timeout", blame="platform", retryable=True))]

    await scene.click(ALICE, "check")

    assert (await scene.store.card("card")).snapshot["facts"]["apps"] == before


async def test_a_platform_that_cannot_be_asked_is_named(admins: Admins) -> None:
    """Its reason stands in the sentence; the state stays."""
    scene = await scene_in("proven")
    scene.platform.faults = [once("/test/call", PlatformRefusal("timeout", blame="platform", retryable=True))]

    clicked = await scene.click(ALICE, "check")

    assert clicked.toast.en == "The platform could not be asked just now (timeout). Try again in a minute."
    assert gives_nothing(clicked)
    assert await scene.state() == "proven"


async def test_taking_an_offer_back_ends_its_link(admins: Admins) -> None:
    """Nothing was granted yet, so nothing is withdrawn."""
    scene = await scene_in("offered")

    clicked = await scene.click(ALICE, "revoke")

    assert clicked.toast.en == "The link no longer works."
    assert clicked.card is not None
    assert await scene.state() == "revoked"


async def test_taking_a_consent_back_forgets_the_token(admins: Admins) -> None:
    """And says what is left to do at the platform."""
    scene = await scene_in("proven")
    assert len(scene.store.tokens) == 1

    clicked = await scene.click(ALICE, "revoke")

    assert clicked.toast.en.startswith("I have forgotten the token.")
    assert (scene.store.tokens, await scene.state()) == ({}, "revoked")


@pytest.mark.parametrize("state", ["none", "revoked"])
async def test_there_is_nothing_to_take_back(admins: Admins, state: str) -> None:
    """No consent, or one that is over already: said, nothing changed."""
    scene = await scene_in(state)
    before = kept(scene)

    clicked = await scene.click(ALICE, "revoke")

    assert clicked.toast.en
    assert gives_nothing(clicked)
    assert kept(scene) == before


def test_the_states_of_the_table_are_states() -> None:
    """A typing error above would test nothing."""
    assert set(STATES) - {"none"} <= {str(state) for state in State}
