"""Events of the outbox that the broker refused: when it last did, and why."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE outbox ADD refused_at timestamptz, ADD refusal text")


def downgrade() -> None:
    op.execute("ALTER TABLE outbox DROP refused_at, DROP refusal")
