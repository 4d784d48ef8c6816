"""A change of a price has its time when it is made: its transaction may have waited for the one before it."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("ALTER TABLE price_changes ALTER changed_at SET DEFAULT clock_timestamp()")


def downgrade() -> None:
    op.execute("ALTER TABLE price_changes ALTER changed_at SET DEFAULT now()")
