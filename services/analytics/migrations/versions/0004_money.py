"""Money of any currency, and the currency beside it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table in ("view_history", "user_action_log"):
        op.execute(f"ALTER TABLE {table} ALTER product_price TYPE numeric(15, 3), ADD currency text")


def downgrade() -> None:
    for table in ("view_history", "user_action_log"):
        op.execute(f"ALTER TABLE {table} ALTER product_price TYPE numeric(12, 2), DROP currency")
