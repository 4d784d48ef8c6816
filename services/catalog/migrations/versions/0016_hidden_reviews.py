"""Hidden reviews are found without reading all."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_reviews_hidden ON reviews (id) WHERE is_hidden")


def downgrade() -> None:
    op.execute("DROP INDEX ix_reviews_hidden")
