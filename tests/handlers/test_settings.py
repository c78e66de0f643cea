"""Settings and apps.toml: what is read, what is refused, and that every refusal is one line that names the setting and no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handlers.apps import load_apps, parse_apps
from handlers.doctor import run
from handlers.settings import PREFIX, Settings, SettingsError, load_settings, settings_table, unknown_names

SECRET = "sesame-sesame-sesame-sesame"

DESIGNED = [
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "STORE_URL",
    "SECRET_KEY",
    "APPS_FILE",
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_API_URL",
    "LARK_APP_ID",
    "LARK_APP_SECRET",
    "LARK_ENCRYPT_KEY",
    "LARK_VERIFICATION_TOKEN",
    "LARK_DOMAIN",
    "LARK_MODE",
    "DINGTALK_CLIENT_ID",
    "DINGTALK_CLIENT_SECRET",
    "DINGTALK_API_URL",
]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty directory and no setting from outside."""
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_table_has_every_setting_with_a_meaning_and_no_secret() -> None:
    """Each designed name is there; each row explains itself; defaults of secrets are never shown."""
    rows = settings_table()
    names = [name for name, _, _ in rows]

    assert {PREFIX + name for name in DESIGNED} <= set(names)
    assert len(rows) == len(Settings.model_fields)
    assert all(len(meaning) > 15 for _, _, meaning in rows)
    assert not [name for name, default, _ in rows if re.search("SECRET$|TOKEN$|ENCRYPT_KEY$", name) and default]


def test_without_anything_set_only_the_chat_page_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults listen on this machine only and keep data in the user's own place."""
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    settings = load_settings()

    assert (settings.host, settings.base_url) == ("127.0.0.1", "http://127.0.0.1:8080")
    assert {settings.slack, settings.lark, settings.dingtalk, settings.device_flow, settings.practice} == {False}
    assert settings.store_url == "sqlite:////data/whyforbidden/whyforbidden.db"


def test_environment_wins_over_the_file_and_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Empty variables count as unset, as container tools set them."""
    (tmp_path / ".env").write_text(f"{PREFIX}PORT=1234\n{PREFIX}LOCALE=zh\n")
    monkeypatch.setenv(PREFIX + "PORT", "4321")
    monkeypatch.setenv(PREFIX + "LARK_APP_ID", "")
    monkeypatch.setenv(PREFIX + "ADMINS", "slack:T1:U1, lark:t:ou_1 ,")
    monkeypatch.setenv(PREFIX + "SECRET_KEY", "a, b,")
    settings = load_settings()

    assert (settings.port, settings.locale, settings.lark) == (4321, "zh", False)
    assert settings.admins == ("slack:T1:U1", "lark:t:ou_1")
    assert settings.secret_keys == ("a", "b")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"slack_app_token": SECRET}, ["SLACK_BOT_TOKEN"]),
        ({"slack_bot_token": SECRET}, ["SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"]),
        ({"slack_signing_secret": SECRET}, ["SLACK_BOT_TOKEN"]),
        ({"lark_app_id": "cli_1"}, ["LARK_APP_SECRET"]),
        ({"lark_app_secret": SECRET}, ["LARK_APP_ID"]),
        ({"lark_encrypt_key": SECRET}, ["LARK_APP_ID", "LARK_APP_SECRET"]),
        ({"lark_app_id": "cli_1", "lark_app_secret": SECRET, "lark_mode": "webhook"}, ["LARK_ENCRYPT_KEY", "LARK_VERIFICATION_TOKEN"]),
        ({"dingtalk_client_id": "d"}, ["DINGTALK_CLIENT_SECRET"]),
        ({"dingtalk_client_secret": SECRET, "lark_app_id": "x"}, ["DINGTALK_CLIENT_ID", "LARK_APP_SECRET"]),
    ],
)
def test_a_half_configured_door_names_what_is_missing(given: dict[str, str], missing: list[str]) -> None:
    """All that is missing, in one line, without the values that are there."""
    with pytest.raises(SettingsError) as caught:
        load_settings(**given)

    sentence = str(caught.value)
    assert all(PREFIX + name in sentence for name in missing)
    assert "\n" not in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "given",
    [
        {"slack_bot_token": SECRET, "slack_app_token": SECRET},
        {"slack_bot_token": SECRET, "slack_signing_secret": SECRET},
        {"lark_app_id": "cli_1", "lark_app_secret": SECRET},
        {"lark_app_id": "cli_1", "lark_app_secret": SECRET, "lark_mode": "webhook", "lark_encrypt_key": SECRET},
        {"dingtalk_client_id": "d", "dingtalk_client_secret": SECRET},
    ],
)
def test_a_whole_door_opens_and_its_secrets_do_not_print(given: dict[str, str]) -> None:
    """Exactly one door, and no secret in the printed settings."""
    settings = load_settings(**given)

    assert [settings.slack, settings.lark, settings.dingtalk].count(True) == 1
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "eighty"),
        ("PUBLIC_URL", "http://bot.example.com"),
        ("PUBLIC_URL", "bot.example.org"),
        ("PUBLIC_URL", "https://u:pw@bot.example.com"),
        ("SLACK_API_URL", "ftp://x"),
        ("LARK_DOMAIN", "feishu.cn"),
        ("LARK_MODE", "carrier pigeon"),
        ("LOCALE", "fr"),
        ("ADMINS", "alice"),
        ("API_KEYS", "short"),
        ("RETENTION_DAYS", "0"),
        ("CHANNEL_DETAIL", "everything"),
        ("TRUST_PROXY", "everybody"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_setting(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value itself is not repeated: it may stand in the wrong variable."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert PREFIX + name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert value not in str(caught.value) or len(value) < 3


def test_an_unreadable_env_file_is_said(tmp_path: Path) -> None:
    """A binary .env is no traceback."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00A")
    with pytest.raises(SettingsError, match=r"\.env"):
        load_settings()


def test_misspelt_names_are_found() -> None:
    """A typing error would otherwise leave a door shut without a word."""
    assert unknown_names({PREFIX + "PROT": "1", PREFIX + "PORT": "1", "HOME": "/"}) == (PREFIX + "PROT",)


async def test_misspelt_names_are_told_by_the_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment and from `.env`, with the name that was meant, and without the value."""
    monkeypatch.setenv(PREFIX + "SLACK_BOT_TOKE", "xoxb-secret-secret")
    (tmp_path / ".env").write_text(f"{PREFIX}PROT=1\n{PREFIX}ZZZZZZ=1\n")
    settings = load_settings(store_url=f"sqlite:///{tmp_path / 'store.db'}")

    found = [check.says.en for check in await run(settings) if check.about == "settings" and check.ok is False]

    assert found == [
        f"{PREFIX}PROT is no setting; did you mean {PREFIX}PORT?",
        f"{PREFIX}SLACK_BOT_TOKE is no setting; did you mean {PREFIX}SLACK_BOT_TOKEN?",
        f"{PREFIX}ZZZZZZ is no setting and is not read.",
    ]


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({"public_url": "https://bot.example.com/"}, "https://bot.example.com"),
        ({"host": "0.0.0.0", "port": 9}, "http://127.0.0.1:9"),  # noqa: S104
        ({"host": "::1"}, "http://[::1]:8080"),
    ],
)
def test_links_begin_with_an_address_that_a_browser_reaches(given: dict[str, object], base: str) -> None:
    """`0.0.0.0` is no address to click on."""
    assert load_settings(**given).base_url == base


# ---------------------------------------------------------------- apps.toml

APP = """
[[apps]]
platform = "lark"
app_id = "cli_1"
secret = "env:LARK_ONE"
"""


def test_an_app_is_read_with_its_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and callback have sensible defaults; the secret does not print."""
    monkeypatch.setenv("LARK_ONE", SECRET)
    (app,) = parse_apps(APP + 'never_ask = ["contact:contact"]\nowners = ["Alice"]', "https://bot.example.com")

    assert (app.secret, app.name, app.mode, app.practice) == (SECRET, "cli_1", "broker", False)
    assert app.redirect_uri == "https://bot.example.com/consent/callback/lark/cli_1"
    assert (app.never_ask, app.owners) == (frozenset({"contact:contact"}), ("Alice",))
    assert SECRET not in repr(app)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("", "app 1 (cli_1): secret: the environment variable LARK_ONE is not set"),
        ("scret = 'x'", "scret: Extra inputs are not permitted"),
        ('notify_url = "https://a.example"', "`notify_url` needs `app_key`"),
        ('app_key = "short"', "at least 24"),
        ('entry_url = "http://a.example"', "use https"),
        ('redirect_uri = "javascript:alert(1)"', "whole address"),
        ('mode = "handoff"', "needs `entry_url` and `app_key`"),
        ('mode = "magic"', "mode: "),
        ('brand = "other"', "brand: "),
        ("practice = true", "practice: Extra inputs"),
        ("hosts = {open = 'http://10.0.0.1'}", "hosts.open: http is only for this machine"),
        ("[[apps]]\nplatform = 'lark'\napp_id = 'cli_1'\nsecret = 'x'", "is listed twice"),
        ("[[apps]]\nplatform = 'myspace'\napp_id = 'm'\nsecret = 'x'", "app 2 (m): platform 'myspace' is unknown"),
        ("[[apps]]\nplatform = 'google'\napp_id = 'g'\nsecret = 'x'", "offers no user authorization"),
        ("[[apps]]\nplatform = 'lark'\napp_id = 'm'", "mode broker needs `secret`"),
        ("[[apps]]\nplatform = 'lark'\napp_id = '../m'\nsecret = 'x'", "app 2 (../m): app_id: "),
        (
            f"app_key = '{'k' * 24}'\n[[apps]]\nplatform = 'slack'\napp_id = 's'\nsecret = 'x'\napp_key = '{'k' * 24}'",
            "has the `app_key` of another app",
        ),
        ("[[app]]", "app: Extra inputs"),
        ("apps = 7", "apps: Extra inputs"),
        ("[[apps", "not valid TOML"),
    ],
)
def test_a_bad_app_is_one_line_that_names_it(change: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, which app, which field, what to do; never the secret."""
    if change:
        monkeypatch.setenv("LARK_ONE", SECRET)
    with pytest.raises(SettingsError) as caught:
        parse_apps(APP + change, "https://bot.example.com")

    sentence = str(caught.value)
    assert says in sentence
    assert sentence.startswith("apps.toml")
    assert "\n" not in sentence
    assert SECRET not in sentence


def test_a_missing_file_matters_only_when_it_was_named(tmp_path: Path) -> None:
    """No apps.toml is fine; a named one that is absent or binary is said."""
    assert load_apps(None, "https://b.example") == ()
    with pytest.raises(SettingsError, match=r"WHYFORBIDDEN_APPS_FILE.*No such file"):
        load_apps(tmp_path / "gone.toml", "https://b.example")
    (tmp_path / "apps.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_apps(None, "https://b.example")
