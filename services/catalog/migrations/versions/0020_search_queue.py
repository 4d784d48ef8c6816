"""Old and new versions of the products of an upload are hashed: the first change of a connection is often one alone."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("ALTER FUNCTION search_products_changed() SET enable_nestloop = off")


def downgrade() -> None:
    op.execute("ALTER FUNCTION search_products_changed() RESET enable_nestloop")
