"""Images in order, keywords, attributes, the parent of a variant, and how many rated a product.

A process of before this revision cannot write products, and has to be replaced: `image` follows `images`.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE products
            ADD rating_count bigint NOT NULL DEFAULT 0,
            ADD images text[] NOT NULL DEFAULT '{}',
            ADD keywords text[] NOT NULL DEFAULT '{}',
            ADD attributes jsonb NOT NULL DEFAULT '{}',
            ADD parent_id bigint CONSTRAINT fk_products_parent_id REFERENCES products (id)
    """)
    op.execute("CREATE INDEX ix_products_parent_id ON products (parent_id)")
    op.execute("UPDATE products SET images = ARRAY[image] WHERE image IS NOT NULL")
    op.execute("ALTER TABLE products DROP image, ADD image text GENERATED ALWAYS AS (images[1]) STORED")


def downgrade() -> None:
    op.execute("ALTER TABLE products ALTER image DROP EXPRESSION")
    op.execute("ALTER TABLE products DROP rating_count, DROP images, DROP keywords, DROP attributes, DROP parent_id")
