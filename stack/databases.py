"""Databases and roles on one Postgres server: one of each per service, and the warehouse with its six roles.

PUBLIC may connect to none of them, so a role can use its own database only. Everything here is idempotent, and needs a
superuser or a role that may create roles and databases. The server may be shared: a role that was not created here
keeps its password and rights, and so does a database of another owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from stack.parts.process import PartError
from stack.programs import WAREHOUSE_ROLES

OURS = "made by tanawari prepare"
"""The comment of a role that was created here."""


@dataclass(frozen=True)
class Warehouse:
    """The warehouse's URLs, one per role."""

    owner: str
    loader: str
    dbt: str
    analyst: str
    pipelines: str
    serving: str

    @property
    def environment(self) -> dict[str, str]:
        """The URLs, by the variables that programs read."""
        urls = (self.owner, self.loader, self.dbt, self.analyst, self.pipelines, self.serving)
        return dict(zip(WAREHOUSE_ROLES, urls, strict=True))


def role_url(server: str, role: str, password: str, database: str) -> str:
    """A role's URL to a database on a server, `host:port`."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{server}/{database}"


def revoke_public_access(admin_url: str) -> None:
    """Allow only the superuser to connect to the server's own databases."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for database in ("postgres", "template1"):
            _revoke_public(connection, database)


def create_database(admin_url: str, name: str, password: str) -> str:
    """Create a database and its role of the same name; returns the role's URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        ensure_role(connection, name, password)
        ensure_database(connection, name, owner=name)
    return role_url(_server(admin_url), name, password, name)


def create_warehouse(
    admin_url: str, passwords: Mapping[str, str], *, name: str = "warehouse", template: str = "template1"
) -> Warehouse:
    """Create the warehouse database with its roles.

    Args:
        admin_url: the superuser's URL.
        passwords: the password of each role of `WAREHOUSE_ROLES`, by name.
        name: the database's name.
        template: the database to copy.
    """
    owner, *_ = WAREHOUSE_ROLES.values()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for role in WAREHOUSE_ROLES.values():
            ensure_role(connection, role, passwords[role])
        ensure_database(connection, name, owner=owner, template=template)
        configure_warehouse(connection, name)
    server = _server(admin_url)
    return Warehouse(*(role_url(server, role, passwords[role], name) for role in WAREHOUSE_ROLES.values()))


def configure_warehouse(connection: psycopg.Connection, name: str) -> None:
    """Grant its roles access to the warehouse, and tell the planner what a page at random costs.

    The migrations grant rights on schemas and tables.
    """
    owner, loader, dbt, *_ = WAREHOUSE_ROLES.values()
    for rights, roles in (
        ("CONNECT", WAREHOUSE_ROLES.values()),
        ("TEMPORARY", (owner, loader, dbt)),
        ("CREATE", (owner, dbt)),
    ):
        statement = sql.SQL("GRANT {} ON DATABASE {} TO {}")
        grantees = sql.SQL(", ").join(map(sql.Identifier, roles))
        connection.execute(statement.format(sql.SQL(rights), sql.Identifier(name), grantees))
    # Postgres's own 4 is a spinning disk's: it would read all orders for those of a day.
    connection.execute(sql.SQL("ALTER DATABASE {} SET random_page_cost = 2").format(sql.Identifier(name)))


def ensure_role(connection: psycopg.Connection, role: str, password: str | None) -> bool:
    """Create a role with LOGIN, or set the password of one that was created here; returns whether it is new."""
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
    if exists and not is_ours(connection, role):
        return False
    statement = sql.SQL("ALTER ROLE {} LOGIN" if exists else "CREATE ROLE {} LOGIN").format(sql.Identifier(role))
    if password is not None:
        # as a hash, because the server may log statements
        hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))
    with connection.transaction():
        connection.execute(statement)
        if not exists:
            connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role), sql.Literal(OURS)))
    return not exists


def is_ours(connection: psycopg.Connection, role: str) -> bool:
    """Whether a role was created here."""
    query = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s"
    return connection.execute(query, (role,)).fetchone() == (OURS,)


def ensure_database(connection: psycopg.Connection, name: str, *, owner: str, template: str = "template1") -> bool:
    """Create a database that only its owner may connect to; returns whether it is new.

    Raises:
        PartError: it belongs to another role.
    """
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    found = connection.execute(query, (name,)).fetchone()
    if found is None:
        if not _is_superuser(connection):  # others may give a database only to a role that they are a member of
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, owner, template))))
    elif found != (owner,):
        raise PartError(
            f"the database {name} belongs to {found[0]}, not to {owner}: use another one, or alter its owner"
        )
    if found is None or is_ours(connection, owner):
        _revoke_public(connection, name)
    return found is None


def _is_superuser(connection: psycopg.Connection) -> bool:
    return connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)


def _revoke_public(connection: psycopg.Connection, database: str) -> None:
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))


def _server(admin_url: str) -> str:
    parts = urlsplit(admin_url)
    return f"{parts.hostname}:{parts.port or 5432}"
