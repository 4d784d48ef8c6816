"""The kept answers of a user are found without reading all."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_idempotency_caller ON idempotency (split_part(scope, ' ', 1))")


def downgrade() -> None:
    op.execute("DROP INDEX ix_idempotency_caller")
