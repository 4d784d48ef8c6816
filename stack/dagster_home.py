"""Dagster's home in a state: the instance file, with its database and run monitoring, and the workspace."""

import yaml

from stack.environment import Environment, sqlalchemy_url
from stack.parts.process import HOST
from stack.programs import LOCATION


def configure_dagster(environment: Environment) -> None:
    """Write both files; telemetry is off."""
    home = environment.state.path("dagster")
    home.mkdir(exist_ok=True)
    environment.state.path("dbt-docs").mkdir(exist_ok=True)
    # with the driver, because SQLAlchemy 2.1 would choose one that Dagster does not support
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
