"""A key is claimed before the work: its attempt, the deadline of the claim, and an answer only when there is one.

Kept answers stay. A process of before this revision refuses requests with a key, and has to be replaced.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE idempotency ALTER created_at DROP NOT NULL")  # else its constraint keeps the old name
    op.execute("ALTER TABLE idempotency RENAME created_at TO claimed_at")
    op.execute("ALTER INDEX ix_idempotency_created_at RENAME TO ix_idempotency_claimed_at")
    op.execute("""
        ALTER TABLE idempotency
            ADD attempt bigint NOT NULL DEFAULT 1,
            ADD deadline timestamptz NOT NULL DEFAULT now(),
            ALTER status DROP NOT NULL,
            ALTER headers DROP NOT NULL,
            ALTER body DROP NOT NULL
    """)
    op.execute("""
        ALTER TABLE idempotency
            ALTER claimed_at SET NOT NULL,
            ALTER claimed_at DROP DEFAULT,
            ALTER attempt DROP DEFAULT,
            ALTER deadline DROP DEFAULT
    """)


def downgrade() -> None:
    op.execute("DELETE FROM idempotency WHERE status IS NULL")
    op.execute("""
        ALTER TABLE idempotency
            DROP attempt,
            DROP deadline,
            ALTER status SET NOT NULL,
            ALTER headers SET NOT NULL,
            ALTER body SET NOT NULL,
            ALTER claimed_at DROP NOT NULL
    """)
    op.execute("ALTER INDEX ix_idempotency_claimed_at RENAME TO ix_idempotency_created_at")
    op.execute("ALTER TABLE idempotency RENAME claimed_at TO created_at")
    op.execute("ALTER TABLE idempotency ALTER created_at SET NOT NULL, ALTER created_at SET DEFAULT now()")
