"""The page and the campaign of an action, and what a search found."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TEXTS = ("page_url", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


def upgrade() -> None:
    for table in ("view_history", "user_action_log"):
        for name in TEXTS:
            op.add_column(table, sa.Column(name, sa.Text))
    op.add_column("view_history", sa.Column("request_id", sa.Text))
    op.add_column("user_action_log", sa.Column("result_count", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("user_action_log", "result_count")
    op.drop_column("view_history", "request_id")
    for table in ("view_history", "user_action_log"):
        for name in TEXTS:
            op.drop_column(table, name)
