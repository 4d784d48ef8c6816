"""A dead letter of the landing's own is one letter, however often its log is read; dbt has no use for letters."""

from alembic import op

revision = "0002"
down_revision = "0001"

ONCE = """
create unique index dead_letters_once
    on raw.dead_letters (topic, kafka_partition, kafka_offset, sha256(coalesce(value, ''::bytea)))
    where event_id is null and consumer = 'landing'
"""


def upgrade() -> None:
    op.execute(ONCE)
    op.execute("revoke all on raw.dead_letters from tanawari_dbt")


def downgrade() -> None:
    op.execute("drop index raw.dead_letters_once")
