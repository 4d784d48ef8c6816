"""The table `showing` is `active_generation`."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _rename("showing", "active_generation")


def downgrade() -> None:
    _rename("active_generation", "showing")


def _rename(old: str, new: str) -> None:
    op.execute(f"ALTER TABLE {old} RENAME TO {new}")
    for constraint in ("pk_{}", "ck_{}_one_row", "fk_{}_generation"):
        op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {constraint.format(old)} TO {constraint.format(new)}")
