"""Opening a store: the URL, the file and its rights, the connection's habits, the schema.

SQLite runs in WAL mode with a busy timeout. Python's driver would begin transactions at moments of its own, so it is told not to;
we begin them: `BEGIN IMMEDIATE` for writing, so that a writer waits for its turn instead of failing half-way, `BEGIN` for reading.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from bot.errors import OperatorError

BUSY_MS = 15_000
_AGAIN = 0.01  # seconds
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps its context in globals
_MIGRATION_LOCK = 0x77687966  # any number that no other program on the same database uses: "whyf"


class StoreError(OperatorError):
    """The store cannot be opened or has gone away. One sentence that names the setting; never the password in the URL."""


def open_engine(url: str) -> Engine:
    """An engine whose schema is up to date. Raises `StoreError`. Safe when several processes start together."""
    target, engine = _engine(url)
    try:
        migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise StoreError(f"The store at WHYFORBIDDEN_STORE_URL ({_shown(target)}) cannot be used: {_why(error)}.") from None
    return engine


def preview(url: str) -> list[str]:
    """The statements that `migrate` would run on this store: really run, in a transaction that is taken back. Raises `StoreError`."""
    target, engine = _engine(url)
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN", "ROLLBACK")):
            statements.append(statement.strip())

    try:
        migrate(engine, keep=False)
    except SQLAlchemyError as error:
        raise StoreError(f"The store at WHYFORBIDDEN_STORE_URL ({_shown(target)}) cannot be used: {_why(error)}.") from None
    finally:
        engine.dispose()
    return statements


def _engine(url: str) -> tuple[URL, Engine]:
    target = _parse(url)
    if target.get_backend_name() == "sqlite":
        file = Path(str(target.database)).expanduser().absolute()
        _make_private(file)
        engine = create_engine(target.set(database=str(file)), connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})
        teach_sqlite(engine)
    else:
        engine = create_engine(target, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    return target, engine


def begin_writing(connection: Connection) -> Connection:
    """Mark a connection as one that writes, before it begins."""
    return connection.execution_options(whyforbidden_write=True)


def migrate(engine: Engine, revision: str = "head", *, keep: bool = True) -> None:
    """Bring the schema to the newest (or a named) revision, inside one transaction that the second process waits for. Not `keep`: it is taken back."""
    # Alembic takes a moment to import and is needed at start only.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _ONE_AT_A_TIME, engine.connect() as plain, begin_writing(plain) as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise StoreError(
                f"The store at WHYFORBIDDEN_STORE_URL was written by a newer whyforbidden; install that, or name another store ({error})."
            ) from None
        if not keep:
            transaction.rollback()


def _parse(url: str) -> URL:
    try:
        target = make_url(url)
    except ArgumentError:
        raise StoreError(
            "WHYFORBIDDEN_STORE_URL is no database URL; write sqlite:////absolute/path.db or postgresql://user:password@host/name."
        ) from None
    if target.get_backend_name() in ("postgresql", "postgres"):
        return target.set(drivername="postgresql+psycopg")
    if target.get_backend_name() != "sqlite":
        raise StoreError(
            f"WHYFORBIDDEN_STORE_URL: {target.get_backend_name()} is not supported; use sqlite:////absolute/path.db or postgresql://…."
        )
    if target.database in (None, "", ":memory:"):
        raise StoreError(
            "WHYFORBIDDEN_STORE_URL: cards and consents have to survive a restart, so SQLite needs a file: sqlite:////absolute/path.db."
        )
    return target


def _make_private(file: Path) -> None:
    """Create the file 0600, in a directory that is 0700 when we make it. The driver would create both readable by everybody."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        if not os.access(file.parent, os.W_OK):
            raise PermissionError(13, "Permission denied")  # WAL keeps two more files beside it
    except OSError as error:
        raise StoreError(
            f"WHYFORBIDDEN_STORE_URL: {file} cannot be written ({error.strerror}); name another file or change its rights."
        ) from None


def teach_sqlite(engine: Engine) -> None:
    """Give every new connection of an engine our habits."""

    @event.listens_for(engine, "connect")
    def habits(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        _switch_to_wal(connection)
        for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("whyforbidden_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Processes that switch a new file at the same moment would wait for each other for ever, so SQLite refuses at once, whatever the
    busy timeout says: https://sqlite.org/rescode.html#busy."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN)


def _shown(target: URL) -> str:
    return target.set(query={}).render_as_string(hide_password=True)


def _why(error: SQLAlchemyError) -> str:
    reason = str(error.orig) if isinstance(error, DBAPIError) and error.orig else type(error).__name__
    return reason.strip().splitlines()[0].rstrip(".") if reason.strip() else type(error).__name__
