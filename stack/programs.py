"""The table of programs that the stack runs: their commands, probes, databases, topics and secrets.

Everything else follows from it: a service in this table gets its database and role, its schema, its port and address,
and is started, probed, watched and drained.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from stack.parts.process import with_subreaper
from stack.program import GRPC, TCP, Program, service

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
TOOL_SECONDS = 15.0
"""Time limit for a response of a tool, which loads a lot while it starts."""

WAREHOUSE_ROLES = {
    "WAREHOUSE_DATABASE_URL": "tanawari_warehouse",
    "WAREHOUSE_LOADER_URL": "tanawari_loader",
    "WAREHOUSE_DBT_URL": "tanawari_dbt",
    "WAREHOUSE_ANALYST_URL": "tanawari_analyst",
    "WAREHOUSE_PIPELINES_URL": "tanawari_pipelines",
    "WAREHOUSE_SERVING_URL": "tanawari_serving",
}
"""The warehouse's roles by variable; the first one owns the database and migrates it."""

SIGNING_KEY = "AUTH_SIGNING_KEY_FILE"
"""The file of a process's own private key."""
ADMIN = "POSTGRES_ADMIN_URL"
"""The URL of a role that may create roles and databases; only `tanawari prepare` reads it."""

PIPELINES = (
    *("DAGSTER_DATABASE_URL", "WAREHOUSE_LOADER_URL", "WAREHOUSE_PIPELINES_URL"),
    *("WAREHOUSE_DBT_URL", "KAFKA_SASL_PASSWORD"),
)
DEFINITIONS = ("-m", "pipelines.definitions")
DAGSTER_CODE = (str(SCRIPTS / "dagster"), "api", "grpc")
WORKSPACE = "{state}/dagster/workspace.yaml"
LOCATION = "tanawari"
"""The name of our code location in Dagster, as in `workspace.yaml`."""

PROGRAMS = (
    service("auth", "AUTH_SMTP_URL", keeps_data=True, has_outbox=True, signs=True),
    service(
        "profile",
        keeps_data=True,
        has_outbox=True,
        consumes={"profile.auth": "auth.v1", "profile.erasures": "erasures.v1"},
        signs=True,
    ),
    service(
        "catalog",
        keeps_data=True,
        has_outbox=True,
        consumes={"catalog.orders": "order.v1", "catalog.reviews": "user-actions.v1", "catalog.erasure": "auth.v1"},
    ),
    service(
        "cart",
        keeps_data=True,
        has_outbox=True,
        consumes={"cart.catalog": "catalog.v1", "cart.logins": "auth.v1", "cart.erasure": "auth.v1"},
        signs=True,
    ),
    service(
        "payment",
        "PAYMENT_LOCAL_PASSWORD",
        *("PAYMENT_STRIPE_PASSWORD", "PAYMENT_STRIPE_WEBHOOK_PASSWORD"),
        *("PAYMENT_PAYPAL_USERNAME", "PAYMENT_PAYPAL_PASSWORD", "PAYMENT_PAYPAL_WEBHOOK"),
        keeps_data=True,
        has_outbox=True,
        consumes={"payment.erasure": "auth.v1"},
    ),
    service(
        "order",
        keeps_data=True,
        has_outbox=True,
        consumes={"order.payment": "payment.v1", "order.erasure": "auth.v1"},
        signs=True,
    ),
    service(
        "analytics",
        keeps_data=True,
        has_outbox=True,
        consumes={
            "analytics.consumer": "user-actions.v1",
            "analytics.catalog": "catalog.v1",
            "analytics.erasure": "auth.v1",
        },
    ),
    service(
        "content",
        keeps_data=True,
        has_outbox=True,
        consumes={"content.catalog": "catalog.v1", "content.erasure": "auth.v1", "content.profile": "profile.v1"},
    ),
    service("serving", "WAREHOUSE_SERVING_URL", signs=True),
    service("gateway", is_intake=True, follows_log=False, signs=True),
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
        with_subreaper(
            (
                *(str(SCRIPTS / "mlflow"), "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
                *("--artifacts-destination", "{state}/mlflow"),
            )
        ),
        ("MLFLOW_BACKEND_STORE_URI",),
        "/health",
        "/health",
        TOOL_SECONDS,
        database="mlflow",
        tool=True,
    ),
    # It loads the definitions once for the web server and the daemon; lazily, so that an error in them shows in Dagster
    # and does not prevent the start of the stack.
    Program(
        "dagster-code",
        with_subreaper((*DAGSTER_CODE, "-h", "127.0.0.1", "-p", "{port}", "--lazy-load-user-code", *DEFINITIONS)),
        PIPELINES,
        TCP,
        GRPC,
        TOOL_SECONDS,
        database="dagster",
        signs_as="pipelines",
        tool=True,
    ),
    Program(
        "dagster",
        with_subreaper((str(SCRIPTS / "dagster-webserver"), "-h", "127.0.0.1", "-p", "{port}", "-w", WORKSPACE)),
        probe="/server_info",
        alive="/server_info",
        answers_within=TOOL_SECONDS,
        tool=True,
    ),
    Program("dagster-daemon", with_subreaper((str(SCRIPTS / "dagster-daemon"), "run", "-w", WORKSPACE)), tool=True),
    Program(
        "dbt-docs",
        (sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{state}/dbt-docs"),
        (),
        "/",
        "/",
        TOOL_SECONDS,
        tool=True,
    ),
)


def databases(programs: Iterable[Program] = PROGRAMS) -> dict[str, str]:
    """The databases that have a role of the same name, by variable."""
    return {each.database_variable: each.database for each in programs if each.database and each.database_variable}


def addresses(programs: Iterable[Program] = PROGRAMS) -> tuple[str, ...]:
    """The variables of the parts that may be external: the broker, the cache, and every database."""
    return ("KAFKA_URL", "REDIS_URL", *databases(programs), *WAREHOUSE_ROLES)


def secrets(programs: Iterable[Program] = PROGRAMS) -> frozenset[str]:
    """The variables that a program gets only if it reads them."""
    read = (name for each in programs for name in each.reads)
    return frozenset((ADMIN, SIGNING_KEY, *databases(programs), *WAREHOUSE_ROLES, *read))


def program_ports(programs: Iterable[Program] = PROGRAMS) -> list[str]:
    """The names that need a port: the embedded parts and every program that is probed."""
    return ["postgres", "broker", "valkey", *(program.name for program in programs if program.probe)]
