"""Links are built from templates for known hosts; nothing out of a paste becomes part of one unless its shape is right."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from bot import platforms
from bot.model import App, Cause, Finding, Identity, Link

HOSTS = {
    "lark": {"open.feishu.cn", "open.larksuite.com", "applink.feishu.cn", "www.larksuite.com"},
    "dingtalk": {"open-dev.dingtalk.com", "open.dingtalk.com", "open-dingtalk.github.io", "oa.dingtalk.com"},
    "kuaishou": {"open.kwaixiaodian.com", "fuwu.kwaixiaodian.com", "open.kuaishou.com"},
    "slack": {"api.slack.com", "docs.slack.dev"},
    "wecom": {"work.weixin.qq.com", "open.work.weixin.qq.com"},
    "github": {"github.com", "docs.github.com"},
    "google": {"console.cloud.google.com", "myaccount.google.com", "developers.google.com"},
    "microsoft": {"entra.microsoft.com", "learn.microsoft.com", "login.microsoftonline.com"},
}
HOSTILE = "cli_a1@evil.example/?x=<script>\n\u202e#"


def links(finding: Finding, scopes: tuple[str, ...] = (), app: App | None = None, cause: Cause = Cause.OTHER) -> tuple[Link, ...]:
    """The platform's links."""
    part = platforms.links(finding.platform)
    assert part is not None
    return tuple(part.links(finding, scopes, app, cause))


def first(*args: object, **more: object) -> str:
    """The primary link's address."""
    return next(link.url for link in links(*args, **more) if link.rel in {"console", "practice"})  # type: ignore[arg-type]


@pytest.mark.parametrize("platform", sorted(HOSTS))
@pytest.mark.parametrize("cause", list(Cause))
def test_a_hostile_paste_changes_no_link(platform: str, cause: Cause) -> None:
    """Whatever stands in the finding, every link leads to a known host over https and carries none of it."""
    hints = dict.fromkeys(("brand", "host", "api", "method_id", "entry", "time"), HOSTILE)
    finding = Finding(platform, (HOSTILE,), HOSTILE, (HOSTILE,), (HOSTILE,), app_id=HOSTILE, hints=hints)
    found = links(finding, (HOSTILE,), None, cause)
    assert found
    for link in found:
        parts = urlsplit(link.url)
        assert parts.scheme == "https" and parts.netloc in HOSTS[platform], link.url
        assert "evil" not in link.url and link.label.en and link.label.zh


def test_lark_preselects_scope_and_token_type() -> None:
    """The permission page opens with the scope and the kind of token filled in, on the brand's own host."""
    user = Finding("lark", identity=Identity.USER, app_id="cli_a5ca35a685b0x26e", hints={"brand": "lark"})
    assert first(user, ("docx:document",), None, Cause.USER_SCOPE_MISSING) == (
        "https://open.larksuite.com/app/cli_a5ca35a685b0x26e/auth?q=docx%3Adocument&op_from=openapi&token_type=user"
    )
    app = Finding("lark", identity=Identity.APP, app_id="cli_a5ca35a685b0x26e")
    assert first(app, ("a:b", "c:d"), None, Cause.APP_SCOPE_MISSING) == (
        "https://open.feishu.cn/app/cli_a5ca35a685b0x26e/auth?q=a%3Ab%2Cc%3Ad&op_from=openapi&token_type=tenant"
    )
    assert first(Finding("lark"), (), None, Cause.USER_SCOPE_MISSING) == "https://open.feishu.cn/app"
    assert first(user, (), None, Cause.REDIRECT_URI).endswith("/cli_a5ca35a685b0x26e/safe")


def test_the_configured_app_wins() -> None:
    """A configured app's brand and own hosts (practice, private deployment) decide, not the paste."""
    finding = Finding("lark", app_id="cli_0000000000000000", hints={"brand": "lark"})
    practice = App("lark", "cli_practice00001", brand="feishu", hosts={"open": "http://127.0.0.1:9/"}, practice=True)
    found = links(finding, ("a:b",), practice, Cause.USER_SCOPE_MISSING)
    assert found[0].rel == "practice" and found[0].url.startswith("http://127.0.0.1:9/app/cli_practice00001/auth?q=a%3Ab")
    assert links(finding, (), App("lark", "cli_x", brand="feishu"), Cause.OTHER)[0].url == "https://open.feishu.cn/app/cli_x"


def test_the_troubleshooter_gets_the_log_id() -> None:
    """A log_id of the right shape leads to the troubleshooter, with code and method where they are numbers."""
    finding = Finding(
        "lark", ("99991679",), request_ids=("2024110416232661C50BC902DF30E6C183",), hints={"method_id": "7088555130824867868"}
    )
    (link,) = [link for link in links(finding) if link.rel == "troubleshooter"]
    assert link.url == (
        "https://open.feishu.cn/search?from=openapi&log_id=2024110416232661C50BC902DF30E6C183&code=99991679&method_id=7088555130824867868"
    )
    assert not [link for link in links(Finding("lark", request_ids=("req-403",))) if link.rel == "troubleshooter"]


def test_the_guides_for_each_form_of_app_are_there() -> None:
    """Browser web app, in-client web app and mini program each have their guide on the brand's documentation."""
    found = [link.url for link in links(Finding("lark"), (), None, Cause.USER_SCOPE_MISSING) if link.rel == "docs"]
    assert len(found) == 3 and all(url.startswith("https://open.feishu.cn/document/") for url in found)


def test_dingtalk_has_one_apply_link_a_scope() -> None:
    """The apply page takes one scope; several scopes give several links, ahead of the app list."""
    finding = Finding("dingtalk", app_id="dingabcdefgh12345678")
    found = [link.url for link in links(finding, ("Contact.User.Read", "qyapi_robot_sendmsg"), None, Cause.APP_SCOPE_MISSING)]
    assert found[:2] == [
        "https://open-dev.dingtalk.com/appscope/apply?content=dingabcdefgh12345678%23Contact.User.Read",
        "https://open-dev.dingtalk.com/appscope/apply?content=dingabcdefgh12345678%23qyapi_robot_sendmsg",
    ]
    assert "https://open.dingtalk.com/document/personalapp/access-process" in found


def test_other_consoles_open_where_the_cause_needs() -> None:
    """Slack's OAuth page, Microsoft's permission page, Google's IAM, WeCom's and Microsoft's own page on the code."""
    assert first(Finding("slack", app_id="A012AB34CD"), (), None, Cause.APP_SCOPE_MISSING) == "https://api.slack.com/apps/A012AB34CD/oauth"
    assert first(Finding("slack"), (), None, Cause.APP_SCOPE_MISSING) == "https://api.slack.com/apps"
    guid = "f8c7976f-3e93-482d-88a3-62a1133cbbc3"
    assert first(Finding("microsoft", app_id=guid), (), None, Cause.APP_SCOPE_MISSING).endswith(f"CallAnAPI/appId/{guid}")
    assert "https://login.microsoftonline.com/error?code=50011" in [link.url for link in links(Finding("microsoft", ("AADSTS50011",)))]
    assert "iam-admin" in first(Finding("google"), (), None, Cause.RESOURCE_PERMISSION)
    assert "https://open.work.weixin.qq.com/devtool/query?e=60020" in [link.url for link in links(Finding("wecom", ("60020",)))]
    assert first(Finding("kuaishou", hints={"brand": "general"})) == "https://open.kuaishou.com"
    assert "monitor" in first(Finding("kuaishou"), (), None, Cause.RATE_LIMITED)
    assert first(Finding("github", message="Resource not accessible by integration")).endswith("/installations")


def test_the_support_bundle_names_what_is_missing() -> None:
    """DingTalk's support asks for six things; what the paste does not hold stays None."""
    part = platforms.links("dingtalk")
    assert part is not None
    items = part.support(Finding("dingtalk", message="no", request_ids=("E64F",), hints={"time": "2026-01-01"}))
    assert [item.value for item in items] == [None, "2026-01-01", None, None, "no", "E64F"]
    assert all(item.name.zh != item.name.en or item.name.en == "RequestId" for item in items)
