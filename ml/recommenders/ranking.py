"""The best k of each row of scores, in one total order: score, then popularity, then id."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MASKED = -np.inf
"""The score of an item that must not be returned."""


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

    Score and place in the tie order are packed into one integer, so that one vectorised partition of plain numbers
    gives the exact order; a partition by score with a tie rule afterwards would need a loop over rows.

    Args:
        scores: Shape (rows, items); `MASKED` where an item must not be returned.
        order: Positions of the items that may be returned, as ordered by `tie_order`.
        k: Maximum number.

    Returns:
        Positions and scores of the best, shape (rows, min(k, len(order))), best first; position -1 if too few.

    Raises:
        NonFiniteScoreError: A score is NaN or +infinity.
    """
    n_items = len(order)
    k = min(k, n_items)
    if k == 0:
        return np.empty((len(scores), 0), np.int64), np.empty((len(scores), 0), np.float32)
    in_order = scores[:, order]
    if not (in_order < np.inf).all():
        raise NonFiniteScoreError("a score is NaN or infinite")
    in_order += np.float32(0)  # turns -0.0, which would sort below 0.0, into 0.0
    bits = in_order.view(np.int32)
    np.bitwise_xor(bits, 0x7FFFFFFF, out=bits, where=bits < 0)  # reinterpreted as integers, floats now sort correctly
    keys = bits.astype(np.int64)
    keys <<= 32
    keys |= np.arange(n_items, 0, -1)
    keys.partition(n_items - k, axis=1)
    top = np.sort(keys[:, n_items - k :], axis=1)[:, ::-1]
    positions = order[n_items - (top & 0xFFFFFFFF)]
    values = np.take_along_axis(scores, positions, axis=1)
    return np.where(values > MASKED, positions, -1), values
