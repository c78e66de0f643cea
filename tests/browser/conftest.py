"""A running demo, restartable, and headless Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.peers import absent, free_port

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip
START_SECONDS = 20


class Demo:
    """`whyforbidden demo` as a person starts it: the installed command, its own data folder, stopped and started at will."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it is ready."""
        command = Path(sys.executable).with_name("whyforbidden")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),  # this tree, also where another one is installed
            "WHYFORBIDDEN_PORT": str(self.port),
            "WHYFORBIDDEN_STORE_URL": f"sqlite:///{self.folder}/demo.db",
        }
        with (self.folder / "demo.log").open("ab") as log:
            self.process = subprocess.Popen([command, "demo"], env=environment, cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise AssertionError((self.folder / "demo.log").read_text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; SIGKILL is the rude way."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None

    def restart(self) -> None:
        """As after a power cut."""
        self.stop(signal.SIGKILL)
        self.start()


@pytest.fixture(scope="package")  # not longer: while it is open no test elsewhere may run an event loop of its own
def chromium() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    if not Path(CHROMIUM).exists():
        absent(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo a test file; people in it are separate browser contexts."""
    running = Demo(tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; anything that the page could not load or run fails the test."""
    context = chromium.new_context(viewport={"width": 1100, "height": 900}, locale="en-US")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, demo: Demo) -> Page:
    """The chat page, open, with errors collected in `page.problems`."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.problems = problems  # type: ignore[attr-defined]
    page.goto(demo.url)
    return page
