"""The lines of the table. What each is measured against stands in its docstring."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import orjson
from jinja2 import Template

from bot.catalog import Catalog, PackText, catalog
from bot.explain import explain
from bot.extract import anchors
from bot.extract.vocabulary import alike
from bot.model import ACTIONS, Person, Place, Question
from bot.redact import redact
from bot.render import _card_of, _shown, _template, render
from bot.render.escape import PAPERS
from handlers.compose import build
from handlers.settings import load_settings
from tests.bench.measure import COMMAND, PYTHON, ROOT, Row, Stats, environment, processor_time, programs, ratio, run
from tests.bench.pastes import KIB, MIB, ZOO, errors_only, feishu_error, healthy_log, log_with_errors, one_error_many_ids, quiet_log

ROWS: list[Callable[[], Iterator[Row]]] = []


def _row(measure: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
    ROWS.append(measure)
    return measure


@_row
def card() -> Iterator[Row]:
    """Text → Slack card, against parsing that text with orjson once and filling the same template, by the same environment, with values
    that are ready. With its details unfolded (`explain --format slack`), and folded as it is posted: then most of the template is not drawn,
    so that the floor is half as high, and the ratio is only shown."""
    paste = feishu_error()
    answer = explain(paste)
    template = _template("slack")
    for name, card_id, limit in (("", "", 10), (", folded", "card-1", None)):
        ready = _shown(_card_of(answer.diagnoses, None, "asker", ACTIONS, None), PAPERS["slack"]("en", 1.0), card_id, unfold=not card_id)
        what = f"1 KB Feishu error → Slack card{name} : orjson.loads + bare jinja2 render"
        yield ratio(what, partial(_text_to_card, paste, card_id), partial(_bare, paste, template, ready), limit, rounds=25)


def _text_to_card(paste: str, card_id: str) -> None:
    render(explain(paste).diagnoses, "slack", "en", card_id=card_id)


def _bare(paste: str, template: Template, ready: object) -> None:
    orjson.loads(paste)
    template.render(v=ready)


@_row
def logs() -> Iterator[Row]:
    """1 MB of a log, against one pass over it of one compiled `re` alternation of the literals that we look for."""
    either = re.compile("|".join(map(re.escape, anchors(catalog()))))
    for name, log in (("", quiet_log(MIB)), (", ids and codes in each line", healthy_log(MIB))):
        what = f"1 MB log without an error{name} : one pass of one `re` alternation"
        yield ratio(what, partial(explain, log), partial(either.findall, alike(log)), 4, rounds=5)
    many, few = log_with_errors(MIB, 200), log_with_errors(MIB // 8, 25)
    yield ratio("1 MB log with 200 errors : 8 × (1/8 MB with 25)", lambda: explain(many), lambda: explain(few), 1.3, rounds=5, scale=1 / 8)


@_row
def ids() -> Iterator[Row]:
    """A failing batch job's log: the same error 20,000 times, each with a log_id of its own. Its reading against eight times that of an eighth;
    what it adds to the store (SQLite's file with its journal) against its own size; and how long somebody else's question takes while it is
    read and remembered, against the same question before."""
    many, few = one_error_many_ids(20_000), one_error_many_ids(2_500)
    yield ratio("20,000 log_ids, 1 MB : 8 × 2,500", partial(explain, many), partial(explain, few), 1.3, rounds=3, scale=1 / 8)
    with tempfile.TemporaryDirectory() as folder:
        grown, waited = asyncio.run(_remembering(many, Path(folder)))
    yield Row("store after 20,000 log_ids, 1 MB : the paste", grown, 4)
    yield Row("somebody else's question meanwhile : before", waited, 2)


async def _remembering(text: str, folder: Path) -> tuple[float, float]:
    """How many times its own size a paste adds to the store; how many times longer short questions take meanwhile (medians)."""
    runtime = build(load_settings(store_url=f"sqlite:///{folder}/store.db", practice=True), apps=[])

    async def ask(what: str, who: str) -> float:
        began = time.perf_counter()
        await runtime.service.command(
            Question(redact(what).text, "web", Person("web", "bench", who), Place("web", "bench", who), "en", direct=True)
        )
        return time.perf_counter() - began

    def size() -> int:
        return sum(file.stat().st_size for file in folder.iterdir())

    await ask(feishu_error(), "who loads the packs")
    empty = size()
    await ask(text, "first")
    grown = size() - empty
    before = Stats([await ask(feishu_error(number), str(number)) for number in range(60)])
    large = asyncio.create_task(ask(text, "second"))
    meanwhile = []
    while not large.done():
        await asyncio.sleep(0.02)
        meanwhile.append(await ask(feishu_error(len(meanwhile)), f"meanwhile {len(meanwhile)}"))
    await runtime.close()
    return grown / len(text), Stats(meanwhile).middle / before.middle


@_row
def growth() -> Iterator[Row]:
    """A thousand times the text, against a thousand times the time."""
    for name, make in (("nothing but errors", errors_only), ("quiet log", quiet_log)):
        large, small = partial(explain, make(MIB)), partial(explain, make(KIB))
        yield ratio(f"1 MB : 1,024 × 1 KB, {name}", large, small, 1.3, rounds=3, scale=1 / 1024)


@_row
def catalogue() -> Iterator[Row]:
    """One diagnosis with 50,000 catalogue entries, against the same with those that are shipped."""
    shipped, grown = catalog(), _grown(50_000)
    entries = sum(len(shipped.codes(platform)) for platform in shipped.platforms())
    for name, paste in (("by code", feishu_error()), ("by wording", "Error: feishu says the bot is not in the chat, invite it first")):
        large, small = partial(explain, paste, catalog=grown), partial(explain, paste, catalog=shipped)
        assert large().diagnoses == small().diagnoses != ()
        yield ratio(f"one diagnosis {name}, 50,000 entries : {entries:,}", large, small, 1.2, rounds=25)


@cache
def _grown(size: int) -> Catalog:
    """The shipped catalogue with made-up codes added to each platform in turn until it holds `size` entries; one in seven is known by its wording too."""
    shipped = catalog()
    packs = {name: Path(ROOT, "bot", "platforms", name) for name in shipped.platforms()}
    texts = {name: {kind: _read(folder / file) for kind, file in _FILES.items()} for name, folder in packs.items()}
    missing = size - sum(len(shipped.codes(name)) for name in packs)
    for number in range(missing):
        name = list(packs)[number % len(packs)]
        phrases = f'phrases = ["made-up wording number {number}"]\n' if number % 7 == 0 else ""
        texts[name]["pack"] += _MADE_UP.format(code=7_000_000 + number, phrases=phrases)
    return Catalog({name: PackText(**kinds, where=name, ours=True) for name, kinds in texts.items()})


_FILES = {"pack": "pack.toml", "variants": "variants.toml", "families": "families.toml", "scopes": "scopes.csv"}
_MADE_UP = """
["{code}"]
title.en = "Made up"
title.zh = "虚构"
what.en = "An entry that only takes up room."
what.zh = "只占位置的条目。"
cause = "other"
who = "developer"
steps.en = ["Nothing."]
steps.zh = ["无。"]
docs = "https://docs.example/{code}"
sample = '''{{"code":{code}}}'''
{phrases}"""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@_row
def zoo() -> Iterator[Row]:
    """The slowest of many hostile texts of 1 MB, against the median one."""
    times: list[float] = []
    worst = (0.0, "")
    for name, make in ZOO.items():
        text = make(MIB)
        spent = processor_time(partial(explain, text))
        times.append(spent)
        worst = max(worst, (spent, name))
    yield Row(f"slowest of {len(ZOO)} hostile texts of 1 MB ({worst[1]}) : the median one", worst[0] / Stats(times).middle, 50)


@_row
def start() -> Iterator[Row]:
    """`whyforbidden explain` from cold, against a Python that only imports pydantic and jinja2; and how large it gets."""
    paste = feishu_error()
    row, mib = programs(
        'cold start of `explain` : `python -c "import pydantic, jinja2"`',
        (COMMAND, "explain", paste),
        (PYTHON, "-c", "import pydantic, jinja2"),
        4,
    )
    yield row
    yield Row("memory of `explain`, 1 KB", mib, 80, "MiB")
    for name, text in (("errors only", errors_only(MIB)), ("log", log_with_errors(MIB, 200))):
        yield Row(f"memory of `explain`, 1 MB, {name}", run((COMMAND, "explain", "-"), text.encode()).mib, 250, "MiB")


@_row
def demo() -> Iterator[Row]:
    """The chat page with the practice platform, after its page was opened."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        env = environment({"WHYFORBIDDEN_PORT": str(port), "WHYFORBIDDEN_STORE_URL": f"sqlite:///{folder}/demo.db", "HOME": folder})
        with subprocess.Popen([COMMAND, "demo"], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                _until_open(f"http://127.0.0.1:{port}/", process)
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            finally:
                process.send_signal(signal.SIGTERM)
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        yield Row("memory of `demo`", int(peak[1]) / 1024, 200, "MiB")


def _until_open(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=2) as page:
                page.read()
                return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"demo ended with {process.returncode}") from None
            time.sleep(0.2)
    raise RuntimeError("demo did not open its page within 30 seconds")


@_row
def doors() -> Iterator[Row]:
    """A chat door, against its SDK alone doing nothing with the same request."""
    for name in ("tests.slack.bench", "tests.lark.bench"):
        if find_spec(name) is not None:
            for what, value, limit in import_module(name).measure():
                yield Row(what, value, limit)
