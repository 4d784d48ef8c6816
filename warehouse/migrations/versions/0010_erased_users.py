"""Who was erased: the one place of the warehouse that names deleted users."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLE = """
create table landing.erased_users (
    user_id text primary key,
    erased_at timestamptz not null default now()
);
comment on table landing.erased_users is
    'Deleted users, whose rows have random ids now, so that what lands late, or again, is erased as well.';
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("drop function if exists landing.erase_deleted_users")
    op.execute("drop index if exists raw.auth_v1_deleted, raw.actions_v1_deleted")
    op.execute("drop view if exists live.erased_users")
    op.execute("drop table landing.erased_users")
