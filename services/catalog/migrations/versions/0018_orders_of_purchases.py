"""A purchase is known by its order, which may be cancelled."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE purchases ADD COLUMN order_id bigint NOT NULL DEFAULT 0; -- of which order is not known
        ALTER TABLE purchases ALTER COLUMN order_id DROP DEFAULT;
        ALTER TABLE purchases DROP CONSTRAINT pk_purchases;
        ALTER TABLE purchases ADD CONSTRAINT pk_purchases PRIMARY KEY (user_id, product_id, order_id)
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE purchases DROP CONSTRAINT pk_purchases;
        DELETE FROM purchases USING purchases AS other
        WHERE purchases.user_id = other.user_id AND purchases.product_id = other.product_id
          AND purchases.order_id > other.order_id;
        ALTER TABLE purchases DROP COLUMN order_id;
        ALTER TABLE purchases ADD CONSTRAINT pk_purchases PRIMARY KEY (user_id, product_id)
    """)
