"""Whatever somebody sends, by whichever way in: a secret in it is in no store file, no reply and no log line."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from bot.model import Facts, Person, Place, Question
from bot.redact import redact
from bot.redact.masked import Masked
from bot.services import card_snapshot
from handlers import log
from handlers.cli import app
from handlers.compose import Runtime, build
from handlers.settings import load_settings
from tests.house.walls import ROOT
from tests.security.conftest import Surfer
from tests.web.conftest import KEY, Site

SECRETS = ("xoxb-946951643976-7984385713418-mkcGtdnK3aLjh5eRatxAjy9P", "u-hTwcdUS5ASWJmivzBdHGek2VCBxLbv")
ERROR = (
    '{"code":99991679,"msg":"required one of these privileges: [docx:document]","error":{"log_id":"20260301120000000000000000000000AA"}}'
)
LINK = "https://team.feishu.cn/docx/N4zYUGa2iVqWGCTo9jd6SMuhoXv"
SENT = (
    "SECRET", "help SECRET", "grants SECRET", "revoke SECRET", "撤销 SECRET", "mute SECRET", "静音 SECRET", "unmute SECRET", "device SECRET", "/whyforbidden revoke SECRET",
    LINK + "?access_token=SECRET", LINK + "?access_token=SECRET edit", LINK + " SECRET", "log_id: SECRET", ERROR + " token=SECRET", "\x1b[31mSECRET\x1b[0m " + ERROR,
)  # fmt: skip


def told(secret: str, shown: str) -> bool:
    """Whether eight characters of a secret can be read there."""
    return any(secret[at : at + 8] in shown for at in range(len(secret) - 7))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged."""
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    yield stream
    logging.getLogger().handlers.clear()


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A whole process with a store of its own."""
    monkeypatch.chdir(tmp_path)
    return build(load_settings(store_url=f"sqlite:///{tmp_path}/store.db", practice=True), apps=[])


def kept(folder: Path) -> str:
    """What stands in the store's files."""
    return "".join(file.read_bytes().decode("utf-8", "replace") for file in folder.glob("store.db*"))


@pytest.mark.parametrize("secret", SECRETS)
async def test_no_command_and_no_question_keeps_or_shows_it(runtime: Runtime, tmp_path: Path, logged: io.StringIO, secret: str) -> None:
    """Every command, a link to a document, an error, asked and overheard."""
    person, place, shown = Person("web", "t", "U1"), Place("web", "t", "C1"), []
    for sent in SENT:
        hidden = await runtime.service.masked(sent.replace("SECRET", secret))
        for direct in (True, False):
            question = Question(hidden.text, "web", person, place, "en", direct=direct, live=hidden.live)
            shown += [repr(await runtime.service.command(question)), repr(await runtime.service.answer(question))]
    await runtime.close()
    shown.append(logged.getvalue())

    assert not told(secret, kept(tmp_path))
    assert not told(secret, "\n".join(shown))


@pytest.mark.parametrize("secret", SECRETS)
async def test_no_report_and_no_look_at_a_document_keeps_or_shows_it(
    runtime: Runtime, tmp_path: Path, logged: io.StringIO, secret: str
) -> None:
    """What apps send in, what is looked up, what is asked about a document; the id that was sent leads to its error all the same."""
    service = runtime.service
    ids = await service.report(f"{ERROR} token={secret}", request_id=secret)
    found = await service.look_up(secret)
    verdict = await service.check_document(f"{LINK}?access_token={secret}", secret, secret)
    await runtime.close()

    assert found is not None
    assert not told(secret, kept(tmp_path) + repr((ids, found, verdict)) + logged.getvalue())


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_over_http_keeps_or_shows_it(site: Site, logged: io.StringIO, secret: str) -> None:
    """The API and the chat page."""
    folder = Path(str(site.runtime.settings.store_url).removeprefix("sqlite:///")).parent
    browser = Surfer(site)
    browser.send("GET", "/")
    pastes = [sent.replace("SECRET", secret) for sent in SENT[:12]]
    shown = [browser.send("POST", "/chat/messages", files={"text": (None, paste)}).text for paste in pastes]
    with httpx.Client(base_url=site.url, timeout=20, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        body = {"text": f"{ERROR} token={secret}"}
        shown += [client.post("/v1/explain", json={**body, "format": form}).text for form in ("json", "text", "lark", "slack", "html")]
        shown += [client.post("/v1/reports", json={**body, "request_id": secret}).text, client.get(f"/v1/reports/{secret}").text]
    shown.append(browser.send("GET", "/").text)

    assert sum("card_id" in one for one in shown) == 12
    assert not told(secret, kept(folder))
    assert not told(secret, "\n".join(shown) + logged.getvalue())


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("words", [("explain",), ("explain", "--format", "json"), ("code",)])
def test_the_command_line_does_not_repeat_it(words: tuple[str, ...], secret: str) -> None:
    """An explanation, its JSON, a code that is none."""
    result = CliRunner().invoke(app, [*words, secret if words == ("code",) else f"{ERROR} token={secret}"])

    assert result.output
    assert not told(secret, result.output)


def test_only_masking_makes_masked_text() -> None:
    """A question or a card with any other text cannot be made; nobody else says of a text that it is masked."""
    text = redact("Bearer k9Qw3ErT7yUi2OpA5sDf: denied").text
    makes = re.compile(r"from bot\.redact\.masked import .*\bsealed\b|str\.__new__\(")
    files = [file for folder in ("bot", "handlers") for file in (ROOT / folder).rglob("*.py")]
    makers = {file.relative_to(ROOT).as_posix() for file in files if makes.search(file.read_text("utf-8"))}

    assert isinstance(text, Masked)
    assert isinstance(text[3:], Masked)
    assert isinstance(text.strip(), Masked)
    with pytest.raises(TypeError):
        Masked("u-hTwcdUS5ASWJmivzBdHGek2VCBxLbv")
    with pytest.raises(TypeError):
        Question("help", "web")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        card_snapshot.make((), Facts(), text="help")  # type: ignore[arg-type]
    assert makers == {"bot/redact/masked.py", "bot/redact/__init__.py"}
