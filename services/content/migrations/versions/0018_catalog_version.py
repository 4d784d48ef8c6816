"""Which change of the catalogue altered a product's looks last: only pages with that product are composed anew."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("ALTER TABLE active_generation ADD catalog_version bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE products ADD catalog_version bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE products DROP catalog_version")
    op.execute("ALTER TABLE active_generation DROP catalog_version")
