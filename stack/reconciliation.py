"""Reconciles sent and landed events, by topic: what was produced has landed, or is a dead letter, and nothing else is.

Events are sent at least once: what the broker took without saying so in time is sent again; it is produced once, landed
once, and a duplicate. What an import sends anew is produced again, and only a duplicate.
"""

import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from services.contracts.topics import TOPICS
from stack.environment import Environment
from warehouse import offsets

PRODUCED = "tanawari_events_produced"
POLL_SECONDS = 0.5

Totals = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class TopicReconciliation:
    """One topic of one run: `produced` counts the sends that were acknowledged, the rest is counted by landing."""

    produced: int
    landed: int
    duplicates: int
    dead_letters: int

    @property
    def agrees(self) -> bool:
        """Whether nothing was lost, and nothing landed that nobody produced; duplicates are no fault."""
        arrived = self.landed + self.dead_letters
        return arrived <= self.produced <= arrived + self.duplicates


def landing_totals(variables: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Landing's counters by topic, since the state was created."""
    with psycopg.connect(variables["WAREHOUSE_LOADER_URL"], connect_timeout=3) as connection:
        return {topic: asdict(counts) for topic, counts in offsets.totals(connection).items()}


def produced_by_programs(environment: Environment) -> Counter[str]:
    """The acknowledged events that the running programs count, by topic."""
    counts: Counter[str] = Counter()
    for program in environment.programs:
        if program.follows_log and program.probe:
            with urllib.request.urlopen(f"{environment.address(program.name)}/metrics", timeout=5) as answer:  # noqa: S310 - our own
                counts += produced_in(answer.read().decode())
    return counts


def produced_in(text: str) -> Counter[str]:
    """The counters of acknowledged events in a page of metrics, by topic."""
    samples = (
        sample
        for family in text_string_to_metric_families(text)
        if family.name == PRODUCED
        for sample in family.samples
        if sample.name == f"{PRODUCED}_total"
    )
    return Counter({sample.labels["topic"]: int(sample.value) for sample in samples})


def reconcile(environment: Environment, imported: Mapping[str, int], before: Totals) -> dict[str, TopicReconciliation]:
    """Compare sent and landed events, by topic.

    Args:
        environment: has the programs and the warehouse.
        imported: the acknowledged events of this run's import, by topic.
        before: landing's counters at the start of this run.
    """
    produced = produced_by_programs(environment) + Counter(imported)
    now = landing_totals(environment.variables)

    def made(topic: str, outcome: str) -> int:
        return now.get(topic, {}).get(outcome, 0) - before.get(topic, {}).get(outcome, 0)

    return {
        topic: TopicReconciliation(
            produced[topic], *(made(topic, outcome) for outcome in ("landed", "duplicates", "dead_letters"))
        )
        for topic in TOPICS
    }


def wait_until_agreed(
    environment: Environment, imported: Mapping[str, int], before: Totals, seconds: float = 60
) -> dict[str, TopicReconciliation]:
    """Reconcile until all topics agree or the time is over; returns the last result."""
    deadline = time.monotonic() + seconds
    while True:
        result = reconcile(environment, imported, before)
        if all_agree(result.values()) or time.monotonic() > deadline:
            return result
        time.sleep(POLL_SECONDS)


def all_agree(reconciliations: Iterable[TopicReconciliation]) -> bool:
    """Whether every topic agrees."""
    return all(reconciliation.agrees for reconciliation in reconciliations)
