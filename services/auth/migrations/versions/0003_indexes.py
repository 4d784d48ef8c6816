"""Tasks and codes of a user, and old tasks, are found without reading all."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_codes_email ON codes (email)")
    op.execute("CREATE INDEX ix_tasks_email ON tasks (email)")
    op.execute("CREATE INDEX ix_tasks_subject ON tasks (subject)")
    op.execute("CREATE INDEX ix_tasks_created_at ON tasks (created_at)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_codes_email, ix_tasks_email, ix_tasks_subject, ix_tasks_created_at")
