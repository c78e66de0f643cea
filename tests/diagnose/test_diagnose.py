"""Findings and facts in, diagnoses out: causes, steps with what is known, and who may be asked to consent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bot.catalog import catalog
from bot.diagnose import diagnose
from bot.explain import explain, language, why_nothing
from bot.model import App, AppFacts, Cause, Diagnosis, Facts, Finding, Identity, Mode, StepState, Who

USER, APP = frozenset({Identity.USER}), frozenset({Identity.APP})
FEISHU = App("lark", "cli_a5ca35a685b0x26e", name="Sheets helper", brand="feishu")
SHEETS = ("sheets:spreadsheet", "drive:drive", "sheets:spreadsheet:write_only")
CONSENT = Finding(
    "lark",
    ("99991679",),
    "Unauthorized. required one of these privileges: [sheets:spreadsheet, drive:drive, sheets:spreadsheet:write_only]",
    ("2024110416232661C50BC902DF30E6C183",),
    SHEETS,
    identity=Identity.USER,
    hints={"violation": "action_privilege_required"},
)


def one(finding: Finding, facts: Facts | None = None) -> Diagnosis:
    """The diagnosis of one finding."""
    return diagnose([finding], catalog(), facts or Facts())[0]


def known(
    enabled: Mapping[str, frozenset[Identity]] | None, *, app: App = FEISHU, granted: frozenset[str] | None = None, **more: object
) -> Facts:
    """Facts about one configured app."""
    return Facts((app,), {app.app_id: AppFacts(enabled=enabled, **more)}, granted, datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]


# ---------------------------------------------------------------- what people come with


@pytest.mark.parametrize(
    ("story", "finding", "facts", "cause", "state", "evidence"),
    [
        (
            "1 enabled in a draft that is not published",
            CONSENT,
            known({"drive:drive": APP}, pending=frozenset({"sheets:spreadsheet"})),
            Cause.USER_SCOPE_MISSING,
            StepState.TODO,
            "does not list|not in effect|own identity only",
        ),
        (
            "1 every scope that would do waits for approval",
            Finding("lark", ("99991672",), "", scopes=("im:chat",), identity=Identity.APP),
            known({}, pending=frozenset({"im:chat"})),
            Cause.APP_SCOPE_MISSING,
            StepState.TODO,
            "not published or not approved",
        ),
        (
            "2 enabled on the other identity tab",
            CONSENT,
            known(dict.fromkeys(SHEETS, APP)),
            Cause.USER_SCOPE_MISSING,
            StepState.TODO,
            "needs it for user identity",
        ),
        (
            "2 the other way round",
            Finding("lark", ("99991672",), "", scopes=("im:chat",), identity=Identity.APP),
            known({"im:chat": USER}),
            Cause.APP_SCOPE_MISSING,
            StepState.TODO,
            "needs it for the app's own identity",
        ),
        ("enabled as it should be", CONSENT, known(dict.fromkeys(SHEETS, USER)), Cause.USER_SCOPE_MISSING, StepState.DONE, "lists sheets"),
        ("nothing known about the app", CONSENT, Facts((FEISHU,)), Cause.USER_SCOPE_MISSING, StepState.UNKNOWN, "not been able"),
        ("no app connected", CONSENT, Facts(), Cause.USER_SCOPE_MISSING, StepState.UNKNOWN, "not connected"),
    ],
)
def test_the_first_step_says_what_is_known(
    story: str, finding: Finding, facts: Facts, cause: Cause, state: StepState, evidence: str
) -> None:
    """Done, to do and unknown each come with how we know."""
    found = one(finding, facts)
    step = found.steps[0]
    assert found.cause is cause and step.state is state, story
    assert step.evidence is not None and any(part in step.evidence.en for part in evidence.split("|")), (story, step.evidence)
    assert len(found.steps) <= 4


@pytest.mark.parametrize(
    ("story", "platform", "codes", "message", "extra", "cause", "who"),
    [
        ("3 document, not scope", "lark", "1770032", "forbidden", {}, Cause.RESOURCE_PERMISSION, Who.RESOURCE_OWNER),
        ("3 wiki space", "lark", "131006", "permission denied: wiki space permission denied", {}, Cause.RESOURCE_PERMISSION, None),
        ("3 base", "lark", "91403", "FORBIDDEN", {}, Cause.RESOURCE_PERMISSION, None),
        ("9 one bad scope name", "lark", "20043", "", {}, None, Who.DEVELOPER),
        ("10 redirect", "lark", "20029", "", {}, Cause.REDIRECT_URI, Who.DEVELOPER),
        ("11 refresh switched off", "lark", "20074", "", {}, Cause.APP_NOT_AVAILABLE, Who.DEVELOPER),
        ("12 refresh token used twice", "lark", "20073", "", {}, Cause.REFRESH_TOKEN_INVALID, Who.USER),
        ("12 refresh token revoked", "lark", "20064", "", {}, Cause.REFRESH_TOKEN_INVALID, Who.USER),
        ("13 wrong brand", "lark", "20046", "", {}, Cause.APP_CREDENTIALS, Who.DEVELOPER),
        ("14 10003 at the token endpoint", "lark", "10003", "get tenant_access_token: invalid param", {}, Cause.APP_CREDENTIALS, None),
        ("14 10003 elsewhere", "lark", "10003", "invalid param", {}, Cause.BAD_REQUEST, None),
        ("14 10014", "lark", "10014", "app secret invalid", {}, Cause.APP_CREDENTIALS, None),
        ("14 230027 names nothing", "lark", "230027", "Lack of necessary permissions.", {}, Cause.RESOURCE_PERMISSION, None),
        (
            "14 230027 names a scope",
            "lark",
            "230027",
            "Lack of necessary permissions, ext=need scope: im:message.group_msg",
            {},
            Cause.APP_SCOPE_MISSING,
            Who.DEVELOPER,
        ),
        (
            "14 230027 names a user's scope",
            "lark",
            "230027",
            "ext=requires im:message.send_as_user scope",
            {},
            Cause.USER_SCOPE_MISSING,
            Who.USER,
        ),
        ("14 230027 external group", "lark", "230027", "external group", {}, Cause.TENANT_POLICY, Who.ORG_ADMIN),
        (
            "99991663 with a scope message",
            "lark",
            "99991663",
            "Access denied. One of the following scopes is required: [im:chat]",
            {"scopes": ("im:chat",)},
            Cause.APP_SCOPE_MISSING,
            None,
        ),
        ("18 DingTalk throttling", "dingtalk", "Forbidden.AccessDenied.QpsLimitForApi", "", {}, Cause.RATE_LIMITED, None),
        ("18 DingTalk IP list", "dingtalk", "Forbidden.AccessDenied.IpNotInWhiteList", "", {}, Cause.IP_NOT_ALLOWED, None),
        ("18 unlisted member of the family", "dingtalk", "Forbidden.AccessDenied.QpsLimitForNewThing", "", {}, Cause.RATE_LIMITED, None),
        ("88 reads its sub_code", "dingtalk", "88,60020", "", {}, Cause.IP_NOT_ALLOWED, None),
        (
            "88 with the reason in words",
            "dingtalk",
            "88",
            "ding talk error[subcode=60011,submsg=应用尚未开通所需的权限]",
            {},
            Cause.APP_SCOPE_MISSING,
            None,
        ),
        ("20 not authorised for the moment", "dingtalk", "CLI_ORG_NOT_AUTHORIZED", "", {}, Cause.TENANT_POLICY, Who.ORG_ADMIN),
        ("26 WeCom trusted IP", "wecom", "60020", "not allow to access from your ip", {}, Cause.IP_NOT_ALLOWED, None),
        ("27 Slack scope", "slack", "missing_scope", "missing_scope", {}, Cause.APP_SCOPE_MISSING, Who.DEVELOPER),
        ("27 Slack user scope", "slack", "missing_scope", "missing_scope for xoxp-…", {}, Cause.USER_SCOPE_MISSING, Who.USER),
        ("30 Kuaishou pack", "kuaishou", "K0003", "token中无scope权限", {}, Cause.USER_SCOPE_MISSING, Who.USER),
        ("24 is withdrawn", "kuaishou", "24", "AUTHORIZATION_REVOKED", {}, Cause.USER_DENIED, Who.USER),
        ("21 is business", "kuaishou", "21", "当前库存不足，请减少预留数量", {}, Cause.BAD_REQUEST, None),
        ("21 is somebody else's order", "kuaishou", "21", "order operation reject", {}, Cause.RESOURCE_PERMISSION, None),
        ("21 is an old token", "kuaishou", "21", "token expired", {}, Cause.TOKEN_EXPIRED, None),
        ("31 bot outside", "lark", "230002", "", {}, Cause.BOT_NOT_IN_CHAT, None),
        ("31 user outside the range", "lark", "230013", "", {}, Cause.APP_NOT_AVAILABLE, None),
        ("60011 is a scope on DingTalk", "dingtalk", "60011", "", {}, Cause.APP_SCOPE_MISSING, None),
        ("60011 is the range on WeCom", "wecom", "60011", "", {}, Cause.CONTACT_RANGE, None),
        ("a channel that a bot may not see", "slack", "channel_not_found", "", {}, Cause.RESOURCE_NOT_FOUND, None),
        ("a private channel", "slack", "channel_not_found", "private channel, please invite the bot", {}, Cause.BOT_NOT_IN_CHAT, None),
        ("members/auth parameter", "lark", "1063001", "Invalid parameter", {}, Cause.BAD_REQUEST, Who.DEVELOPER),
        ("members/auth operation", "lark", "1063003", "Invalid operation", {}, Cause.TENANT_POLICY, None),
        ("members/auth deleted", "lark", "1063005", "Resource is deleted", {}, Cause.RESOURCE_NOT_FOUND, None),
        ("members/auth too many", "lark", "1063006", "Too many request", {}, Cause.RATE_LIMITED, None),
        ("members/auth internal", "lark", "1066001", "Internal Error", {}, Cause.SERVER_ERROR, None),
        ("members/auth concurrency", "lark", "1066002", "Concurrency error, please retry", {}, Cause.SERVER_ERROR, None),
        ("in-client refusal", "lark", "2700002", "", {}, Cause.USER_DENIED, Who.USER),
        ("in-client, scope not enabled", "lark", "2700002", "Error code: 20027", {}, Cause.APP_SCOPE_MISSING, Who.DEVELOPER),
        (
            "nothing but a status on DingTalk",
            "dingtalk",
            "",
            "HTTP response code: 403",
            {"http_status": 403},
            Cause.APP_SCOPE_MISSING,
            None,
        ),
        ("nothing but a status elsewhere", "slack", "", "HTTP 429", {"http_status": 429}, Cause.RATE_LIMITED, None),
    ],
)
def test_stories_end_on_the_right_cause(
    story: str, platform: str, codes: str, message: str, extra: dict[str, object], cause: Cause | None, who: Who | None
) -> None:
    """What people ask about, by code and wording: scope trouble, document trouble, token trouble and limits are different answers."""
    found = one(Finding(platform, tuple(filter(None, codes.split(","))), message, **extra))  # type: ignore[arg-type]
    assert cause is None or found.cause is cause, (story, found.cause)
    assert who is None or found.who_fixes is who, (story, found.who_fixes)
    assert found.steps and found.verdict.en and found.verdict.zh and 0 < found.confidence <= 1


def test_ambiguous_codes_show_their_rivals() -> None:
    """Where a code has several causes, the card can show the others and what tells them apart, and is less sure."""
    vague = one(Finding("lark", ("230027",), "Lack of necessary permissions."))
    clear = one(Finding("lark", ("99991679",), "", scopes=SHEETS, hints={"violation": "action_privilege_required"}))
    assert {rival.cause for rival in vague.rivals} >= {Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING, Cause.TENANT_POLICY}
    assert vague.confidence <= 0.75 < clear.confidence
    told = one(Finding("lark", ("230027",), "ext=need scope: im:message.group_msg"))
    assert Cause.RESOURCE_PERMISSION in {rival.cause for rival in told.rivals}, "the plain reading becomes a rival"


def test_the_platform_may_say_whose_scope_it_is() -> None:
    """Lark's violation type outweighs what the code is taken to mean."""
    found = one(Finding("lark", ("99991672",), "", scopes=("im:chat",), hints={"violation": "action_privilege_required"}))
    assert (found.cause, found.who_fixes, found.finding.identity) == (Cause.USER_SCOPE_MISSING, Who.USER, Identity.USER)


def test_scope_without_code_is_read_by_token_type() -> None:
    """A console link alone names app, scope and kind of token: that is enough."""
    as_app = one(Finding("lark", (), "https://open.larksuite.com/app/…", scopes=("bitable:app",), identity=Identity.APP))
    as_user = one(Finding("lark", (), "x", scopes=("bitable:app",), identity=Identity.USER))
    assert (as_app.cause, as_user.cause) == (Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING)


# ---------------------------------------------------------------- consent


def test_consent_is_offered_for_exactly_the_chosen_scope() -> None:
    """One configured app, a known scope, and a cause that consent fixes: one offer for the one recommended scope."""
    found = one(CONSENT, Facts((FEISHU,)))
    assert [(offer.app_id, offer.scopes, offer.app_name) for offer in found.offers] == [(FEISHU.app_id, SHEETS[2:], "Sheets helper")]
    assert found.no_offer is None
    enabled = one(CONSENT, known({"sheets:spreadsheet:write_only": USER}))
    assert enabled.offers[0].scopes == ("sheets:spreadsheet:write_only",)


@pytest.mark.parametrize(
    ("why", "finding", "facts", "says"),
    [
        ("no app connected", CONSENT, Facts(), "No Feishu / Lark app is connected"),
        (
            "the paste names another app",
            Finding("lark", ("99991679",), "", scopes=SHEETS, identity=Identity.USER, app_id="cli_ffffffffffffffff"),
            Facts((FEISHU,)),
            "cli_ffffffffffffffff is not connected",
        ),
        (
            "the other brand",
            Finding("lark", ("99991679",), "", scopes=SHEETS, identity=Identity.USER, hints={"brand": "lark"}),
            Facts((FEISHU,)),
            "No Lark app is connected",
        ),
        (
            "the scope is unknown",
            Finding("lark", ("99991679",), "", scopes=("made:up",), identity=Identity.USER),
            Facts((FEISHU,)),
            "not in our list",
        ),
        ("the scope may never be asked for", CONSENT, Facts((App("lark", "cli_x", never_ask=frozenset(SHEETS)),)), "never be asked"),
        ("no scope is named", Finding("lark", ("99991679",), "", identity=Identity.USER), Facts((FEISHU,)), "does not say which scope"),
        ("the app has not enabled it", CONSENT, known({}), "Until sheets:spreadsheet:write_only is enabled for users"),
        (
            "8 the scope exists for apps only",
            Finding("lark", ("99991679",), "", scopes=("im:message.group_msg",), identity=Identity.USER),
            Facts((FEISHU,)),
            "no login of a user can grant it",
        ),
        ("consent is not the cure", Finding("lark", ("1770032",), "forbidden"), Facts((FEISHU,)), "does not fix this"),
        ("an app token has no user", Finding("lark", ("99991663",), "Invalid access token"), Facts((FEISHU,)), "does not fix this"),
    ],
)
def test_no_button_without_a_reason(why: str, finding: Finding, facts: Facts, says: str) -> None:
    """Without an offer there is a sentence that says why."""
    found = one(finding, facts)
    assert found.offers == (), why
    assert found.no_offer is not None and says in found.no_offer.en, (why, found.no_offer)


def test_several_apps_are_several_offers() -> None:
    """When the paste does not say which app it was, the card asks."""
    other = App("lark", "cli_bbbbbbbbbbbbbbbb", name="Other")
    found = one(CONSENT, Facts((FEISHU, other)))
    assert [offer.app_name for offer in found.offers] == ["Sheets helper", "Other"]


def test_a_dead_login_may_be_renewed() -> None:
    """A refresh token that no longer works, a user's expired token and a refusal all end by authorizing again, with no new scope."""
    for code in ("20037", "99991677", "2700002"):
        found = one(Finding("lark", (code,), "", identity=Identity.USER), Facts((FEISHU,)))
        assert [offer.scopes for offer in found.offers] == [()], code


def test_a_personal_scope_on_dingtalk_may_be_granted() -> None:
    """DingTalk's refusal does not tell "never applied for" from "never granted": a personal scope may be consented to."""
    app = App("dingtalk", "dingabcdefgh12345678")
    code = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    personal = one(Finding("dingtalk", (code,), "", scopes=("Contact.User.Read",), scopes_mode=Mode.ALL), Facts((app,)))
    organisational = one(Finding("dingtalk", (code,), "", scopes=("qyapi_robot_sendmsg",), scopes_mode=Mode.ALL), Facts((app,)))
    assert personal.cause is Cause.APP_SCOPE_MISSING and [offer.scopes for offer in personal.offers] == [("Contact.User.Read",)]
    assert organisational.offers == ()


def test_facts_settle_what_the_error_leaves_open() -> None:
    """The platform lists the scope as enabled: then it is the grant that is missing, and the user can give it."""
    app = App("dingtalk", "dingabcdefgh12345678")
    finding = Finding("dingtalk", ("Forbidden.AccessDenied.AccessTokenPermissionDenied",), "", scopes=("Contact.User.Read",))
    found = one(finding, known({"Contact.User.Read": USER}, app=app))
    assert found.cause is Cause.USER_SCOPE_MISSING and found.offers and found.steps[0].state is StepState.DONE


def test_a_scope_that_the_app_lacks_is_the_developers_turn() -> None:
    """No user can grant what the app has not enabled: the developer comes first, and no consent is offered."""
    nothing = Facts(apps=(FEISHU,), app_facts={FEISHU.app_id: AppFacts(enabled={}, pending=frozenset({SHEETS[0]}))})
    made = one(CONSENT, nothing)
    assert (made.cause, made.who_fixes, made.offers) == (Cause.USER_SCOPE_MISSING, Who.DEVELOPER, ())
    assert made.app_known and made.awaits_approval


def test_the_old_token_is_named() -> None:
    """Consented already and refused again: the call used a token from before."""
    found = one(CONSENT, known(dict.fromkeys(SHEETS, USER), granted=frozenset(SHEETS)))
    assert found.steps[1].state is StepState.DONE
    assert "older token" in (found.steps[1].evidence or found.verdict).en
    assert any("issued before the consent" in note.en for note in found.notes)


# ---------------------------------------------------------------- what else would be asked


def test_kuaishou_finds_the_pack_of_an_api() -> None:
    """By the API's name, by the one subject that the text names, or by elimination; never by guessing."""
    app = App("kuaishou", "ks1", brand="shop")
    packs = dict.fromkeys(("user_info", "merchant_item", "merchant_order"), USER)
    no_scope = Finding("kuaishou", ("K0003",), "token中无scope权限")
    by_api = one(Finding("kuaishou", ("K0003",), "token中无scope权限", hints={"api": "open.seller.order.detail"}))
    by_word = one(Finding("kuaishou", ("K0003",), "调用商品接口：token中无scope权限"))
    left = one(no_scope, known(packs, app=app, granted=frozenset({"merchant_order"})))
    open_end = one(no_scope, known(packs, app=app, granted=frozenset()))
    assert by_api.choice is not None and by_api.choice.recommended == ("merchant_order",)
    assert by_word.choice is not None and by_word.choice.recommended == ("merchant_item",)
    assert left.choice is not None and left.choice.recommended == ("merchant_item",) and left.offers[0].scopes == ("merchant_item",)
    assert open_end.choice is None and open_end.offers == () and "which API" in (open_end.no_offer or open_end.verdict).en


def test_slack_knows_the_scope_of_a_method() -> None:
    """An error that hides the scope: the method that was called tells it."""
    found = one(Finding("slack", ("missing_scope",), "missing_scope", hints={"api": "conversations.list"}))
    assert found.choice is not None and found.choice.recommended == ("channels:read",)
    assert "conversations.list" in found.choice.reason.en


def test_a_request_id_alone_is_no_cause() -> None:
    """Date, time and region are read from a log_id; the cause is not guessed."""
    found = one(Finding("lark", request_ids=("20260309100500EF8EB5511C1BF04F97FF",), message="20260309100500EF8EB5511C1BF04F97FF"))
    assert (found.cause, found.who_fixes) == (Cause.OTHER, Who.DEVELOPER) and found.confidence <= 0.2
    told = " ".join(note.en for note in found.notes)
    assert "2026-03-09 10:05:00" in told and "UTC+8" in told and "Feishu (mainland China)" in told
    assert found.steps[0].link is not None and "log_id=20260309100500EF8EB5511C1BF04F97FF" in found.steps[0].link.url
    assert "Paste the whole answer" in found.steps[-1].text.en
    lark = one(Finding("lark", request_ids=("20260309100500EF8EB5511C1BF04F97FF",), hints={"brand": "lark"}))
    assert any("Lark (international)" in note.en for note in lark.notes)


def test_a_version_7_id_tells_its_time_and_others_do_not() -> None:
    """DingTalk's newer request ids begin with their time; older ones are only ids."""
    newer = one(Finding("dingtalk", request_ids=("01A08FE7-CDD1-7818-964E-AF384B54BB19",)))
    older = one(Finding("dingtalk", request_ids=("30EE8654-1AA2-7D88-8248-9518547248AA",)))
    assert any("UTC" in note.en for note in newer.notes)
    assert older.notes == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to read"),
        ("  \n\t ", "nothing to read"),
        ("\x00\x01\x02\x03PNG", "not look like text"),
        ('{"code":0,"msg":"success","data":{}}', "succeeded"),
        ('{"ok": true}', "succeeded"),
        ("shall we have lunch?", "no error of a platform"),
        ("An error occurred (AccessDenied) when calling the ListBuckets operation", "recognise none of DingTalk, GitHub"),
        ("12345678", "12345678 is in no list"),
        ("may I edit https://example.feishu.cn/docx/doxcnPracticePlan0000000001 ?", "its link alone"),
    ],
)
def test_nothing_to_diagnose_is_said_in_one_sentence(text: str, says: str) -> None:
    """Silence is no answer: every text without an error gets a reason."""
    answer = explain(text)
    assert answer.diagnoses == () and answer.why_nothing is not None
    assert says in answer.why_nothing.en and answer.why_nothing == why_nothing(text)


def test_the_language_follows_the_paste() -> None:
    """Chinese words beside JSON make a Chinese answer; an English error an English one; the asker's own locale wins."""
    assert language("怎么回事？ code 99991679 报错了，应用未获取所需的用户授权") == "zh"
    assert language("Access denied. One of the following scopes is required: [im:chat]") == "en"
    assert language("12345 !!") is None
    assert explain("hello", locale="zh").locale == "zh" and explain("12345").locale == "en"


def test_forbidden_alone_is_said_to_be_unsure() -> None:
    """A refusal without a reason is never told as if the cause were known."""
    assert one(Finding("dingtalk", (), "send forbidden")).confidence < 0.6
