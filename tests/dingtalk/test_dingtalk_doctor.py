"""`whyforbidden doctor` for DingTalk: each miss names itself and what to click, and nothing is sent to anybody."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from handlers.dingtalk.doctor import checks
from handlers.doctor import Check
from handlers.http import HttpClient
from tests.dingtalk.conftest import settings_for
from tests.dingtalk.platform import DENIED, SECRET, Platform

OPEN, SEND, CARDS = "/v1.0/gateway/connections/open", "/v1.0/robot/oToMessages/batchSend", "/v1.0/card/instances"


async def examined(platform: Platform, folder: Path, **more: Any) -> dict[str, Check]:
    """The checks by what they are about."""
    async with HttpClient(practice=True) as http:
        return {check.about: check for check in await checks(settings_for(platform, folder, **more), http)}


async def test_all_is_well(dingtalk: Platform, tmp_path: Path) -> None:
    """Credentials, gateway, sending and cards; nobody got anything."""
    found = await examined(dingtalk, tmp_path, dingtalk_card_template="t.schema")

    assert {about: check.ok for about, check in found.items()} == dict.fromkeys(
        ("DingTalk credentials", "DingTalk stream", "DingTalk messages", "DingTalk cards"), True
    )
    assert not dingtalk.said("direct", "group", "hook", "card")


@pytest.mark.parametrize(
    ("path", "refusal", "about", "ok", "where"),
    [
        (OPEN, (400, {"code": "ua.not.support"}), "DingTalk stream", False, "open-dev.dingtalk.com/fe/app"),
        (SEND, (403, {"code": DENIED}), "DingTalk messages", False, "appscope/apply?content=dingabcdefghij0123%23qyapi_robot_sendmsg"),
        (SEND, (500, {"code": "ServiceUnavailable"}), "DingTalk messages", None, ""),
        (CARDS, (403, {"code": DENIED}), "DingTalk cards", False, "appscope/apply?content=dingabcdefghij0123%23Card.Instance.Write"),
        (CARDS, (404, {"code": "card.notFound"}), "DingTalk cards", True, ""),
    ],
)
async def test_each_miss_says_what_to_click(
    dingtalk: Platform, tmp_path: Path, path: str, refusal: tuple[int, dict[str, str]], about: str, ok: bool | None, where: str
) -> None:
    """The console's page, or the page that applies for the very scope."""
    dingtalk.refuse[path] = deque([refusal])
    check = (await examined(dingtalk, tmp_path, dingtalk_card_template="t.schema"))[about]

    assert check.ok is ok
    assert where in check.url and bool(where) == bool(check.url)


async def test_wrong_credentials_stop_the_examination(dingtalk: Platform, tmp_path: Path) -> None:
    """One clear line, and the secret is not in it."""
    found = await examined(dingtalk, tmp_path, dingtalk_client_secret=SECRET + "x")
    (check,) = found.values()

    assert check.ok is False and "Client Secret" in check.says.en and "fe/app" in check.url
    assert SECRET not in check.says.en + check.says.zh


async def test_without_a_template_it_says_what_that_means(dingtalk: Platform, tmp_path: Path) -> None:
    """Not a failure: the buttons are words then."""
    check = (await examined(dingtalk, tmp_path))["DingTalk cards"]

    assert check.ok is None and "DINGTALK_CARD_TEMPLATE" in check.says.en


async def test_nobody_answers(tmp_path: Path) -> None:
    """A platform that cannot be reached is said as such."""
    found = await examined(Platform(base="http://127.0.0.1:9"), tmp_path)

    assert [(check.ok, "127.0.0.1" in check.says.en) for check in found.values()] == [(False, True)]
