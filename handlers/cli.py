"""The command line: translates arguments in, calls the thinking or the service, prints.

`explain` and `code` must start fast and small, so everything heavier than the thinking is imported inside its command, and the commands
are made with click itself: typer, which would read them off the annotations, loads pydantic for its arguments (80 ms of a 200 ms start).
Exit status: 0 answered (also "no error in this text"), 1 the command could not do its work, 2 unusable input or option.
"""

# ruff: noqa: PLC0415 - a command imports what it needs, so that `explain` starts fast and small
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import click

from bot.explain import Explained, explain
from bot.extract.signals import reasons as reasons_of_signals
from bot.i18n import say
from bot.model import Diagnosis, Locale, Surface
from bot.render import as_json, render
from handlers import team_catalog

if TYPE_CHECKING:
    from handlers.settings import Settings

READ_LIMIT = 20_000_000  # bytes of standard input; what comes after is not read, and said so

_lang = click.option("--lang", help="en or zh; default: the language of the text, else English")


@click.group()
@click.version_option(package_name="whyforbidden", message="%(version)s", help="print the version and stop")
def app() -> None:
    """Why was my API call refused, and what do I click?"""


def main() -> None:
    """Entry point of the console script: whatever goes wrong is one line, never a traceback."""
    try:
        sys.exit(app(standalone_mode=False))
    except click.ClickException as error:  # an option or argument that nobody knows
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Say why on stderr and stop."""
    click.echo(f"whyforbidden: {sentence}", err=True)
    sys.exit(status)


def load_catalogue() -> None:
    """The catalogue with the team's own codes, where there are any; what had to be left out is said on stderr."""
    for fault in team_catalog.left_out(team_catalog.folder()):
        click.echo(f"whyforbidden: left out: {fault}", err=True)


def _locale(lang: str | None) -> Locale | None:
    if lang is None or lang in ("en", "zh"):
        return lang  # type: ignore[return-value]
    fail(f"--lang is {lang!r}; use en or zh", 2)


def _surface(name: str) -> Surface:
    if name in (known := [s.value for s in Surface]):
        return Surface(name)
    fail(f"--format is {name!r}; use one of {', '.join(known)}", 2)


def read_text(source: str | None) -> str:
    """The text to explain: an argument, a file of that name is never opened; `-` or nothing reads standard input."""
    if source is not None and source != "-":
        return source
    if source is None and sys.stdin.isatty():
        fail("paste an error as an argument, or pipe it in: whyforbidden explain - < error.log", 2)
    raw = sys.stdin.buffer.read(READ_LIMIT + 1)
    if len(raw) > READ_LIMIT:
        click.echo(f"whyforbidden: the text is longer than {READ_LIMIT // 1_000_000} MB; only its beginning is read", err=True)
    return raw[:READ_LIMIT].decode("utf-8", "replace")


@app.command("explain")
@click.argument("text", required=False)
@click.option("--format", "-f", "form", help="text (the default), json, lark, slack, dingtalk or html")
@_lang
@click.option("--batch", is_flag=True, help='stdin: {"id","text"} a line; stdout: {"id","diagnoses","speaks_up"} a line')
@click.option("--why", is_flag=True, help="print what spoke for and against an error, with weights and places")
def explain_command(text: str | None, form: str | None, lang: str | None, batch: bool, why: bool) -> None:
    """Say what a pasted error means, who can fix it and where to click.

    TEXT is the pasted error; - reads standard input.
    """
    surface, locale = _surface(form or "text"), _locale(lang)
    load_catalogue()
    if batch:
        for line in _batch(sys.stdin.buffer, surface if form else None, locale):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return
    pasted = read_text(text)
    if not pasted.strip("\ufeff\x00 \t\r\n"):
        fail(say("There is no text to explain. Paste the error, or only its log_id.").in_(locale or "en"), 2)
    answer = explain(pasted, locale=locale)
    _print(answer, surface)
    if why:
        click.echo("\n".join(_why(answer)), err=surface is not Surface.TEXT)


def _why(answer: Explained) -> Iterator[str]:
    """What fired for each finding, the strongest first: weight in log-odds, rule, reason, and the words that it stands for."""
    reasons = reasons_of_signals()
    for finding in answer.findings:
        yield ""
        yield f"{finding.platform} {', '.join(finding.codes) or '-'}: has_it {finding.has_it:.2f}"
        for signal in finding.signals:
            words = " ".join(answer.redaction.text[slice(*signal.span)].split())[:60]
            yield f"  {signal.weight:+.2f}  {signal.rule}  {reasons.get(signal.rule, '')}  {signal.span[0]}-{signal.span[1]}  {words!r}"
    for diagnosis in answer.diagnoses:
        yield from _why_remedies(diagnosis, answer.locale)
    yield f"speaks up where nobody asked: {'yes' if answer.speaks_up else 'no'}"


def _why_remedies(diagnosis: Diagnosis, locale: Locale) -> Iterator[str]:
    """The likely remedies of a diagnosis, each with the evidence for it (+) and against it (-), and the question that would tell them apart."""
    yield ""
    yield f"{diagnosis.finding.platform} {', '.join(diagnosis.finding.codes) or '-'}: {diagnosis.cause} {diagnosis.confidence:.2f}"
    for remedy in diagnosis.remedies:
        seen = f", fixed so in {remedy.seen.fixed} of {remedy.seen.of} public threads" if remedy.seen else ""
        yield f"  {remedy.likelihood:.2f}  {remedy.id}  ({remedy.who}, {remedy.state}{seen})"
        for evidence in remedy.evidence:
            yield f"        {evidence.weight:+.2f}  {evidence.rule}  {evidence.text.in_(locale)}"
    if diagnosis.question:
        yield f"  ask: {diagnosis.question.id}  {diagnosis.question.text.in_(locale)}"


def _print(answer: Explained, surface: Surface) -> None:
    if answer.redaction.live:
        warning = say("The text holds what looks like a live secret. It was masked here; rotate it where it was issued.")
        click.echo(f"! {warning.in_(answer.locale)}", err=True)
    if surface is Surface.JSON:
        click.echo(json.dumps([as_json(d, answer.locale) for d in answer.diagnoses], ensure_ascii=False, indent=2))
        return
    body = render(answer.diagnoses, surface, answer.locale, why=answer.why_nothing).body
    if not isinstance(body, str):
        click.echo(json.dumps(body, ensure_ascii=False, indent=2))
    elif surface is Surface.TEXT and sys.stdout.isatty():
        from rich.console import Console
        from rich.text import Text as RichText

        head, _, rest = body.partition("\n")
        Console(highlight=False).print(RichText(head, style="bold"), RichText(rest), sep="\n", soft_wrap=True)
    else:
        click.echo(body)


def _batch(lines: Iterator[bytes], surface: Surface | None, locale: Locale | None) -> Iterator[str]:
    """Answers in the order of the questions; a bad line is answered with its error and the next one goes on."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        row_id: object = None
        try:
            row = json.loads(raw)
            if not isinstance(row, dict):
                raise TypeError("the line is not a JSON object")
            row_id = row.get("id")
            if not isinstance(row.get("text"), str):
                raise TypeError('field "text" is missing or not a string')
            answer = explain(row["text"], locale=locale)
            diagnoses = [as_json(d, answer.locale) for d in answer.diagnoses]
            out: dict[str, object] = {"id": row_id, "diagnoses": diagnoses, "speaks_up": answer.speaks_up}
            if surface is not None and surface is not Surface.JSON:
                out["reply"] = render(answer.diagnoses, surface, answer.locale, why=answer.why_nothing).body
        except (ValueError, TypeError) as wrong:
            out = {"id": row_id, "error": f"line {number}: {wrong}"}
        yield json.dumps(out, ensure_ascii=False).encode("utf-8", "replace").decode()


@app.command("code")
@click.argument("wanted", metavar="CODE")
@click.option("--platform", help="only this platform")
@_lang
def code_command(wanted: str, platform: str | None, lang: str | None) -> None:
    """Explain one error code, like `rustc --explain`.

    CODE is an error code or name, for example 99991679 or missing_scope.
    """
    from bot.catalog import explain_code
    from bot.redact import redact
    from bot.render import code_page

    load_catalogue()
    page = code_page(explain_code(redact(wanted).text, platform), _locale(lang) or "en")
    click.echo(page.text)
    if not page.found:
        sys.exit(1)


@app.command()
def serve() -> None:
    """Open every door that is configured; the chat page always."""
    from handlers.serve import serve as run
    from handlers.settings import SettingsError, load_settings

    try:
        run(load_settings())
    except SettingsError as error:
        fail(str(error))


@app.command()
def demo() -> None:
    """The chat page with the practice platform; no account anywhere is needed."""
    from handlers.serve import demo as run
    from handlers.settings import SettingsError, data_directory, load_settings

    try:
        settings = load_settings()
        if "store_url" not in settings.model_fields_set:
            settings = settings.model_copy(update={"store_url": f"sqlite:///{data_directory() / 'practice.db'}"})
        run(settings)
    except SettingsError as error:
        fail(str(error))


@app.command()
def mcp() -> None:
    """Tool server for agents, on standard input and output."""
    try:
        from handlers.mcp import run
    except ImportError:
        fail("the tool server needs the extra: pip install 'whyforbidden[mcp]'")
    load_catalogue()
    run()


@app.command()
@click.argument("app_", metavar="APP", required=False)
@_lang
@click.option("--register", is_flag=True, help="also register the slash command with Feishu/Lark")
@click.option("--dead", is_flag=True, help="list the jobs that could not be done, instead")
def doctor(app_: str | None, lang: str | None, register: bool, dead: bool) -> None:
    """Check credentials, scopes, store, clock and addresses, door by door, and say what to click.

    APP (an id or a name of apps.toml): everything that its platform tells about that app, as a table.
    """
    import asyncio

    from handlers.doctor import run, run_app
    from handlers.settings import SettingsError

    locale = _locale(lang) or "en"
    settings = _settings()
    if dead:
        from handlers.admin import dead_letters

        lines = asyncio.run(dead_letters(settings))
        click.echo("\n".join(lines) or say("Every job was done.").in_(locale))
        return
    if register:
        from handlers.lark.doctor import register_command

        click.echo(asyncio.run(register_command(settings)).in_(locale))
    try:
        checks = asyncio.run(run_app(settings, app_)) if app_ else asyncio.run(run(settings))
    except SettingsError as error:
        fail(str(error))
    for check in checks:
        mark = {True: "✓", False: "✗", None: "?"}[check.ok]
        click.echo(f"{mark} {check.about}: {check.says.in_(locale)}" + (f"\n  → {check.url}" if check.url else ""))
    if any(check.ok is False for check in checks):
        sys.exit(1)


def _settings() -> Settings:
    from handlers.log import configure
    from handlers.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error))
    configure("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)  # stdout belongs to the answer
    return settings


@app.command("check-doc")
@click.argument("document")
@click.option("--type", "type_", default="", help="doc, docx, sheet, bitable, wiki, file, mindnote, minutes or slides; read from a link")
@click.option("--action", default="view", show_default=True, help="view, edit, share, comment, export, copy, print or manage_public")
@click.option("--app", "app_id", help="app id to ask as; default: the one in apps.toml that fits the link")
@_lang
def check_doc(document: str, type_: str, action: str, app_id: str | None, lang: str | None) -> None:
    """May the app do this with that document? Status 0 yes, 1 no or not found out.

    DOCUMENT is the link or the token of a Feishu/Lark document.
    """
    import asyncio

    from handlers.admin import check_document
    from handlers.settings import SettingsError

    try:
        allowed, said = asyncio.run(check_document(_settings(), document, type_, action, app_id))
    except SettingsError as error:
        fail(str(error))
    click.echo(said.in_(_locale(lang) or "en"))
    if not allowed:
        sys.exit(1)


@app.command()
def grants() -> None:
    """The consents that are kept here, without their tokens."""
    import asyncio

    from handlers.admin import grants as listed

    for line in asyncio.run(listed(_settings())):
        click.echo(line)


@app.command()
def audit() -> None:
    """Who offered, clicked and consented to what, when, as JSON lines."""
    import asyncio

    from handlers.admin import audit as rows

    async def pour() -> None:
        async for line in rows(_settings()):
            click.echo(line)

    asyncio.run(pour())


@app.command()
@click.argument("ids", nargs=-1)
def retry(ids: tuple[str, ...]) -> None:
    """Do dead jobs again: those of `whyforbidden doctor --dead` with these ids, or all.

    IDS are ids from that list.
    """
    import asyncio

    from handlers.admin import retry as revive

    click.echo(f"{asyncio.run(revive(_settings(), ids))} jobs opened again; a running server does them")


@app.command()
@click.option("--dry-run", is_flag=True, help="only print the statements; nothing is changed")
def migrate(dry_run: bool) -> None:
    """Bring the store's schema up to date (`serve` does so too when it starts)."""
    from handlers.admin import migration
    from handlers.settings import SettingsError

    try:
        statements = migration(_settings().store_url, dry=dry_run)
    except SettingsError as error:
        fail(str(error))
    if dry_run:
        click.echo(";\n".join([*statements, ""]) if statements else "-- the schema is up to date")
    else:
        click.echo("the schema is up to date")


@app.command("rotate-key")
def rotate_key() -> None:
    """Seal every kept token anew with the first key of WHYFORBIDDEN_SECRET_KEY."""
    import asyncio

    from handlers.compose import reseal

    click.echo(f"{asyncio.run(reseal(_settings()))} tokens sealed anew")
