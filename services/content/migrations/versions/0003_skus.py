"""The shop's own ids in the copies; of a product or category that the catalog has not told since, they are unknown."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE products ADD sku text")
    op.execute("CREATE INDEX ix_products_sku ON products (sku)")
    op.execute("ALTER TABLE categories ADD code text")


def downgrade() -> None:
    op.execute("ALTER TABLE categories DROP code")
    op.execute("ALTER TABLE products DROP sku")
