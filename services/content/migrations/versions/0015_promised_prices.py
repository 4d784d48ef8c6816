"""What a merchandiser's row promises: the special price at which alone its product is shown."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE top_page_displays ADD promised_price numeric(15, 3)")


def downgrade() -> None:
    """A row that is shown at any price would break its promise."""
    op.execute("DELETE FROM top_page_displays_manual WHERE promised_price IS NOT NULL")
    op.execute("ALTER TABLE top_page_displays DROP promised_price")
    op.execute("UPDATE active_generation SET version = version + 1")  # pages are cached by it
