"""The ids of deleted users stay, so that nothing of them is stored again."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE erased_users (
            id text CONSTRAINT pk_erased_users PRIMARY KEY,
            erased_at timestamptz NOT NULL DEFAULT now()
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE erased_users")
