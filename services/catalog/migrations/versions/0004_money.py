"""Money of any currency: three decimals for those that have them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _alter("numeric(15, 3)")


def downgrade() -> None:
    _alter("numeric(12, 2)")


def _alter(money: str) -> None:
    for table in ("products", "special_prices"):
        op.execute(f"ALTER TABLE {table} ALTER price TYPE {money}")
