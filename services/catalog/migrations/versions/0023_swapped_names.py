"""Categories may swap names in one statement: that none has another's is asked at its end."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE categories DROP CONSTRAINT uq_categories_name,"
        " ADD CONSTRAINT uq_categories_name UNIQUE (name) DEFERRABLE"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE categories DROP CONSTRAINT uq_categories_name, ADD CONSTRAINT uq_categories_name UNIQUE (name)"
    )
