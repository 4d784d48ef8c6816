"""Logs are told apart by the topic's id as well: one that was deleted and created again has another log."""

from alembic import op

revision = "0009"
down_revision = "0008"
COMMENT = "comment on column landing.partitions.log_id is"


def upgrade() -> None:
    op.execute(f"{COMMENT} 'the broker''s cluster id / the topic''s id: offsets mean something in its log only'")


def downgrade() -> None:
    op.execute(f"{COMMENT} 'the broker''s cluster id: offsets mean something in its log only'")
    op.execute("update landing.partitions set log_id = split_part(log_id, '/', 1)")
