"""The command line as a person and a script use it: its answers, its exit status, and what it costs to start."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.measure import environment

COMMAND = Path(sys.executable).with_name("whyforbidden")
PASTE = '{"code":99991679,"msg":"required one of these privileges: [drive:drive, drive:drive:readonly]","error":{"log_id":"2024110416232661C50BC902DF30E6C183"}}'
COLD_START_RATIO = 4.0  # of `python -c "import pydantic, jinja2"`, measured in turn
PEAK_MIB = 80

ROOT = str(Path(__file__).parents[2])
"""This tree, also where another one is installed."""


def run(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """The installed command."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": ROOT, **(env or {})}
    return subprocess.run([COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, env=environment, check=False)


def test_explain_json() -> None:
    """A paste as an argument gives the diagnosis as JSON."""
    done = run("explain", "--format", "json", PASTE)

    (diagnosis,) = json.loads(done.stdout)

    assert (done.returncode, diagnosis["platform"], diagnosis["codes"], diagnosis["cause"]) == (
        0,
        "lark",
        ["99991679"],
        "user_scope_missing",
    )
    assert diagnosis["recommended_scopes"] == ["drive:drive:readonly"]
    assert diagnosis["reauthorize"] is None


@pytest.mark.parametrize("form", ["text", "json", "lark", "slack", "dingtalk", "html"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_format_in_both_languages(form: str, lang: str) -> None:
    """Each surface's answer comes out, in the language that was asked for."""
    done = run("explain", "--format", form, "--lang", lang, PASTE)

    text = done.stdout.decode()

    assert done.returncode == 0
    assert "99991679" in text
    assert ("授权" in text) if lang == "zh" else ("scope" in text)


@pytest.mark.parametrize(
    ("stdin", "status"),
    [(b"", 2), (b" \n\t ", 2), (b"\x00\x01\x02\xff\xfe" * 500, 0), (b"\xff\xfe\xfa not utf-8", 0), (b'{"code": 9999', 0), (b'{"code":0,"msg":"ok"}', 0),
     (b"shall we have lunch?", 0), (b"x" * 5_000_000, 0)],
    ids=["empty", "blank", "binary", "not-utf-8", "truncated", "success", "talk", "5MB"],
)  # fmt: skip
def test_bad_input_gets_one_sentence(stdin: bytes, status: int) -> None:
    """Whatever comes in, there is a sentence and a documented exit status, never a traceback."""
    done = run("explain", "-", stdin=stdin)

    said = (done.stdout + done.stderr).decode()

    assert done.returncode == status
    assert said.strip()
    assert "Traceback" not in said


def test_batch_answers_every_line_in_order() -> None:
    """A bad line is answered with its error; the next one goes on."""
    lines = [
        json.dumps({"id": 1, "text": PASTE}),
        "{not json",
        json.dumps({"id": 2, "text": 5}),
        json.dumps([1]),
        json.dumps({"id": "x", "text": "\ud800 lunch"}),
        "",
        json.dumps({"id": 3, "text": PASTE}),
    ]

    done = run("explain", "--batch", stdin="\n".join(lines).encode())
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]

    assert done.returncode == 0
    assert [row.get("id") for row in rows] == [1, None, 2, None, "x", 3]
    assert ["error" in row for row in rows] == [False, True, True, True, False, False]
    assert rows[0]["diagnoses"] == rows[5]["diagnoses"]


def test_batch_with_replies() -> None:
    """With a format each line also carries the reply: an object for cards, a string for text."""
    line = json.dumps({"id": 1, "text": PASTE}).encode()

    slack = json.loads(run("explain", "--batch", "--format", "slack", stdin=line).stdout)
    html = json.loads(run("explain", "--batch", "--format", "html", stdin=line).stdout)

    assert isinstance(slack["reply"], dict)
    assert isinstance(html["reply"], str)


@pytest.mark.parametrize("arguments", [("explain", "--format", "xml", "x"), ("explain", "--lang", "fr", "x"), ("nonsense",)])
def test_wrong_options_say_what_is_allowed(arguments: tuple[str, ...]) -> None:
    """An unusable option is status 2 and one clear line."""
    done = run(*arguments)

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_live_secret_is_masked_and_warned_about() -> None:
    """A token in the paste never comes out again; the poster is told."""
    secret = "u-7f1bcd13fc57d46bac21793a18e560"

    done = run("explain", f"Authorization: Bearer {secret}\n{PASTE}")

    assert secret.encode() not in done.stdout + done.stderr
    assert b"rotate" in done.stderr


def test_code_page() -> None:
    """`code` explains one entry; an unknown code is status 1 with a suggestion."""
    known, unknown = run("code", "99991679"), run("code", "missing_scop")

    assert (known.returncode, unknown.returncode) == (0, 1)
    assert b"missing_scope" in unknown.stdout


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"WHYFORBIDDEN_PORT": "eighty"}, "WHYFORBIDDEN_PORT"),
        ({"WHYFORBIDDEN_STORE_URL": "sqlite:////proc/nowhere/x.db"}, "WHYFORBIDDEN_STORE_URL"),
        ({"WHYFORBIDDEN_LARK_APP_ID": "cli_a"}, "WHYFORBIDDEN_LARK_APP_SECRET"),
    ],
)
def test_bad_settings_are_one_line_that_names_them(environment: dict[str, str], named: str, tmp_path: Path) -> None:
    """A server that cannot start says which setting is wrong."""
    done = run("serve", env={"HOME": str(tmp_path), "WHYFORBIDDEN_PORT": "0", **environment})

    said = done.stderr.decode().strip()

    assert done.returncode == 1
    assert named in said
    assert len(said.splitlines()) == 1


def test_port_in_use(tmp_path: Path) -> None:
    """A taken port is one line that names the setting."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("demo", env={"HOME": str(tmp_path), "WHYFORBIDDEN_PORT": str(taken.getsockname()[1])})

    assert done.returncode == 1
    assert "WHYFORBIDDEN_PORT" in done.stderr.decode()
    assert len(done.stderr.decode().strip().splitlines()) == 1


def test_explain_loads_nothing_heavy() -> None:
    """Neither a chat SDK nor a web framework nor a database stands in the way of a quick answer."""
    script = (
        "import sys\nsys.argv = ['whyforbidden', 'explain', '--format', 'json', sys.argv[1]]\n"
        "from handlers.cli import app\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', [m for m in ('lark_oapi', 'slack_bolt', 'dingtalk_stream', 'fastapi', 'sqlalchemy', 'httpx', 'rapidfuzz', 'pydantic', 'typer') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script, PASTE], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_cold_start_and_memory() -> None:
    """A cold answer costs at most four times the processor time of the bare imports of pydantic and jinja2, and at most 80 MiB."""

    def seconds(command: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [
        (seconds([str(COMMAND), "explain", "--format", "json", PASTE]), seconds([sys.executable, "-c", "import pydantic, jinja2"]))
        for _ in range(6)
    ]
    ratio = statistics.median(ours / floor for ours, floor in pairs[1:])
    peak = subprocess.run([sys.executable, "-c", PEAK_OF_CHILD, str(COMMAND), PASTE], capture_output=True, text=True, check=True).stdout

    assert ratio <= COLD_START_RATIO
    assert int(peak) / 1024 <= PEAK_MIB


PEAK_OF_CHILD = (
    "import resource, subprocess, sys\n"
    "subprocess.run([sys.argv[1], 'explain', '--format', 'json', sys.argv[2]], stdout=subprocess.DEVNULL, check=True)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
