"""A training set as files: what one day's models were made from, so that a rerun makes the same ones."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import polars as pl

from ml.bundle_content import ACTIVITY, ITEMS
from ml.dataset import Dataset
from pipelines.warehouse import Warehouse

ACTIVITY_DAYS = 30
"""How far back what a shopper viewed or put in the cart still says what they look for."""

INTERACTIONS = """
    select user_id, product_id, order_id, ordered_at
    from recommendation.interactions
    where ordered_at < '{cut}'
"""
ITEM_ROWS = """
    select
        products.product_id, products.name, products.price::float8 as price, products.currency, products.image,
        products.rating::float8 as rating, products.brand, products.department, products.category,
        products.product_type, products.category_id, products.category_name, products.is_active,
        coalesce(features.is_recommendable, false) as is_recommendable, products.stock::bigint as stock,
        products.special_price::float8 as special_price, products.special_starts_at, products.special_ends_at
    from core.products as products
    left join recommendation.item_features as features using (product_id)
"""
ACTIVITY_ROWS = """
    select user_id, product_id, 'VIEW' as kind, occurred_at
    from behaviour.product_views
    where not is_bot and occurred_at between '{start}' and '{cut}'
    union all
    select user_id, product_id, case when action_type = 'CART_REMOVE' then 'UNCART' else 'CART' end, occurred_at
    from behaviour.actions
    where action_type in ('CART_ADD', 'CART_READD', 'CART_REMOVE') and not is_bot
        and product_id is not null and occurred_at between '{start}' and '{cut}'
    union all
    select user_id, product_id, 'BUY', ordered_at
    from core.order_items
    where ordered_at between '{start}' and '{cut}'
"""


class NoInteractionsError(Exception):
    """There is nothing to learn from; another run changes nothing until orders have come in."""


@dataclass(frozen=True)
class TrainingSet:
    """Purchase lines, the catalogue and recent activity, as they were known at `cut`."""

    cut: datetime
    interactions: pl.DataFrame
    items: pl.DataFrame
    activity: pl.DataFrame

    @classmethod
    def query(cls, warehouse: Warehouse, cut: datetime) -> Self:
        """Read it from the marts.

        Raises:
            NoInteractionsError: no order was placed before the cut.
        """
        times = {"cut": cut.isoformat(), "start": (cut - timedelta(days=ACTIVITY_DAYS)).isoformat()}
        interactions = warehouse.frame(INTERACTIONS.format(**times))
        if interactions.is_empty():
            raise NoInteractionsError(f"no order before {cut.isoformat()}: send the shop's history first")
        items = warehouse.frame(ITEM_ROWS)
        activity = warehouse.frame(ACTIVITY_ROWS.format(**times))
        return cls(
            cut,
            interactions.with_columns(pl.col("ordered_at").cast(pl.Datetime("us", "UTC"))),
            items.select(pl.col(name).cast(kind) for name, kind in ITEMS.items()),
            activity.select(pl.col(name).cast(kind) for name, kind in ACTIVITY.items()),
        )

    @property
    def data_cut(self) -> datetime:
        """When the newest of these events happened; whoever follows the topics takes what is newer."""
        newest = [self.interactions["ordered_at"].max(), self.activity["occurred_at"].max()]
        return max(time for time in newest if isinstance(time, datetime))

    def dataset(self, cut: datetime | None = None) -> Dataset:
        """Index it for the models, as it was known at a cut of its own or of an earlier time."""
        return Dataset.build(self.interactions, self.items, cut or self.cut)

    def write(self, directory: Path) -> None:
        """Put the files in place of the directory's former ones."""
        temporary = directory.with_name(f".{directory.name}.{os.getpid()}")
        temporary.mkdir(parents=True)
        for name, frame in self._frames():
            frame.write_parquet(temporary / f"{name}.parquet")
        (temporary / "cut").write_text(self.cut.isoformat())
        shutil.rmtree(directory, ignore_errors=True)
        temporary.rename(directory)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read what `write` wrote."""
        cut = datetime.fromisoformat((directory / "cut").read_text())
        return cls(
            cut, *(pl.read_parquet(directory / f"{name}.parquet") for name in ("interactions", "items", "activity"))
        )

    def _frames(self) -> list[tuple[str, pl.DataFrame]]:
        return [("interactions", self.interactions), ("items", self.items), ("activity", self.activity)]
