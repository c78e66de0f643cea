"""What a card says, to whom, and which buttons it has."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from bot.card import CardView, Colour, button_value, nothing, notice, read_button_value, title_of, view
from bot.card.labels import MEANINGS, ROLES, STATES, Tone, state_label
from bot.explain import explain
from bot.i18n import say
from bot.model import ACTIONS, Button, Cause, Diagnosis, Entry, Link, Mode, Offer, Proof, Step, StepState, Text, Who
from tests.fixtures import (
    DIAGNOSES,
    admin_approval,
    consents,
    dingtalk_permission,
    document_access,
    lark_app_scope,
    lark_unconfigured,
    lark_user_scope,
    lark_which_app,
    rate_limit,
    slack_missing_scope,
)


def words_of(value: Any) -> list[str]:
    """Every string anywhere in a view."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [word for item in value for word in words_of(item)]
    if is_dataclass(value) and not isinstance(value, type):
        return [word for field in fields(value) for word in words_of(getattr(value, field.name))]
    return []


def actions(card: CardView) -> list[str]:
    """The names of a card's buttons, the main one first."""
    return [button.action for button in card.buttons()]


def test_title_names_cause_platform_and_code() -> None:
    """The title is the cause in words, then platform and code, in both languages."""
    assert title_of(lark_user_scope()) == Text("Missing user consent · Feishu 99991679", "缺少用户授权 · 飞书 99991679")


def test_title_hides_a_key_that_is_only_our_own_name() -> None:
    """An entry that was found by its wording has no code to show."""
    made = lark_user_scope()
    assert title_of(replace(made, finding=replace(made.finding, codes=()))).en == "Missing user consent · Feishu"


@pytest.mark.parametrize("name", DIAGNOSES)
def test_colour_says_who_must_act(name: str) -> None:
    """The colour follows the role, and is never green without a proof."""
    made = DIAGNOSES[name]()
    assert view(made).colour == Colour(made.who_fixes.value)


def test_every_role_cause_and_state_has_words() -> None:
    """A new value in the model cannot be forgotten here."""
    assert set(MEANINGS) == set(Cause)
    assert set(ROLES) == set(Who)
    assert set(STATES) == set(consents())
    assert {colour.value for colour in Colour} >= {who.value for who in Who}


def test_at_most_four_steps_and_the_rest_is_said() -> None:
    """A longer list is cut in plain sight."""
    made = replace(rate_limit(), steps=tuple(Step(Text(f"step {n}", f"第 {n} 步")) for n in range(6)))
    card = view(made)
    assert len(card.steps) == 4
    assert say("{count} more steps are in the documentation.", count=2) in folded(card)


def test_steps_keep_state_evidence_and_link() -> None:
    """A step shows whether it is done, how we know, and where to click."""
    step = view(lark_user_scope()).steps[0]
    assert step.state is StepState.DONE
    assert step.evidence is not None
    assert step.evidence.en == "seen in the app's scope list a minute ago"
    assert step.link is not None
    assert step.link.rel == "console"


# ---------------------------------------------------------------- buttons


def test_reauthorize_leads_when_an_offer_exists() -> None:
    """With an offer and nothing under way the main button re-authorizes."""
    assert view(lark_user_scope()).primary == Button("reauthorize", say("Re-authorize"), primary=True)


def test_no_offer_no_consent_button() -> None:
    """An app that is not configured never gets a consent button, and the reason is said."""
    card = view(lark_unconfigured())
    assert "reauthorize" not in actions(card)
    assert lark_unconfigured().no_offer in folded(card)


def test_developer_gets_the_console_and_a_user_never_does() -> None:
    """A console page is useless to an end user."""
    for_developer, for_user = view(lark_app_scope()).primary, view(lark_unconfigured()).primary
    assert for_developer is not None
    assert "open.feishu.cn/app/" in for_developer.url
    assert for_user is not None
    assert "/document/" in for_user.url


def test_several_apps_are_asked_about_and_none_is_guessed() -> None:
    """Two candidates: one quiet button each, none of them the main one."""
    card = view(lark_which_app())
    assert card.primary is None
    assert [(button.label.en, button.index) for button in card.quiet[:2]] == [
        ("Re-authorize Sheet Helper", 0),
        ("Re-authorize Report Robot", 1),
    ]
    assert card.next_step == say("Which app made the call? Choose it, then agree.")


@pytest.mark.parametrize(
    ("state", "label"),
    [
        ("offered", "Re-authorize"),
        ("started", None),
        ("authorized", None),
        ("granted", None),
        ("proven", None),
        ("refused", "Try again"),
        ("wrong_account", "Try again"),
        ("insufficient", "Try again"),
        ("expired", "Try again"),
        ("failed", "Try again"),
    ],
)
def test_main_button_in_every_state(state: str, label: str | None) -> None:
    """While somebody is on the consent page there is no second main button; after an end that allows it there is."""
    primary = view(lark_user_scope(), consent=consents()[state]).primary
    assert (primary.label.en if primary and primary.action == "reauthorize" else None) == label


def test_an_end_that_allows_no_retry_offers_none() -> None:
    """When trying again is of no use (the app's secret is wrong), the button is not there."""
    stopped = replace(consents()["failed"], may_retry=False)
    assert "reauthorize" not in actions(view(lark_user_scope(), consent=stopped))


def test_a_closed_consent_page_can_be_started_over() -> None:
    """Whoever closed the page is not stuck until the link expires."""
    assert Button("reauthorize", say("Start over")) in view(lark_user_scope(), consent=consents()["started"]).quiet


@pytest.mark.parametrize("name", DIAGNOSES)
@pytest.mark.parametrize("state", [None, *consents()])
@pytest.mark.parametrize("audience", ["asker", "channel"])
def test_one_main_button_and_known_actions(name: str, state: str | None, audience: Any) -> None:
    """In every situation at most one main button, only known actions, and no action twice with the same index."""
    card = view(DIAGNOSES[name](), consent=consents()[state] if state else None, audience=audience)
    assert sum(button.primary for button in card.buttons()) <= 1
    assert set(actions(card)) <= ACTIONS
    pressed = [(button.action, button.index) for button in card.buttons() if not button.url]
    assert len(pressed) == len(set(pressed))


def test_a_place_without_callbacks_shows_links_only() -> None:
    """`actions` limits the buttons to what the place can serve."""
    card = view(lark_user_scope(), actions=frozenset())
    assert all(button.url for button in card.buttons())


def test_admin_can_be_asked_from_the_card() -> None:
    """When what is missing waits for the administrator, the card can ask them; else there is nobody to ask."""
    assert "ask_admin" in actions(view(replace(admin_approval(), awaits_approval=True)))
    assert "ask_admin" not in actions(view(admin_approval()))


def test_what_was_looked_up_can_be_looked_up_again() -> None:
    """Where the platform was asked about the app, the card can ask once more, for example after the developer enabled a scope."""
    assert "check" in actions(view(replace(admin_approval(), app_known=True)))
    assert "check" not in actions(view(admin_approval()))


def test_button_values_travel_and_come_back() -> None:
    """What a button carries is read back from an object and from JSON text; anything else is not ours."""
    carried = button_value("card-1", Button("mute", say("Mute"), index=2))
    assert read_button_value(carried) == ("card-1", "mute", 2)
    assert read_button_value('{"card":"card-1","action":"mute","index":2}') == ("card-1", "mute", 2)
    assert read_button_value('{"card":"card-1","action":"gone_since_v1"}') == ("card-1", "gone_since_v1", 0)
    for foreign in (None, 7, "", "{", "[]", "null", {}, {"card": "", "action": "mute"}, {"card": "c", "action": "mute", "index": -1},
                    {"card": "c", "action": "mute", "index": True}, {"card": ["c"], "action": "mute"}, {"card": "c", "action": "x" * 99},
                    ):  # fmt: skip
        assert read_button_value(foreign) is None


# ---------------------------------------------------------------- consent


@pytest.mark.parametrize("state", consents())
def test_every_state_has_its_line(state: str) -> None:
    """Every state of the consent table is named, with its sentence, in both languages."""
    line = view(lark_user_scope(), consent=consents()[state]).state
    assert line is not None
    assert (line.label, line.sentence) == (state_label(state), consents()[state].sentence)
    assert line.label.en != line.label.zh


def test_green_only_with_a_proof_that_says_yes() -> None:
    """Neither `proven` without a proof, nor with one that could not be made or says no, turns the card green."""
    proven = consents()["proven"]
    assert view(lark_user_scope(), consent=proven).colour is Colour.PROVEN
    for proof in (None, Proof(None, Text("could not look", "无法查看")), Proof(False, Text("still refused", "仍被拒绝"))):
        card = view(lark_user_scope(), consent=replace(proven, proof=proof))
        assert card.colour is Colour.USER
        assert card.state is not None
        assert card.state.tone is not Tone.PROVEN
        assert card.state.label == state_label("granted")


@pytest.mark.parametrize("state", [state for state in consents() if state != "proven"])
def test_no_other_state_is_green(state: str) -> None:
    """Consent alone is not proof."""
    card = view(lark_user_scope(), consent=replace(consents()[state], proof=Proof(True, Text("ok", "好"))))
    assert card.colour is not Colour.PROVEN


def test_a_proven_card_says_what_was_and_asks_for_nothing() -> None:
    """Once proven, the old trouble is told as past and no step is left."""
    card = view(lark_user_scope(), consent=consents()["proven"])
    assert card.title.en == "Solved: Missing user consent · Feishu 99991679"
    assert card.title.zh == "已解决：缺少用户授权 · 飞书 99991679"
    assert (card.steps, card.next_step, card.primary) == ((), None, None)
    assert "revoke" in actions(card)


def test_a_state_of_a_newer_version_is_said_as_it_is() -> None:
    """A state this version does not know neither crashes nor turns green."""
    card = view(lark_user_scope(), consent=replace(consents()["offered"], state="teleported"))
    assert card.state is not None
    assert (card.state.label.en, card.colour) == ("teleported", Colour.USER)


# ---------------------------------------------------------------- the channel


def all_secrets() -> Diagnosis:
    """A diagnosis whose every sentence names what a channel must not learn."""
    made = lark_user_scope()
    told = Text(
        "cli_a90bee6e8d781bd1 needs drive:drive for doccnSecretDocument", "cli_a90bee6e8d781bd1 需要 drive:drive doccnSecretDocument"
    )
    return replace(
        made,
        finding=replace(made.finding, resource="doccnSecretDocument"),
        title=told,
        verdict=told,
        steps=(Step(told, StepState.TODO, told, made.links[0]),),
        notes=(told,),
        no_offer=told,
        offers=(Offer("lark", "cli_a90bee6e8d781bd1", ("drive:drive",)), Offer("lark", "cli_b00000000000000b", ("drive:drive",))),
    )


@pytest.mark.parametrize("state", [None, *consents()])
def test_channel_learns_neither_ids_nor_lists_nor_accounts(state: str | None) -> None:
    """A shared card names the class and who must act; app ids, documents, further scopes and accounts stay with the asker."""
    consent = (
        replace(consents()[state], account="alice@example.com", sentence=Text("alice@example.com did", "alice@example.com 已操作"))
        if state
        else None
    )
    shown = "\n".join(words_of(view(all_secrets(), consent=consent, audience="channel")))
    for hidden in (
        "cli_a90bee6e8d781bd1",
        "cli_b00000000000000b",
        "drive:drive",
        "doccnSecretDocument",
        "alice@example.com",
        "Unauthorized",
    ):
        assert hidden not in shown


def test_channel_gets_details_privately() -> None:
    """What is hidden is one click away, for the one who clicks alone."""
    card = view(document_access(), audience="channel")
    assert "doccnBKgoMyY5OMbUG6Fioabcef" not in "\n".join(words_of(card))
    assert "details" in actions(card)
    assert card.verdict == say("The permissions are in order, but this document or resource is not shared.")


def test_channel_keeps_the_recommended_scope() -> None:
    """The one scope to ask for may be seen; the full list may not."""
    shown = "\n".join(words_of(view(lark_user_scope(), audience="channel")))
    assert "sheets:spreadsheet:write_only" in shown
    assert "drive:drive" not in shown


def test_channel_shows_documentation_but_no_console() -> None:
    """A console address carries the app id; documentation is for everybody."""
    card = view(lark_app_scope(), audience="channel")
    assert not [word for word in words_of(card) if "open.feishu.cn/app/" in word]
    assert card.primary is not None
    assert card.primary.action == "details"


# ---------------------------------------------------------------- folded parts


def test_folds_hold_reason_rivals_error_support_and_request() -> None:
    """Everything beyond the first screen is folded, in a fixed order."""
    assert [fold.key for fold in view(lark_user_scope()).folds] == ["why", "rivals", "notes", "error", "handover", "support", "request"]


def test_why_names_reason_and_alternatives() -> None:
    """The choice is explained: the reason and what else would do."""
    lines = [line.en for line in view(lark_user_scope()).folds[0].lines]
    assert lines == [
        "Recommended: sheets:spreadsheet:write_only.",
        "It is the narrowest of the three that is enough.",
        "Any one of these would also do: sheets:spreadsheet, drive:drive.",
    ]


def test_why_says_when_all_are_needed() -> None:
    """Several recommended scopes are called needed together only when the platform said so."""
    made = dingtalk_permission()
    assert made.choice is not None
    both = replace(made, choice=replace(made.choice, recommended=("Contact.User.Read", "Contact.User.Mobile")))
    assert view(both).folds[0].lines[0].en == "All of these are needed: Contact.User.Read, Contact.User.Mobile."
    some = replace(both, finding=replace(both.finding, scopes_mode=Mode.ANY))
    assert view(some).folds[0].lines[0].en.startswith("Recommended")


def test_unknown_scopes_are_text_with_a_hint() -> None:
    """A name that is not in the list is said so, with the similar one when there is one."""
    made = lark_user_scope()
    assert made.choice is not None
    card = view(
        replace(made, choice=replace(made.choice, unknown=("sheet:spredsheet", "x:y"), similar={"sheet:spredsheet": "sheets:spreadsheet"}))
    )
    assert [line.en for line in card.folds[0].lines[3:]] == [
        "Not in our list of scopes: sheet:spredsheet. Did you mean sheets:spreadsheet?",
        "Not in our list of scopes, so never asked for: x:y.",
    ]


def test_support_bundle_is_ready_to_copy_and_names_gaps() -> None:
    """The bundle is one text to copy; what is missing is said, not invented."""
    fold = next(fold for fold in view(dingtalk_permission()).folds if fold.key == "support")
    assert fold.copy is not None
    assert fold.copy.en.splitlines() == [
        "requestid: e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9",
        "App key: (still missing)",
        "Interface: (still missing)",
    ]
    assert fold.copy.zh.splitlines()[1] == "AppKey：（待补充）"
    assert fold.lines[0].en == "2 of 3 still to be filled in."


def test_request_fold_has_id_time_and_leftover_links() -> None:
    """The log_id stands with its time, and links that no step or button uses are not lost."""
    fold = view(lark_user_scope()).folds[-1]
    assert [(fact.name.en, fact.value) for fact in fold.facts[:2]] == [
        ("Request id", "2024110416232661C50BC902DF30E6C183"),
        ("Time", "2024-11-04 16:23:26 +08:00"),
    ]
    assert [link.rel for link in fold.links] == ["troubleshooter"]


def test_doubt_is_said() -> None:
    """A diagnosis that is not sure says so where it is read."""
    assert "We are not sure: see the other possible causes below." in [line.en for line in folded(view(dingtalk_permission()))]


def folded(card: CardView) -> tuple[Text, ...]:
    """What stands under "Good to know"."""
    return next((fold.lines for fold in card.folds if fold.key == "notes"), ())


def test_only_what_is_urgent_stands_open() -> None:
    """The first screen is what, who and the next click; notes are folded, none is lost."""
    notes = tuple(Text(f"note {n}", f"说明 {n}") for n in range(5))
    card = view(replace(rate_limit(), notes=notes))
    assert card.notes == ()
    assert folded(card)[-5:] == notes


def test_repeats_are_counted() -> None:
    """The same error many times is one card with a count."""
    assert say("This error stands {count} times in the text.", count=3) in folded(view(slack_missing_scope()))


# ---------------------------------------------------------------- several, none, notices


def test_other_errors_are_one_line_each() -> None:
    """Several errors in one paste: the first on top, each other one a line, the tail counted."""
    card = view(lark_user_scope(), others=[rate_limit()] * 7)
    assert card.others[0].en == "Too many calls · Feishu 99991400 (Wait and retry)"
    assert len(card.others) == 6
    assert card.others[-1].en == "and 2 more"


def test_nothing_found_is_kind_and_says_what_to_paste() -> None:
    """No diagnosis: why, and what would help."""
    why = Text("The call succeeded. Paste the one that failed.", "调用成功了。请粘贴失败的那一次。")
    assert (nothing(why).verdict, nothing(why).notes, nothing(why).primary) == (why, (), None)
    assert "log_id" in nothing().notes[0].en


def test_evidence_is_not_said_twice_in_a_row() -> None:
    """Steps that we know the same about say it once."""
    same, other = Text("not looked", "未查看"), Text("seen", "已确认")
    steps = tuple(Step(Text(f"step {n}", f"第 {n} 步"), evidence=evidence) for n, evidence in enumerate((same, same, other, same)))
    assert [step.evidence for step in view(replace(rate_limit(), steps=steps)).steps] == [same, None, other, same]


def test_the_page_about_this_code_is_the_main_link() -> None:
    """Of several documentation links the one that the catalogue names for the code leads."""
    guide, own = (
        Link("docs", "https://open.feishu.cn/guide", Text("Guide", "指引")),
        Link("docs", "https://open.feishu.cn/code", Text("Code", "错误码")),
    )
    entry = Entry("lark", "99991679", *[Text("t", "题")] * 2, Cause.USER_SCOPE_MISSING, Who.USER, (), own.url, "")
    primary = view(replace(lark_unconfigured(), links=(guide, own), steps=(), entry=entry)).primary
    assert primary is not None
    assert primary.url == own.url


def test_notice_puts_the_leading_button_first() -> None:
    """A private line with a personal link has exactly that link as its main button."""
    link = Button("open", Text("Continue", "继续"), url="https://why.example.com/consent/x", primary=True)
    card = notice(Text("Only yours.", "仅属于你。"), buttons=[Button("mute", say("Mute")), link])
    assert card.primary == link
    assert actions(card) == ["open", "mute"]


@pytest.mark.parametrize("name", DIAGNOSES)
def test_every_sentence_of_ours_has_its_chinese_twin(name: str) -> None:
    """No English sentence of this room shows up on a Chinese card."""
    card = view(DIAGNOSES[name](), others=[rate_limit()], consent=consents()["proven"])
    ours = [card.title, *(fold.title for fold in card.folds), *(button.label for button in card.quiet if not button.url), *card.others]
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text.zh) for text in ours)


def test_links_are_only_those_of_the_diagnosis() -> None:
    """A card never makes up an address."""
    made = lark_user_scope()
    known = {link.url for link in made.links}
    card = view(made)
    used = {step.link.url for step in card.steps if step.link} | {link.url for fold in card.folds for link in fold.links}
    used |= {button.url for button in card.buttons() if button.url}
    assert used <= known
    assert isinstance(made.links[0], Link)


@pytest.mark.parametrize(
    ("paste", "where"),
    [
        # Nothing to do in a console: the page about the code is what helps.
        ('{"code":99991400,"msg":"request trigger frequency limit"}', "docs"),
        # The second step is the first one that is done in the console.
        ('{"code":20029,"msg":"redirect_uri is invalid"}', "console"),
        ("2024110416232661C50BC902DF30E6C183", "troubleshooter"),
    ],
)
def test_the_main_button_leads_where_a_step_is_done(paste: str, where: str) -> None:
    """The console stands in the step that is done there, and only then on the main button."""
    (found,) = explain(paste).diagnoses
    card = view(found)
    pages = {link.url: link.rel for link in found.links}
    assert card.primary is not None and pages[card.primary.url or ""] == where
    in_steps = [step for step in card.steps if step.link and pages[step.link.url] == "console"]
    assert len(in_steps) == (where == "console") and all("console" in step.text.en for step in in_steps)


def test_consent_is_spoken_of_only_where_people_would_try_it() -> None:
    """“Consent does not fix this” helps beside a missing app scope; beside a rate limit, or a bare id, it is noise."""
    said = {
        paste: any("onsent of" in note.en or "ask for" in note.en for note in folded(view(explain(paste).diagnoses[0])))
        for paste in ("99991672", "99991400", "2024110416232661C50BC902DF30E6C183")
    }
    assert list(said.values()) == [True, False, False]


def test_nobody_is_blamed_for_a_bare_id() -> None:
    """Only a request id: nobody knows yet what is wrong, so no role is named."""
    card = view(explain("2024110416232661C50BC902DF30E6C183").diagnoses[0])
    assert (card.tag, card.next_step, card.colour) == (None, None, Colour.PLAIN)


def test_the_whole_answer_is_quoted_once() -> None:
    """A long answer is not cut in the middle, and its message is not repeated before it."""
    paste = '{"errcode":88,"sub_code":"60011","sub_msg":"没有调用该接口的权限","errmsg":"ding talk error"}'
    (error,) = [fold for fold in view(explain(paste).diagnoses[0]).folds if fold.key == "error"]
    assert error.quote == paste


def test_slack_steps_name_the_scope() -> None:
    """The scope that the error names stands in the step, with the kind of token it is for."""
    card = view(explain('{"ok":false,"error":"missing_scope","needed":"channels:history","provided":"chat:write"}').diagnoses[0])
    assert "channels:history" in card.steps[0].text.en and "Bot Token Scopes" in card.steps[0].text.zh
    assert card.steps[0].link is not None


def test_an_http_status_is_not_called_an_unknown_code() -> None:
    """git says only 403: that is no code that a catalogue could hold."""
    paste = "fatal: unable to access 'https://github.com/acme/app.git/': The requested URL returned error: 403"
    assert "catalogue" not in view(explain(paste).diagnoses[0]).verdict.en


def test_the_last_step_leads_to_the_page_about_the_code() -> None:
    """A shop page that only some sellers need is not what a missing OAuth parameter is explained with."""
    card = view(explain('{"result":100200100,"error":"invalid_request","error_msg":"Required String parameter"}').diagnoses[0])
    assert card.steps[-1].link is not None and "docs" in card.steps[-1].link.url
