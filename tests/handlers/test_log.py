"""No secret leaves through a log line, whoever writes it and wherever in the line it stands."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from handlers.log import configure

SECRETS = ("xoxb-1234567890-abcdefghijklmnop", "u-gT1abcdefghijklmnop0123456789", "hunter2hunter2", "s3cretcode", "T1cket-" * 6)


@pytest.fixture
def stream() -> io.StringIO:
    """Logging set up on a buffer."""
    out = io.StringIO()
    configure("debug", "json", out)
    return out


def test_secrets_in_values_names_texts_and_tracebacks_are_masked(stream: io.StringIO) -> None:
    """By the value's name, by what it looks like, nested, in exceptions, in other libraries' lines and in addresses."""
    log = structlog.get_logger("whyforbidden.test")
    log.info("named", code=SECRETS[3], state=SECRETS[3], cookie=SECRETS[3], app_secret=SECRETS[2], Authorization=f"Bearer {SECRETS[1]}")
    log.info("looks", text=f"token is {SECRETS[0]} and {SECRETS[1]}", deep={"list": [{"password": SECRETS[2]}, SECRETS[0]]})
    logging.getLogger("library").warning("GET /cb?code=%s&state=%s and /consent/%s?x=1", SECRETS[3], SECRETS[3], SECRETS[4])
    try:
        raise RuntimeError(f"refused {SECRETS[0]}")
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")

    written = stream.getvalue()
    assert written.count("\n") == 5
    assert [secret for secret in SECRETS if secret in written] == []
    assert "RuntimeError" in written


def test_what_one_looks_for_in_a_log_stays(stream: io.StringIO) -> None:
    """Error codes, log ids, scopes, app ids and numbers are no secrets."""
    kept = {
        "code": "99991679",
        "log_id": "2024110416232661C50BC902DF30E6C183",
        "app": "cli_a90bee6e8d781bd1",
        "scope": "docs:doc",
        "ms": 12,
        "ok": True,
    }
    structlog.get_logger("whyforbidden.test").info("answered", **kept)

    line = json.loads(stream.getvalue())
    assert kept.items() <= line.items()
    assert (line["event"], line["level"], line["logger"]) == ("answered", "info", "whyforbidden.test")


def test_chatty_libraries_are_quiet(stream: io.StringIO) -> None:
    """Access lines and SQL would hold tickets and rows."""
    for name in ("httpx", "sqlalchemy.engine", "uvicorn.access", "alembic.runtime.migration"):
        logging.getLogger(name).info("chatter")

    assert stream.getvalue() == ""
