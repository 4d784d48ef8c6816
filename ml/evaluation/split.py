"""The protocols: which data is history and which is predicted.

All products are ranked as if all were on sale, without prices: what was on sale at a cut, and its price, is not
recorded, and today's flag and price would leak what happened in the window. Items that are not products (fuel, coupons:
not recommendable) are not ranked.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import columns as c
from ml.dataset import Dataset

WINDOW_DAYS = 28
"""Length of a predicted window."""
MINIMUM_BASKETS = 3
"""Minimum number of baskets of a user in next-basket, including the predicted one."""


class Protocol(StrEnum):
    """The tasks."""

    NEXT_BASKET = "next_basket"
    """The last basket of each user from all earlier ones; repeats count."""
    DISCOVER = "discover"
    """The products a user buys in the window and never bought before; bought products are masked."""
    ALL = "all"
    """The products a user buys in the window, repeats included."""
    FIRST_BASKET = "first_basket"
    """The first basket of each user in the window."""


@dataclass(frozen=True)
class Task:
    """One task of a model.

    Attributes:
        name: A protocol; for a segment with its name after a slash.
        history: The data on which a model may be fitted.
        relevant: Distinct pairs `user_id, product_id` that were bought; users without any do not take part.
        exclude_seen: Whether products bought before are masked.
        candidates: The ranked product ids; None is the whole catalogue.
    """

    name: str
    history: Dataset
    relevant: pl.DataFrame
    exclude_seen: bool = False
    candidates: NDArray[np.int64] | None = None

    @property
    def users(self) -> list[str]:
        """The evaluated users, sorted."""
        return self.relevant[c.USER].unique().sort().to_list()


def next_basket(interactions: pl.DataFrame, items: pl.DataFrame, nth_last: int = 1) -> Task:
    """The last basket of every user with enough baskets; everything else is history.

    Args:
        interactions: Purchase lines, see `Dataset.build`.
        items: The catalogue.
        nth_last: 1 for the test; 2, for tuning, predicts the second-to-last and leaves out the last.
    """
    position = pl.col(c.ORDER).cum_count(reverse=True).over(c.USER)
    baskets = (
        interactions.group_by(c.USER, c.ORDER)
        .agg(pl.col(c.ORDERED_AT).min())
        .sort(c.USER, c.ORDERED_AT, c.ORDER)
        .select(c.USER, c.ORDER, nth_last=position, baskets=pl.len().over(c.USER))
    )
    lines = interactions.join(baskets, on=[c.USER, c.ORDER])
    enough = pl.col("baskets") - (nth_last - 1) >= MINIMUM_BASKETS
    is_target = (pl.col("nth_last") == nth_last) & enough
    history = lines.filter((pl.col("nth_last") >= nth_last) & ~is_target)
    return Task(Protocol.NEXT_BASKET, Dataset.build(history, _as_unknown(items)), _pairs(lines.filter(is_target)))


def window(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, days: int = WINDOW_DAYS) -> dict[str, Task]:
    """All tasks on the days after a cut; they share the history before the cut.

    Returns:
        Tasks by name: the protocols on users known at the cut, and as `…/cold_users` and `…/cold_items` the users
        without history and, ranked among themselves, the items that nobody had bought before.
    """
    history = Dataset.build(interactions, _as_unknown(items), cut)
    inside = interactions.filter(pl.col(c.ORDERED_AT).is_between(cut, cut + timedelta(days=days), closed="left"))
    bought = _pairs(inside)
    users = pl.DataFrame({c.USER: pl.Series(history.users, dtype=pl.String)})
    known = bought.join(users, on=c.USER, how="semi")
    before = interactions.filter(pl.col(c.ORDERED_AT) < cut)
    cold_items = history.item_ids[history.is_available & (history.popularity() == 0)]
    everything = Task(Protocol.ALL, history, known)
    discover = Task(
        Protocol.DISCOVER, history, known.join(_pairs(before), on=[c.USER, c.ITEM], how="anti"), exclude_seen=True
    )
    tasks = [
        everything,
        discover,
        Task(Protocol.FIRST_BASKET, history, _first_baskets(before, inside)),
        replace(everything, name="all/cold_users", relevant=bought.join(users, on=c.USER, how="anti")),
        replace(
            discover,
            name="discover/cold_items",
            relevant=discover.relevant.filter(pl.col(c.ITEM).is_in(cold_items.tolist())),
            candidates=cold_items,
        ),
    ]
    return {task.name: task for task in tasks}


def next_baskets(interactions: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """The products of each user's first basket after a cut: distinct pairs `user_id, product_id`."""
    return _pairs(_of_first_baskets(interactions.filter(pl.col(c.ORDERED_AT) >= cut)))


def _of_first_baskets(inside: pl.DataFrame) -> pl.DataFrame:
    first = inside.sort(c.ORDERED_AT, c.ORDER).group_by(c.USER, maintain_order=True).agg(pl.col(c.ORDER).first())
    return inside.join(first, on=[c.USER, c.ORDER])


def _first_baskets(before: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    enough = (
        before.group_by(c.USER).agg(baskets=pl.col(c.ORDER).n_unique() + 1).filter(pl.col("baskets") >= MINIMUM_BASKETS)
    )
    return _pairs(_of_first_baskets(inside).join(enough, on=c.USER, how="semi"))


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(c.USER, c.ITEM).unique(maintain_order=False).sort(c.USER, c.ITEM)


def _as_unknown(items: pl.DataFrame) -> pl.DataFrame:
    """The catalogue without data that is only known today."""
    return items.with_columns(pl.lit(value=True).alias(c.IS_ACTIVE), pl.lit(None, dtype=pl.Float64).alias(c.PRICE))
