"""Which product is a variant of which: known of products that change after this revision, or after a rebuild."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE products ADD parent_id bigint")
    op.execute("CREATE INDEX IF NOT EXISTS ix_products_parent_id ON products (parent_id)")


def downgrade() -> None:
    op.execute("ALTER TABLE products DROP parent_id")
