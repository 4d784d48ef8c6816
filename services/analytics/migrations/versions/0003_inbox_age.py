"""An inbox from which the oldest are taken."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_inbox_handled_at ON inbox (handled_at)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_inbox_handled_at")
