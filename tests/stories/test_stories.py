"""The stories, by their numbers in `docs/stories.md`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.stories.conftest import Story

LOG_ID = "20241104162326ED0F9B5D2C8A7E31F4A0"


def feishu(
    code: int, scope: str, app: str, kind: str = "tenant", msg: str = "Access denied. One of the following scopes is required"
) -> str:
    """Feishu's answer, with the console link that names app and identity."""
    link = f"https://open.feishu.cn/app/{app}/auth?q={scope}&op_from=openapi&token_type={kind}"
    return json.dumps({"code": code, "msg": f"{msg}: [{scope}]. {link}", "error": {"log_id": LOG_ID}})


async def test_01_enabled_but_not_published(story: Story) -> None:
    """The scope waits in a version that nobody approved: the look says so, and enabling it again is not the remedy."""
    app = story.practice.app("lark", "feishu")
    console = story.practice.world.consoles[app.app_id]
    console.online.pop("docx:document", None)
    console.waiting = {**console.online, "docx:document": ["tenant"]}
    await story.says(feishu(99991672, "docx:document", app.app_id))
    await story.says("I enabled it, still the same")

    assert (await story.first())[0] in ("publish-version", "admin-approve")
    assert (await story.found()).awaits_approval


async def test_02_enabled_for_the_other_identity(story: Story) -> None:
    """Switched on for users, called as the app: the developer enables it on the other tab, and the reply says why."""
    app = story.practice.app("lark", "feishu")
    console = story.practice.world.consoles[app.app_id]
    console.online["application:application:self_manage"] = ["tenant"]
    console.online["docx:document"] = ["user"]
    await story.says(feishu(99991672, "docx:document", app.app_id))
    word = await story.says("I enabled it, still fails")

    assert await story.first() == ("enable-app-scope", "developer")
    assert "user identity only" in word


async def test_03_the_scope_is_there_and_the_document_is_refused(story: Story) -> None:
    """Document trouble is no scope trouble: the owner shares it, no consent is offered."""
    await story.says(json.dumps({"code": 1770032, "msg": "forBidden", "error": {"log_id": LOG_ID}}))
    await story.says("as the bot, all scopes are granted")

    found = await story.found()
    assert str(found.cause) == "resource_permission" and found.remedies[0].id == "share-resource" and not found.offers


async def test_06_consented_and_refused_again(story: Story) -> None:
    """The consent is there, the program still uses the old token."""
    app = story.practice.app("lark", "feishu")
    paste = feishu(99991679, "sheets:spreadsheet", app.app_id, "user", "Unauthorized. required one of these privileges")
    await story.says(paste)
    assert (await story.consents()).state == "proven"
    await story.says(paste, chat="D2")

    assert (await story.first())[0] == "use-new-token"


async def test_10_the_redirect_uri_is_not_registered(story: Story) -> None:
    """The developer registers it."""
    await story.says('{"code":20029,"msg":"redirect_uri is invalid","error":{"log_id":"' + LOG_ID + '"}}')

    assert await story.first() == ("register-redirect", "developer")


async def test_12_a_refresh_token_is_used_twice(story: Story) -> None:
    """Two processes refresh with the same token: the login starts anew, and it is told why."""
    await story.says('{"code":20073,"error":"invalid_grant","error_description":"The refresh token has been used"}')

    assert str((await story.found()).cause) == "refresh_token_invalid"


async def test_17_a_flood_is_one_card(story: Story) -> None:
    """The same error thirty times is one card."""
    app = story.practice.app("lark", "feishu")
    await story.says("\n".join([feishu(99991672, "docx:document", app.app_id)] * 30))

    cards = await story.service.context.store.cards_in(story.card.place)  # type: ignore[union-attr]
    assert len(cards) == 1 and len(cards[0].snapshot["findings"]) == 1


async def test_18_throttling_is_no_permission(story: Story) -> None:
    """DingTalk's 403 of the family QPS: slow down, nobody grants anything."""
    await story.says('HTTP 403 {"code":"Forbidden.AccessDenied.QpsLimitForApi","requestid":"A1B2","message":"超过了接口qps限制"}')

    found = await story.found()
    assert str(found.cause) == "rate_limited" and not found.offers


async def test_26_a_trusted_ip_list(story: Story) -> None:
    """WeCom 60020: the address belongs on the list of trusted ones."""
    await story.says('{"errcode":60020,"errmsg":"not allow to access from your ip, hint: [1], from ip: 1.2.3.4"}')

    assert (await story.first())[0] == "allow-ip"


async def test_27_added_but_not_installed_again(story: Story) -> None:
    """Slack's token is older than the scope: after the reply the card says to install again, and after the next one something else."""
    await story.says('{"ok":false,"error":"missing_scope","needed":"channels:history","provided":"chat:write"}')
    await story.says("I added the scope, still the same")
    assert (await story.first())[0] == "reinstall-app"
    await story.says("I reinstalled the app, same error")

    assert (await story.first())[0] != "reinstall-app"


async def test_28_slack_hides_the_needed_scope(story: Story) -> None:
    """The method that was called tells which scope it is."""
    await story.says('{"ok":false,"error":"missing_scope"}')
    await story.says("conversations.history")

    found = await story.found()
    assert found.choice is not None and "channels:history" in (*found.choice.recommended, *found.choice.alternatives)


async def test_30_kuaishou_asks_for_the_api_and_leads_to_green(story: Story) -> None:
    """K0003 names no pack: the API does, the consent is for its pack alone, and the platform's own answer proves it."""
    await story.says("调用API时报错“token中无scope权限”")
    assert not (await story.found()).offers
    word = await story.says("open.order.detail")

    assert "merchant_order" in word
    assert (await story.found()).offers[0].scopes == ("merchant_order",)
    view = await story.consents()
    assert view.state == "proven" and "merchant_order" in view.granted


@pytest.mark.parametrize(("code", "remedy"), [(230002, "join-chat")])
async def test_31_the_bot_is_not_in_the_chat(story: Story, code: int, remedy: str) -> None:
    """Sending fails because nobody invited the bot."""
    await story.says(json.dumps({"code": code, "msg": "Bot/User can NOT be out of the chat.", "error": {"log_id": LOG_ID}}))

    assert (await story.first())[0] == remedy


async def test_32_a_personal_link_is_made_at_the_click(story: Story) -> None:
    """No link stands on the card; each click makes one, for the clicker alone."""
    app = story.practice.app("lark", "feishu")
    await story.says(feishu(99991679, "sheets:spreadsheet", app.app_id, "user", "Unauthorized. required one of these privileges"))
    assert story.card is not None
    drawn = await story.service.draw(story.card.id, "slack")

    assert drawn is not None and "/consent/" not in json.dumps(drawn.body)


@pytest.mark.parametrize("page", ["stories.md", "stories.zh.md"])
def test_the_documented_stories_are_those_that_are_told_here(page: str) -> None:
    """Every row of the table is a test of this file, and every story here is a row; all 32 are named."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    told = {name for name in globals() if name.startswith("test_") and name[5:7].isdigit()}

    assert set(re.findall(r"`(test_\d\d_\w+)`", text)) == told
    assert sorted(int(number) for number in re.findall(r"^(?:\| |- )(\d+)\b", text, re.MULTILINE)) == list(range(1, 33))
