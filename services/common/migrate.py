"""Brings a service's database to its newest schema: `python -m services.common.migrate catalog [analytics ...]`.

The revisions lie in `services/<name>/migrations/versions`; the URL comes from `<NAME>_DATABASE_URL`. A migration makes
the shared tables by `outbox.create(op)`, `inbox.create(op)` and `idempotency.create(op)`.
"""

import os
import sys
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from services.common.database import sqlalchemy_url

SERVICES = Path(__file__).parents[1]


def migrate(service: str, url: str) -> list[str]:
    """Apply what is missing, in one transaction, one process at a time; the revisions applied.

    There is no `env.py`: the same few lines would stand in every service.
    """
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('services.common.migrate', 0))"))
        before = MigrationContext.configure(connection).get_current_heads()
        context = MigrationContext.configure(
            connection,
            opts={
                "fn": lambda heads, _: scripts._upgrade_revs("heads", heads),  # noqa: SLF001 - what `upgrade` itself does
                "script": scripts,
                "transactional_ddl": True,
            },
        )
        with Operations.context(context):
            context.run_migrations()
    engine.dispose()
    return [revision.revision for revision in scripts.iterate_revisions("heads", before or "base")][::-1]


def main() -> None:
    """Migrate each service named on the command line."""
    for service in sys.argv[1:]:
        applied = migrate(service, os.environ[f"{service.upper()}_DATABASE_URL"])
        print(f"{service}: {', '.join(applied) or 'up to date'}")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
