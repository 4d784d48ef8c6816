"""The categories below one, and the kept answers of a user, are found without reading all."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_idempotency_caller ON idempotency (split_part(scope, ' ', 1))")
    op.execute('CREATE INDEX ix_categories_path ON categories (code COLLATE "C")')


def downgrade() -> None:
    op.execute("DROP INDEX ix_categories_path")
    op.execute("DROP INDEX ix_idempotency_caller")
