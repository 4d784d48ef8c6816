"""What users wish of their shelves."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE wishes (
            user_id text CONSTRAINT pk_wishes PRIMARY KEY,
            version bigint NOT NULL,
            has_consent boolean NOT NULL,
            opted_out jsonb NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE wishes")
