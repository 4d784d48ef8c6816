"""Dead letters that somebody gave up: who, and why."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        alter table raw.dead_letters
            add closed_by text,
            add closed_reason text,
            add constraint closed_by_somebody_for_a_reason check ((closed_by is null) = (closed_reason is null))
    """)
    op.execute("grant update (closed_by, closed_reason) on raw.dead_letters to tanawari_loader")


def downgrade() -> None:
    op.execute("alter table raw.dead_letters drop closed_by, drop closed_reason")
