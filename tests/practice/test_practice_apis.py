"""The practice platform's refusals have the vendors' real shapes, and go away when the right thing is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from bot.explain import explain
from bot.model import App, Facts
from bot.platforms.lark.checks import tenant_token
from handlers.practice import Practice, running
from tests.practice import Talker, get, http, post, talker

__all__ = ["http", "talker"]
Make = Callable[..., Talker]
SHEET = "/feishu/open-apis/sheets/v3/spreadsheets/shtcnPracticeBudget00000002"
PRIVILEGES = ["sheets:spreadsheet", "drive:drive", "sheets:spreadsheet:write_only"]


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each test."""
    with running() as one:
        yield one


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_feishu_99991679_as_the_seed_document_shows_it(talker: Make) -> None:
    """Message in both languages, violations, log_id in body and header, troubleshooter; after consent the same call succeeds."""
    one = talker("lark", "feishu")
    before = await one.token("task:task:read")

    answer = get(one.practice.base + SHEET, headers=_bearer(before.access_token))
    body = answer.json()

    assert (answer.status_code, body["code"]) == (400, 99991679)
    assert body["msg"].startswith("Unauthorized. You do not have permission to perform the requested operation on the resource.")
    assert f"required one of these privileges: [{', '.join(PRIVILEGES)}].应用未获取所需的用户授权：[{', '.join(PRIVILEGES)}]" in body["msg"]
    assert [row["subject"] for row in body["error"]["permission_violations"]] == PRIVILEGES
    assert {row["type"] for row in body["error"]["permission_violations"]} == {"action_privilege_required"}
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", body["error"]["log_id"])
    assert answer.headers["x-tt-logid"] == body["error"]["log_id"]
    assert f"log_id={body['error']['log_id']}&code=99991679&method_id=" in body["error"]["troubleshooter"]
    after = await one.token("sheets:spreadsheet")
    assert get(one.practice.base + SHEET, headers=_bearer(after.access_token)).json()["code"] == 0
    assert get(one.practice.base + SHEET, headers=_bearer(before.access_token)).json()["code"] == 99991679  # an old token never gains


async def test_lark_says_it_in_english_only(talker: Make) -> None:
    """The international brand's message has no Chinese part."""
    one = talker("lark", "lark")
    token = await one.token("task:task:read")

    body = get(
        f"{one.practice.base}/lark/open-apis/docx/v1/documents/doxcnPracticePlan0000000001", headers=_bearer(token.access_token)
    ).json()

    assert body["msg"].endswith("required one of these privileges: [docx:document, docx:document:readonly]")
    assert body["error"]["troubleshooter"].count("https://open.larksuite.com/search?") == 1


async def test_feishu_99991672_names_the_console_page_of_the_app(talker: Make) -> None:
    """The app's own token without the scope; the link in the text carries app, scopes and token type."""
    one = talker("lark", "feishu")
    token = await one.ask(tenant_token(one.app))

    answer = get(f"{one.practice.base}/feishu/open-apis/im/v1/chats", headers=_bearer(token))
    body = answer.json()

    assert (answer.status_code, body["code"]) == (400, 99991672)
    link = f"https://open.feishu.cn/app/{one.app.app_id}/auth?q=im:chat,im:chat:readonly&op_from=openapi&token_type=tenant"
    assert link in body["msg"]
    assert {row["type"] for row in body["error"]["permission_violations"]} == {"action_scope_required"}


async def test_token_trouble_has_its_own_codes(talker: Make) -> None:
    """Missing 99991661, unknown user token 99991668, unknown app token 99991663, expired 99991677."""
    one = talker("lark", "feishu")
    token = await one.token()

    codes = [
        get(one.practice.base + SHEET, headers=headers).json()["code"]
        for headers in ({}, _bearer("u-nobody"), _bearer("t-nobody"), _bearer(token.access_token))
    ]
    one.practice.clock.push(7201)
    late = get(one.practice.base + SHEET, headers=_bearer(token.access_token)).json()["code"]

    assert codes == [99991661, 99991668, 99991663, 0]
    assert late == 99991677


async def test_a_scope_taken_away_from_the_app_stops_the_users_token_too(talker: Make) -> None:
    """A user token works only while the app has the scope as well."""
    one = talker("lark", "feishu")
    token = await one.token("sheets:spreadsheet")
    one.practice.world.consoles[one.app.app_id].online.pop("sheets:spreadsheet")

    assert get(one.practice.base + SHEET, headers=_bearer(token.access_token)).json()["code"] == 99991679


async def test_dingtalk_403_with_required_scopes(talker: Make) -> None:
    """Not switched on: the apply link of the app. Not granted: the general text. The scopes are in the detail of both."""
    one = talker("dingtalk")
    url = f"{one.practice.base}/dingtalk/v1.0/contact/users/me"
    world, header = one.practice.world, "x-acs-dingtalk-access-token"
    token = await one.token()
    world.access[token.access_token].scopes = []

    not_granted = get(url, headers={header: token.access_token})
    world.consoles[one.app.app_id].online.pop("Contact.User.Read")
    not_enabled = get(url, headers={header: token.access_token})

    for answer in (not_granted, not_enabled):
        body = answer.json()
        assert (answer.status_code, body["code"]) == (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied")
        assert body["accessdenieddetail"] == {"requiredScopes": ["Contact.User.Read"]}
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", body["requestid"])
    assert not_granted.json()["message"].startswith("没有调用该接口的权限，接口权限申请参考：")
    assert f"appscope/apply?content={one.app.app_id}%23Contact.User.Read" in not_enabled.json()["message"]


async def test_kuaishou_says_that_the_token_lacks_the_pack(talker: Make) -> None:
    """`token中无scope权限`; and AUTHORIZATION_REVOKED after the seller withdrew."""
    one = talker("kuaishou", "shop")
    url, token = f"{one.practice.base}/kuaishou/open/item/list/get", await one.token("merchant_order")

    lacking = get(url, params={"access_token": token.access_token}).json()
    fine = get(url, params={"access_token": (await one.token("merchant_item")).access_token}).json()
    one.practice.world.withdraw(one.app.app_id, "alice")
    revoked = get(url, params={"access_token": token.access_token}).json()

    assert lacking["error_msg"] == "token中无scope权限"
    assert fine["result"] == 1
    assert revoked == {"result": 24, "error_msg": "AUTHORIZATION_REVOKED"}


async def test_slack_missing_scope_tells_needed_and_provided(talker: Make) -> None:
    """Status 200, `ok: false`, and the scope headers."""
    one = talker("slack")
    token = await one.token("channels:read")

    answer = post(f"{one.practice.base}/slack/api/files.list", headers=_bearer(token.access_token))

    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "error": "missing_scope", "needed": "files:read", "provided": "channels:read"}
    assert answer.headers["x-oauth-scopes"] == "channels:read"
    assert answer.headers["x-accepted-oauth-scopes"] == "files:read"


def _sample(practice: Practice, app: App, number: int, who: str) -> str:
    """What the practice desk's "make a call" page shows."""
    page = post(f"{practice.base}/try/{app.app_id}", data={"call": str(number), "person": who}).text
    found = re.search(r'id="answer" tabindex="0">(.*?)</pre>', page, re.DOTALL)
    assert found
    return httpx.Response(200, text=found[1]).text


@pytest.mark.parametrize(
    ("platform", "call", "expected"),
    [
        ("lark", ("feishu", 0, "alice"), ("lark", ["99991679"], PRIVILEGES)),
        ("lark", ("lark", 1, "bob"), ("lark", ["99991679"], ["docx:document", "docx:document:readonly"])),
        ("lark", ("feishu", 4, "app"), ("lark", ["99991672"], ["im:chat", "im:chat:readonly"])),
        (
            "dingtalk",
            ("", 0, "alice"),
            ("dingtalk", ["Forbidden.AccessDenied.AccessTokenPermissionDenied"], ["Contact.User.Read"]),
        ),
        ("slack", ("", 2, "app"), ("slack", ["missing_scope"], ["files:read"])),
    ],
)
def test_what_the_desk_shows_can_be_pasted_and_is_understood(
    practice: Practice, platform: str, call: tuple[str, int, str], expected: tuple[Any, ...]
) -> None:
    """The raw answer of a sample call, copied from the page, is read as that platform's error with exactly its scopes."""
    brand, number, who = call
    text = unescape(_sample(practice, practice.app(platform, brand), number, who))

    finding = explain(text).findings[0]

    assert (finding.platform, list(finding.codes), list(finding.scopes)) == expected


def test_the_kuaishou_sample_is_understood(practice: Practice) -> None:
    """The shop's answer names neither scope nor API; with the API in front of it, as a log shows it, the pack is found and offered."""
    app = practice.app("kuaishou", "shop")
    text = unescape(_sample(practice, app, 0, "alice"))

    found = explain(text, facts=Facts(apps=(app,))).diagnoses[0]

    assert text.startswith("open.item.list.get {")
    assert found.finding.platform == "kuaishou"
    assert found.cause == "user_scope_missing"
    assert [offer.scopes for offer in found.offers] == [("merchant_item",)]
