"""The images whose files are in the object store, and an index to find which no product names."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE stored_images (
            id text CONSTRAINT pk_stored_images PRIMARY KEY,
            stored_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ix_stored_images_stored_at ON stored_images (stored_at);
        CREATE INDEX ix_products_images ON products USING gin (images) WHERE images <> '{}'
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_products_images; DROP TABLE stored_images")
