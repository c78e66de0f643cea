"""Independent programs that tests talk to: how each is found and started, and what happens where it is absent.

A peer that is absent skips its tests with a reason. With `WHYFORBIDDEN_REQUIRE_PEERS=1` (continuous integration) such a skip is a failure.
"""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

# The newest server that the system has; Debian puts each version into a folder of its own.
POSTGRES_BIN = max(
    Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"), key=lambda path: path.parent.name.zfill(4)
)


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail it where peers are required."""
    if os.environ.get("WHYFORBIDDEN_REQUIRE_PEERS") == "1":
        pytest.fail(f"a peer is required here: {reason}", pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_url() -> str:
    """The URL of a private, empty PostgreSQL on loopback, started once and stopped when the tests end."""
    started = _postgres()
    if not started.startswith("postgresql"):
        absent(started)
    return started


@functools.cache
def _postgres() -> str:
    """The URL, or the reason why there is none."""
    if not (POSTGRES_BIN / "initdb").exists():
        return f"no PostgreSQL in {POSTGRES_BIN} (apt install postgresql)"
    user = _plain_user()
    if user is None:
        return "PostgreSQL does not run as root, and there is no other account to run it as"
    home = Path(tempfile.mkdtemp(prefix="whyforbidden-pg-"))
    data = home / "data"
    port = free_port()
    if user:
        shutil.chown(home, user)

    def run(*command: str) -> None:
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        subprocess.run(command, check=True, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60, **as_user)

    run(str(POSTGRES_BIN / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
    wanted = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": home,
        "fsync": "off",
        "max_connections": 60,
        "shared_buffers": "16MB",
    }
    options = f"-p {port} " + " ".join(f"-c {name}={value}" for name, value in wanted.items())
    run(str(POSTGRES_BIN / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")

    def stop() -> None:
        run(str(POSTGRES_BIN / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)

    atexit.register(stop)
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def postgres_database(name: str) -> str:
    """A fresh, empty database of that name on the private PostgreSQL."""
    import psycopg

    url = postgres_url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.rsplit("/", 1)[0] + f"/{name}"


def _plain_user() -> str | None:
    """ "" when we are no root; else an account to step down to; None when there is none."""
    if os.geteuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None
