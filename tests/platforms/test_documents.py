"""Questions about documents take turns: at the platform's pace, in order, the chat doors and the command line in one queue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import pytest

from bot.model import Identity, Question
from bot.oauth.messages import Request, Response
from bot.platforms.lark.documents import PACE
from bot.redact import redact
from bot.services.document_access import MOST_WAITING
from handlers.admin import check_document
from handlers.practice import Practice, running
from handlers.settings import Settings, load_settings
from tests.consent_world import ALICE, PLACE, Scene

SHEET = "https://example.feishu.cn/sheets/shtcnPracticeBudget00000002"
TOKEN = Response(200, {}, b'{"code":0,"tenant_access_token":"t-abc","expire":7200}')
YES = Response(200, {}, b'{"code":0,"msg":"success","data":{"auth_result":true}}')
TOO_MANY = "100 such questions a minute"


class Asked(Scene):
    """A scene whose platform says yes to every question about a document, and notes when it was asked for which."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, str]] = []
        self.context = replace(self.context, http=self)
        self.restart()

    async def send(self, request: Request) -> Response:
        if not request.url.endswith("/members/auth"):
            return TOKEN
        self.seen.append((self.clock.now().timestamp(), request.url.split("/")[-3]))
        return YES

    async def ask(self, name: str) -> str:
        """Somebody asks in a chat."""
        asked = Question(redact(f"https://team.feishu.cn/docx/{name} view").text, "slack", ALICE, PLACE, "en", direct=True)
        return (await self.service.command(asked)).reply.fallback

    async def at_once(self, names: Sequence[str]) -> list[str]:
        """Everybody asks in the same moment."""
        return list(await asyncio.gather(*map(self.ask, names)))


def names(count: int) -> Sequence[str]:
    return [f"doxcnQuestion{number:04}" for number in range(count)]


async def test_the_second_of_two_questions_waits_for_its_turn() -> None:
    """Nobody is told to wait: the second question goes out as soon as the platform takes it."""
    scene = Asked()

    answers = await scene.at_once(names(2))

    assert all("Yes: the app itself" in answer for answer in answers), answers
    assert scene.seen[1][0] - scene.seen[0][0] == pytest.approx(PACE)


async def test_several_questions_at_once_go_in_the_order_in_which_they_came() -> None:
    """One a turn, the earliest first, whichever door asks."""
    scene = Asked()
    first, second, third, fourth = names(4)

    everybody = asyncio.gather(scene.ask(first), scene.ask(second), scene.service.check_document(third, "docx"), scene.ask(fourth))
    _, _, verdict, _ = await everybody

    assert verdict is not None and (verdict.ok, verdict.identity) == (True, Identity.APP)
    assert [name for _, name in scene.seen] == [first, second, third, fourth]
    assert [after - before for (before, _), (after, _) in pairwise(scene.seen)] == pytest.approx([PACE] * 3)


async def test_never_more_in_a_minute_than_the_platform_answers() -> None:
    """However they come: in any minute at most a hundred are sent."""
    scene = Asked()
    while len(scene.seen) < 220:
        await scene.at_once(names(5))
        scene.clock.go(0.1)
    times = [at for at, _ in scene.seen]

    assert max(sum(start <= at < start + 60 for at in times) for start in times) <= 100


async def test_a_queue_that_is_too_long_says_so_at_once() -> None:
    """Who would wait longer than a few seconds is told when to ask again; nothing is sent for them, and later there is room."""
    scene = Asked()

    answers = await scene.at_once(names(MOST_WAITING + 2))

    assert all("Yes: the app itself" in answer for answer in answers[:-1])
    assert TOO_MANY in answers[-1] and f"{round(PACE * (MOST_WAITING + 1))} s" in answers[-1]
    assert len(scene.seen) == MOST_WAITING + 1 and PACE * MOST_WAITING <= 5
    scene.clock.go(PACE)
    assert "Yes: the app itself" in await scene.ask("doxcnQuestionLater")


async def test_what_is_no_question_takes_no_turn() -> None:
    """A token without a type gets its sentence, and the next question need not wait for it."""
    scene = Asked()

    wrong = await scene.service.check_document("WRn1dpMHxoabcdefghijk")
    await scene.at_once(names(1))

    assert wrong is not None and wrong.ok is None and "no document" in wrong.text.en
    assert [at for at, _ in scene.seen] == [Scene().clock.now().timestamp()]


async def test_an_app_that_is_not_listed_cannot_ask() -> None:
    """`--app` with another id: no app, so no question."""
    scene = Asked()

    assert await scene.service.check_document(SHEET, app_id="cli_of_somebody") is None
    assert await scene.service.check_document(SHEET, app_id=scene.app.app_id) is not None


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """What a command finds in its directory: an apps.toml that leads to the practice platform, and a store."""
    monkeypatch.chdir(tmp_path)
    with running() as practice:
        Path("apps.toml").write_text(_listed(practice), "utf-8")
        yield load_settings(store_url=f"sqlite:///{tmp_path}/store.db", practice=True)


def _listed(practice: Practice) -> str:
    app = practice.app("lark", "feishu")
    hosts = ", ".join(f'{name} = "{url}"' for name, url in app.hosts.items())
    return f'[[apps]]\nplatform = "lark"\nbrand = "feishu"\napp_id = "{app.app_id}"\nsecret = "{app.secret}"\nhosts = {{ {hosts} }}\n'


async def test_two_commands_at_once_both_get_the_platforms_word(settings: Settings) -> None:
    """Two processes with one store: the second waits its turn by the real clock, and is answered like the first."""
    began = perf_counter()

    answers = await asyncio.gather(*(check_document(settings, SHEET, "", "view", None) for _ in range(3)))

    assert [(ok, said.en.startswith("Yes")) for ok, said in answers] == [(True, True)] * 3
    assert perf_counter() - began > PACE


async def test_without_an_app_the_command_says_what_to_list(settings: Settings) -> None:
    """Neither yes nor no, but what is missing."""
    ok, said = await check_document(settings, SHEET, "", "view", "cli_of_somebody")

    assert ok is None and "apps.toml" in said.en
