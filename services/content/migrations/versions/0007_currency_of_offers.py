"""The currency of an offer, which may be another one than its product's; unknown of those told before."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE products ADD special_currency text")


def downgrade() -> None:
    op.execute("ALTER TABLE products DROP special_currency")
