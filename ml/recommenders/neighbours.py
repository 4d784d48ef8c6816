"""The nearest neighbours of items."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ml import columns as c

NEIGHBOURS = 20
"""Similar items stored per item: a product page's number, plus a reserve for sold-out ones."""


def nearest(
    likeness: csr_array[np.float32],
    ids: NDArray[np.int64],
    allowed: NDArray[np.int64],
    kept_share: NDArray[np.float32],
    k: int,
    items: ArrayLike | None = None,
) -> pl.DataFrame:
    """The nearest available items of each item.

    Args:
        likeness: Positive similarity of items, shape (items, items), without the diagonal.
        ids: Product id of each position.
        allowed: Positions of the items that may be shown, in the order that breaks ties.
        kept_share: The share of each item's sales that is expected to be kept: so much does its likeness count.
        k: Maximum number.
        items: The product ids; default: all. Unknown ones have no neighbours.

    Returns:
        `product_id, neighbour_id, score, rank`, sorted by product and rank; scores are in (0, 1].
    """
    place = np.full(len(ids), -1, dtype=np.int32)
    place[allowed] = np.arange(len(allowed), dtype=np.int32)
    pairs = likeness.tocoo()
    frame = pl.DataFrame(
        {
            c.ITEM: ids[pairs.row],
            c.NEIGHBOUR: ids[pairs.col],
            c.SCORE: pairs.data * kept_share[pairs.col],
            "place": place[pairs.col],
        }
    ).filter(pl.col("place") >= 0)
    if items is not None:
        frame = frame.filter(pl.col(c.ITEM).is_in(np.asarray(items).tolist()))
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(c.ITEM).alias(c.RANK)
    best_first = frame.sort(c.ITEM, pl.col(c.SCORE).neg(), "place").drop("place")
    return best_first.with_columns(rank).filter(pl.col(c.RANK) <= k)
