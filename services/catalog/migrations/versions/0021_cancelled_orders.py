"""A cancelled order is remembered: its completion may arrive after it."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE cancelled_orders (
            user_id text NOT NULL,
            order_id bigint NOT NULL,
            CONSTRAINT pk_cancelled_orders PRIMARY KEY (user_id, order_id)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE cancelled_orders")
