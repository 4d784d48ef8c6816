"""The steps that send an import folder: users and catalogue, then the events."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from services.contracts.kafka import KafkaSettings
from shop_import.bulk import Authentication
from shop_import.importer import Import
from shop_import.sender import Acknowledged, by_topic
from shop_import.steps import Steps
from shop_import.upload import Catalog
from shop_import.users import Users, users_of

Authenticate = Callable[[str], Authentication]


@dataclass(frozen=True)
class Target:
    """Where a shop is sent to.

    Attributes:
        catalog_url: of the catalog service.
        auth_url: of the auth service; None for a shop with its own login.
        authenticate: gives what puts a token for a service into its requests.
        kafka: the broker.
        is_idempotent: whether the broker supports an idempotent producer; the embedded one does not.
    """

    catalog_url: str
    auth_url: str | None
    authenticate: Authenticate
    kafka: KafkaSettings
    is_idempotent: bool = True

    @classmethod
    def of(cls, variables: Mapping[str, str], authenticate: Authenticate) -> Self:
        """The target in these environment variables."""
        is_idempotent = variables.get("KAFKA_IDEMPOTENCE", "true") == "true"
        urls = variables["CATALOG_URL"], variables.get("AUTH_URL") or None
        return cls(*urls, authenticate, KafkaSettings.of(variables), is_idempotent)

    def catalog(self) -> Catalog:
        """A connection to the catalog."""
        return Catalog(self.catalog_url, self.authenticate("catalog"))


def send_users(target: Target, source: Import, steps: Steps) -> None:
    """Make the users of the folder's history; nothing for a shop with its own login."""
    if target.auth_url is None:
        return
    with steps.step("users") as step, Users(target.auth_url, target.authenticate("auth")) as auth:
        users = users_of(source.folder, source.shift)
        step.expect(len(users))
        step.counts["new_users"] = auth.upload(users, step.advance)


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
        step.counts |= by_topic(sent) or {"events": 0}
    return sent
