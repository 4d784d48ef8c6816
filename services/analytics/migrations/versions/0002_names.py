"""The shop's own ids of products and categories, as the catalog's events tell."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = {"products": "sku", "categories": "code"}


def upgrade() -> None:
    for table, name in TABLES.items():
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
            sa.Column(name, sa.Text, nullable=False),
            sa.Column("is_deleted", sa.Boolean, nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        )
        op.create_index(f"ix_{table}_{name}", table, [name])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
