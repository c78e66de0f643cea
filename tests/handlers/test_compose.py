"""The composition root: a whole process out of settings, its housekeeping, and one sentence when something cannot be opened."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.model import App, Person
from bot.oauth.messages import Token
from bot.oauth.tokens import seal
from bot.ports import Report
from handlers.compose import build
from handlers.settings import Settings, SettingsError, load_settings

FEISHU = App("lark", "cli_1", brand="feishu", secret="s", practice=True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A process of its own directory."""
    monkeypatch.chdir(tmp_path)
    return load_settings(store_url=f"sqlite:///{tmp_path / 'data' / 'store.db'}", secret_key="", practice=True)


async def test_one_round_of_housekeeping_forgets_what_is_over_and_the_next_waits_an_hour(settings: Settings) -> None:
    """Old reports and tokens that can never be used again go; the sweep is one process's job in an hour."""
    runtime = build(settings, apps=[FEISHU])
    then = runtime.clock.now() - timedelta(days=40)
    await runtime.store.remember([Report(("old",), "lark", {}, then)])
    dead = seal(runtime.vault, FEISHU, Token("a", frozenset(), 1, "r", 2), subject="ou_1", now=then, person=Person("slack", "T", "U"))
    await runtime.store.put_token(dead)
    await runtime.housekeeping()

    assert await runtime.store.recall(("old",)) is None
    assert await runtime.store.token("lark", "cli_1", "ou_1", Person("slack", "T", "U")) is None
    await runtime.store.remember([Report(("old",), "lark", {}, then)])
    await runtime.housekeeping()
    assert await runtime.store.recall(("old",)) is not None
    await runtime.close()


async def test_a_job_that_fails_does_not_stop_the_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next round tries again; a failing platform must not keep notifications from going out."""
    runtime = build(settings, apps=[FEISHU])

    async def broken() -> int:
        raise RuntimeError("platform on fire")

    monkeypatch.setattr(runtime.service, "resume", broken)
    then = runtime.clock.now() - timedelta(days=40)
    await runtime.store.remember([Report(("old",), "lark", {}, then)])
    await runtime.housekeeping()

    assert await runtime.store.recall(("old",)) is None
    await runtime.close()


async def test_a_restart_finds_store_and_key_again(settings: Settings) -> None:
    """What one process sealed and stored the next one reads."""
    first = build(settings, apps=[FEISHU])
    await first.store.put_token(seal(first.vault, FEISHU, Token("a", expires_in=7200), subject="ou_1", now=first.clock.now()))
    await first.close()
    second = build(settings, apps=[FEISHU])

    assert (await second.broker.hand_out(FEISHU, "ou_1")).access_token == "a"
    await second.close()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"store_url": "sqlite:////proc/nowhere/store.db"}, "WHYFORBIDDEN_STORE_URL"),
        ({"secret_key": "short"}, "WHYFORBIDDEN_SECRET_KEY"),
        ({"apps_file": Path("absent.toml")}, "WHYFORBIDDEN_APPS_FILE"),
    ],
)
def test_what_cannot_be_opened_is_one_line(change: dict[str, object], names: str, settings: Settings) -> None:
    """It names the setting, for the operator who reads it in a container's log."""
    given = {"store_url": settings.store_url, **change}
    with pytest.raises(SettingsError, match=names) as caught:
        build(load_settings(**given))
    assert "\n" not in str(caught.value)


def test_the_command_says_it_in_one_line_too(tmp_path: Path) -> None:
    """`serve` with a bad setting: exit status 1, one line on stderr, no traceback."""
    given = {"WHYFORBIDDEN_STORE_URL": "sqlite:////proc/nowhere/store.db", "WHYFORBIDDEN_PORT": "0"}
    environment = {**os.environ, **given, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", "from handlers.cli import main; main()", "serve"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60)

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "WHYFORBIDDEN_STORE_URL" in ran.stderr
