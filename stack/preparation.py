"""Creates what programs need at start: databases with their roles, topics, schemas. Everything is idempotent.

`tanawari prepare` creates it for a deployment, `tanawari up` for the stack of a state. Each step reports what it
created and what existed.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from aiokafka.errors import KafkaError
from psycopg.conninfo import conninfo_to_dict

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from stack.databases import configure_warehouse, ensure_database, ensure_role, is_ours
from stack.parts.process import PartError
from stack.program import Program
from stack.programs import PROGRAMS, ROOT, WAREHOUSE_ROLES, databases
from stack.topics import create_topics, differing_partitions

OWNER = "WAREHOUSE_DATABASE_URL"
UP_TO_DATE = "up to date"
ANSWER = re.compile(r"([\w-]+): (.+)")
"""A line of a migration's output: `catalog: 0001, 0002`."""
ERROR = re.compile(r"(?:(?:\w+\.)+\w+|\w*Error): .+")
"""The line of a stack trace that names the error; details may follow it."""
LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Prepared:
    """One role, database, schema or set of topics that exists now.

    Attributes:
        kind: `role`, `database`, `topics`, `topic`, `schema` or `deletions`.
        name: its name.
        was_there: whether it existed before.
        detail: what was created, or why nothing was created.
    """

    kind: str
    name: str
    was_there: bool
    detail: str = ""


def make_databases(
    variables: Mapping[str, str], admin_url: str, programs: Iterable[Program] = PROGRAMS
) -> list[Prepared]:
    """Create the databases and roles of the given URLs that are on this server.

    Args:
        variables: the URL of each database, with its role and password.
        admin_url: of a role that may create roles and databases.
        programs: the table of programs.

    Raises:
        PartError: a URL is incomplete, the warehouse's URLs are not those of its six roles, a database belongs to
            another role, or the server refuses.
    """
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            names = [name for name in databases(programs) if variables.get(name)]
            made = [done for name in names for done in _make_database(connection, name, variables[name])]
            if any(variables.get(name) for name in WAREHOUSE_ROLES):
                made += _make_warehouse(connection, variables)
    except psycopg.Error as error:
        raise PartError(f"could not create databases and roles: {str(error).strip()}") from error
    return made


def _make_database(connection: psycopg.Connection, variable: str, url: str) -> Iterator[Prepared]:
    told = _complete(variable, url)
    name, role = told["dbname"], told["user"]
    if not _is_here(connection, told):
        yield _elsewhere(told)
        return
    yield _make_role(connection, role, told)
    yield _made("database", name, ensure_database(connection, name, owner=role))


def _make_warehouse(connection: psycopg.Connection, variables: Mapping[str, str]) -> Iterator[Prepared]:
    told = {name: conninfo_to_dict(variables.get(name, "")) for name in WAREHOUSE_ROLES}
    wrong = [name for name, role in WAREHOUSE_ROLES.items() if told[name].get("user") != role]
    if wrong:
        roles = ", ".join(f"{name} of {WAREHOUSE_ROLES[name]}" for name in wrong)
        raise PartError(f"the warehouse has six roles, set the URL of each: missing or of another role: {roles}")
    owner = _complete(OWNER, variables[OWNER])
    name = owner["dbname"]
    if not _is_here(connection, owner):
        yield _elsewhere(owner)
        return
    for variable, role in WAREHOUSE_ROLES.items():
        yield _make_role(connection, role, _complete(variable, variables[variable]))
    yield _made("database", name, ensure_database(connection, name, owner=WAREHOUSE_ROLES[OWNER]))
    configure_warehouse(connection, name)


def _make_role(connection: psycopg.Connection, role: str, told: Mapping[str, str]) -> Prepared:
    is_new = ensure_role(connection, role, told.get("password"))
    detail = "" if is_ours(connection, role) else "was not made by tanawari prepare: its password is not changed"
    return Prepared("role", role, was_there=not is_new, detail=detail)


def _complete(variable: str, url: str) -> dict[str, str]:
    """The parts of a URL, which must name a role and a database."""
    told = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    if missing := {"user", "dbname"} - told.keys():
        raise PartError(f"{variable} has no {' and no '.join(sorted(missing))}")
    return told


def make_topics(kafka: KafkaSettings) -> Prepared:
    """Create the topics that the broker lacks.

    Raises:
        PartError: the broker is unavailable, or refused one.
    """
    with _told(f"could not create the topics at {kafka.kafka_url}"):
        made = asyncio.run(create_topics(kafka))
    return Prepared("topics", f"{len(TOPICS)} of {kafka.kafka_url}", was_there=not made, detail=", ".join(made))


def differing_topics(kafka: KafkaSettings) -> list[Prepared]:
    """The topics with other partitions than declared, each with what to do; nothing is changed.

    Raises:
        PartError: the broker is unavailable.
    """
    with _told(f"could not read the topics at {kafka.kafka_url}"):
        others = asyncio.run(differing_partitions(kafka))
    return [Prepared("topic", name, was_there=True, detail=told) for name, told in others.items()]


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        raise PartError(f"{what}: {str(error) or type(error).__name__}") from error


def migrate(
    variables: Mapping[str, str], log: Path | None = None, programs: Iterable[Program] = PROGRAMS
) -> list[Prepared]:
    """Migrate the schema of every database whose URL is set, services and warehouse concurrently.

    Args:
        variables: the environment of the migrations.
        log: a file that gets their output.
        programs: the table of programs.

    Raises:
        PartError: a migration failed; the message ends with its error.
    """
    arguments: dict[str, list[str]] = {}
    for program in programs:
        if program.migration and variables.get(program.database_variable or OWNER):
            module, *words = program.migration
            arguments.setdefault(module, []).extend(words)
    running = [
        subprocess.Popen(  # noqa: S603 - composed here
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=dict(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for module, words in arguments.items()
    ]
    said = [process.communicate()[0] for process in running]
    if log is not None:
        with log.open("a") as file:
            file.writelines(said)
    for process, text in zip(running, said, strict=True):
        if process.returncode:
            lines = text.strip().splitlines() or ["no output"]
            reason = next((line for line in reversed(lines) if ERROR.match(line)), lines[-1])
            raise PartError(f"a migration failed: {reason}" + (f" (see {log})" if log else ""))
    told = [ANSWER.fullmatch(line) for text in said for line in text.splitlines()]
    return [Prepared("schema", each[1], was_there=each[2] == UP_TO_DATE, detail=each[2]) for each in told if each]


def _made(kind: str, name: str, is_new: bool) -> Prepared:  # noqa: FBT001 - a result, not an option
    return Prepared(kind, name, was_there=not is_new)


def _elsewhere(told: Mapping[str, str]) -> Prepared:
    return Prepared(
        "database", told["dbname"], was_there=True, detail=f"is on another server, {_place(told)}: not checked"
    )


def _is_here(connection: psycopg.Connection, told: Mapping[str, str]) -> bool:
    return _place(told) == _place({"host": connection.info.host, "port": str(connection.info.port)})


def _place(told: Mapping[str, str]) -> str:
    host = told.get("host") or "localhost"
    return f"{'localhost' if host in LOOPBACK else host}:{told.get('port') or 5432}"
