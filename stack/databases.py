"""Databases and roles on one Postgres server: one of each per service, and the warehouse with its six roles.

PUBLIC may connect nowhere, so a role reaches its own database and no other. Everything here may be repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

WAREHOUSE_ROLES = {
    "WAREHOUSE_DATABASE_URL": "tanawari_warehouse",
    "WAREHOUSE_LOADER_URL": "tanawari_loader",
    "WAREHOUSE_DBT_URL": "tanawari_dbt",
    "WAREHOUSE_ANALYST_URL": "tanawari_analyst",
    "WAREHOUSE_PIPELINES_URL": "tanawari_pipelines",
    "WAREHOUSE_SERVING_URL": "tanawari_serving",
}
"""The environment variable of each warehouse role; the first owns the database and migrates it."""


@dataclass(frozen=True)
class Warehouse:
    """The warehouse's URLs, one a role."""

    owner: str
    loader: str
    dbt: str
    analyst: str
    pipelines: str
    serving: str

    @property
    def environment(self) -> dict[str, str]:
        """The URLs under the names that the programs read."""
        urls = (self.owner, self.loader, self.dbt, self.analyst, self.pipelines, self.serving)
        return dict(zip(WAREHOUSE_ROLES, urls, strict=True))


def role_url(server: str, role: str, password: str, database: str) -> str:
    """A role's URL to a database on a server, `host:port`."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{server}/{database}"


def close_doors(admin_url: str) -> None:
    """Let no role but the superuser connect to the server's own databases."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for database in ("postgres", "template1"):
            _revoke_public(connection, database)


def create_database(admin_url: str, name: str, password: str) -> str:
    """Make a database and its role of the same name, and return the role's URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        _create_role(connection, name, password)
        _create_database(connection, name, owner=name)
    return role_url(_server(admin_url), name, password, name)


def create_warehouse(
    admin_url: str, passwords: Mapping[str, str], *, name: str = "warehouse", template: str = "template1"
) -> Warehouse:
    """Make the warehouse database with its roles.

    Rights on schemas and tables are the migrations' matter; rights on the database are given here.

    Args:
        admin_url: the superuser's URL.
        passwords: by role name, for every role of `WAREHOUSE_ROLES`.
        name: the database.
        template: a database to copy.
    """
    owner, loader, dbt, *_ = WAREHOUSE_ROLES.values()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for role in WAREHOUSE_ROLES.values():
            _create_role(connection, role, passwords[role])
        _create_database(connection, name, owner=owner, template=template)
        for rights, roles in (
            ("CONNECT", WAREHOUSE_ROLES.values()),
            ("TEMPORARY", (owner, loader, dbt)),
            ("CREATE", (owner, dbt)),
        ):
            statement = sql.SQL("GRANT {} ON DATABASE {} TO {}")
            grantees = sql.SQL(", ").join(map(sql.Identifier, roles))
            connection.execute(statement.format(sql.SQL(rights), sql.Identifier(name), grantees))
    server = _server(admin_url)
    return Warehouse(*(role_url(server, role, passwords[role], name) for role in WAREHOUSE_ROLES.values()))


def _create_role(connection: psycopg.Connection, role: str, password: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(verb, sql.Identifier(role), sql.Literal(password)))


def _create_database(connection: psycopg.Connection, name: str, *, owner: str, template: str = "template1") -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, owner, template))))
    _revoke_public(connection, name)


def _revoke_public(connection: psycopg.Connection, database: str) -> None:
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))


def _server(admin_url: str) -> str:
    parts = urlsplit(admin_url)
    return f"{parts.hostname}:{parts.port or 5432}"
