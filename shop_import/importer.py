"""Sends an import folder: products through catalog's API, events to the broker.

Sending a folder twice changes nothing the second time: products are upserted by sku, and event ids are derived from
their source. Dates move by whole weeks, so that weekdays stay the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from services.contracts.kafka import KafkaSettings
from shop_import import events
from shop_import.folder import FolderError, Manifest, read_manifest, read_table, scan_table
from shop_import.sender import Acknowledged, Sender
from shop_import.upload import Catalog, current_offers, moved_offers

SPAN_ROWS = 50_000
"""Rows in memory at once, unless more have the same time."""
TIMES = {"orders": "ordered_at", "returns": "returned_at", "actions": "occurred_at"}

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Import:
    """A folder, the shift of its dates in weeks, and whether ended offers are renewed."""

    folder: Path
    shift_weeks: int
    renews_offers: bool = True

    @property
    def shift(self) -> timedelta:
        """The shift of every date."""
        return timedelta(weeks=self.shift_weeks)

    @property
    def manifest(self) -> Manifest:
        """The folder's `import.yaml`.

        Raises:
            FolderError: there is none.
        """
        if (manifest := read_manifest(self.folder)) is None:
            raise FolderError(f"{self.folder} has no import.yaml, so it is not an import folder")
        return manifest

    def send_catalogue(self, catalog: Catalog, progress: Progress) -> events.Catalogue:
        """Send categories and products; returns their ids."""
        told = read_table(self.folder, "products")
        now = datetime.now(UTC)
        products = current_offers(told, self.shift, now) if self.renews_offers else moved_offers(told, self.shift)
        categories = read_table(self.folder, "categories")
        return catalog.upload(categories, products, self.manifest.currency, progress)

    def renew_offers(self, catalog: Catalog) -> int:
        """Renew offers that have ended since the import; returns the number of products."""
        products = current_offers(read_table(self.folder, "products"), self.shift, datetime.now(UTC))
        return catalog.renew_offers(products.filter(pl.col("renewed")))

    async def send_history(
        self, catalogue: events.Catalogue, kafka: KafkaSettings, progress: Progress, *, idempotent: bool
    ) -> list[Acknowledged]:
        """Send orders and actions in time order; returns where the acknowledged events are."""
        async with Sender.connected(kafka, idempotent=idempotent) as sender:
            for span in self._spans():
                for topic, table in self._events(span, catalogue).items():
                    await sender.send(topic, table.select("key", "value").rows())
                    progress(len(table))
        return sender.acknowledged

    @property
    def expected_events(self) -> int:
        """The maximum number of events in the folder."""
        lines = self.manifest.counts["orders"]
        others = [scan_table(self.folder, name).select(pl.len()).collect().item() for name in ("returns", "actions")]
        return 2 * lines + 2 * int(others[0]) + int(others[1])

    def _events(self, span: tuple[datetime, datetime], catalogue: events.Catalogue) -> dict[str, pl.DataFrame]:
        """The events in a half-open time range, by topic, in time order."""

        def part(name: str) -> pl.DataFrame:
            happened = pl.col(TIMES[name]).is_between(*span, closed="left")
            return scan_table(self.folder, name).filter(happened).collect()

        currency = self.manifest.currency
        orders = events.orders(part("orders"), catalogue, currency, self.shift)
        returns, returning = events.returns(part("returns"), catalogue, self.shift)
        taken = events.actions(part("actions"), catalogue, currency, self.shift)
        actions = [events.order_actions(orders), returning, taken]
        return {
            "order.v1": pl.concat([events.order_events(orders), returns]).sort("at", maintain_order=True),
            "user-actions.v1": pl.concat(actions).sort("at", maintain_order=True),
        }

    def _spans(self) -> Iterator[tuple[datetime, datetime]]:
        """Time ranges over all rows, each with about `SPAN_ROWS` rows of all files."""
        tables = [scan_table(self.folder, name).select(pl.col(time).alias("at")) for name, time in TIMES.items()]
        times = pl.concat(tables).collect().get_column("at").sort()
        if times.is_empty():
            return
        starts = times.gather_every(SPAN_ROWS).unique().sort().to_list()
        yield from zip(starts, [*starts[1:], datetime.max], strict=True)  # noqa: DTZ901 - the folder's times have no zone
