"""The inbox and the outbox of the chat doors, and what each process last said about its doors."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("inbox", "outbox"):
        op.create_table(
            name,
            sa.Column("id", sa.Text(), nullable=False),
            sa.Column("door", sa.Text(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("lane", sa.Text(), nullable=False),
            sa.Column("body", sa.Text(), nullable=False),
            sa.Column("created", sa.BigInteger(), nullable=False),
            sa.Column("due", sa.BigInteger(), nullable=False),
            sa.Column("holder", sa.Text(), nullable=False),
            sa.Column("tries", sa.Integer(), nullable=False),
            sa.Column("turn", sa.Integer(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("id"),
        )
        op.create_index(f"{name}_by_due", name, ["state", "due"], unique=False)
        op.create_index(f"{name}_by_holder", name, ["holder"], unique=False)
    op.create_table(
        "doors",
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("door", "process"),
    )


def downgrade() -> None:
    for name in ("doors", "outbox", "inbox"):
        op.drop_table(name)
