"""Rows of merchandisers by product and shelf, categories by code, entries by user: found without reading all."""

from alembic import op

revision = "0017"
down_revision = "0016"


MADE = {
    "ix_idempotency_caller": "idempotency (split_part(scope, ' ', 1))",
    "ix_top_page_displays_manual_product_id": "top_page_displays_manual (product_id)",
    "ix_top_page_displays_manual_display_type_id": "top_page_displays_manual (display_type, id)",
    "ix_categories_code": "categories (code)",
    "ix_audit_entries_before": "audit_entries ((before ->> 'userId')) WHERE before ->> 'userId' IS NOT NULL",
    "ix_audit_entries_after": "audit_entries ((after ->> 'userId')) WHERE after ->> 'userId' IS NOT NULL",
}


def upgrade() -> None:
    for name, place in MADE.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {place}")


def downgrade() -> None:
    op.execute("DROP INDEX ix_audit_entries_before, ix_audit_entries_after")
    op.execute("DROP INDEX ix_categories_code")
    op.execute("DROP INDEX ix_top_page_displays_manual_product_id, ix_top_page_displays_manual_display_type_id")
    op.execute("DROP INDEX ix_idempotency_caller")
