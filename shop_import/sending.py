"""The steps that send an import folder: the catalogue, then the events."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from services.contracts.kafka import KafkaSettings
from shop_import.importer import Import
from shop_import.sender import Acknowledged, by_topic
from shop_import.steps import Steps
from shop_import.upload import Authentication, Catalog


@dataclass(frozen=True)
class Target:
    """Where a shop is sent to.

    Attributes:
        catalog_url: of the catalog service.
        authentication: puts a token for catalog into each of its requests.
        kafka: the broker.
        is_idempotent: whether the broker supports an idempotent producer; the embedded one does not.
    """

    catalog_url: str
    authentication: Authentication
    kafka: KafkaSettings
    is_idempotent: bool = True

    @classmethod
    def of(cls, variables: Mapping[str, str], authentication: Authentication) -> Self:
        """The target in these environment variables."""
        is_idempotent = variables.get("KAFKA_IDEMPOTENCE", "true") == "true"
        return cls(variables["CATALOG_URL"], authentication, KafkaSettings.of(variables), is_idempotent)

    def catalog(self) -> Catalog:
        """A connection to the catalog."""
        return Catalog(self.catalog_url, self.authentication)


def send(target: Target, source: Import, steps: Steps) -> list[Acknowledged]:
    """Send the folder; returns where the acknowledged events are."""
    counts = source.manifest.counts
    with steps.step("catalogue") as step, target.catalog() as catalog:
        step.expect(counts["categories"] + counts["products"])
        catalogue = source.send_catalogue(catalog, step.advance)
        step.counts |= {name: counts[name] for name in ("categories", "products", "special_prices")}
    with steps.step("events") as step:
        step.expect(source.expected_events)
        sending = source.send_history(catalogue, target.kafka, step.advance, idempotent=target.is_idempotent)
        sent = asyncio.run(sending)
        step.counts |= by_topic(sent)
    return sent
