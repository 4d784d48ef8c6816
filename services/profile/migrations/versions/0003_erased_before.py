"""Services that came later have nothing of the users who were deleted before, and will never report it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        INSERT INTO erasures (user_id, service, erased_at)
        SELECT deleted_users.id, service, now() FROM deleted_users, unnest(ARRAY['cart', 'order', 'payment']) AS service
        ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("DELETE FROM erasures WHERE service IN ('cart', 'order', 'payment')")
