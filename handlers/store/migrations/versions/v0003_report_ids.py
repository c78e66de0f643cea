"""A failure is kept once, and its request ids point to it: before, each id had a row that held all of them."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHUNK = 200
MOST_IDS = 20
"""Ids that stay in the kept finding itself, to be shown; all of them keep pointing to it."""


def upgrade() -> None:
    op.drop_index("reports_by_age", "reports")
    op.rename_table("reports", "reports_before")
    reports = op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="reports_key"),
    )
    op.create_index("reports_by_age", "reports", ["seen"], unique=False)
    report_ids = op.create_table(
        "report_ids",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("pasted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "tenant"),
        sqlite_with_rowid=False,
    )
    op.create_index("report_ids_by_report", "report_ids", ["report_id"], unique=False)
    _move(op.get_bind(), reports, report_ids)
    op.drop_table("reports_before")


def _move(bind: sa.Connection, reports: sa.Table, report_ids: sa.Table) -> None:
    """Each distinct report once. Only digests of them are held in memory: a store may have grown to gigabytes."""
    known: dict[bytes, int] = {}
    for row in _old(bind):
        digest = hashlib.sha256(f"{row.tenant}\0{row.platform}\0{row.seen}\0{row.source}\0{row.finding}".encode()).digest()
        if digest not in known:
            kept = reports.insert().values(
                tenant=row.tenant, platform=row.platform, finding=_cut(row.finding), seen=row.seen, source=row.source
            )
            known[digest] = bind.execute(kept.returning(reports.c.id)).scalar_one()
        pointer = {"request_id": row.request_id, "tenant": row.tenant, "report_id": known[digest], "pasted": row.source == "paste"}
        bind.execute(report_ids.insert().values(pointer))


def _old(bind: sa.Connection) -> Iterator[Any]:
    """The old rows in the order of their key, a few at a time."""
    t = sa.table("reports_before", *(sa.column(name) for name in ("request_id", "tenant", "platform", "finding", "seen", "source")))
    last = ("", "")
    while True:
        after = sa.or_(t.c.request_id > last[0], sa.and_(t.c.request_id == last[0], t.c.tenant > last[1]))
        query = sa.select(t).order_by(t.c.request_id, t.c.tenant).limit(CHUNK)
        rows = bind.execute(query.where(after) if last[0] else query).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        last = (rows[-1].request_id, rows[-1].tenant)


def _cut(finding: str) -> str:
    """The finding with the first of its ids only."""
    data = json.loads(finding)
    if isinstance(data.get("request_ids"), list):
        data["request_ids"] = data["request_ids"][:MOST_IDS]
    return json.dumps(data, separators=(",", ":"))


def downgrade() -> None:
    op.rename_table("reports", "reports_after")
    op.drop_index("reports_by_age", "reports_after")
    op.create_table(
        "reports",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "tenant"),
    )
    op.create_index("reports_by_age", "reports", ["seen"], unique=False)
    op.execute(
        "INSERT INTO reports (request_id, tenant, platform, finding, seen, source) "
        "SELECT i.request_id, i.tenant, r.platform, r.finding, r.seen, r.source FROM report_ids i JOIN reports_after r ON r.id = i.report_id"
    )
    op.drop_table("report_ids")
    op.drop_table("reports_after")
