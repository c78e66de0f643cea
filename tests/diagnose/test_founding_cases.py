"""The five cases that this project was founded on: what they are, who fixes them, which scope, which steps, what support needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.explain import explain
from bot.model import App, AppFacts, Cause, Diagnosis, Facts, Identity, Mode, StepState, Who

SAMPLES = Path(__file__).parents[1] / "samples" / "seeds"
USER = frozenset({Identity.USER})
DENIED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
SHEETS = ("sheets:spreadsheet", "drive:drive", "sheets:spreadsheet:write_only")
DOCS = ("docx:document", "docx:document:readonly")


def seed(name: str, facts: Facts | None = None) -> Diagnosis:
    """The one diagnosis of a sample."""
    found = explain((SAMPLES / f"{name}.txt").read_text(encoding="utf-8"), facts=facts).diagnoses
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("name", "platform", "codes", "request_ids", "scopes", "cause", "who", "identity", "recommended"),
    [
        (
            "feishu-both-languages",
            "lark",
            ("99991679",),
            ("2024110416232661C50BC902DF30E6C183",),
            SHEETS,
            Cause.USER_SCOPE_MISSING,
            Who.USER,
            Identity.USER,
            "sheets:spreadsheet:write_only",
        ),
        (
            "feishu-english-only",
            "lark",
            ("99991679",),
            (),
            DOCS,
            Cause.USER_SCOPE_MISSING,
            Who.USER,
            Identity.USER,
            "docx:document:readonly",
        ),
        (
            "lark-in-client",
            "lark",
            ("99991679",),
            ("202308071603455425F5854702B4000DB9",),
            DOCS,
            Cause.USER_SCOPE_MISSING,
            Who.USER,
            Identity.USER,
            "docx:document:readonly",
        ),
        ("lark-refused", "lark", ("2700002",), (), (), Cause.USER_DENIED, Who.USER, Identity.USER, None),
        (
            "members-auth",
            "lark",
            ("1063001",),
            ("20250703120001A1B2C3D4E5F60718293A",),
            (),
            Cause.BAD_REQUEST,
            Who.DEVELOPER,
            None,
            None,
        ),
        (
            "dingtalk-with-request",
            "dingtalk",
            (DENIED,),
            ("e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9",),
            ("Contact.User.Read",),
            Cause.APP_SCOPE_MISSING,
            Who.DEVELOPER,
            None,
            "Contact.User.Read",
        ),
        ("kuaishou-plain", "kuaishou", (), (), (), Cause.USER_SCOPE_MISSING, Who.USER, None, None),
        ("kuaishou-json", "kuaishou", (), (), (), Cause.USER_SCOPE_MISSING, Who.USER, None, "merchant_item"),
    ],
)
def test_what_it_is_and_who_fixes_it(
    name: str,
    platform: str,
    codes: tuple[str, ...],
    request_ids: tuple[str, ...],
    scopes: tuple[str, ...],
    cause: Cause,
    who: Who,
    identity: Identity | None,
    recommended: str | None,
) -> None:
    """Platform, codes, ids, scopes, cause, who acts, and the one scope to ask for."""
    found = seed(name)
    finding = found.finding
    assert (finding.platform, finding.codes, finding.request_ids, finding.scopes) == (platform, codes, request_ids, scopes)
    assert (found.cause, found.who_fixes) == (cause, who)
    assert identity is None or finding.identity is identity
    assert (found.choice.recommended if found.choice else ()) == ((recommended,) if recommended else ())
    assert 1 <= len(found.steps) <= 4 and found.verdict.en and found.verdict.zh != found.verdict.en


def test_feishu_any_one_of_several_scopes() -> None:
    """The scopes stay a choice: one is recommended with its reason, the others are alternatives; it is the user's consent that is missing."""
    found = seed("feishu-both-languages")
    assert found.finding.scopes_mode is Mode.ANY and found.choice is not None
    assert found.choice.alternatives == SHEETS[:2] and "drive:drive would also open" in found.choice.reason.en
    assert found.platform_title.zh == "飞书"


def test_feishu_step_by_step_for_a_connected_app() -> None:
    """Step 1 opens the app's permission page with scope and token type preselected; step 2 is the consent that the button starts."""
    app = App("lark", "cli_a5ca35a685b0x26e", brand="feishu")
    found = seed("feishu-both-languages", Facts((app,), {app.app_id: AppFacts(enabled={"drive:drive": USER})}))
    first, second, third = found.steps
    assert first.state is StepState.DONE and first.link is not None
    assert first.link.url == "https://open.feishu.cn/app/cli_a5ca35a685b0x26e/auth?q=drive%3Adrive&op_from=openapi&token_type=user"
    assert second.state is StepState.TODO and "drive:drive" in second.text.en and "new token" in third.text.en
    assert [offer.scopes for offer in found.offers] == [("drive:drive",)]
    assert found.choice is not None and "already enabled" in found.choice.reason.en


def test_feishu_guides_for_each_form_of_app() -> None:
    """Browser web app, web app in the client and mini program: each has its guide, and the card says how each asks."""
    found = seed("feishu-both-languages")
    labels = {link.label.en for link in found.links if link.rel == "docs"}
    assert {"Guide: web app in a browser", "Guide: web app inside the client", "Guide: mini program"} <= labels
    assert any("scopeList" in note.en and "scope=" in note.en for note in found.notes)


def test_lark_links_stay_on_lark() -> None:
    """An error of the international brand never leads to the other brand's console or documentation."""
    found = seed("lark-in-client")
    assert found.platform_title.en == "Lark"
    assert all("open.feishu.cn" not in link.url for link in found.links)


def test_a_refusal_is_told_kindly_and_may_be_repeated() -> None:
    """The user declined: nothing is broken, and a connected app may ask again."""
    app = App("lark", "cli_a5ca35a685b0x26e")
    found = seed("lark-refused", Facts((app,)))
    assert len(found.offers) == 1
    assert {rival.cause for rival in found.rivals} == {Cause.APP_SCOPE_MISSING, Cause.REDIRECT_URI}


def test_dingtalk_causes_are_told_apart() -> None:
    """Not applied for, or applied for and not granted: first activation, incremental grant, emergency grant by the admin."""
    found = seed("dingtalk-with-request")
    texts = [step.text.en for step in found.steps]
    for part, text in zip(
        ("Apply for Contact.User.Read", "First activation", "unified authorization suite", "admin grants by hand"), texts, strict=True
    ):
        assert part in text
    assert found.steps[0].link is not None
    assert found.steps[0].link.url == "https://open-dev.dingtalk.com/appscope/apply?content=dingabcdefgh12345678%23Contact.User.Read"
    assert {rival.cause for rival in found.rivals} >= {Cause.USER_SCOPE_MISSING, Cause.TOKEN_WRONG_TYPE, Cause.TENANT_POLICY}
    assert any("only sometimes" in note.en and "时好时坏" in note.zh for note in found.notes)


def test_dingtalk_support_bundle() -> None:
    """The six things that support asks for are cut out of the paste, secrets masked and the JSON shape kept."""
    client, time, api, params, error, request_id = [item.value for item in seed("dingtalk-with-request").support]
    assert client == "dingabcdefgh12345678"
    assert time == "2026-03-01 10:00:01"
    assert api is not None and api.endswith("/v1.0/contact/users/me")
    assert (
        params is not None
        and params.startswith('{"unionId": "me"')
        and '"detail": {"lang": "zh_CN"}' in params
        and "9f8e7d6c" not in params
    )
    assert error is not None and error.startswith("{") and error.endswith("}") and "requiredScopes" in error
    assert request_id == "e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9"


def test_dingtalk_support_bundle_names_what_is_missing() -> None:
    """A paste with the bare error lacks four of the six; they are named, not invented."""
    items = seed("dingtalk-bare").support
    assert [item.value is None for item in items] == [True, True, True, True, False, False]
    assert all(item.name.zh for item in items)


def test_members_auth_parameter_error_explains_its_reasons() -> None:
    """1063001 has several reasons; the card names them and what tells them apart."""
    found = seed("members-auth")
    assert {rival.cause for rival in found.rivals} == {Cause.RESOURCE_NOT_FOUND, Cause.TOKEN_WRONG_TYPE}
    assert found.finding.hints["api"].endswith("/members/auth")


@pytest.mark.parametrize(
    ("code", "cause", "who"),
    [
        ("1063001", Cause.BAD_REQUEST, Who.DEVELOPER),
        ("1063003", Cause.TENANT_POLICY, None),
        ("1063005", Cause.RESOURCE_NOT_FOUND, None),
        ("1063006", Cause.RATE_LIMITED, Who.DEVELOPER),
        ("1066001", Cause.SERVER_ERROR, None),
        ("1066002", Cause.SERVER_ERROR, Who.NOBODY_RETRY),
    ],
)
def test_members_auth_error_table(code: str, cause: Cause, who: Who | None) -> None:
    """Every code that the permission check may answer has its own cause and steps."""
    (found,) = explain(f'{{"code": {code}, "msg": "x", "error": {{"log_id": "20250703120001A1B2C3D4E5F60718293A"}}}}').diagnoses
    assert found.cause is cause and found.steps and found.entry is not None
    assert who is None or found.who_fixes is who


@pytest.mark.parametrize("name", ["kuaishou-plain", "kuaishou-json"])
def test_kuaishou_app_first_then_user_then_token(name: str) -> None:
    """With or without JSON: check the app, authorize again, use the new token; test list and live app are told apart."""
    found = seed(name)
    assert [
        part in step.text.en for part, step in zip(("app owns the pack", "authorize again", "new token"), found.steps, strict=True)
    ] == [True] * 3
    notes = " ".join(note.en for note in found.notes)
    assert "never gains a new pack" in notes and "test list" in notes and "App live" in notes
    assert found.entry is not None and found.entry.code == "K0003"


def test_kuaishou_consent_asks_for_the_missing_pack_only() -> None:
    """The API names the pack; without it, what the app has and the seller has not granted tells it, when it is one."""
    app = App("kuaishou", "ks699999999999999", brand="shop")
    assert [offer.scopes for offer in seed("kuaishou-json", Facts((app,))).offers] == [("merchant_item",)]
    known = AppFacts(enabled=dict.fromkeys(("user_base", "merchant_order", "merchant_item"), USER))
    facts = Facts((app,), {app.app_id: known}, granted=frozenset({"merchant_item"}))
    assert [offer.scopes for offer in seed("kuaishou-plain", facts).offers] == [("merchant_order",)]
    unsure = seed("kuaishou-plain", Facts((app,)))
    assert unsure.offers == () and unsure.no_offer is not None and "which API" in unsure.no_offer.en


@pytest.mark.parametrize(
    ("name", "first", "who"),
    [
        ("feishu-both-languages", "reauthorize", Who.USER),
        ("feishu-english-only", "reauthorize", Who.USER),
        ("lark-in-client", "reauthorize", Who.USER),
        ("lark-refused", "complete-consent", Who.USER),
        ("members-auth", "fix-parameter", Who.DEVELOPER),
        ("dingtalk-with-request", "enable-app-scope", Who.DEVELOPER),
        ("dingtalk-bare", "enable-app-scope", Who.DEVELOPER),
        ("kuaishou-plain", "reauthorize", Who.USER),
        ("kuaishou-json", "reauthorize", Who.USER),
    ],
)
def test_the_first_remedy(name: str, first: str, who: Who) -> None:
    """What to do, and who does it: the card's first screen."""
    remedy = seed(name).remedies[0]
    assert (remedy.id, remedy.who) == (first, who) and remedy.text.en and remedy.text.zh
