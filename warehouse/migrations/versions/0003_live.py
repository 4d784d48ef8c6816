"""Schema `live`, with what serving reads at its start, and the role that reads it and nothing else."""

from alembic import op

revision = "0003"
down_revision = "0002"

GRANTS = """
do $$ begin
    execute format('grant connect on database %I to tanawari_serving', current_database());
end $$;
grant usage on schema live to tanawari_serving;
alter default privileges in schema live grant select on tables to tanawari_serving;
"""


def upgrade() -> None:
    op.execute("create schema live")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("alter default privileges in schema live revoke select on tables from tanawari_serving")
    op.execute("drop schema live cascade")
    op.execute("drop index if exists raw.user_actions_v1_occurred_at, raw.order_v1_occurred_at")
    op.execute("drop index if exists raw.user_actions_v1_deleted_users")
