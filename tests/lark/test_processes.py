"""Two real servers with one store, each with the real SDK in a process of its own: the storm, a death, a clean stop."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from tests.lark.made import ERROR, again, message
from tests.lark.platform import APP_ID, SECRET, OpenPlatform, until


async def _serve(lark: OpenPlatform, folder: Path) -> Process:
    settings = {
        "PORT": "0",
        "STORE_URL": f"sqlite:///{folder / 'store.db'}",
        "PRACTICE": "true",
        "LARK_APP_ID": APP_ID,
        "LARK_APP_SECRET": SECRET,
        "LARK_DOMAIN": lark.base,
    }
    environment = {**os.environ, **{f"WHYFORBIDDEN_{name}": value for name, value in settings.items()}}
    command = str(Path(sys.executable).with_name("whyforbidden"))
    return await asyncio.create_subprocess_exec(command, "serve", env=environment, stdout=PIPE, stderr=DEVNULL, cwd=folder)


async def test_a_storm_on_two_processes_gives_one_answer_each_and_no_process_is_left_behind(lark: OpenPlatform, tmp_path: Path) -> None:
    """Every event five times, shuffled, over two connections; then one server is killed and the other asked to stop."""
    first, second = await _serve(lark, tmp_path), await _serve(lark, tmp_path)
    await until(lambda: len(lark.sockets) == 2, 40)
    events = [message(ERROR.replace("34567890A", f"3456789{n:02d}"), chat=f"oc_p2p_{n}", sender=f"ou_{n}") for n in range(15)]
    storm = [again(event) if turn % 2 else event for event in events for turn in range(5)]
    random.Random(11).shuffle(storm)
    names = []
    for number, event in enumerate(storm):
        lark.sockets.reverse()
        names.append(await lark.push(event, parts=2 if number % 7 == 0 else 1))
    await until(lambda: len(lark.answers()) >= len(events), 15)
    await asyncio.sleep(0.5)

    assert sorted(one["reply_to"] for one in lark.answers()) == sorted(event["event"]["message"]["message_id"] for event in events)
    assert {(await lark.ack(name))["code"] for name in names} == {200}

    first.send_signal(signal.SIGKILL)
    await until(lambda: len(lark.sockets) == 1, 5)
    second.send_signal(signal.SIGTERM)
    await until(lambda: not lark.sockets, 8)

    assert await asyncio.wait_for(second.wait(), 8) == 0
    await first.wait()
    assert second.stdout is not None
    assert b"lark: long connection to 127.0.0.1" in await second.stdout.read()
