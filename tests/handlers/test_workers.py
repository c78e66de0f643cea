"""Reading a text is done beside the loop, for every door: a paste of megabytes keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import TypeVar

import pytest

from bot.model import Question
from bot.ports import WorkGivenUpError
from bot.redact import redact
from bot.services.answer import LONG
from handlers.compose import build
from handlers.settings import load_settings
from handlers.system import SystemWorkers
from tests.bench.pastes import feishu_error, log_with_errors
from tests.consent_world import ALICE, PLACE, Scene

T = TypeVar("T")
DOORS = Path(__file__).parents[2] / "handlers"
LARGE = 1_500_000


class Heart:
    """Beats in the loop; `longest` is the longest silence between two beats, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def beat(self) -> None:
        last = perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = perf_counter()
            self.longest, last = max(self.longest, now - last), now


async def test_a_paste_of_megabytes_does_not_stop_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on while it is read, and a short question is answered meanwhile. (The longest silence is one search over the text.)"""
    monkeypatch.chdir(tmp_path)
    runtime, heart = build(load_settings(store_url=f"sqlite:///{tmp_path}/store.db", practice=True), apps=[]), Heart()
    await runtime.service.command(_asked(feishu_error()))  # the first reading loads the packs
    text = log_with_errors(LARGE, 300)
    beating, began = asyncio.create_task(heart.beat()), perf_counter()
    large = asyncio.create_task(runtime.service.command(_asked(text)))
    await asyncio.sleep(0.05)

    short = await runtime.service.command(_asked("99991672"))
    meanwhile = not large.done()
    found, took = await large, perf_counter() - began
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    await runtime.close()

    assert found.diagnoses[0].finding.codes == ("99991679",) and short.diagnoses and meanwhile
    assert heart.longest < took / 3, f"silent for {heart.longest:.2f} s of {took:.2f} s"


async def test_what_is_light_never_waits_for_what_is_heavy() -> None:
    """Any number of long texts are being read: a short one is read at once."""
    workers = SystemWorkers()
    try:
        heavy = [asyncio.create_task(workers.run(partial(sleep, 1), heavy=True)) for _ in range(5)]
        await asyncio.sleep(0)

        assert await asyncio.wait_for(workers.run(lambda: "read"), 1) == "read"
        assert not any(task.done() for task in heavy)
    finally:
        workers.close()


async def test_what_breaks_in_a_process_breaks_for_the_one_who_asked() -> None:
    """An exception comes back from the other process; one that dies or takes too long is given up, and the next work is done."""
    workers = SystemWorkers(longest=20)

    with pytest.raises(ValueError, match="invalid literal"):
        await workers.run(partial(int, "x"), heavy=True)
    with pytest.raises(WorkGivenUpError):
        await workers.run(partial(os._exit, 9), heavy=True)
    assert await workers.run(partial(int, "7"), heavy=True) == 7
    hasty = SystemWorkers(longest=0.2)
    with pytest.raises(WorkGivenUpError):
        await hasty.run(partial(sleep, 30), heavy=True)
    workers.close()
    hasty.close()


async def test_what_breaks_in_a_worker_breaks_for_the_one_who_asked() -> None:
    """An exception comes back as it is, and the next work is done."""
    workers = SystemWorkers(1)

    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 // 0)

    assert await workers.run(lambda: 1) == 1
    workers.close()


class Counted:
    """The `Workers` port: notes how each work was announced."""

    def __init__(self) -> None:
        self.heavy: list[bool] = []

    async def run(self, work: Callable[[], T], *, heavy: bool = False) -> T:
        self.heavy.append(heavy)
        return work()


async def test_every_way_to_have_a_text_read_goes_through_the_workers() -> None:
    """A question, a command, an app's report, a mere reading; and what is long is announced as heavy."""
    scene, workers = Scene(), Counted()
    scene.restart(workers=workers)

    await scene.service.command(_asked(feishu_error()))
    await scene.service.answer(_asked(feishu_error(1)))
    await scene.service.report(feishu_error(2))
    await scene.service.read(feishu_error(3))
    await scene.service.read(feishu_error(4) + " " * LONG)

    assert workers.heavy == [False, False, False, False, True]


@pytest.mark.parametrize("door", ["slack", "lark", "dingtalk", "web"])
def test_no_door_reads_a_text_on_its_own(door: str) -> None:
    """They ask the service, which knows where to do it."""
    assert [file.name for file in (DOORS / door).rglob("*.py") if "import explain" in file.read_text("utf-8")] == []


def _asked(text: str) -> Question:
    return Question(redact(text).text, "slack", ALICE, PLACE, "en", direct=True)
