"""From a paste in Slack to the green card: click, personal link, the practice platform's page, callback, proof, redrawn where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.model import App
from handlers.practice import Practice
from tests.practice import SCOPE, practice, visit
from tests.slack.server import Posted, SlackServer
from tests.slack.world import Open, opened

__all__ = ["practice"]


def paste(app: App) -> str:
    """What that app's program would have logged."""
    scope = SCOPE[app.platform, app.brand]
    return f'{{"code":99991679,"msg":"Unauthorized. required one of these privileges: [{scope}]","app_id":"{app.app_id}"}}'


async def consent(door: Open, app: App, whisper: Posted, *, approve: bool = True, who: str = "alice") -> None:
    """The person follows the personal link to the end."""
    found = re.search(r"/consent/([\w-]+\.[\w-]+)", whisper.words)
    assert found, whisper.words
    started = await door.runtime.service.start(found[1])
    seen = visit(started.url, who, approve=approve)
    await door.runtime.service.finish(app.platform, app.app_id, seen.query, started.cookie)
    await door.settle()


@pytest.mark.parametrize(("approve", "said"), [(True, "Solved"), (False, "Try again")])
async def test_the_shared_card_says_how_it_ended(approve: bool, said: str, slack: SlackServer, tmp_path: Path, practice: Practice) -> None:
    """The one card in the thread lives on; the private link is in none of its versions."""
    app = practice.app("lark", "feishu")
    async with opened(slack, tmp_path, apps=practice.apps) as door:
        await door.says(paste(app))
        await door.settle()
        [card] = slack.in_channel("C1")
        await door.clicks(card, card.button("reauthorize"))
        await door.settle()
        await consent(door, app, slack.whispers[-1], approve=approve)
        await door.settle()

        [now] = slack.in_channel("C1")
        assert said in now.words
        assert "/consent/" not in " ".join(form.get("blocks", "") for method, form in slack.calls if method != "chat.postEphemeral")


async def test_a_private_card_and_its_shared_copy_turn_green_together(slack: SlackServer, tmp_path: Path, practice: Practice) -> None:
    """The private one through its response_url (five uses at most), the copy by the Web API and without the account's name."""
    app = practice.app("lark", "feishu")
    async with opened(slack, tmp_path, apps=practice.apps) as door:
        await door.commands(paste(app))
        await door.settle()
        [answer] = slack.whispers
        await door.clicks(answer, answer.button("share"), channel="C1")
        await door.settle()
        await door.clicks(answer, answer.button("reauthorize"), channel="C1")
        await door.settle()
        link = next(one for one in slack.whispers if "/consent/" in one.words)
        await consent(door, app, link)

        [copy] = slack.in_channel("C1")
        assert "Solved" in copy.words
        assert app.app_id not in copy.words
        assert "Solved" in slack.replaced[-1].words
        assert max(slack.uses.values()) <= 5


async def test_a_wrong_account_is_told_privately(slack: SlackServer, tmp_path: Path, practice: Practice) -> None:
    """The channel learns that it did not work; who it was stays between the two."""
    app = practice.app("lark", "feishu")
    async with opened(slack, tmp_path, apps=practice.apps) as door:
        await door.says(paste(app))
        await door.settle()
        [card] = slack.in_channel("C1")
        await door.clicks(card, card.button("reauthorize"))
        await door.settle()
        await consent(door, app, slack.whispers[-1])
        await door.commands("revoke 1")
        await door.settle()
        await door.says(paste(app))
        await door.settle()
        card = slack.in_channel("C1")[0]
        before = len(slack.whispers)
        await door.clicks(card, card.button("reauthorize"))
        await door.settle()
        await consent(door, app, slack.whispers[-1], who="bob")

        assert len(slack.whispers) >= before + 2
        assert slack.whispers[-1].only_for == "U1"
        assert "account" in slack.whispers[-1].words
