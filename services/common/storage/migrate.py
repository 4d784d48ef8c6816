"""Migrates a service's database to its newest schema, or back.

    python -m services.common.storage.migrate catalog analytics
    python -m services.common.storage.migrate --to 0002 catalog      # up or down to a revision, or to `base`

The revisions are in `services/<name>/migrations/versions`; the URL comes from `<NAME>_DATABASE_URL`. They import no
application code, so that a revision never changes. Each has a downgrade.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from services.common.storage.database import sqlalchemy_url
from services.contracts.setting_errors import ends_in_a_line
from services.contracts.settings import resolved

SERVICES = Path(__file__).parents[2]
LOCK_TIMEOUT = "3s"
TRIES, PAUSE_SECONDS = 20, 1.0


def migrate(service: str, url: str, to: str = "heads") -> list[str]:
    """Apply or revert revisions in one transaction, one process at a time.

    For a locked table it retries with a short lock time-out: others that queue behind a waiting migration would wait
    as well.

    Returns:
        the revisions applied or reverted.

    Raises:
        OperationalError: a table was locked for too long.
    """
    engine = create_engine(sqlalchemy_url(url))
    try:
        for tries_left in reversed(range(TRIES)):
            try:
                return _migrate(service, engine, to)
            except OperationalError as error:
                if not (tries_left and isinstance(error.orig, LockNotAvailable)):
                    raise
                time.sleep(PAUSE_SECONDS)
    finally:
        engine.dispose()
    raise AssertionError("unreachable: the last try returns or raises")


def _migrate(service: str, engine: Engine, to: str) -> list[str]:
    """Migrate in one transaction. There is no `env.py`: it would repeat the same few lines in every service."""
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    done: list[str] = []

    def steps(heads: tuple[str, ...], _: MigrationContext) -> list[Any]:
        is_down = to == "base" or to in {each.revision for each in scripts.iterate_revisions(heads or "base", "base")}
        plan = scripts._downgrade_revs if is_down else scripts._upgrade_revs  # noqa: SLF001 - what Alembic itself does
        found = list(plan(to, heads))  # type: ignore[arg-type]
        done.extend(step.revision.revision for step in found)
        return found

    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('services.common.storage.migrate', 0))"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context = MigrationContext.configure(
            connection, opts={"fn": steps, "script": scripts, "transactional_ddl": True}
        )
        with Operations.context(context):
            context.run_migrations()
    return done


@ends_in_a_line()
def main() -> None:
    """Migrate each service named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m services.common.storage.migrate")
    parser.add_argument("services", nargs="+")
    parser.add_argument("--to", default="heads", help="a revision, or base; the newest by default")
    arguments = parser.parse_args()
    for service in arguments.services:
        applied = migrate(service, resolved(os.environ)[f"{service.upper()}_DATABASE_URL"], arguments.to)
        print(f"{service}: {', '.join(applied) or 'up to date'}")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
