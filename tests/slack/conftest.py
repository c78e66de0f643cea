"""A local Slack for every test, and a door opened to it by HTTP or Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.slack.server import SlackServer
from tests.slack.world import Open, opened


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """The local Slack. At the end, nothing that was sent to it may have been refused for its shape."""
    server = SlackServer()
    runner = await server.start()
    yield server
    await runner.cleanup()
    assert server.refused == []


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` and no setting of this machine reaches a test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["http", "socket"])
async def door(request: pytest.FixtureRequest, slack: SlackServer, tmp_path: Path) -> AsyncIterator[Open]:
    """The door, open by HTTP and by Socket Mode in turn."""
    async with opened(slack, tmp_path, socket=request.param == "socket") as world:
        yield world


@pytest.fixture
async def http_door(slack: SlackServer, tmp_path: Path) -> AsyncIterator[Open]:
    """The door, open by HTTP."""
    async with opened(slack, tmp_path) as world:
        yield world
