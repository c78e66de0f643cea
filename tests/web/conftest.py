"""A whole process as settings build it, with the practice platform, served by uvicorn on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bot.model import App
from handlers.compose import Runtime, build
from handlers.practice import running
from handlers.serve import bound, server_of, web_app
from handlers.settings import load_settings

KEY = "an-api-key-for-the-tests-0001"


class Site:
    """A served chat page: its address and the runtime behind it."""

    def __init__(self, url: str, runtime: Runtime) -> None:
        self.url, self.runtime = url, runtime


@contextmanager
def served(folder: Path, change: Callable[[Sequence[App]], Sequence[App]] = lambda apps: apps, **more: object) -> Iterator[Site]:
    """A served process on a free port, with the practice platform beside it; `change` may configure its apps otherwise, `more` are settings."""
    listener = bound("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with running() as practice:
        settings = load_settings(
            **{"store_url": f"sqlite:///{folder}/store.db", "practice": True, "public_url": url, "api_keys": KEY, **more}
        )
        runtime = build(settings, apps=change(practice.apps))
        server = server_of(web_app(runtime), settings)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        while not server.started:
            threading.Event().wait(0.02)
        try:
            yield Site(url, runtime)
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server a test file."""
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """An HTTP client with the operator's key."""
    with httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20) as client:
        yield client
