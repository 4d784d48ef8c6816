"""Indexed interactions and items, on which every recommender is fitted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from ml import columns as c
from ml.returns import Returns

RECENT_DAYS = 28
"""Popularity counts the baskets of this many last days."""


class DatasetError(ValueError):
    """The given frames are not a valid dataset."""


@dataclass(frozen=True)
class Dataset:
    """The baskets of a shop before the cut, as arrays.

    Inside the library a user or item is a position in the sorted ids; outside only ids are used, so a later id
    changes no result. A line is one product in one basket: quantity and money are not weights
    (they cost 15-30% of accuracy), and a product that is twice in a basket counts once.

    Attributes:
        users: Sorted ids of users with at least one line, shape (users,).
        items: The catalogue sorted by product id, at least `columns.ITEM_COLUMNS`, one row per item. It is used
            as given, not as it was at the cut.
        cut: The time of prediction (UTC); every line is before it.
        user: Position of the user of each line, ordered by user, item, age; shape (lines,).
        item: Position of the item of each line.
        order: Id of the basket of each line.
        age: Days between each line and the cut, > 0.
        returns: What is known against items: no line, but a lower rank.
    """

    users: NDArray[np.str_]
    items: pl.DataFrame
    cut: datetime
    user: NDArray[np.int32]
    item: NDArray[np.int32]
    order: NDArray[np.int64]
    age: NDArray[np.float64]
    returns: Returns

    @classmethod
    def build(
        cls,
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        cut: datetime | None = None,
        returned: pl.DataFrame | None = None,
    ) -> Self:
        """Index purchase lines and the catalogue.

        Args:
            interactions: Purchase lines with `columns.INTERACTION_COLUMNS`, in any order; times in UTC.
            items: The catalogue with `columns.ITEM_COLUMNS`; lines of unknown products are dropped.
            cut: Only lines before it are used. Default: just after the last line, kept or returned.
            returned: Lines of which nothing was kept, with the same columns; default: none.

        Raises:
            DatasetError: A column is missing, or a product is twice in the catalogue.
        """
        _check(interactions, c.INTERACTION_COLUMNS, "interactions")
        _check(items, c.ITEM_COLUMNS, "items")
        returned = interactions.clear() if returned is None else returned
        _check(returned, c.INTERACTION_COLUMNS, "returned lines")
        catalogue = items.sort(c.ITEM)
        if catalogue[c.ITEM].is_duplicated().any():
            raise DatasetError("a product stands twice in the catalogue")
        lines = interactions.select(c.INTERACTION_COLUMNS).filter(pl.col(c.ITEM).is_in(catalogue[c.ITEM].implode()))
        if cut is None:
            newest = (lines[c.ORDERED_AT].max(), returned[c.ORDERED_AT].max())
            cut = max((it for it in newest if isinstance(it, datetime)), default=datetime.now(UTC))
            cut += timedelta(microseconds=1)
        lines = lines.filter(pl.col(c.ORDERED_AT) < cut)
        users = lines.select(pl.col(c.USER).unique().sort()).with_row_index("user")
        numbered = catalogue.select(c.ITEM).with_row_index("item")
        lines = (
            lines.join(users, on=c.USER)
            .join(numbered, on=c.ITEM)
            .select(
                "user", "item", c.ORDER, age=(pl.lit(cut) - pl.col(c.ORDERED_AT)).dt.total_microseconds() / 86_400e6
            )
            .sort("user", "item", "age", c.ORDER)
            .unique(["user", "item", c.ORDER], keep="first", maintain_order=True)
        )
        sent_back = (
            returned.filter(pl.col(c.ORDERED_AT) < cut)
            .join(numbered, on=c.ITEM)
            .join(users, on=c.USER, how="left")
            .select("user", "item", c.ORDER)
        )
        return cls(
            users=users[c.USER].to_numpy().astype(np.str_),
            items=catalogue,
            cut=cut,
            user=lines["user"].to_numpy().astype(np.int32),
            item=lines["item"].to_numpy().astype(np.int32),
            order=lines[c.ORDER].to_numpy(),
            age=lines["age"].to_numpy(),
            returns=Returns.of(lines, sent_back, (len(users), len(catalogue))),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items."""
        return len(self.users), len(self.items)

    @cached_property
    def item_ids(self) -> NDArray[np.int64]:
        """Product ids in the order of the catalogue, shape (items,)."""
        return self.items[c.ITEM].to_numpy().astype(np.int64)

    @cached_property
    def is_available(self) -> NDArray[np.bool_]:
        """Which items may be recommended at all, shape (items,)."""
        available = self.items.select(
            pl.col(c.IS_ACTIVE).fill_null(False) & pl.col(c.IS_RECOMMENDABLE).fill_null(False)
        )
        return available.to_series().to_numpy()

    @cached_property
    def counts(self) -> csr_array[np.float32]:
        """Number of baskets of each user with each item, shape (users, items)."""
        return self._sum(np.ones_like(self.age))

    def decayed(self, days: float) -> csr_array[np.float32]:
        """Baskets of each user with each item, each weighing exp(-age / days); shape (users, items)."""
        return self._sum(np.exp(-self.age / days))

    def popularity(self, days: float = np.inf) -> NDArray[np.float32]:
        """Number of baskets with each item in the last days before the cut, shape (items,)."""
        return np.bincount(self.item[self.age <= days], minlength=len(self.items)).astype(np.float32)

    def _sum(self, weights: NDArray[np.float64]) -> csr_array[np.float32]:
        # Lines are sorted, so that sums do not depend on the order of the given rows.
        summed = coo_array((weights, (self.user, self.item)), shape=self.shape).tocsr().astype(np.float32)
        summed.eliminate_zeros()  # of ages that are a mistake, such as those of purchases in 1970
        return summed


def positions(ids: NDArray[np.generic], known: NDArray[np.generic]) -> NDArray[np.int64]:
    """Position of each id in the sorted known ids; -1 if unknown."""
    if len(known) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    found = np.searchsorted(known, ids).clip(max=len(known) - 1)
    return np.where(known[found] == ids, found, -1)


def _check(frame: pl.DataFrame, columns: tuple[str, ...], what: str) -> None:
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise DatasetError(f"{what} lack the columns {', '.join(missing)}")
