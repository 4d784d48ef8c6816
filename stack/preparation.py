"""What must be there before programs start: databases, schemas, topics, and Dagster's configuration."""

import asyncio
import subprocess
import sys

import yaml
from aiokafka.errors import KafkaError

from stack.databases import WAREHOUSE_ROLES, close_doors, create_database, create_warehouse
from stack.environment import DATABASES, Environment, sqlalchemy_url
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, PartError
from stack.programs import LOCATION, ROOT
from stack.topics import create_topics

MIGRATED = ("catalog", "analytics", "content")
"""The services whose schemas we migrate; Dagster and MLflow make their own."""


def provision(server: Postgres, environment: Environment) -> None:
    """Make the databases and roles that are not external."""
    secret = environment.state.secret
    close_doors(server.url())
    for variable, name in DATABASES.items():
        if variable not in environment.external:
            create_database(server.url(), name, secret(name))
    if any(variable not in environment.external for variable in WAREHOUSE_ROLES):
        create_warehouse(server.url(), {role: secret(role) for role in WAREHOUSE_ROLES.values()})


def migrate(environment: Environment) -> None:
    """Bring every schema up to date, the warehouse beside the services.

    Raises:
        PartError: a migration failed; the message ends with its last line.
    """
    commands = (("services.common.storage.migrate", *MIGRATED), ("warehouse.migrate",))
    running = []
    for module, *arguments in commands:
        with environment.state.log("migrations").open("ab") as log:
            running.append(
                subprocess.Popen(  # noqa: S603 - composed here
                    [sys.executable, "-m", module, *arguments],
                    cwd=ROOT,
                    env=environment.variables,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    codes = [process.wait() for process in running]
    if any(codes):
        raise PartError(f"a migration failed; see {environment.state.log('migrations')}")


def make_topics(environment: Environment) -> None:
    """Create the topics that the broker lacks.

    Raises:
        PartError: the broker is away, or refused one.
    """
    try:
        asyncio.run(create_topics(environment.kafka))
    except (KafkaError, TimeoutError) as error:
        raise PartError(
            f"the topics could not be made at {environment.kafka.kafka_url}: {error or type(error).__name__}"
        ) from error


def configure_dagster(environment: Environment) -> None:
    """Write Dagster's instance file (its runs in its own database and watched, no telemetry) and its workspace."""
    home = environment.state.path("dagster")
    home.mkdir(exist_ok=True)
    environment.state.path("dbt-docs").mkdir(exist_ok=True)
    # the driver is named, for SQLAlchemy 2.1 would take one that Dagster does not know
    url = sqlalchemy_url(environment.variables["DAGSTER_DATABASE_URL"], "psycopg2")
    file = home / "dagster.yaml"
    file.touch(mode=0o600)
    silent = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}  # nux: an invitation to a newsletter
    watched = {
        "run_launcher": {"module": "stack.run_launcher", "class": "WatchedRunLauncher"},
        "run_monitoring": {"enabled": True, "poll_interval_seconds": 10},
    }
    file.write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_url": url}}, **watched, **silent}))
    server = {"host": HOST, "port": environment.ports["dagster-code"], "location_name": LOCATION}
    (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
