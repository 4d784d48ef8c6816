"""Brings the warehouse's schemas `raw` and `landing` up to date: `python -m warehouse.migrate`.

Alembic owns all but the event tables of new topics, and with `landing.event_table` what an event table is like: a
migration alters it, and those that are there, alike. Every topic has one, made here after that template when it is
missing, so that declaring a topic is all there is to adding one; the views on them follow after.
"""

import os
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from services.contracts.setting_errors import ends_in_a_line
from services.contracts.settings import resolved
from services.contracts.topics import TOPICS, Topic
from warehouse.erasure import make_erasure
from warehouse.live_views import make_live_views
from warehouse.tables import DEAD_LETTERS_TOPIC


def migrate(url: str) -> None:
    """Apply every outstanding migration as the warehouse's owner, and make the tables of new topics.

    Args:
        url: `postgresql://…` of the role that owns the warehouse database. The roles `tanawari_loader`,
            `tanawari_dbt`, `tanawari_analyst`, `tanawari_pipelines` and `tanawari_serving` must exist: they are granted
            their rights.
    """
    command.upgrade(alembic_config(url), "head")
    with psycopg.connect(url) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended('warehouse.migrate', 0))")  # as alembic's
        for topic in TOPICS.values():
            if topic.name != DEAD_LETTERS_TOPIC:
                make_event_table(connection, topic)
        make_live_views(connection)
        make_erasure(connection)


def alembic_config(url: str) -> Config:
    """Alembic's, for the warehouse at `url`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return config


def make_event_table(connection: psycopg.Connection, topic: Topic) -> None:
    """Make the table that `topic` lands in, unless it is there; default privileges grant it."""
    connection.execute(
        sql.SQL("create table if not exists raw.{} (like landing.event_table including all)").format(
            sql.Identifier(topic.table)
        )
    )


def revision(url: str) -> str | None:
    """The newest migration that was applied; None before the first."""
    with psycopg.connect(url) as connection:
        if connection.execute("select to_regclass('landing.migrations')").fetchone() == (None,):
            return None
        row = connection.execute("select version_num from landing.migrations").fetchone()
    return str(row[0]) if row else None


@ends_in_a_line()
def main() -> None:
    """Migrate the warehouse of the environment, and tell from where to where."""
    url = resolved(os.environ)["WAREHOUSE_DATABASE_URL"]
    before = revision(url)
    migrate(url)
    after = revision(url)
    done = "up to date" if before == after else f"{before or 'nothing'} to {after}"
    print(f"warehouse: {done}")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
