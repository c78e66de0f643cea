"""The documentation is held to the code: what is made from it, what is promised to run, what is linked, which test holds which pitfall."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter

from bot.consent.flow import Flow
from bot.explain import explain
from bot.model import Person, Place
from bot.oauth.signing import read_signed
from bot.render import as_json
from bot.services.notify import notification
from handlers import cli
from handlers.apps import parse_apps
from handlers.practice import running
from handlers.settings import settings_table
from handlers.web import api
from tests.docs import made as docs

README = docs.ROOT / "README.md"
PAGES = [pytest.param(page, id=str(page.relative_to(docs.ROOT))) for page in docs.pages()]
_FENCE = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"|<a[^>]* href=\"([^\"]+)\"")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def fences(page: Path, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language on a page, each with the word that stands beside the language."""
    return [(found[2] or "", found[3]) for found in _FENCE.finditer(page.read_text("utf-8")) if found[1] == language]


# ---------------------------------------------------------------- made from the code


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_from_the_code_is_what_the_code_makes(page: Path) -> None:
    """Whoever changes a setting, a command or the state table runs `python -m tests.docs`."""
    text = page.read_text("utf-8")

    assert text == docs.fresh(text)


def test_everything_that_can_be_made_is_shown_somewhere() -> None:
    """No table of the code is forgotten, and no mark is misspelt."""
    shown = [name for page in docs.pages() for name in docs.made_names(page.read_text("utf-8"))]
    marks = sum(page.read_text("utf-8").count("<!-- made:") for page in docs.pages())

    assert sorted(set(shown)) == sorted(docs.MADE)
    assert marks == len(shown)


# ---------------------------------------------------------------- what is promised to run


def _examples() -> list[object]:
    blocks = [(page, body) for page in docs.pages() for _, body in fences(page, "console")]
    found: list[object] = []
    for page, body in blocks:
        for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
            call, _, output = part.partition("\n")
            while call.endswith("\\") or call.count("'") % 2:
                more, _, output = output.partition("\n")
                call = f"{call.removesuffix(chr(92))}\n{more}"
            if re.search(r"(^|\| |[A-Z]=\S+ )whyforbidden (explain|code|check-doc|--version)", call):
                found.append(pytest.param(call, output, id=f"{page.name}: {call[:40]}"))
    return found


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty working directory with an apps.toml that leads to the practice platform."""
    folder = tmp_path_factory.mktemp("docs")
    with running() as practice:
        feishu = practice.app("lark", "feishu")
        hosts = ", ".join(f'{name} = "{url}"' for name, url in feishu.hosts.items())
        app = f'platform = "lark"\nbrand = "feishu"\napp_id = "{feishu.app_id}"\nsecret = "{feishu.secret}"\nhosts = {{ {hosts} }}\n'
        (folder / "apps.toml").write_text(f"[[apps]]\n{app}", "utf-8")
        yield folder


@pytest.mark.parametrize(("call", "output"), _examples())
def test_examples_answer_as_written(call: str, output: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shown call of explain, code and check-doc prints what stands below it."""
    for name in [name for name in os.environ if name.startswith("WHYFORBIDDEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHYFORBIDDEN_PRACTICE", "true")
    monkeypatch.setenv("WHYFORBIDDEN_STORE_URL", f"sqlite:///{elsewhere}/store.db")
    monkeypatch.setenv("WHYFORBIDDEN_SECRET_KEY", "a-key-for-the-documentation-only-0001")
    monkeypatch.chdir(elsewhere)
    feed, _, last = call.rpartition(" | ")
    words = shlex.split(last or call)
    given = "".join(f"{line}\n" for line in shlex.split(feed)[2:]) if feed.startswith("printf '%s\\n'") else None
    monkeypatch.setattr("sys.argv", words)

    done = CliRunner().invoke(cli.app, words[1:], input=given)

    assert re.fullmatch(_pattern(output), done.stdout.rstrip("\n") + "\n"), done.output


def _pattern(output: str) -> str:
    """What is shown, as a regular expression: a line `…` stands for any lines, `…` at the end of a line for its rest."""
    lines = output.rstrip("\n").splitlines()
    return "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line.removesuffix("…")) + (".*" if line.endswith("…") else "") + r"\n" for line in lines
    )


def test_there_are_examples() -> None:
    """The tour shows each of these commands at work."""
    calls = " ".join(str(example.values[0]) for example in _examples())  # type: ignore[attr-defined]

    for word in ("explain", "code", "check-doc", "--batch", "--format json", "--lang zh"):
        assert word in calls


@pytest.mark.parametrize(
    ("words", "given", "status"),
    [
        (("explain", '{"code":99991679}'), None, 0),
        (("explain", "shall we have lunch?"), None, 0),
        (("explain", "-"), " ", 2),
        (("explain", "--format", "xml", "x"), None, 2),
        (("code", "99991679"), None, 0),
        (("code", "no_such_code_here"), None, 1),
        (("no-such-command",), None, 2),
    ],
)
def test_exit_statuses_are_the_documented_ones(words: tuple[str, ...], given: str | None, status: int) -> None:
    """0 answered, 1 could not do its work, 2 unusable input."""
    assert CliRunner().invoke(cli.app, list(words), input=given).exit_code == status


def test_apps_toml_examples_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies an apps.toml out of the documentation gets apps."""
    examples = [body for page in docs.pages() for _, body in fences(page, "toml") if "[[apps]]" in body]
    for name in {name for body in examples for name in re.findall(r'"env:(\w+)"', body)}:
        monkeypatch.setenv(name, f"{name}-0123456789-0123456789")

    apps = [app for body in examples for app in parse_apps(body, "https://bot.example.com")]

    assert {app.mode for app in apps} == {"broker", "handoff"}


def test_the_hand_off_example_signs_as_we_read() -> None:
    """The Python of the apps page, run as it stands: what it signs is what the bot believes, and the example's fields are the ones it reads."""
    page = docs.ROOT / "docs" / "apps.md"
    ((_, source),) = fences(page, "python")
    ((_, answer),) = fences(page, "json")
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - our own page
    shown = json.loads(answer)
    value = {name: inner for name, inner in shown.items() if name not in ("timestamp", "nonce", "signature")}

    signed = names["signed"]("a-key-of-the-documentation", value)

    assert set(signed) == set(shown)
    read = read_signed("a-key-of-the-documentation", signed, datetime.now(UTC))
    assert read is not None
    assert read[0] == value


def test_the_shown_notification_has_the_fields_of_a_real_one() -> None:
    """Whoever writes a receiver after the page finds every field."""
    text = (docs.ROOT / "docs" / "apps.md").read_text("utf-8")
    shown = json.loads(next(line for line in text.splitlines() if line.startswith('{"account"')))
    now = datetime(2026, 3, 1, tzinfo=UTC)
    flow = Flow("f", "lark", "cli_a", Person("slack", "T1", "U1"), Place("slack", "T1", "C1"), "c", now, now)

    assert set(shown) == set(notification(flow))


def test_settings_that_are_named_exist() -> None:
    """A misspelt setting in a guide costs an evening."""
    known = {name for name, _, _ in settings_table()} | {"WHYFORBIDDEN_REQUIRE_PEERS"}
    named = {(page.name, name) for page in docs.pages() for name in re.findall(r"WHYFORBIDDEN_[A-Z_]*[A-Z]", page.read_text("utf-8"))}

    assert {(page, name) for page, name in named if name not in known} == set()


def test_commands_that_are_named_exist() -> None:
    """The same for `whyforbidden …` and `make …` in running text."""
    makefile = (docs.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    for page in docs.pages():
        text = page.read_text("utf-8")
        assert set(re.findall(r"`whyforbidden ([a-z][a-z-]*)", text)) <= set(docs.commands()), page
        assert set(re.findall(r"`make ([a-z]+)", text)) <= targets, page
        for module in set(re.findall(r"python -m (tests[\w.]*)", text)):
            place = docs.ROOT / module.replace(".", "/")
            assert place.is_dir() or place.with_suffix(".py").is_file(), (page, module)


def test_places_to_change_exist() -> None:
    """`NAME` in `file`: whoever looks for the one line finds it."""
    places = [
        found for page in docs.pages() for found in re.findall(r"((?:`[A-Za-z_]+`(?: and )?)+) in `([\w/]+\.py)`", page.read_text("utf-8"))
    ]

    assert len(places) >= 5
    for names, file in places:
        source = (docs.ROOT / file).read_text("utf-8")
        assert all(re.search(rf"^(def )?{name}\b", source, re.M) for name in re.findall(r"`(\w+)`", names)), (names, file)


def test_paths_that_are_named_exist() -> None:
    """`bot/…`, `handlers/…` in a page is a file or folder; `<names>` stand for any platform or surface."""
    gone = [
        (page.name, path)
        for page in docs.pages()
        if page.name != "CHANGELOG.md"
        for path in re.findall(r"`((?:bot|handlers|templates|tests|docs)/[\w./<>-]*)`", page.read_text("utf-8"))
        if not list(docs.ROOT.glob(re.sub(r"<[^>]+>", "*", path).rstrip("/")))
    ]

    assert gone == []


# ---------------------------------------------------------------- the API page


def test_bodies_of_the_api_page_are_accepted() -> None:
    """Each JSON block that names its kind is one: requests pass the models that the server checks them with."""
    shown = [(kind, body) for kind, body in fences(docs.ROOT / "docs" / "api.md", "json") if kind]

    assert {kind for kind, _ in shown} >= {"Ask", "ReportIn", "TokenAsk", "TokenOut"}
    for kind, body in shown:
        TypeAdapter(getattr(api, kind)).validate_json(body)


def test_every_field_of_a_diagnosis_is_explained() -> None:
    """The table of the API page names the fields that come out, all of them and no other."""
    text = (docs.ROOT / "docs" / "api.md").read_text("utf-8")
    section = text.partition("## A diagnosis")[2].partition("\n## ")[0]
    written = section.partition("<!-- made:")[0]
    named = {name for row in re.findall(r"^\| (`[^|]+) \|", written, re.M) for name in re.findall(r"`(\w+)`", row)}
    (diagnosis,) = explain('{"code":99991679,"msg":"required one of these privileges: [drive:drive]"}').diagnoses

    assert set(as_json(diagnosis)) == named


def test_tools_of_the_mcp_server_are_named() -> None:
    """Read from the source, so that the optional package need not be there."""
    source = (docs.ROOT / "handlers" / "mcp.py").read_text("utf-8")
    tools = set()
    for function in ast.walk(ast.parse(source)):
        for mark in getattr(function, "decorator_list", []):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "server.tool":
                tools |= {keyword.value.value for keyword in mark.keywords if keyword.arg == "name"} or {function.name}  # type: ignore[attr-defined]

    assert tools
    assert all(f"`{tool}`" in (docs.ROOT / "docs" / "api.md").read_text("utf-8") for tool in tools)


# ---------------------------------------------------------------- links


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    outside = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ +(.+)$", outside, re.M)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and headings that are linked exist; pictures say what they show."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    dead = []
    for found in _LINK.finditer(text):
        link = found[1] or found[2] or found[3]
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)

    assert dead == []
    assert re.findall(r"!\[\]|<img(?![^>]* alt=\"[^\"]+\")", text) == []


def test_both_languages_have_the_same_pages_and_the_menu_names_them() -> None:
    """A page without its twin, or that no menu names, is a page that half of the readers miss."""
    names = {page.name for page in (docs.ROOT / "docs").glob("*.md")}
    english = {name for name in names if not name.endswith(".zh.md")}
    menu = (docs.ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]

    assert {f"{name.removesuffix('.md')}.zh.md" for name in english} == names - english
    assert set(re.findall(r"[\w-]+\.md", menu)) == english


def test_every_setting_is_explained_in_chinese() -> None:
    """The Chinese page has its own words for each setting (`tests/data/settings_zh.json`), and none for settings that are gone."""
    table = settings_table()
    wanted = {name for name, _, _ in table} | {shown for _, shown, _ in table if " " in shown}

    assert set(docs.SETTINGS_ZH) == wanted


def test_the_pages_build_in_both_languages_and_load_nothing_foreign(tmp_path: Path) -> None:
    """`make docs`: warnings are errors, and no page asks another host for a script, a style, a font or a picture."""
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(
        command, cwd=docs.ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    foreign = [
        (page.name, found)
        for page in pages
        for found in re.findall(
            r"<(?:script|img|link rel=\"(?:stylesheet|preload|icon)\")[^>]+(?:src|href)=\"(https?://[^\"]+)", page.read_text("utf-8")
        )
    ]

    assert foreign == []
    assert (tmp_path / "zh" / "slack.html").is_file() and "接入 Slack" in (tmp_path / "zh" / "slack.html").read_text("utf-8")


def test_both_languages_show_the_pictures() -> None:
    """The card and its proof, in the reader's language."""
    for page, locale in ((README, "en"), (docs.ROOT / "README.zh.md", "zh")):
        assert {f"docs/img/card-{locale}.png", f"docs/img/proven-{locale}.png"} <= {
            "".join(link) for link in _LINK.findall(page.read_text())
        }


# ---------------------------------------------------------------- pitfalls


def pitfalls() -> list[str]:
    """The rows of the tables of pitfalls."""
    section = (docs.ROOT / "docs" / "security.md").read_text("utf-8")
    return [line for line in section.splitlines() if line.startswith("| **")]


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions in a file."""
    tree = ast.parse((docs.ROOT / file).read_text("utf-8"))
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def test_each_pitfall_is_held_by_tests_that_exist() -> None:
    """Every row names at least one test; every test that any page names is there."""
    rows = pitfalls()

    assert len(rows) >= 40
    assert [row for row in rows if not _TEST.search(row)] == []
    named = {found for page in docs.pages() for found in _TEST.findall(page.read_text("utf-8"))}
    assert [f"{file}::{name}" for file, name in sorted(named) if not (docs.ROOT / file).is_file() or name not in names_in(file)] == []


def test_the_standards_are_all_there() -> None:
    """The table covers the code flow, PKCE, the device grant and the best current practice."""
    text = "\n".join(pitfalls())

    for number in (6749, 7636, 8628, 9700, 7009):
        assert f"RFC {number}" in text


def test_the_changelog_keeps_its_form() -> None:
    """Keep a Changelog: what is coming or the version of the package on top, and only the known kinds of change."""
    changelog = (docs.ROOT / "CHANGELOG.md").read_text("utf-8")
    version = tomllib.loads((docs.ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

    assert re.findall(r"^## \[([^\]]+)\]", changelog, re.M)[0] in ("Unreleased", version)
    assert set(re.findall(r"^### (.+)$", changelog, re.M)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
