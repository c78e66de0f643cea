"""Eight processes, each put together by `wire`, one store: one callback, one proof; one refresh. Against the practice platform's own count."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Refused
from bot.model import App
from handlers.compose import Runtime
from handlers.practice import Practice
from tests.peers import postgres_database
from tests.practice import ALICE, practice, process, put_card, ticket_of, visit

__all__ = ["practice"]

pytestmark = pytest.mark.chaos
PROCESSES = 8
CALLS = 3  # for the token, by each process at once
TOKEN = "POST /feishu/open-apis/authen/v2/oauth/token"
PATIENCE = 60


async def racer(runtime: Runtime, me: int, app: App, answer: tuple[dict[str, str], str], barrier: Barrier) -> tuple[str, list[str]]:
    """Bring the same answer back as all the others, see what became of it; then ask for the token that is over by then."""
    query, cookie = answer
    await asyncio.to_thread(barrier.wait, PATIENCE)
    try:
        flow_id = await runtime.service.finish(app.platform, app.app_id, query, cookie)
        for _ in range(200):  # as the page does, which reloads itself while somebody works
            if not (outcome := await runtime.service.outcome(flow_id, cookie)).working:
                break
            await asyncio.sleep(0.05)
        seen = outcome.view.state
    except Refused as no:
        seen = no.code
    await asyncio.to_thread(barrier.wait, PATIENCE)
    if me == 0:
        (row,) = await runtime.store.tokens_of(ALICE)
        assert await runtime.store.save_token(replace(row, expires=runtime.clock.now() - timedelta(minutes=1)))
        await asyncio.to_thread(barrier.wait, PATIENCE)
        subject = row.subject
    else:
        await asyncio.to_thread(barrier.wait, PATIENCE)
        subject = (await runtime.store.tokens_of(ALICE))[0].subject
    await asyncio.to_thread(barrier.wait, PATIENCE)
    handed = await asyncio.gather(*(runtime.broker.hand_out(app, subject) for _ in range(CALLS)))
    return seen, [each.access_token for each in handed]


def compete(url: str, me: int, app: App, answer: tuple[dict[str, str], str], barrier: Barrier, results: Any) -> None:
    """One of the eight."""

    async def run() -> tuple[str, list[str]]:
        runtime = process(url, [app])
        try:
            return await racer(runtime, me, app, answer, barrier)
        finally:
            await runtime.close()

    try:
        results.put(asyncio.run(run()))
    except BaseException as error:  # the parent has to hear of it, whatever it is
        barrier.abort()
        results.put((f"failed: {error!r}", []))


async def begin(url: str, apps: Sequence[App]) -> tuple[dict[str, str], str]:
    """Up to the moment when the platform sends the browser back."""
    runtime = process(url, apps)
    await put_card(runtime.service, apps[0])
    started = await runtime.service.start(await ticket_of(runtime.service))
    await runtime.close()
    return visit(started.url).query, started.cookie


async def ended(url: str, apps: Sequence[App]) -> tuple[int, list[str], int]:
    """How many tokens are kept, what the audit tells, and what is left undone."""
    runtime = process(url, apps)
    kept = await runtime.store.tokens_of(ALICE)
    actions = [str(row["action"]) for row in await runtime.service.audit()]
    undone = await runtime.service.resume()
    await runtime.close()
    return len(kept), actions, undone


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_processes_with_one_callback_and_one_refresh_token(kind: str, tmp_path: Path, practice: Practice) -> None:
    """The platform sees one exchange and one refresh; there is one token and one proof; everybody sees the same outcome, or is refused."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else postgres_database("race_loop")
    app = practice.app("lark", "feishu")
    answer = asyncio.run(begin(url, [app]))
    practice.world.seen.clear()
    # a clean process that has imported everything is forked eight times: as separate as spawned ones, and there at once
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warm", __name__])
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    racers = [context.Process(target=compete, args=(url, me, app, answer, barrier, results)) for me in range(PROCESSES)]
    for one in racers:
        one.start()
    came = [results.get(timeout=PATIENCE) for _ in racers]
    for one in racers:
        one.join(10)

    outcomes = Counter(outcome for outcome, _ in came)
    assert outcomes["proven"] >= 1
    assert set(outcomes) <= {"proven", "unknown_state"}
    assert len({token for _, tokens in came for token in tokens}) == 1
    assert sum(len(tokens) for _, tokens in came) == PROCESSES * CALLS
    assert list(practice.world.seen).count(TOKEN) == 2, "one exchange and one refresh reach the platform"
    kept, actions, undone = asyncio.run(ended(url, [app]))
    assert (kept, undone) == (1, 0)
    assert Counter(actions)["consent.authorized"] == Counter(actions)["consent.granted"] == Counter(actions)["consent.proven"] == 1
