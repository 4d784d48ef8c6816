"""Metrics of lists: accuracy per user, coverage and novelty overall."""

import numpy as np
import polars as pl

from ml import columns as c
from ml.dataset import Dataset, positions

NDCG, RECALL, AVERAGE_PRECISION, RECIPROCAL_RANK = "ndcg", "recall", "average_precision", "reciprocal_rank"
ACCURACY = (NDCG, RECALL, AVERAGE_PRECISION, RECIPROCAL_RANK)
COVERAGE, NOVELTY = "coverage", "novelty"
MINIMUM_COVERAGE = 0.001
"""Minimum share of the catalogue in all lists, 90 of 90,000: a broken model gives everyone the same items."""


def per_user(lists: pl.DataFrame, relevant: pl.DataFrame, k: int) -> pl.DataFrame:
    """Accuracy of the first k of each list.

    Args:
        lists: Ranked lists, see `Recommender.recommend`.
        relevant: Distinct pairs `user_id, product_id` that came true.
        k: Length of the lists, and of the ideal list by which NDCG is divided.

    Returns:
        `user_id` and one column for each of `ACCURACY`, in 0..1, a row for every user in `relevant`, sorted; a
        user without a list scores 0.
    """
    hits = lists.filter(pl.col(c.RANK) <= k).join(relevant, on=[c.USER, c.ITEM]).sort(c.USER, c.RANK)
    gained = hits.group_by(c.USER).agg(
        dcg=(1 / (pl.col(c.RANK) + 1).log(2)).sum(),
        found=pl.len(),
        precisions=(pl.int_range(1, pl.len() + 1) / pl.col(c.RANK)).sum(),
        reciprocal_rank=1 / pl.col(c.RANK).min(),
    )
    ideal = pl.Series("ideal", np.cumsum(1 / np.log2(np.arange(2, k + 2))))
    wanted = relevant.group_by(c.USER).agg(relevant=pl.len()).sort(c.USER)
    reachable = pl.col("relevant").clip(upper_bound=k)
    return (
        wanted.join(gained, on=c.USER, how="left", maintain_order="left")
        .fill_null(0)
        .select(
            c.USER,
            (pl.col("dcg") / pl.lit(ideal).gather(reachable - 1)).alias(NDCG),
            (pl.col("found") / pl.col("relevant")).alias(RECALL),
            (pl.col("precisions") / reachable).alias(AVERAGE_PRECISION),
            pl.col("reciprocal_rank").cast(pl.Float64).alias(RECIPROCAL_RANK),
        )
    )


def coverage(lists: pl.DataFrame, n_items: int) -> float:
    """Share of the catalogue that is in at least one list."""
    return lists[c.ITEM].n_unique() / n_items if n_items else 0.0


def least_coverage(n_users: int, n_items: int, k: int) -> float:
    """The minimum share for lists of k: `MINIMUM_COVERAGE`, but with few users a tenth of the possible maximum."""
    return min(MINIMUM_COVERAGE, 0.1 * n_users * k / n_items) if n_items else 0.0


def novelty(lists: pl.DataFrame, history: Dataset) -> float:
    """Mean self-information of recommended items, in bits: -log2 of the share of users who bought it (plus one)."""
    if lists.is_empty():
        return 0.0
    buyers = history.counts.count_nonzero(axis=0)
    share = (buyers[positions(lists[c.ITEM].to_numpy(), history.item_ids)] + 1) / (len(history.users) + 1)
    return float(-np.log2(share).mean())
