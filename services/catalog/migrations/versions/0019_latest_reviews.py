"""Reviews are listed by when they were written, found by who moderated them, and do not wait for ever."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
        DROP INDEX ix_reviews_visible;
        CREATE INDEX ix_reviews_visible ON reviews (product_id, submitted_at, id) WHERE NOT is_hidden;
        CREATE INDEX ix_reviews_moderations ON reviews USING gin (moderations jsonb_path_ops);
        ALTER TABLE early_reviews ADD COLUMN received_at timestamptz NOT NULL DEFAULT now();
        CREATE INDEX ix_early_reviews_received_at ON early_reviews (received_at)
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE early_reviews DROP COLUMN received_at;
        DROP INDEX ix_reviews_moderations;
        DROP INDEX ix_reviews_visible;
        CREATE INDEX ix_reviews_visible ON reviews (product_id, id) WHERE NOT is_hidden
    """)
