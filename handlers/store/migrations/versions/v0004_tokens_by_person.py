"""Two people may consent with one account of a platform: a token's key names the person too."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = ("platform", "app_id", "subject", "person_surface", "person_tenant", "person_id")
REST = ("sealed", "scopes", "expires", "refresh_expires", "granted", "person_name", "version")


def upgrade() -> None:
    whose = ", ".join(f"COALESCE({name}, '')" for name in KEY[3:])
    _rebuild(KEY, f"{', '.join(KEY[:3])}, {whose}, {', '.join(REST)}")


def downgrade() -> None:
    # Of several people's tokens for one account one is left.
    op.execute(
        "DELETE FROM tokens WHERE EXISTS (SELECT 1 FROM tokens AS other WHERE other.platform = tokens.platform AND other.app_id = tokens.app_id "
        "AND other.subject = tokens.subject AND (other.person_surface, other.person_tenant, other.person_id) > "
        "(tokens.person_surface, tokens.person_tenant, tokens.person_id))"
    )
    whose = ", ".join(f"NULLIF({name}, '')" for name in KEY[3:])
    _rebuild(KEY[:3], f"{', '.join(KEY[:3])}, {whose}, {', '.join(REST)}")


def _rebuild(key: tuple[str, ...], selected: str) -> None:
    """Both databases: SQLite cannot change a table's key."""
    op.drop_index("tokens_by_person", "tokens")
    op.create_table(
        "tokens_new",
        *(sa.Column(name, sa.Text(), nullable=name not in key) for name in KEY),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("refresh_expires", sa.BigInteger(), nullable=True),
        sa.Column("granted", sa.BigInteger(), nullable=True),
        sa.Column("person_name", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=f"tokens_key_{len(key)}"),
    )
    op.execute(f"INSERT INTO tokens_new ({', '.join((*KEY, *REST))}) SELECT {selected} FROM tokens")  # noqa: S608 (names of this file)
    op.drop_table("tokens")
    op.rename_table("tokens_new", "tokens")
    op.create_index("tokens_by_person", "tokens", ["person_surface", "person_tenant", "person_id"], unique=False)
