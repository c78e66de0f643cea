"""Opening a store: rights, schema, and one clear sentence for whatever is wrong with it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from bot.model import Person
from handlers.store import StoreError, open_engine, open_store
from handlers.store.engine import _parse, migrate, teach_sqlite
from handlers.store.schema import meta
from tests.peers import postgres_database


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_new_directory_are_private(tmp_path: Path) -> None:
    """Others on the machine read neither the store nor the files that WAL keeps beside it, whatever the umask."""
    before = os.umask(0o000)
    try:
        file = tmp_path / "new" / "deeper" / "store.db"
        engine = open_engine(f"sqlite:///{file}")
        with engine.connect():
            rights = {each.name: mode(each) for each in file.parent.iterdir()}
        engine.dispose()
    finally:
        os.umask(before)

    assert mode(file.parent) == 0o700
    assert set(rights) >= {"store.db", "store.db-wal"}
    assert set(rights.values()) == {0o600}


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite refuses all but one of those who switch a file to WAL at the same moment, at once; whoever is refused asks again."""
    together = threading.Barrier(8)

    def connect(file: Path) -> str:
        engine = create_engine(f"sqlite:///{file}")
        teach_sqlite(engine)
        together.wait(30)
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    with ThreadPoolExecutor(8) as pool:
        for n in range(60):
            assert list(pool.map(connect, [tmp_path / f"{n}.db"] * 8)) == ["wal"] * 8


def test_sqlite_waits_for_its_turn_and_keeps_what_it_said(tmp_path: Path) -> None:
    """WAL, a busy timeout, and full synchronisation: a refresh token lost in a power cut could not be had again."""
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "busy_timeout", "synchronous")}
    engine.dispose()

    assert found == {"journal_mode": "wal", "busy_timeout": 15_000, "synchronous": 2}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "is no database URL"),
        ("mysql://u:hunter22@h/d", "mysql is not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////proc/nowhere/store.db", "cannot be written"),
        ("sqlite:////dev/null/store.db", "cannot be written"),
        ("sqlite:////tmp", "cannot be written"),
        ("postgresql://u:hunter22@127.0.0.1:1/d", "cannot be used"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_line_that_names_the_setting(url: str, says: str) -> None:
    """No traceback, no password."""
    with pytest.raises(StoreError) as caught:
        open_store(url)

    sentence = str(caught.value)
    assert says in sentence
    assert "WHYFORBIDDEN_STORE_URL" in sentence
    assert "\n" not in sentence
    assert "hunter22" not in sentence


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    """Somebody's other file is named, not overwritten."""
    file = tmp_path / "notes.txt"
    file.write_text("shopping list\n" * 100)

    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{file}")
    assert file.read_text() == "shopping list\n" * 100


def test_a_newer_store_is_not_touched(tmp_path: Path) -> None:
    """After a step back to an older version the operator is told, instead of losing rows."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError, match="newer whyforbidden"):
        open_store(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_make_exactly_the_tables_of_the_code(kind: str, tmp_path: Path) -> None:
    """A column added in one place only is found here."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else postgres_database("schema")
    engine: Engine = open_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), meta)
    engine.dispose()

    assert differences == []


def _engine(url: str) -> Engine:
    """An engine with our habits, whose schema nobody has touched yet."""
    engine = create_engine(_parse(url))
    if engine.dialect.name == "sqlite":
        teach_sqlite(engine)
    return engine


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_failures_of_the_first_schema_are_kept_once_each(kind: str, tmp_path: Path) -> None:
    """One row an id, each with all ids, becomes one row a failure; every id still leads to it, and to what its own tenant saw."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else postgres_database("before")
    engine = _engine(url)
    migrate(engine, "0001")
    ids = [f"id-{number:03}" for number in range(450)]
    row = {"platform": "lark", "finding": json.dumps({"codes": ["1"], "request_ids": ids}), "seen": 5, "source": "paste", "tenant": "T1"}
    other = {**row, "request_id": "id-007", "tenant": "", "finding": "{}", "source": "app"}
    insert = text("INSERT INTO reports VALUES (:request_id, :tenant, :platform, :finding, :seen, :source)")
    with engine.begin() as connection:
        connection.execute(insert, [*({**row, "request_id": each} for each in ids), other])
    engine.dispose()

    store = open_store(url)
    assert (first := await store.recall(["id-000"], "T1")) is not None
    assert (last := await store.recall(["id-449"], "T1")) is not None
    assert (common := await store.recall(["id-007"], "T2")) is not None
    assert await store._read(lambda c: c.execute(text("SELECT count(*) FROM reports")).scalar_one()) == 2
    await store.close()

    assert first.finding == last.finding == {"codes": ["1"], "request_ids": ids[:20]}
    assert (common.source, common.finding) == ("app", {})


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_tokens_of_the_first_schema_stay_with_their_person(kind: str, tmp_path: Path) -> None:
    """One of somebody and one of nobody: both are found under the new key."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else postgres_database("tokens_before")
    engine = _engine(url)
    migrate(engine, "0001")
    insert = text("INSERT INTO tokens (platform, app_id, subject, sealed, scopes, person_surface, person_tenant, person_id, version)"
                  " VALUES ('lark', 'cli_1', :subject, 's', '[]', :surface, :tenant, :person, 3)")  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert, {"subject": "ou_1", "surface": "slack", "tenant": "", "person": "U1"})
        connection.execute(insert, {"subject": "ou_2", "surface": None, "tenant": None, "person": None})
    engine.dispose()

    store = open_store(url)
    hers = await store.token("lark", "cli_1", "ou_1", Person("slack", "", "U1"))
    nobodys = await store.token("lark", "cli_1", "ou_2", None)
    await store.close()

    assert hers is not None and hers.person == Person("slack", "", "U1", hers.person.name if hers.person else "")
    assert nobodys is not None and (nobodys.person, nobodys.version) == (None, 3)


def test_the_comparison_would_notice(tmp_path: Path) -> None:
    """The test above can fail."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), meta)
    engine.dispose()


def test_the_composition_root_starts_light() -> None:
    """Importing settings and wire pays for no database, web server or chat SDK."""
    code = "import sys, handlers.compose, handlers.settings; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"sqlalchemy", "fastapi", "lark_oapi", "slack_bolt", "dingtalk_stream", "httpx", "alembic"} & set(loaded)
