"""The embedded servers of a state."""

from stack.children import Child
from stack.environment import Environment
from stack.parts.broker import Broker
from stack.parts.kafka import Kafka
from stack.parts.postgres import Postgres
from stack.parts.valkey import Valkey
from stack.state import BrokerKind

PARTS = ("postgres", "broker", "valkey")


def servers(environment: Environment) -> dict[str, Child]:
    """The servers that must run here, by name; not started yet.

    Raises:
        PartError: a port is in use, or a requirement of Apache Kafka is missing.
    """
    needed = {name: _server(name, environment) for name in PARTS if environment.needs(name)}
    # a server that only is slow is not killed, which would cost its log or a recovery: it is shown as not answering
    return {name: Child(server, is_alive=server.is_ready) for name, server in needed.items()}


def _server(name: str, environment: Environment) -> Postgres | Broker | Kafka | Valkey:
    state, port, log = environment.state, environment.ports[name], environment.state.log(name)
    match name:
        case "postgres":
            return Postgres(state.path("postgres"), port, password=state.secret("postgres"), log=log)
        case "broker" if environment.runs(BrokerKind.APACHE):
            return Kafka(state.path("kafka"), port, log=log)
        case "broker":
            return Broker(state.path("run"), port, log=log)
        case _:
            return Valkey(state.path("run"), port, password=state.secret("valkey"), log=log)
