"""Rows of merchandisers by product and shelf, categories by code, entries by user: found without reading all."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_idempotency_caller ON idempotency (split_part(scope, ' ', 1))")
    op.execute("CREATE INDEX ix_top_page_displays_manual_product_id ON top_page_displays_manual (product_id)")
    op.execute(
        "CREATE INDEX ix_top_page_displays_manual_display_type_id ON top_page_displays_manual (display_type, id)"
    )
    op.execute("CREATE INDEX ix_categories_code ON categories (code)")
    for side in ("before", "after"):
        named = f"{side} ->> 'userId'"
        op.execute(f"CREATE INDEX ix_audit_entries_{side} ON audit_entries (({named})) WHERE {named} IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX ix_audit_entries_before, ix_audit_entries_after")
    op.execute("DROP INDEX ix_categories_code")
    op.execute("DROP INDEX ix_top_page_displays_manual_product_id, ix_top_page_displays_manual_display_type_id")
    op.execute("DROP INDEX ix_idempotency_caller")
