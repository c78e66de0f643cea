"""Two real browsers with one small set of words: Chromium through Playwright, Firefox (Debian's firefox-esr) through WebDriver BiDi.

Debian's Firefox speaks BiDi itself (`--remote-debugging-port`), so that no driver program is needed: a WebSocket and JSON.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import sync_playwright
from websockets.sync.client import ClientConnection, connect

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.peers import absent

FIREFOX = "/usr/bin/firefox-esr"
SECONDS = 20.0


class Tab(Protocol):
    """A tab of a browser with a profile of its own."""

    def go(self, url: str) -> None:
        """Open an address as somebody who follows a link, and wait until the page is there."""
        ...

    def js(self, expression: str) -> Any:
        """The value of an expression (a string, number or boolean) in the page; promises are awaited."""
        ...


def settled(tab: Tab, condition: str) -> bool:
    """Whether an expression becomes true within a while; a page that is being left does not count."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if tab.js(condition):
                return True
        except Exception:
            time.sleep(0.2)  # between two pages
        time.sleep(0.1)
    return False


class _Chromium:
    def __init__(self, page: Any) -> None:
        self._page = page

    def go(self, url: str) -> None:
        self._page.goto(url)

    def js(self, expression: str) -> Any:
        return self._page.evaluate(expression)


@contextmanager
def chromium() -> Iterator[Callable[[], Tab]]:
    """Opens Chromium; each call gives a tab with a fresh profile."""
    if not Path(CHROMIUM).exists():
        absent(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield lambda: _Chromium(browser.new_context().new_page())
        browser.close()


class _Bidi:
    """One WebDriver BiDi session."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0

    def call(self, method: str, **params: Any) -> Any:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(SECONDS))
            if message.get("id") == self._last:
                if message["type"] != "success":
                    raise RuntimeError(message["message"])
                return message["result"]


class _Firefox:
    def __init__(self, bidi: _Bidi) -> None:
        self._bidi = bidi
        user = bidi.call("browser.createUserContext")["userContext"]
        self._tab = bidi.call("browsingContext.create", type="tab", userContext=user)["context"]

    def go(self, url: str) -> None:
        self._bidi.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def js(self, expression: str) -> Any:
        answer = self._bidi.call("script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=True)
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")


@contextmanager
def firefox() -> Iterator[Callable[[], Tab]]:
    """Opens Firefox; each call gives a tab with cookies of its own."""
    if not Path(FIREFOX).exists():
        absent(f"{FIREFOX} is not installed (apt install firefox-esr)")
    home = tempfile.mkdtemp(prefix="whyforbidden-firefox-")
    command = [FIREFOX, "--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={"PATH": os.environ["PATH"], "HOME": home}
    )
    try:
        assert process.stderr is not None
        found = next((m[1] for line in process.stderr if (m := re.search(r"BiDi listening on (ws://\S+)", line))), "")
        with connect(f"{found}/session", max_size=None, proxy=None) as socket:
            bidi = _Bidi(socket)
            bidi.call("session.new", capabilities={})
            yield lambda: _Firefox(bidi)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(home, ignore_errors=True)


BROWSERS = {"chromium": chromium, "firefox": firefox}
