"""One row of the table of programs."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

TCP, GRPC = "tcp", "grpc"
"""The probes of programs without HTTP: the port accepts a connection; the server sends its HTTP/2 settings."""


@dataclass(frozen=True)
class Program:
    """One program.

    Attributes:
        name: its name in status, logs and ports.
        command: its command; `{port}` and `{state}` are replaced.
        reads: the secret variables that it gets.
        database: its database, and the role that owns it; `<DATABASE>_DATABASE_URL` has both.
        migration: the module that creates the schema of its database, and the module's arguments.
        has_outbox: whether its database has an outbox, which is published before the program stops.
        consumes: its consumer groups with their topics, which are read to the end before it stops.
        has_url: whether other programs get its address as `<NAME>_URL`.
        is_intake: whether it receives requests from outside; it stops first, so that the others can drain.
        probe: the path that responds with 200 once it serves, or TCP; None if running is enough.
        alive: the path that responds with 200 while it makes progress, or GRPC; None for no liveness probe.
        answers_within: the time limit of that response, in seconds.
        follows_log: whether it reads or writes topics; its metrics count produced events.
        signs_as: whose key it gets, with which it shows other services who it is; None for none.
        tool: whether it is a tool for people; tools start after the services.
    """

    name: str
    command: tuple[str, ...]
    reads: tuple[str, ...] = ()
    probe: str | None = None
    alive: str | None = None
    answers_within: float = 3.0
    database: str | None = None
    migration: tuple[str, ...] = ()
    has_outbox: bool = False
    consumes: Mapping[str, str] = field(default_factory=dict)
    has_url: bool = False
    is_intake: bool = False
    follows_log: bool = False
    signs_as: str | None = None
    tool: bool = False

    @property
    def database_variable(self) -> str | None:
        """The variable with the URL of its database."""
        return f"{self.database.upper()}_DATABASE_URL" if self.database else None

    @property
    def url_variable(self) -> str | None:
        """The variable with its address."""
        return f"{self.name.upper()}_URL" if self.has_url else None


def service(
    name: str,
    *reads: str,
    keeps_data: bool = False,
    has_outbox: bool = False,
    consumes: Mapping[str, str] | None = None,
    is_intake: bool = False,
    follows_log: bool = True,
    signs: bool = False,
) -> Program:
    """A service: `services.<name>`, with a database of the same name if it keeps data.

    A service without data only gets a liveness probe: without a bundle, or without the services that it calls, it is
    `degraded`, which must not prevent the start of the shop.
    """
    factory = f"{'serving' if name == 'serving' else f'services.{name}'}.app:create_app"
    command = (sys.executable, "-m", "services.common.web.server", factory, "--host", "127.0.0.1", "--port", "{port}")
    own = (f"{name.upper()}_DATABASE_URL",) if keeps_data else ()
    return Program(
        name,
        command,
        (*own, *reads, "REDIS_URL", "KAFKA_SASL_PASSWORD"),
        "/health/ready" if keeps_data else "/health/live",
        "/health/live",
        database=name if keeps_data else None,
        migration=("services.common.storage.migrate", name) if keeps_data else (),
        has_outbox=has_outbox,
        consumes=consumes or {},
        has_url=True,
        is_intake=is_intake,
        follows_log=follows_log,
        signs_as=name if signs else None,
    )
