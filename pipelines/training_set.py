"""A training set as files: the input of one day's models, so that a rerun gives the same ones."""

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Self

import polars as pl

from ml.bundle.content import ACTIVITY, ITEMS, TIME, with_all_columns
from ml.dataset import Dataset
from pipelines.warehouse import Warehouse
from services.contracts.money import digits_in_sql

ACTIVITY_DAYS = 30
"""The age up to which views and carts are used."""

INTERACTIONS = """
    select user_id, product_id, order_id, ordered_at
    from recommendation.interactions
    where ordered_at < '{cut}'
"""
RETURNED = """
    select user_id, product_id, order_id, ordered_at
    from recommendation.negative_interactions
    where ordered_at < '{cut}'
"""
ITEM_ROWS = f"""
    select
        products.product_id, products.parent_id, products.sku, products.name, products.price::text as price,
        products.currency, {digits_in_sql("products.currency")} as currency_digits,
        products.image, products.rating::float8 as rating, products.brand, products.department, products.category,
        products.product_type, products.category_id, products.category_code, products.category_name,
        products.is_active,
        features.product_id is not null and features.pseudo_reason is null as is_recommendable,
        products.stock::bigint as stock,
        products.special_price::text as special_price, products.special_starts_at, products.special_ends_at
    from core.products as products
    left join recommendation.item_features as features using (product_id)
    where products.is_known
"""  # noqa: S608 - the contracts' own
ACTIVITY_ROWS = """
    select user_id, product_id, 'VIEW' as kind, occurred_at, null::bigint as order_id, null::bigint as quantity
    from behaviour.product_views
    where not is_bot and occurred_at between '{start}' and '{cut}'
    union all
    select
        user_id, product_id,
        case
            when action_type = 'CART_REMOVE' or (action_type = 'CART_UPDATE' and quantity = 0) then 'UNCART'
            else 'CART'
        end,
        occurred_at, null, null
    from behaviour.actions
    where action_type in ('CART_ADD', 'CART_READD', 'CART_UPDATE', 'CART_REMOVE') and not is_bot
        and product_id is not null and occurred_at between '{start}' and '{cut}'
    union all
    select user_id, product_id, 'BUY', ordered_at, order_id, sum(quantity)
    from core.order_items
    where not is_cancelled and ordered_at between '{start}' and '{cut}'
    group by user_id, product_id, ordered_at, order_id
    having sum(quantity) > sum(returned_quantity)
"""
NOT_LEARNED_FROM = "select user_id from core.users where not is_learned_from"
LINES: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "product_id": pl.Int64,
    "order_id": pl.Int64,
    "ordered_at": TIME,
}
FOLDER = "dataset"


class NoInteractionsError(Exception):
    """There is no training data; a rerun does not help until there are orders."""


@dataclass(frozen=True)
class TrainingSet:
    """Purchase lines, kept and `returned`, and recent actions before `cut`; the catalogue is the current one.

    Users without consent and deleted ones are in none of them, so that they have no shelves of their own either.

    Models are fitted on the purchases alone. Actions, simulated ones included, only set the initial state of the
    shelves of those who acted.

    `is_recommendable` says that an item is a product (not fuel, not a coupon), even while it is not on sale, which
    `is_active` says.
    """

    cut: datetime
    interactions: pl.DataFrame
    items: pl.DataFrame
    activity: pl.DataFrame
    returned: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LINES))

    @classmethod
    def query(cls, warehouse: Warehouse, cut: datetime) -> Self:
        """Read it from the marts.

        Raises:
            NoInteractionsError: no order was placed before the cut by anyone from whom the models may learn.
        """
        times = {"cut": cut.isoformat(), "start": (cut - timedelta(days=ACTIVITY_DAYS)).isoformat()}
        left_out = warehouse.frame(NOT_LEARNED_FROM)
        interactions = warehouse.frame(INTERACTIONS.format(**times)).join(left_out, on="user_id", how="anti")
        if interactions.is_empty():
            raise NoInteractionsError(f"no order before {cut.isoformat()}: send the shop's history first")
        items = warehouse.frame(ITEM_ROWS)
        activity = warehouse.frame(ACTIVITY_ROWS.format(**times)).join(left_out, on="user_id", how="anti")
        returned = warehouse.frame(RETURNED.format(**times)).join(left_out, on="user_id", how="anti")
        return cls(
            cut,
            interactions.with_columns(pl.col("ordered_at").cast(pl.Datetime("us", "UTC"))),
            items.select(pl.col(name).cast(kind) for name, kind in ITEMS.items()),
            activity.select(pl.col(name).cast(kind) for name, kind in ACTIVITY.items()),
            returned.select(pl.col(name).cast(kind) for name, kind in LINES.items()),
        )

    @property
    def data_cut(self) -> datetime:
        """The time of the newest event; a follower of the topics applies newer ones."""
        newest = [self.interactions["ordered_at"].max(), self.activity["occurred_at"].max()]
        return max(time for time in newest if isinstance(time, datetime))

    @property
    def last_purchase(self) -> datetime:
        """The time of the newest purchase; evaluation windows are counted from here, for a click may be much newer."""
        newest = self.interactions["ordered_at"].max()
        assert isinstance(newest, datetime)
        return newest

    def dataset(self) -> Dataset:
        """Index it for the models, which predict what follows the newest purchase, however old."""
        return Dataset.build(self.interactions, self.items, returned=self.returned)

    def write(self, day: Path) -> None:
        """Write it completely into a day's directory; other files there, such as the judgement, stay."""
        fresh, stale = (day / f".{FOLDER}.{name}.{os.getpid()}" for name in ("fresh", "stale"))
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name, frame in self._frames():
            frame.write_parquet(fresh / f"{name}.parquet")
        (fresh / "cut").write_text(self.cut.isoformat())
        if (day / FOLDER).exists():
            (day / FOLDER).rename(stale)
        fresh.rename(day / FOLDER)
        shutil.rmtree(stale, ignore_errors=True)

    @classmethod
    def read(cls, day: Path) -> Self:
        """Read a written training set; one of an older release has no returned lines, and fewer columns of items."""
        directory = day / FOLDER
        cut = datetime.fromisoformat((directory / "cut").read_text())
        frames = {path.stem: pl.read_parquet(path) for path in directory.glob("*.parquet")}
        return cls(cut, **{**frames, "items": with_all_columns(frames["items"])})

    @staticmethod
    def hash_of(day: Path) -> str:
        """The identity of this training set: the hash of its files."""
        digest = sha256()
        for path in sorted((day / FOLDER).iterdir()):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _frames(self) -> list[tuple[str, pl.DataFrame]]:
        return [(name, getattr(self, name)) for name in ("interactions", "items", "activity", "returned")]
