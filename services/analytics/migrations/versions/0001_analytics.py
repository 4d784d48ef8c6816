"""User actions, view history, and the inbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)
MONEY = sa.Numeric(12, 2)

INBOX = """
CREATE TABLE inbox (
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
"""


def upgrade() -> None:
    op.execute(INBOX)
    op.create_table(
        "view_history",
        *_recorded("view_history"),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("viewed_at", TIME, nullable=False),
        *_product(),
    )
    op.create_index("ix_view_history_user_id_viewed_at_id", "view_history", ["user_id", "viewed_at", "id"])
    op.create_index("ix_view_history_viewed_at", "view_history", ["viewed_at"])
    op.create_table(
        "user_action_log",
        *_recorded("user_action_log"),
        sa.Column("request_id", sa.Text),
        sa.Column("action_type", sa.Text, nullable=False),
        sa.Column("product_id", sa.BigInteger),
        *_product(),
        sa.Column("cart_item_id", sa.BigInteger),
        sa.Column("order_id", sa.BigInteger),
        sa.Column("return_id", sa.BigInteger),
        sa.Column("quantity", sa.BigInteger),
        sa.Column("search_keyword", sa.Text),
        sa.Column("search_category_id", sa.BigInteger),
        sa.Column("search_category_name", sa.Text),
        sa.Column("review_text", sa.Text),
        sa.Column("rating", sa.Float),
        sa.Column("action_reason", sa.Text),
        sa.Column("error_details", sa.Text),
        sa.Column("metadata", postgresql.JSONB),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_user_action_log_user_id_created_at_id", "user_action_log", ["user_id", "created_at", "id"])
    op.create_index("ix_user_action_log_action_type_created_at", "user_action_log", ["action_type", "created_at"])


def downgrade() -> None:
    for table in ("user_action_log", "view_history", "inbox"):
        op.drop_table(table)


def _recorded(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("event_id", postgresql.UUID, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("is_bot", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("event_id", name=f"uq_{table}_event_id"),
    ]


def _product() -> list[sa.Column]:
    return [
        sa.Column("product_name", sa.Text),
        sa.Column("product_price", MONEY),
        sa.Column("category_id", sa.BigInteger),
        sa.Column("category_name", sa.Text),
    ]
