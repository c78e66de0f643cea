"""Killing the process at every step of the loop: before and after each call to the world. Nothing is lost, nothing happens twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bot.errors import Refused
from tests.consent_world import ALICE, Scene, teach

pytestmark = pytest.mark.chaos


class Killed(BaseException):
    """The process is gone. No `except Exception` survives it."""


@dataclass
class Life:
    """One process: it dies at its `fatal`-th call to the world, `before` or after the world did what it was asked; then nothing answers."""

    fatal: int
    before: bool
    calls: int = 0
    dead: bool = False

    def port(self, real: Any) -> Any:
        """The same port, mortal."""
        return _Mortal(self, real)


class _Mortal:
    def __init__(self, life: Life, real: Any) -> None:
        self._life, self._real = life, real

    def __getattr__(self, name: str) -> Any:
        life, method = self._life, getattr(self._real, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if life.dead:
                raise Killed
            life.calls += 1
            fatal = life.calls == life.fatal
            if fatal and life.before:
                life.dead = True
                raise Killed
            result = await method(*args, **kwargs)
            if fatal:
                life.dead = True
                raise Killed
            return result

        return call


def mortal(scene: Scene, life: Life) -> None:
    """The next process of this scene."""
    scene.restart(
        store=life.port(scene.store),
        http=life.port(scene.platform),
        notices=life.port(scene.mail),
        messengers={"slack": life.port(scene.voice)},
    )


class Alice:
    """A patient person: repeats the step that failed, reloads the page, and clicks again when the card or page says so."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.clicks = 0
        self.ticket = ""
        self.started: Any = None
        self.query: Mapping[str, str] = {}
        self.flow_id = ""

    async def go_on(self) -> bool:
        """One step further; True when the page says that it is proven."""
        service = self.scene.service
        if not self.ticket:
            self.clicks += 1
            clicked = await service.click("card", "reauthorize", ALICE, (await self.scene.store.card("card")).place)
            self.ticket = clicked.url.rpartition("/")[2]
        if not self.started:
            try:
                self.started = await service.start(self.ticket)
            except Refused:
                self.ticket = ""
                return False
        if not self.query:
            self.query = self.scene.platform.consent(self.started.url)
        if not self.flow_id:
            try:
                self.flow_id = await self.scene.finish(self.query, self.started.cookie)
            except Refused:
                self.again()
                return False
        view = (await service.outcome(self.flow_id, self.started.cookie)).view
        if view.state == "proven":
            return True
        if view.may_retry:
            self.again()
        return False

    def again(self) -> None:
        self.ticket, self.started, self.query, self.flow_id = "", None, {}, ""


async def live(fatal: int, *, before: bool) -> tuple[Scene, Alice, bool]:
    """The loop with one death in it; returns the scene, and whether the death came at all."""
    scene = Scene()
    await scene.card()
    alice, life = Alice(scene), Life(fatal, before)
    mortal(scene, life)
    died = proven = False
    for _ in range(12):
        try:
            proven = proven or await alice.go_on()
            if proven:
                await scene.service.resume()
                break
        except Killed:
            died = True
            life = Life(0, before)
            mortal(scene, life)
            scene.clock.go(80)  # the dead process's lease runs out
            await scene.service.resume()
    return scene, alice, died


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_no_death_loses_or_doubles_anything(before: bool) -> None:
    """At each call in turn: in the end one token, the last consent proven, no code accepted twice, the card green, nothing left undone."""
    fatal, died, stories = 0, True, []
    while died:
        fatal += 1
        scene, alice, died = await live(fatal, before=before)

        assert await scene.state() == "proven", f"died at call {fatal}"
        assert len(scene.store.tokens) == 1
        assert len(scene.platform.exchanged) == len(set(scene.platform.exchanged))
        assert "Proven" in scene.says()
        live_flows = [row for row, column, _, _ in scene.store.flows.values() if column.endswith("+") or column in ("offered", "started")]
        assert live_flows == []
        assert sum(1 for body in scene.mail.kept.values() if body["type"] == "consent.proven") == 1
        stories.append((alice.clicks, len(scene.platform.exchanged), len(scene.platform.refused)))

    assert fatal > 30, "the loop makes more calls than that; something is not watched"
    # one click, one exchange is the rule; only a death around the exchange itself, or before the link was handed over, costs a second click
    assert max(clicks for clicks, _, _ in stories) == 2
    assert sum(1 for clicks, _, _ in stories if clicks == 2) < fatal / 2
    # a code that was sent and not answered is sent once more, and the platform refuses it: that is all that may be refused
    assert max(count for _, _, count in stories) <= 1


async def test_a_death_after_the_exchange_is_told() -> None:
    """The platform took the code and we died before hearing the token: the person is asked to click once more, with a reason."""
    for fatal in range(1, 60):
        scene, alice, died = await live(fatal, before=False)
        if scene.platform.refused:
            failed = [row for row in scene.store.trail if row["action"] == "consent.failed"]

            assert died
            assert alice.clicks == 2
            assert failed[0]["reason"] == "20065"
            return
    pytest.fail("no death came right after the exchange")
