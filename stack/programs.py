"""The programs of the stack: how each is started, probed, and what it may read."""

import sys
from dataclasses import dataclass
from pathlib import Path

from stack.parts.process import kept

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
TCP, GRPC = "tcp", "grpc"
"""The probes of a program that serves something else than HTTP: a connection is enough; it has to greet."""

UNHURRIED = 15.0
"""Seconds for an answer of what serves people beside the shop, and loads a lot while it starts."""


@dataclass(frozen=True)
class Program:
    """One program.

    Attributes:
        name: its name in status, logs and ports.
        command: `{port}` and `{state}` are filled in.
        reads: the variables with a secret that it is given.
        probe: the path that answers 200 once it serves, or TCP; None: it serves nothing, running is enough.
        alive: the path that answers 200 as long as it makes progress, or GRPC; None: nobody asks.
        answers_within: seconds for such an answer.
        follows_log: it reads or writes the broker's log; its metrics tell how much.
        tool: it serves people beside the shop, and starts after it.
    """

    name: str
    command: tuple[str, ...]
    reads: tuple[str, ...] = ()
    probe: str | None = None
    alive: str | None = None
    answers_within: float = 3.0
    follows_log: bool = False
    tool: bool = False


def _application(name: str, *reads: str, probe: str, follows_log: bool = True) -> Program:
    factory = f"{'serving' if name == 'serving' else f'services.{name}'}.app:create_app"
    command = (sys.executable, "-m", "services.common.web.server", factory, "--host", "127.0.0.1", "--port", "{port}")
    reads = (*reads, "REDIS_URL", "KAFKA_SASL_PASSWORD")
    return Program(name, command, reads, probe, "/health/live", follows_log=follows_log)


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
    _application("catalog", "CATALOG_DATABASE_URL", probe="/health/ready"),
    _application("analytics", "ANALYTICS_DATABASE_URL", probe="/health/ready"),
    _application("content", "CONTENT_DATABASE_URL", probe="/health/ready"),
    # alive is enough for these two: without a bundle, or without what they ask, they answer `degraded`
    _application("serving", "WAREHOUSE_SERVING_URL", "AUTH_SIGNING_KEY_FILE", probe="/health/live"),
    _application("gateway", "AUTH_SIGNING_KEY_FILE", probe="/health/live", follows_log=False),  # for the preview
    Program(
        "landing",
        (sys.executable, "-m", "warehouse.landing"),
        ("WAREHOUSE_LOADER_URL", "KAFKA_SASL_PASSWORD"),
        "/health/live",
        "/health/live",
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
INTAKE = ("gateway",)
"""Stopped first, so that nothing new comes in while the rest drains."""
