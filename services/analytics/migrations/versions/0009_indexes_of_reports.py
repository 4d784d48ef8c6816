"""The indexes that reports read: the rows of people, with what is counted.

Building them locks the tables against writing: the consumer waits, and the collector does not need them. The old ones
go last, because that locks the tables against reading as well. What was built by hand before is not built again.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

PEOPLE = "WHERE NOT is_bot AND NOT simulated"
COUNTED = "INCLUDE (product_id, user_id)"
MADE = {
    "ix_view_history_viewed_at_people": f"view_history (viewed_at) {COUNTED} {PEOPLE}",
    "ix_view_history_product_id_viewed_at": f"view_history (product_id, viewed_at) INCLUDE (user_id) {PEOPLE}",
    "ix_user_action_log_action_type_created_at_people": (
        f"user_action_log (action_type, created_at) {COUNTED} {PEOPLE}"
    ),
    "ix_user_action_log_product_id_created_at": (
        f"user_action_log (product_id, created_at) INCLUDE (action_type, user_id) {PEOPLE}"
    ),
}
BEFORE = {
    "ix_view_history_viewed_at": "view_history (viewed_at)",
    "ix_user_action_log_action_type_created_at": "user_action_log (action_type, created_at)",
}


def upgrade() -> None:
    replace(BEFORE, MADE)


def downgrade() -> None:
    replace(MADE, BEFORE)


def replace(old: dict[str, str], new: dict[str, str]) -> None:
    for name, place in new.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {place}")
    for name in old:
        op.execute(f"DROP INDEX {name}")
