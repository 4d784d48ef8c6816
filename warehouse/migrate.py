"""Brings the warehouse's schemas `raw` and `landing` up to date: `python -m warehouse.migrate`.

Alembic owns what is there once (schemas, grants, dead letters, bookkeeping). The event tables follow the contracts:
every topic has one, made here when it is missing, so that declaring a topic is all there is to adding one; the views on
them follow after.
"""

import os
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from services.contracts.settings import resolved
from services.contracts.topics import TOPICS, Topic
from warehouse.live_views import make_live_views
from warehouse.tables import DEAD_LETTERS_TOPIC

_EVENT_TABLE = """
create table if not exists raw.{table} (
    event_id uuid primary key,
    event_type text not null,
    schema_version int not null,
    occurred_at timestamptz not null,
    producer text not null,
    key text,
    data jsonb not null,
    topic text not null,
    kafka_partition int not null,
    kafka_offset bigint not null,
    loaded_at timestamptz not null default now(),
    loaded_xid bigint not null default pg_current_xact_id()::text::bigint
)"""


def migrate(url: str) -> None:
    """Apply every outstanding migration as the warehouse's owner, and make the tables of new topics.

    Args:
        url: `postgresql://…` of the role that owns the warehouse database. The roles `tanawari_loader`,
            `tanawari_dbt`, `tanawari_analyst`, `tanawari_pipelines` and `tanawari_serving` must exist: they are granted
            their rights.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    command.upgrade(config, "head")
    with psycopg.connect(url) as connection:
        for topic in TOPICS.values():
            if topic.name != DEAD_LETTERS_TOPIC:
                make_event_table(connection, topic)
        make_live_views(connection)


def make_event_table(connection: psycopg.Connection, topic: Topic) -> None:
    """Make the table that `topic` lands in, unless it is there; default privileges grant it."""
    connection.execute(sql.SQL(_EVENT_TABLE).format(table=sql.Identifier(topic.table)))
    connection.execute(
        sql.SQL("create index if not exists {index} on raw.{table} (loaded_xid)").format(
            index=sql.Identifier(f"{topic.table}_loaded_xid"), table=sql.Identifier(topic.table)
        )
    )


if __name__ == "__main__":
    migrate(resolved(os.environ)["WAREHOUSE_DATABASE_URL"])
