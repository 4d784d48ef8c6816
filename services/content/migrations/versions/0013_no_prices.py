"""A special price is set in catalog alone: merchandisers' rows of mode `price` go, and those that pin lose theirs."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("DELETE FROM top_page_displays_manual WHERE mode = 'price'")
    op.execute("""
        UPDATE top_page_displays_manual SET special_price = NULL, currency = NULL WHERE special_price IS NOT NULL
    """)
    op.execute("UPDATE active_generation SET version = version + 1")  # pages are cached by it
    _allow("'pin', 'hide'")


def downgrade() -> None:
    """The rows do not come back."""
    _allow("'pin', 'hide', 'price'")


def _allow(modes: str) -> None:
    op.execute(f"""
        ALTER TABLE top_page_displays
            DROP CONSTRAINT ck_top_page_displays_mode,
            ADD CONSTRAINT ck_top_page_displays_mode CHECK (mode IN ({modes}))
    """)
