"""The tables, and how our values become columns.

Rules of this file: a change here needs a new file in `handlers/store/migrations/versions` (a test compares the two); everything is
written so that SQLite and PostgreSQL keep and compare it alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Index, Integer, MetaData, Table, Text, types

KEY_LENGTH = 200
"""Longer keys are shortened to a prefix and a hash: PostgreSQL refuses index entries over 2,700 bytes, and pastes are hostile."""


def clean(text: str) -> str:
    """Text that every database takes: no NUL (PostgreSQL refuses it), no lone surrogates (UTF-8 cannot hold them)."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def key(value: str) -> str:
    """The form in which a text that is looked up stands in its column."""
    text = clean(value)
    return text if len(text) <= KEY_LENGTH else f"{text[:100]}#{hashlib.sha256(text.encode()).hexdigest()}"


class Words(types.TypeDecorator[str]):
    """Free text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else clean(value)


class Key(types.TypeDecorator[str]):
    """Text that is looked up."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else key(value)


class Moment(types.TypeDecorator[datetime]):
    """A point in time: microseconds since 1970, because SQLite has no time type and its texts lose the zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        gone = value - datetime(1970, 1, 1, tzinfo=UTC)  # raises on a time without a zone, which would be a guess
        return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


class Json(types.TypeDecorator[Any]):
    """A JSON value as ASCII text: the same on both databases, and safe for NUL and lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, default=_plain, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")


meta = MetaData()

cards = Table(
    "cards",
    meta,
    Column("id", Key, primary_key=True),
    Column("surface", Key, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("chat", Key, nullable=False),
    Column("need", Key, nullable=False),
    Column("place", Json, nullable=False),
    Column("asker", Json),
    Column("snapshot", Json, nullable=False),
    Column("locale", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("flow_id", Key, nullable=False),
    Column("created", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Index("cards_by_need", "surface", "tenant", "chat", "need", "created"),
    Index("cards_by_chat", "surface", "tenant", "chat", "created"),
    Index("cards_by_age", "created"),
)

# One row a failure, however many request ids it came with; each id points to the newest word about it.
reports = Table(
    "reports",
    meta,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Key, nullable=False),
    Column("platform", Words, nullable=False),
    Column("finding", Json, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("source", Words, nullable=False),
    Index("reports_by_age", "seen"),
)

report_ids = Table(
    "report_ids",
    meta,
    Column("request_id", Key, primary_key=True),
    Column("tenant", Key, primary_key=True),
    Column("report_id", BigInteger, nullable=False),
    Column("pasted", Boolean, nullable=False),  # by somebody, not reported by the app itself
    Index("report_ids_by_report", "report_id"),
    sqlite_with_rowid=False,  # the key is most of the row: it need not stand in a table and in an index
)

flows = Table(
    "flows",
    meta,
    Column("id", Key, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("state", Key, nullable=False),
    Column("row", Json, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Index("flows_by_owner", "owner", "state"),
    Index("flows_by_state", "state"),
    Index("flows_by_age", "changed"),
)

# One row per owner, locked while a flow is put: two offers made at once cannot miss each other.
owners = Table("owners", meta, Column("owner", Key, primary_key=True), Column("flow_id", Key, nullable=False))

tokens = Table(
    "tokens",
    meta,
    Column("platform", Key, primary_key=True),
    Column("app_id", Key, primary_key=True),
    Column("subject", Key, primary_key=True),
    # Empty for a token of nobody in particular.
    Column("person_surface", Key, primary_key=True),
    Column("person_tenant", Key, primary_key=True),
    Column("person_id", Key, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("expires", Moment),
    Column("refresh_expires", Moment),
    Column("granted", Moment),
    Column("person_name", Words),
    Column("version", Integer, nullable=False),
    Index("tokens_by_person", "person_surface", "person_tenant", "person_id"),
)

leases = Table(
    "leases",
    meta,
    Column("name", Key, primary_key=True),
    Column("holder", Key, nullable=False),
    Column("until", Moment, nullable=False),
)

accounts = Table(
    "accounts",
    meta,
    Column("surface", Key, primary_key=True),
    Column("tenant", Key, primary_key=True),
    Column("user_id", Key, primary_key=True),
    Column("platform", Key, primary_key=True),
    Column("subject", Words, nullable=False),
)

claims = Table(
    "claims",
    meta,
    Column("key", Key, primary_key=True),
    Column("until", Moment, nullable=False),
    Index("claims_by_age", "until"),
)

mutes = Table(
    "mutes",
    meta,
    Column("surface", Key, primary_key=True),
    Column("tenant", Key, primary_key=True),
    Column("chat", Key, primary_key=True),
    Column("need", Key, primary_key=True),
    Column("until", Moment),
    Column("by", Json, nullable=False),
)

feedback = Table(
    "feedback",
    meta,
    Column("card_id", Key, primary_key=True),
    Column("surface", Key, primary_key=True),
    Column("tenant", Key, primary_key=True),
    Column("user_id", Key, primary_key=True),
    Column("helpful", Boolean, nullable=False),
)

audit = Table(
    "audit",
    meta,
    # INTEGER, not BIGINT, on SQLite: only that counts up by itself
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", Json),
    Column("action", Words, nullable=False),
    Column("detail", Json, nullable=False),
    Index("audit_by_age", "at"),
)

notices = Table(
    "notices",
    meta,
    Column("key", Key, primary_key=True),
    Column("platform", Words, nullable=False),
    Column("app_id", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("created", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Index("notices_by_due", "done", "due"),
)


def _mailbox(name: str) -> Table:
    """Jobs: see `mailbox.py`."""
    return Table(
        name,
        meta,
        Column("id", Key, primary_key=True),
        Column("door", Key, nullable=False),
        Column("kind", Words, nullable=False),
        Column("lane", Key, nullable=False),
        Column("body", Json, nullable=False),
        Column("created", Moment, nullable=False),
        Column("due", Moment, nullable=False),
        Column("holder", Key, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("turn", Integer, nullable=False),
        Column("state", Key, nullable=False),
        Column("reason", Words, nullable=False),
        Index(f"{name}_by_due", "state", "due"),
        Index(f"{name}_by_holder", "holder"),
    )


inbox = _mailbox("inbox")
outbox = _mailbox("outbox")

# What each process last said about its doors, for the doctor.
doors = Table(
    "doors",
    meta,
    Column("door", Key, primary_key=True),
    Column("process", Key, primary_key=True),
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("since", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
)

web_sessions = Table(
    "web_sessions",
    meta,
    Column("person", Key, primary_key=True),
    Column("secret", Key, nullable=False),
    Column("former", Key, nullable=False),
    Column("former_ends", Moment),
    Column("role", Words, nullable=False),
    Column("created", Moment, nullable=False),
    Column("turned", Moment, nullable=False),
    Column("ends", Moment, nullable=False),
    Index("web_sessions_by_secret", "secret"),
    Index("web_sessions_by_former", "former"),
    Index("web_sessions_by_end", "ends"),
)
