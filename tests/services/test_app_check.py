"""`doctor APP`: every look at one app, against the practice platform over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from handlers.doctor import Check, examine_app
from handlers.http import HttpClient
from handlers.practice import Practice, running
from handlers.settings import SettingsError, load_settings


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each test."""
    with running() as one:
        yield one


async def table(practice: Practice, wanted: str, **changed: str) -> dict[str, Check]:
    apps = [replace(app, **changed) if app.app_id == wanted else app for app in practice.apps]  # type: ignore[arg-type]
    http = HttpClient(practice=True)
    try:
        rows = await examine_app(load_settings(practice=True), http, apps, wanted)
    finally:
        await http.close()
    return {row.about.rpartition(" · ")[2]: row for row in rows}


async def test_feishu_tells_scopes_version_status_and_redirect(practice: Practice) -> None:
    """What waits for the administrator is named; what is in effect stands under its identity."""
    app = practice.app("lark", "feishu")
    console = practice.world.consoles[app.app_id]
    console.online["application:application:self_manage"] = ["tenant"]
    seen = await table(practice, app.app_id)

    assert seen["Credentials"].ok is True and seen["Status"].ok is True and seen["Redirect URI"].ok is True
    assert "application:application:self_manage" in seen["Scopes of the app"].says.en
    console.waiting = {**console.online, "docx:document": ["user"]}
    later = await table(practice, app.app_id)
    assert later["Version"].ok is False
    assert "docx:document" in later["Waiting for the administrator"].says.en


async def test_a_wrong_secret_is_one_row_that_says_so(practice: Practice) -> None:
    """Nothing else is asked then."""
    app = practice.app("lark", "feishu")
    seen = await table(practice, app.app_id, secret="another")

    assert list(seen) == ["Credentials"] and seen["Credentials"].ok is not True
    assert "another" not in seen["Credentials"].says.en


async def test_dingtalk_tells_whether_id_and_secret_are_right(practice: Practice) -> None:
    """And no more than that."""
    app = practice.app("dingtalk")

    assert (await table(practice, app.app_id))["Credentials"].ok is True
    assert (await table(practice, app.app_id, secret="another"))["Credentials"].ok is not True


@pytest.mark.parametrize("platform", ["slack", "kuaishou"])
async def test_a_platform_that_tells_nothing_is_said_to(practice: Practice, platform: str) -> None:
    """A look that does not exist is no failure."""
    (row,) = (await table(practice, next(app.app_id for app in practice.apps if app.platform == platform))).values()

    assert row.ok is None and "tells nothing" in row.says.en


async def test_an_app_that_is_not_there_is_named(practice: Practice) -> None:
    """With those that are."""
    with pytest.raises(SettingsError, match="lists no app"):
        await table(practice, "cli_nobody")
