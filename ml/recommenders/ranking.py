"""The best k of each row of scores, in one total order: score, then popularity, then id."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MASKED = -np.inf
"""The score of an item that must not be returned."""

GROUP = 32
"""Items of a group, at the most: with fewer, more maxima are partitioned; with more, more items reach the least one."""


class NonFiniteScoreError(ArithmeticError):
    """A model produced NaN or +infinity: it must not be used."""


def tie_order(ids: NDArray[np.int64], *popularities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions of the items by descending popularity, then by id; the first popularity is the first sort key."""
    keys: list[NDArray[Any]] = [ids, *(-popularity for popularity in reversed(popularities))]
    return np.lexsort(keys)


def best(
    scores: NDArray[np.float32], order: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rank each row.

    Few items of a row need sorting: the k-th greatest of the maxima of disjoint groups of items is at most the k-th
    greatest score, so whatever is below it cannot be among the best.

    Args:
        scores: Shape (rows, items); `MASKED` where an item must not be returned.
        order: Positions of the items that may be returned, as ordered by `tie_order`.
        k: Maximum number.

    Returns:
        Positions and scores of the best, shape (rows, min(k, len(order))), best first; position -1 if too few.

    Raises:
        NonFiniteScoreError: A score is NaN or +infinity.
    """
    k = min(k, len(order))
    if k == 0:
        return np.empty((len(scores), 0), np.int64), np.empty((len(scores), 0), np.float32)
    in_order = np.take(scores, order, axis=1)
    if not (in_order < np.inf).all():
        raise NonFiniteScoreError("a score is NaN or infinite")
    rows = zip(in_order, _least(in_order, k), strict=True)
    places = np.array([_places(row, least, k) for row, least in rows], dtype=np.int64).reshape(len(scores), k)
    positions = order[places]
    values = np.take_along_axis(scores, positions, axis=1)
    return np.where(values > MASKED, positions, -1), values


def _least(in_order: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """For each row a score that at least k items reach."""
    rows, n_items = in_order.shape
    size = min(GROUP, max(n_items // (2 * k), 1))
    n_groups = n_items // size
    maxima = in_order[:, : n_groups * size].reshape(rows, size, n_groups).max(axis=1)
    return np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]


def _places(row: NDArray[np.float32], least: np.float32, k: int) -> NDArray[np.int64]:
    """The places of the k best of a row, of which at least k reach `least`; equal scores keep their order."""
    above = np.flatnonzero(row > least)
    found = np.concatenate([above, np.flatnonzero(row == least)[:k]])
    return found[np.argsort(-row[found], kind="stable")[:k]]
