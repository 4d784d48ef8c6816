"""Stock that orders have reserved, and the returns whose pieces came back."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE reservations (
            id text CONSTRAINT pk_reservations PRIMARY KEY,
            status text NOT NULL,
            lines jsonb NOT NULL,
            expires_at timestamptz NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ix_reservations_held ON reservations (expires_at) WHERE status = 'HELD';
        CREATE TABLE restocks (
            id text CONSTRAINT pk_restocks PRIMARY KEY,
            created_at timestamptz NOT NULL DEFAULT now()
        )
    """)


def downgrade() -> None:
    op.execute("""
        UPDATE products SET stock = stock + held.quantity
        FROM (
            SELECT (line ->> 'productId')::bigint AS product_id, sum((line ->> 'quantity')::bigint) AS quantity
            FROM reservations, jsonb_array_elements(lines) AS line WHERE status = 'HELD' GROUP BY 1
        ) AS held
        WHERE products.id = held.product_id;
        DROP TABLE restocks, reservations
    """)
