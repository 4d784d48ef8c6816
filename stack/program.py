"""One row of the table of programs."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

TCP, GRPC = "tcp", "grpc"
"""The probes of a program that serves something else than HTTP: a connection is enough; it has to greet."""


@dataclass(frozen=True)
class Program:
    """One program.

    Attributes:
        name: its name in status, logs and ports.
        command: `{port}` and `{state}` are filled in.
        reads: the variables with a secret that it is given.
        database: its own, and the role that owns it; `<DATABASE>_DATABASE_URL` has both.
        migration: the module that makes the schema in its database, and the module's arguments.
        has_outbox: its database holds events that are not published yet; they are, before it stops.
        consumes: the topic of each of its consumer groups, which read to the end before it stops.
        has_url: other programs find it at `<NAME>_URL`.
        is_intake: it is the way in, and stops first, so that nothing new comes while the rest drains.
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
    database: str | None = None
    migration: tuple[str, ...] = ()
    has_outbox: bool = False
    consumes: Mapping[str, str] = field(default_factory=dict)
    has_url: bool = False
    is_intake: bool = False
    follows_log: bool = False
    tool: bool = False

    @property
    def database_variable(self) -> str | None:
        """The variable with the URL of its own database."""
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
) -> Program:
    """A service: `services.<name>`, with a database of its name if it keeps data.

    One that keeps no data is probed for being alive only: without a bundle, or without those whom it asks, it answers
    `degraded`, and that is no reason to keep the shop from starting.
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
    )
