"""The indexes that reports read: the rows of people, with what is counted.

Building them locks the tables against writing: the consumer waits, and the collector does not need them.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

PEOPLE = "WHERE NOT is_bot AND NOT simulated"
COUNTED = "INCLUDE (product_id, user_id)"


def upgrade() -> None:
    op.execute("DROP INDEX ix_view_history_viewed_at")
    op.execute("DROP INDEX ix_user_action_log_action_type_created_at")
    op.execute(f"CREATE INDEX ix_view_history_viewed_at ON view_history (viewed_at) {COUNTED} {PEOPLE}")
    op.execute(
        "CREATE INDEX ix_view_history_product_id_viewed_at ON view_history (product_id, viewed_at)"
        f" INCLUDE (user_id) {PEOPLE}"
    )
    op.execute(
        "CREATE INDEX ix_user_action_log_action_type_created_at ON user_action_log (action_type, created_at)"
        f" {COUNTED} {PEOPLE}"
    )
    op.execute(
        "CREATE INDEX ix_user_action_log_product_id_created_at ON user_action_log (product_id, created_at)"
        f" INCLUDE (action_type, user_id) {PEOPLE}"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_user_action_log_product_id_created_at")
    op.execute("DROP INDEX ix_user_action_log_action_type_created_at")
    op.execute("DROP INDEX ix_view_history_product_id_viewed_at")
    op.execute("DROP INDEX ix_view_history_viewed_at")
    op.execute("CREATE INDEX ix_view_history_viewed_at ON view_history (viewed_at)")
    op.execute("CREATE INDEX ix_user_action_log_action_type_created_at ON user_action_log (action_type, created_at)")
