"""The versions of the copies' parts; a part of which the catalog has told nothing yet is null."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE products
            ALTER name DROP NOT NULL,
            ALTER price DROP NOT NULL,
            ALTER currency DROP NOT NULL,
            ALTER rating DROP NOT NULL,
            ALTER stock DROP NOT NULL,
            ALTER is_active DROP NOT NULL,
            ADD product_version bigint NOT NULL DEFAULT 0,
            ADD stock_version bigint NOT NULL DEFAULT 0,
            ADD offer_version bigint NOT NULL DEFAULT 0,
            ADD is_deleted boolean NOT NULL DEFAULT false
    """)
    op.execute("""
        ALTER TABLE categories
            ALTER name DROP NOT NULL,
            ADD version bigint NOT NULL DEFAULT 0,
            ADD is_deleted boolean NOT NULL DEFAULT false
    """)


def downgrade() -> None:
    op.execute("DELETE FROM categories WHERE name IS NULL")
    op.execute("ALTER TABLE categories ALTER name SET NOT NULL, DROP version, DROP is_deleted")
    op.execute("DELETE FROM products WHERE name IS NULL OR stock IS NULL")
    op.execute("""
        ALTER TABLE products
            ALTER name SET NOT NULL,
            ALTER price SET NOT NULL,
            ALTER currency SET NOT NULL,
            ALTER rating SET NOT NULL,
            ALTER stock SET NOT NULL,
            ALTER is_active SET NOT NULL,
            DROP product_version,
            DROP stock_version,
            DROP offer_version,
            DROP is_deleted
    """)
