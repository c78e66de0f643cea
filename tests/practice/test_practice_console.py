"""The practice platform as a place: its pages, its console, its faults, its memory, and who may reach it."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.oauth.generic import s256
from bot.platforms.lark import oauth
from handlers.practice import Practice, practice_apps, practice_people, running
from handlers.practice.world import World
from tests.practice import VERIFIER, get, post, visit


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A fresh platform for each test."""
    with running() as one:
        yield one


def _authorize(practice: Practice, *scopes: str) -> str:
    app = practice.app("lark", "feishu")
    return oauth.authorize_url(app, scopes=scopes, state="s", challenge=s256(VERIFIER), redirect_uri=app.redirect_uri)


def _pages(practice: Practice) -> list[str]:
    apps = [app.app_id for app in practice.apps]
    fixed = ["/", "/grants", "/faults", "/feishu/device", "/feishu/device?user_code=NONE"]
    return fixed + [f"/console/{app_id}?q=a:b,c:d&token_type=tenant" for app_id in apps] + [f"/try/{app_id}" for app_id in apps]


def test_every_page_says_practice_in_both_languages_and_loads_nothing_foreign(practice: Practice) -> None:
    """The word stands on each page; no script, no address of another origin; strict headers."""
    addresses = [practice.base + path for path in _pages(practice)]
    addresses += [_authorize(practice, "sheets:spreadsheet"), _authorize(practice, "not:there")]
    for address in addresses:
        for language, word in (("en", "PRACTICE"), ("zh", "练习")):
            answer = get(address, headers={"accept-language": language})

            assert word in answer.text, address
            assert "<script" not in answer.text
            assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"
    assert get(practice.base + "/practice.css").headers["content-type"].startswith("text/css")


def test_the_authorize_page_names_app_people_and_scopes(practice: Practice) -> None:
    """Who asks, who may sign in, what is asked, and where one returns to."""
    page = get(_authorize(practice, "sheets:spreadsheet")).text

    assert "Sheet Helper" in page
    assert all(f'value="{person.key}"' in page for person in practice_people())
    assert "<code>sheets:spreadsheet</code>" in page
    assert "http://127.0.0.1:8710" in page


def test_looking_at_a_page_changes_nothing(practice: Practice) -> None:
    """A hundred prefetches issue no code and grant nothing."""
    for _ in range(100):
        get(_authorize(practice, "sheets:spreadsheet"))

    assert not practice.world.codes
    assert not practice.world.grants


def test_what_the_browser_sends_from_elsewhere_is_refused(practice: Practice) -> None:
    """A form on a foreign page cannot approve, switch scopes on, withdraw or order faults."""
    app = practice.app("lark", "feishu")
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for address, form in (
        (_authorize(practice, "sheets:spreadsheet"), {"person": "alice", "decision": "approve"}),
        (f"{practice.base}/console/{app.app_id}", {"action": "switch"}),
        (f"{practice.base}/grants", {"app_id": app.app_id, "person": "alice"}),
    ):
        assert post(address, data=form, headers=foreign).status_code == 400
        assert post(address, data=form, headers={**foreign, "origin": "null"}).status_code == 400
    post(f"{practice.base}/faults", data={"kind": "500", "path": "/feishu"}, headers=foreign)

    assert not practice.world.codes
    assert practice.world.consoles[app.app_id].enabled
    assert not practice.world.faults


def test_only_loopback_names_are_served(practice: Practice) -> None:
    """A name elsewhere that points to 127.0.0.1 gets nothing (DNS rebinding)."""
    assert get(practice.base + "/", headers={"host": "evil.example"}).status_code == 421
    assert get(practice.base + "/", headers={"host": "localhost:8711"}).status_code == 200
    assert get(practice.base + "/", headers={"host": "[::1]:8711"}).status_code == 200


def test_a_scope_is_lived_through_from_the_cards_link_to_its_use(practice: Practice) -> None:
    """Console link of a card → switch on → publish → approve: only then the page lets the user consent."""
    app = practice.app("lark", "feishu")
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        link = f"{practice.base}/feishu/app/{app.app_id}/auth?q=drive:drive&op_from=openapi&token_type=user"
        page = browser.get(link)
        assert 'value="drive:drive"' in page.text
        browser.post(f"{practice.base}/console/{app.app_id}", data={"action": "add", "scopes": "drive:drive", "kind": "user"})
        assert "20027" in visit(_authorize(practice, "drive:drive")).page
        browser.post(f"{practice.base}/console/{app.app_id}", data={"action": "submit"})
        assert "20027" in visit(_authorize(practice, "drive:drive")).page
        browser.post(f"{practice.base}/console/{app.app_id}", data={"action": "approve"})

    assert "code" in visit(_authorize(practice, "drive:drive")).query


@pytest.mark.parametrize(
    "path",
    [
        "/feishu/app/{feishu}/safe",
        "/lark/app/{lark}",
        "/dingtalk/appscope/apply?content={dingtalk}%23Contact.User.Read",
        "/dingtalk/fe/app",
        "/kuaishou/console/zone/new/home/application/appList",
        "/slack/apps",
    ],
)
def test_the_vendors_console_addresses_lead_to_the_practice_console(practice: Practice, path: str) -> None:
    """What `links.py` builds for a practice app is a page that exists."""
    ids = {app.brand or app.platform: app.app_id for app in practice.apps}

    answer = get(practice.base + path.format(**ids), follow_redirects=True)

    assert answer.status_code == 200
    assert "/console/" in str(answer.url)


def test_a_person_withdraws_a_grant_on_the_platform(practice: Practice) -> None:
    """The grants page lists what was granted; withdrawing empties it."""
    app = practice.app("lark", "feishu")
    visit(_authorize(practice, "sheets:spreadsheet"))
    assert "sheets:spreadsheet" in get(f"{practice.base}/grants").text

    post(f"{practice.base}/grants", data={"app_id": app.app_id, "person": "alice"})

    assert "sheets:spreadsheet" not in get(f"{practice.base}/grants").text
    assert not practice.world.granted(app.app_id, "alice")


def test_faults_are_ordered_counted_and_forgotten(practice: Practice) -> None:
    """The control endpoint takes JSON alone, spoils as many answers as asked, and lists what waits."""
    control, target = f"{practice.base}/practice/faults", f"{practice.base}/feishu/open-apis/authen/v1/user_info"

    assert post(control, data={"path": "/feishu", "kind": "500"}).status_code == 415
    assert post(control, json={"path": "/feishu", "kind": "meteor"}).status_code == 400
    assert post(control, json={"path": "/feishu/open-apis", "kind": "500", "times": 2}).json()["faults"][0]["times"] == 2
    assert [get(target).status_code for _ in range(3)] == [500, 500, 400]
    post(control, json={"path": "/feishu", "kind": "html"})
    assert httpx.delete(control, trust_env=False).json() == {"faults": []}
    assert post(control, json={"path": "/feishu", "kind": "429", "seconds": 9}).status_code == 200
    limited = get(target)
    assert (limited.status_code, limited.headers["x-ogw-ratelimit-reset"]) == (429, "9")


def test_the_practice_platform_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Codes, tokens, grants and consoles survive in the snapshot, which only its owner may read; an unreadable one starts afresh."""
    snapshot = tmp_path / "practice" / "state.json"
    with running(snapshot=snapshot) as first:
        code = visit(_authorize(first, "sheets:spreadsheet")).query["code"]
        port = int(first.base.rsplit(":", 1)[1])
        app = first.app("lark", "feishu")
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    with running(snapshot=snapshot, port=port) as second:
        form = {
            "grant_type": "authorization_code",
            "client_id": app.app_id,
            "client_secret": app.secret,
            "code": code,
            "redirect_uri": app.redirect_uri,
            "code_verifier": VERIFIER,
        }
        answer = post(f"{second.base}/feishu/open-apis/authen/v2/oauth/token", json=form).json()
        assert answer["code"] == 0
        assert second.world.granted(app.app_id, "alice") == {"offline_access", "sheets:spreadsheet"}
    assert answer["access_token"] in json.loads(snapshot.read_text(encoding="utf-8"))["access"]
    snapshot.write_text('{"consoles": 7', encoding="utf-8")
    with running(snapshot=snapshot) as third:
        assert not third.world.grants


def test_practice_apps_are_what_apps_toml_would_say() -> None:
    """Own callback path per app, own secret, every host on loopback, marked as practice; secrets stay out of `repr`."""
    apps = practice_apps("http://127.0.0.1:1", "http://127.0.0.1:2")

    assert {(app.platform, app.brand) for app in apps} == {
        ("lark", "feishu"),
        ("lark", "lark"),
        ("dingtalk", ""),
        ("kuaishou", "shop"),
        ("slack", ""),
    }
    assert all(app.practice and app.mode == "broker" for app in apps)
    assert len({app.redirect_uri for app in apps}) == len({app.secret for app in apps}) == len(apps)
    assert all(app.redirect_uri == f"http://127.0.0.1:2/consent/callback/{app.platform}/{app.app_id}" for app in apps)
    assert all(host.startswith("http://127.0.0.1:1/") for app in apps for host in app.hosts.values())
    assert not any(app.secret in repr(app) for app in apps)


def test_ids_are_stable_and_differ_per_app() -> None:
    """`open_id` is per app, `union_id` is not; the main id comes first."""
    alice = practice_people()[0]
    one, two = alice.ids("lark", "cli_1"), alice.ids("lark", "cli_2")

    assert one["open_id"] != two["open_id"]
    assert one["union_id"] == two["union_id"]
    assert alice.account("lark", "cli_1") == one["open_id"]


async def test_codes_are_not_taken_twice_by_a_crowd(practice: Practice) -> None:
    """Twenty exchanges of one code at once: one token, nineteen refusals, and the token dies with them."""
    app = practice.app("lark", "feishu")
    code = visit(_authorize(practice, "sheets:spreadsheet")).query["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": app.app_id,
        "client_secret": app.secret,
        "code": code,
        "code_verifier": VERIFIER,
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = await asyncio.gather(
            *(client.post(f"{practice.base}/feishu/open-apis/authen/v2/oauth/token", json=form) for _ in range(20))
        )
    codes = sorted(int(answer.json()["code"]) for answer in answers)

    assert codes == [0, *[20065] * 19]
    assert all(held.revoked for held in practice.world.access.values())


def test_the_world_is_never_asked_about_apps_it_does_not_have(practice: Practice) -> None:
    """Unknown ids get a page or an error, not a traceback."""
    assert isinstance(practice.world, World)
    for path in ("/console/none", "/try/none", "/feishu/app/none/auth", "/dingtalk/appscope/apply?content=none%23x", "/nowhere"):
        assert get(practice.base + path).status_code == 404
    for path in ("/try/{}", "/console/{}", "/grants", "/faults", "/feishu/device"):
        app_id = practice.app("lark", "feishu").app_id
        assert (
            post(practice.base + path.format(app_id), data={"call": "99999999999999999999", "person": "x\x00", "action": "?"}).status_code
            < 500
        )
