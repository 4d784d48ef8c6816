"""Alembic's entrance: one connection, one transaction, the version kept in schema `landing`; one process at a time."""

from alembic import context
from sqlalchemy import create_engine, pool, text

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.begin() as connection:
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended('warehouse.migrate', 0))"))
    connection.execute(text("create schema if not exists landing"))
    context.configure(connection=connection, version_table="migrations", version_table_schema="landing")
    context.run_migrations()
engine.dispose()
