"""What the landing tells Prometheus; the cumulative truth is in `landing.partitions`."""

from collections.abc import Mapping

from aiokafka import TopicPartition
from prometheus_client import Counter, Gauge, Histogram

from warehouse.offsets import Counts

MESSAGES = Counter(
    "tanawari_landing_messages", "Messages landed, by what became of them", ["topic", "partition", "outcome"]
)
CONSUMED = Counter(
    "tanawari_landing_consumed", "Messages consumed; each is one of tanawari_landing_messages", ["topic", "partition"]
)
LAG = Gauge("tanawari_landing_lag", "Messages in the log that are not fetched yet", ["topic", "partition"])
WRITE_SECONDS = Histogram("tanawari_landing_write_seconds", "From a batch being decoded to its commit")


def count(counts: Mapping[TopicPartition, Counts]) -> None:
    """Count a committed batch."""
    for (topic, partition), made in counts.items():
        CONSUMED.labels(topic, partition).inc(made.consumed)
        for outcome in ("landed", "duplicates", "dead_letters"):
            MESSAGES.labels(topic, partition, outcome).inc(getattr(made, outcome))
