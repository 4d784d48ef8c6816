"""The events of a user are found without reading the whole outbox."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_outbox_personal ON outbox (key) WHERE topic IN ('auth.v1', 'profile.v1')")


def downgrade() -> None:
    op.execute("DROP INDEX ix_outbox_personal")
