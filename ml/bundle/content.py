"""The content of a bundle, as arrays and frames, and their file names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
Part = Array | pl.DataFrame

MONEY = pl.Decimal(15, 3)
TIME = pl.Datetime("us", "UTC")

USERS: dict[str, pl.DataType | type[pl.DataType]] = {"user_id": pl.String}
ITEMS: dict[str, pl.DataType | type[pl.DataType]] = {
    "product_id": pl.Int64,
    "parent_id": pl.Int64,
    "sku": pl.String,
    "name": pl.String,
    "price": MONEY,
    "currency": pl.String,
    "currency_digits": pl.Int8,
    "image": pl.String,
    "rating": pl.Float64,
    "brand": pl.String,
    "department": pl.String,
    "category": pl.String,
    "product_type": pl.String,
    "category_id": pl.Int64,
    "category_code": pl.String,
    "category_name": pl.String,
    "is_active": pl.Boolean,
    "is_recommendable": pl.Boolean,
    "stock": pl.Int64,
    "special_price": MONEY,
    "special_starts_at": TIME,
    "special_ends_at": TIME,
}
ACTIVITY: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "product_id": pl.Int64,
    "kind": pl.String,
    "occurred_at": TIME,
    "order_id": pl.Int64,
    "quantity": pl.Int64,
}
"""Recent actions of users and visitors up to the data cut: `kind` is one of `shelves.session.KINDS`, or BUY.

BUY is a product of an order that was at least partly kept; the history counts it too. Only BUY has order and quantity.
"""


@dataclass(frozen=True)
class Ranked:
    """Lists of items, best first: `items` int32 and `scores` float32, both [rows, K]; item -1 fills short rows."""

    items: Int32
    scores: Float32


@dataclass(frozen=True)
class History:
    """The purchases of each user, as CSR rows over users: entries `indptr[u]:indptr[u + 1]`, ascending by item.

    `counts` are baskets, `last_bought` seconds since 1970 UTC, `interval_days` the user's own median number of days
    between purchases of the item (0 = bought once, so unknown).
    """

    indptr: Int64
    items: Int32
    counts: Int32
    last_bought: Int64
    interval_days: Float32


@dataclass(frozen=True)
class BundleContent:
    """Everything needed for scoring: the rows of `users` and `items` are the indices used by all arrays.

    Attributes:
        users: columns `USERS`, one row per user with purchases before the cut.
        items: columns `ITEMS`, one row per product, including inactive ones.
        activity: columns `ACTIVITY`, in any order.
        candidates: source name -> `Ranked` [users, K]; `shelves.yaml` names the sources it uses.
        neighbours: `Ranked` [items, N]: items bought by the same users, or with similar descriptions; score in (0, 1].
        together: bool [items]: whether an item's neighbours were bought by the same users, and by enough of them.
        factors: float32 [items, F], rows of length 1 (0 = unknown): two rows' product is their cosine. F may be 0.
        popularity: float32 [items], recent purchases with the weights of the popularity model; 0 = never.
        history: purchases by user.
    """

    users: pl.DataFrame
    items: pl.DataFrame
    activity: pl.DataFrame
    candidates: Mapping[str, Ranked]
    neighbours: Ranked
    together: Bool
    factors: Float32
    popularity: Float32
    history: History


def to_files(content: BundleContent) -> dict[str, Part]:
    """The parts by file name."""
    return {
        "users.arrow": content.users.select(pl.col(name).cast(kind) for name, kind in USERS.items()),
        "items.arrow": content.items.select(pl.col(name).cast(kind) for name, kind in ITEMS.items()),
        "activity.arrow": content.activity.select(pl.col(name).cast(kind) for name, kind in ACTIVITY.items()),
        **{
            f"candidates.{source}.{part}.npy": getattr(ranked, part)
            for source, ranked in content.candidates.items()
            for part in ("items", "scores")
        },
        "neighbours.items.npy": content.neighbours.items,
        "neighbours.scores.npy": content.neighbours.scores,
        "together.npy": content.together,
        "factors.npy": content.factors,
        "popularity.npy": content.popularity,
        **{f"history.{name}.npy": getattr(content.history, name) for name in History.__dataclass_fields__},
    }


def from_files(frames: Mapping[str, pl.DataFrame], arrays: Mapping[str, Array]) -> BundleContent:
    """The reverse of `to_files`.

    Raises:
        KeyError: a part is missing; its argument is the file's name.
    """
    sources = sorted(name.split(".")[1] for name in arrays if name.startswith("candidates.") and ".items." in name)
    return BundleContent(
        users=frames["users.arrow"],
        items=with_all_columns(frames["items.arrow"]),
        activity=frames["activity.arrow"],
        candidates={source: _ranked(arrays, f"candidates.{source}") for source in sources},
        neighbours=_ranked(arrays, "neighbours"),
        together=arrays["together.npy"],
        factors=arrays["factors.npy"],
        popularity=arrays["popularity.npy"],
        history=History(*(arrays[f"history.{name}.npy"] for name in History.__dataclass_fields__)),
    )


def with_all_columns(items: pl.DataFrame) -> pl.DataFrame:
    """The items; of older releases they lack the shop's own ids, the digits of their currency, and their parents."""
    absent = [name for name in ("sku", "category_code", "currency_digits", "parent_id") if name not in items.columns]
    return items.with_columns(pl.lit(None, ITEMS[name]).alias(name) for name in absent)


def _ranked(arrays: Mapping[str, Array], name: str) -> Ranked:
    return Ranked(arrays[f"{name}.items.npy"], arrays[f"{name}.scores.npy"])
