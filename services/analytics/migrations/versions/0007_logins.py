"""Which user a visitor became: what a visitor did before a login is erased with the user."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE logins (
            visitor_id text NOT NULL,
            logged_in_at timestamptz NOT NULL,
            user_id text NOT NULL,
            CONSTRAINT pk_logins PRIMARY KEY (visitor_id, logged_in_at, user_id)
        )
    """)
    op.execute("CREATE INDEX ix_logins_user_id ON logins (user_id)")


def downgrade() -> None:
    op.execute("DROP TABLE logins")
