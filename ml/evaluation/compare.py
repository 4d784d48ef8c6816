"""Confidence intervals of means and differences: seeded bootstrap over users."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import columns as c

RESAMPLES = 1000
SEED = 7
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and its interval at `LEVEL`."""

    mean: float
    low: float
    high: float


def interval(values: NDArray[np.float64], seed: int = SEED) -> Interval:
    """The mean of one value per user, with its percentile bootstrap interval; 0 for no values."""
    if len(values) == 0:
        return Interval(0.0, 0.0, 0.0)
    random = np.random.default_rng(seed)
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def paired(first: pl.DataFrame, second: pl.DataFrame, metric: str, seed: int = SEED) -> Interval:
    """Mean of first - second over the common users; pairing makes small differences visible.

    Args:
        first: One row per user with the column of the metric, see `metrics.per_user`.
        second: The same for the other model.
        metric: Name of the column.
        seed: Of the resampling.
    """
    both = first.select(c.USER, metric).join(second.select(c.USER, metric), on=c.USER).sort(c.USER)
    return interval((both[metric] - both[f"{metric}_right"]).to_numpy(), seed)
