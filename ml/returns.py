"""What was sent back, as a signal against a product: in everybody's rankings, and for whoever sent it back."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

AVERAGE_BASKETS: Final = 20
"""A product is taken for an average one until there are more baskets than these: one return of one sale says little."""


@dataclass(frozen=True)
class Returns:
    """What is known against products.

    Attributes:
        kept_share: The share of each product's baskets that is expected to be kept; shape (items,). 1 without returns.
        unwanted: Whether a user sent a product back and never kept it; shape (users, items).
    """

    kept_share: NDArray[np.float32]
    unwanted: csr_array[np.bool_]

    @classmethod
    def of(cls, kept: pl.DataFrame, returned: pl.DataFrame, shape: tuple[int, int]) -> Self:
        """Compare what was kept with what was not.

        Args:
            kept: Lines of which something was kept, with the positions `user` and `item`, and `order_id`; a product is
                once in a basket.
            returned: Lines of which nothing was kept, likewise; `user` may be missing in a line.
            shape: Number of users and of items.
        """
        baskets = returned.unique(["item", "order_id"]).join(kept, on=["item", "order_id"], how="anti")
        pairs = returned.drop_nulls("user").unique(["user", "item"]).join(kept, on=["user", "item"], how="anti")
        at = pairs["user"].to_numpy(), pairs["item"].to_numpy()
        return cls(
            _kept_share(*(np.bincount(frame["item"].to_numpy(), minlength=shape[1]) for frame in (kept, baskets))),
            csr_array((np.ones(len(pairs), dtype=np.bool_), at), shape=shape),
        )


def _kept_share(kept: NDArray[np.int64], returned: NDArray[np.int64]) -> NDArray[np.float32]:
    average = returned.sum() / max(kept.sum() + returned.sum(), 1)
    rate = (returned + AVERAGE_BASKETS * average) / (kept + returned + AVERAGE_BASKETS)
    share: NDArray[np.float32] = (1 - rate).astype(np.float32)
    return share
