"""Both brokers, for benchmarks that hold on either."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Skipped
from stack.parts.broker import Broker
from stack.parts.kafka import JARS, Kafka
from stack.state import BrokerKind


def brokers() -> Iterator[BrokerKind | Skipped]:
    """The kinds of broker that this machine can run; of others, why not."""
    for kind in BrokerKind:
        if kind is BrokerKind.APACHE and (reason := JARS.missing()):
            yield Skipped("on Apache Kafka", reason)
        else:
            yield kind


def started(kind: BrokerKind, directory: Path, *, small: bool = False) -> Broker | Kafka:
    """A broker of that kind, to be started; to its clients it is an address, `url`. A small run's starts fast."""
    return Kafka(directory, starts_fast=small) if kind is BrokerKind.APACHE else Broker(directory)
