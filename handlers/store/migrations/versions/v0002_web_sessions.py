"""Browsers at the chat page."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("former", sa.Text(), nullable=False),
        sa.Column("former_ends", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("turned", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_index("web_sessions_by_secret", "web_sessions", ["secret"], unique=False)
    op.create_index("web_sessions_by_former", "web_sessions", ["former"], unique=False)
    op.create_index("web_sessions_by_end", "web_sessions", ["ends"], unique=False)


def downgrade() -> None:
    op.drop_table("web_sessions")
