"""Catalog had no data of users until now, and never reports who was deleted before.

It stores nothing of them, because it is told of them before it starts (`stack/deletions.py`).
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        INSERT INTO erasures (user_id, service, erased_at) SELECT id, 'catalog', now() FROM deleted_users
        ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("DELETE FROM erasures WHERE service = 'catalog'")
