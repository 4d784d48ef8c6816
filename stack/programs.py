"""The table of what the stack runs: how each program is started and probed, what it keeps, reads, sends and may know.

Everything else follows from it: a service that stands here has its database and role, its schema, its port and
address, and is started, probed, watched and drained.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from stack.parts.process import kept
from stack.program import GRPC, TCP, Program, service

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
UNHURRIED = 15.0
"""Seconds for an answer of what serves people beside the shop, and loads a lot while it starts."""

WAREHOUSE_ROLES = {
    "WAREHOUSE_DATABASE_URL": "tanawari_warehouse",
    "WAREHOUSE_LOADER_URL": "tanawari_loader",
    "WAREHOUSE_DBT_URL": "tanawari_dbt",
    "WAREHOUSE_ANALYST_URL": "tanawari_analyst",
    "WAREHOUSE_PIPELINES_URL": "tanawari_pipelines",
    "WAREHOUSE_SERVING_URL": "tanawari_serving",
}
"""The variable of each role of the warehouse; the first owns the database and migrates it."""

ADMIN = "POSTGRES_ADMIN_URL"
"""The variable of who may make roles and databases; `tanawari prepare` reads it, and no program."""

PIPELINES = (
    *("DAGSTER_DATABASE_URL", "WAREHOUSE_LOADER_URL", "WAREHOUSE_PIPELINES_URL"),
    *("WAREHOUSE_DBT_URL", "KAFKA_SASL_PASSWORD", "AUTH_SIGNING_KEY_FILE"),
)
DEFINITIONS = ("-m", "pipelines.definitions")
DAGSTER_CODE = (str(SCRIPTS / "dagster"), "api", "grpc")
WORKSPACE = "{state}/dagster/workspace.yaml"
LOCATION = "tanawari"
"""Dagster's name for our definitions, as in `workspace.yaml`."""

PROGRAMS = (
    service("catalog", keeps_data=True, has_outbox=True),
    service("analytics", keeps_data=True, consumes={"analytics.consumer": "user-actions.v1"}),
    service("content", keeps_data=True, has_outbox=True, consumes={"content.catalog": "catalog.v1"}),
    service("serving", "WAREHOUSE_SERVING_URL", "AUTH_SIGNING_KEY_FILE"),
    service("gateway", "AUTH_SIGNING_KEY_FILE", is_intake=True, follows_log=False),  # the key is for the preview
    Program(
        "landing",
        (sys.executable, "-m", "warehouse.landing"),
        ("WAREHOUSE_LOADER_URL", "KAFKA_SASL_PASSWORD"),
        "/health/live",
        "/health/live",
        migration=("warehouse.migrate",),
        follows_log=True,
    ),
    Program(
        "mlflow",
        kept(
            (
                *(str(SCRIPTS / "mlflow"), "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
                *("--artifacts-destination", "{state}/mlflow"),
            )
        ),
        ("MLFLOW_BACKEND_STORE_URI",),
        "/health",
        "/health",
        UNHURRIED,
        database="mlflow",
        tool=True,
    ),
    # the definitions are loaded once here, rather than by the web server and by the daemon; lazily, for a fault in them
    # then shows in Dagster's pages instead of keeping the stack from starting
    Program(
        "dagster-code",
        kept((*DAGSTER_CODE, "-h", "127.0.0.1", "-p", "{port}", "--lazy-load-user-code", *DEFINITIONS)),
        PIPELINES,
        TCP,
        GRPC,
        UNHURRIED,
        database="dagster",
        tool=True,
    ),
    Program(
        "dagster",
        kept((str(SCRIPTS / "dagster-webserver"), "-h", "127.0.0.1", "-p", "{port}", "-w", WORKSPACE)),
        probe="/server_info",
        alive="/server_info",
        answers_within=UNHURRIED,
        tool=True,
    ),
    Program("dagster-daemon", kept((str(SCRIPTS / "dagster-daemon"), "run", "-w", WORKSPACE)), tool=True),
    Program(
        "dbt-docs",
        (sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{state}/dbt-docs"),
        (),
        "/",
        "/",
        UNHURRIED,
        tool=True,
    ),
)


def databases(programs: Iterable[Program] = PROGRAMS) -> dict[str, str]:
    """The variable of each database that has a role of its own, with the name of both."""
    return {each.database_variable: each.database for each in programs if each.database and each.database_variable}


def addresses(programs: Iterable[Program] = PROGRAMS) -> tuple[str, ...]:
    """The variables of the parts that may run elsewhere: the broker, the cache, and every database."""
    return ("KAFKA_URL", "REDIS_URL", *databases(programs), *WAREHOUSE_ROLES)


def secrets(programs: Iterable[Program] = PROGRAMS) -> frozenset[str]:
    """The variables that a program is given only if it reads them."""
    read = (name for each in programs for name in each.reads)
    return frozenset((ADMIN, *databases(programs), *WAREHOUSE_ROLES, *read))


def program_ports(programs: Iterable[Program] = PROGRAMS) -> list[str]:
    """The names that need a port: the embedded parts and every program that is probed."""
    return ["postgres", "broker", "valkey", *(program.name for program in programs if program.probe)]
