"""What `python -m tests.docs` writes anew: whatever in README.md and docs/ is made from the code, between its marks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click

from bot import platforms
from bot.card.labels import cause_sentence, role_name, role_sentence
from bot.catalog import catalog
from bot.catalog.remedies import remedies
from bot.model import Cause, Locale, Text, Who
from handlers import cli
from handlers.settings import settings_table
from handlers.web import api
from tests.docs.diagram import block

ROOT = Path(__file__).parents[2]
_MADE = re.compile(r"(<!-- made: ([a-z-]+) -->\n)((?:(?!<!-- ).)*)(<!-- end -->)", re.S)


def pages() -> tuple[Path, ...]:
    """Every page that people read."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _settings() -> str:
    return table(
        ("Setting", "Default", "Meaning"),
        [(_code(name), shown if " " in shown else _code(shown), meaning) for name, shown, meaning in settings_table()],
    )


SETTINGS_ZH: Mapping[str, str] = json.loads((ROOT / "tests" / "data" / "settings_zh.json").read_text("utf-8"))


def _settings_zh() -> str:
    rows = [
        (_code(name), SETTINGS_ZH.get(shown, shown) if " " in shown else _code(shown), SETTINGS_ZH.get(name, meaning))
        for name, shown, meaning in settings_table()
    ]
    return table(("设置", "默认值", "含义"), rows)


def commands() -> Mapping[str, click.Command]:
    """The command line as click sees it, by name."""
    return cli.app.commands


def _help(command: click.Command) -> list[str]:
    """The paragraphs of a command's help."""
    return [" ".join(part.split()) for part in (command.help or "").strip().split("\n\n")]


def _usage(name: str, command: click.Command) -> str:
    words = [p.human_readable_name if p.required else f"[{p.human_readable_name}]" for p in command.params if isinstance(p, click.Argument)]
    return " ".join(["whyforbidden", name, *words])


def _commands() -> str:
    return table(("Command", "What it does"), [(_code(_usage(name, command)), _help(command)[0]) for name, command in commands().items()])


def _options() -> str:
    parts = []
    for name, command in commands().items():
        parts += [f"### {name}", _code(_usage(name, command)), *_help(command)]
        rows = [(_code(_spelled(p)), f"{p.help}{_default(p)}") for p in command.params if isinstance(p, click.Option)]
        if rows:
            parts.append(table(("Option", "Meaning"), rows))
    return "\n\n".join(parts)


def _spelled(option: click.Option) -> str:
    return ", ".join(option.opts) + ("" if option.is_flag else " …")


def _default(option: click.Option) -> str:
    return f" (default: {option.default})" if option.default and isinstance(option.default, str) else ""


def _routes() -> str:
    router = api.router(cast("Any", SimpleNamespace()))  # what the routes do is not looked at here
    rows = [
        (_code(f"{method} {route.path}"), route.summary)
        for route in router.routes
        for method in sorted(route.methods)  # type: ignore[attr-defined]
    ]
    return table(("Call", "What it is for"), rows)


def _platforms() -> str:
    def told(has: object) -> str:
        return "yes" if has else "–"

    rows = [
        (
            platforms.title(name).en,
            told(catalog().codes(name)),
            told(catalog().scopes(name)),
            told(platforms.oauth(name)),
            told(platforms.checks(name)),
        )
        for name in sorted(platforms.packages())
    ]
    return table(("Platform of the error", "Codes explained", "List of scopes", "Re-authorization", "Live proof"), rows)


def _causes(locale: Locale = "en") -> str:
    head = ("`cause`", "Meaning") if locale == "en" else ("`cause`", "含义")
    return table(head, [(_code(cause), cause_sentence(cause).in_(locale)) for cause in Cause])


def _roles(locale: Locale = "en") -> str:
    head = ("`who_fixes`", "Meaning") if locale == "en" else ("`who_fixes`", "含义")
    return table(head, [(_code(who), role_sentence(who, Text("the platform's", "平台")).in_(locale)) for who in Who])


def _remedies(locale: Locale = "en") -> str:
    head = ("Remedy", "Who", "What it is") if locale == "en" else ("解决办法", "由谁", "做什么")
    rows = [(one.title.in_(locale), role_name(one.who).in_(locale), one.text.in_(locale)) for one in remedies().values()]
    return table(head, rows)


MADE: Mapping[str, Callable[[], str]] = {
    "settings": _settings,
    "settings-zh": _settings_zh,
    "commands": _commands,
    "options": _options,
    "routes": _routes,
    "platforms": _platforms,
    "causes": _causes,
    "roles": _roles,
    "remedies": _remedies,
    "causes-zh": partial(_causes, "zh"),
    "roles-zh": partial(_roles, "zh"),
    "remedies-zh": partial(_remedies, "zh"),
    "states": block,
}


def made_names(text: str) -> list[str]:
    """What a page takes from the code."""
    return [match[2] for match in _MADE.finditer(text)]


def fresh(text: str) -> str:
    """The page as the code would have it now."""
    return _MADE.sub(lambda found: f"{found[1]}\n{MADE[found[2]]()}\n\n{found[4]}", text)


def rewrite() -> list[Path]:
    """Write every page anew; the pages that changed."""
    changed = []
    for page in pages():
        text = page.read_text("utf-8")
        if (anew := fresh(text)) != text:
            page.write_text(anew, "utf-8")
            changed.append(page)
    return changed
