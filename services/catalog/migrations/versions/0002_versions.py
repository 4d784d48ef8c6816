"""A version for each part of a product, and for each category: what was told before has version 0."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE products
            ADD product_version bigint NOT NULL DEFAULT 0,
            ADD stock_version bigint NOT NULL DEFAULT 0,
            ADD offer_version bigint NOT NULL DEFAULT 0
    """)
    op.execute("ALTER TABLE categories ADD version bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE categories DROP version")
    op.execute("ALTER TABLE products DROP product_version, DROP stock_version, DROP offer_version")
