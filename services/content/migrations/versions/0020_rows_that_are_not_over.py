"""Rows of merchandisers by user and end: a page reads those that are not over, however many are."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_top_page_displays_manual_user_id_ends_at"
        " ON top_page_displays_manual (user_id, coalesce(end_date, 'infinity'::timestamptz))"
    )
    op.execute("DROP INDEX ix_top_page_displays_manual_user_id")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_top_page_displays_manual_user_id ON top_page_displays_manual (user_id)")
    op.execute("DROP INDEX ix_top_page_displays_manual_user_id_ends_at")
