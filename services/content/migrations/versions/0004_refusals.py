"""Events of the outbox that the broker refused: when it last did, and why; an inbox from which the oldest are taken."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_inbox_handled_at ON inbox (handled_at)")  # first, for it may take long
    op.execute("ALTER TABLE outbox ADD refused_at timestamptz, ADD refusal text")


def downgrade() -> None:
    op.execute("DROP INDEX ix_inbox_handled_at")
    op.execute("ALTER TABLE outbox DROP refused_at, DROP refusal")
