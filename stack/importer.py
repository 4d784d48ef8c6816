"""Sends an import folder the one way there is: the catalog's API for products, the broker for what has happened.

Sending a folder twice changes nothing the second time: products are upserted by sku, and an event's id follows from
its source. Dates move by whole weeks, so that weekdays stay what they were.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from stack.history import events
from stack.history.folder import FolderError, Manifest, read_manifest, read_table
from stack.history.record import WEEK
from stack.history.sender import Sender
from stack.history.upload import Catalog, current_offers

SLICE = timedelta(weeks=4)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Import:
    """A folder, and by how many weeks every date in it moves."""

    folder: Path
    shift_weeks: int

    @property
    def shift(self) -> timedelta:
        """By how much every date moves."""
        return self.shift_weeks * WEEK

    @property
    def manifest(self) -> Manifest:
        """The folder's `import.yaml`.

        Raises:
            FolderError: there is none.
        """
        if (manifest := read_manifest(self.folder)) is None:
            raise FolderError(f"{self.folder} has no import.yaml, so it is no import folder")
        return manifest

    def send_catalogue(self, catalog: Catalog, progress: Progress) -> events.Catalogue:
        """Send categories and products; their ids."""
        products = current_offers(read_table(self.folder, "products"), self.shift, datetime.now(UTC))
        categories = read_table(self.folder, "categories")
        return catalog.upload(categories, products, self.manifest.currency, progress)

    def renew_offers(self, catalog: Catalog) -> int:
        """Start those offers anew that have ended since the import; how many products have them."""
        products = current_offers(read_table(self.folder, "products"), self.shift, datetime.now(UTC))
        return catalog.renew_offers(products.filter(pl.col("renewed")))

    async def send_history(
        self, catalogue: events.Catalogue, kafka_url: str, progress: Progress, *, idempotent: bool
    ) -> Counter[str]:
        """Send orders and actions in time order; the number of acknowledged events by topic."""
        orders = events.orders(read_table(self.folder, "orders"), catalogue, self.manifest.currency, self.shift)
        actions = events.actions(read_table(self.folder, "actions"), catalogue, self.shift)
        topics = {
            "order.v1": events.order_events(orders),
            "user-actions.v1": pl.concat([events.order_actions(orders), actions]).sort("at", maintain_order=True),
        }
        async with Sender.connected(kafka_url, idempotent=idempotent) as sender:
            for span in _spans(topics.values()):
                for topic, table in topics.items():
                    part = table.filter(pl.col("at").is_between(*span, closed="left"))
                    await sender.send(topic, part.select("key", "value").rows())
                    progress(len(part))
        return sender.acknowledged


def _spans(tables: Iterable[pl.DataFrame]) -> Iterator[tuple[datetime, datetime]]:
    """Four weeks at a time, from the first event to beyond the last."""
    times = pl.concat([table.get_column("at") for table in tables])
    start, last = times.min(), times.max()
    assert isinstance(start, datetime)
    assert isinstance(last, datetime)
    while start <= last:
        yield start, start + SLICE
        start += SLICE
