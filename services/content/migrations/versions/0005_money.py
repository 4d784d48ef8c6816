"""Money of any currency: three decimals for those that have them."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _alter("numeric(15, 3)")


def downgrade() -> None:
    _alter("numeric(12, 2)")


def _alter(money: str) -> None:
    op.execute(f"ALTER TABLE products ALTER price TYPE {money}, ALTER special_price TYPE {money}")
    op.execute(f"ALTER TABLE top_page_displays ALTER product_price TYPE {money}, ALTER special_price TYPE {money}")
