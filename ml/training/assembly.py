"""Assembles the content of a bundle from fitted models."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import columns as c
from ml.bundle.content import ACTIVITY, ITEMS, USERS, BundleContent, Float32, History, Ranked
from ml.dataset import RECENT_DAYS, Dataset, positions
from ml.recommenders import ContentBased, ItemKNN
from ml.recommenders.neighbours import NEIGHBOURS
from ml.training.configuration import Fitted

CANDIDATES = 300
"""Length of each user's list of a source: enough for filters and shelves, at 6 MB per source."""

TOGETHER = "together"
NEIGHBOURS_FOUND: dict[str, type[pl.DataType]] = {
    c.ITEM: pl.Int64,
    c.NEIGHBOUR: pl.Int64,
    c.SCORE: pl.Float32,
    c.RANK: pl.Int32,
    TOGETHER: pl.Boolean,
}

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Lists:
    """The lists of a source for all known users, as returned by `Recommender.recommend`, and how long they took."""

    ranked: pl.DataFrame
    seconds: float


def lists_of(fitted: Fitted, sources: Iterable[str]) -> dict[str, Lists]:
    """The candidate lists of a bundle, by source.

    Args:
        fitted: the models; popularity replaces a source whose model could not be fitted.
        sources: the candidate lists that shelves use; `DISCOVER` contains no bought items.
    """
    lists = {}
    for source in sources:
        model, started = fitted.models.get(source, fitted.models["popularity"]), time.perf_counter()
        ranked = model.recommend(k=CANDIDATES, exclude_seen=source == c.DISCOVER)
        lists[source] = Lists(ranked, time.perf_counter() - started)
    return lists


def content_of(dataset: Dataset, fitted: Fitted, sources: Iterable[str], activity: pl.DataFrame) -> BundleContent:
    """Compute the content of a bundle from fitted models.

    Args:
        dataset: the training data, see `assemble`.
        fitted: the models.
        sources: see `lists_of`.
        activity: see `assemble`.
    """
    lists = {source: made.ranked for source, made in lists_of(fitted, sources).items()}
    no_factors = np.zeros((len(dataset.items), 0), dtype=np.float32)
    factors = getattr(fitted.models.get("als"), "item_factors", no_factors)
    popular_days = fitted.models["popularity"].config.days
    return assemble(dataset, lists, neighbours(fitted), factors, activity, popular_days)


def neighbours(fitted: Fitted) -> pl.DataFrame:
    """Each item's neighbours: those bought `together` by enough users, or, if there are none, similar ones."""
    models = [model for model in fitted.models.values() if isinstance(model, ItemKNN | ContentBased)]
    found = pl.DataFrame(schema=NEIGHBOURS_FOUND)
    for model in models:  # in fitting order: items bought together come first
        others = model.similar(NEIGHBOURS).with_columns(pl.lit(isinstance(model, ItemKNN)).alias(TOGETHER))
        found = pl.concat([found, others.join(found, on=c.ITEM, how="anti").select(*NEIGHBOURS_FOUND)])
    return found


def assemble(
    dataset: Dataset,
    candidates: Mapping[str, pl.DataFrame],
    similar: pl.DataFrame,
    factors: Float32,
    activity: pl.DataFrame,
    popular_days: float = RECENT_DAYS,
) -> BundleContent:
    """Assemble the content of a bundle.

    Args:
        dataset: the training data; its items have all columns of `ml.bundle.content.ITEMS`.
        candidates: by source, lists as returned by `Recommender.recommend`.
        similar: columns `NEIGHBOURS_FOUND`; scores in (0, 1].
        factors: float32, shape (items, F); their rows need not have length 1.
        activity: columns of `ml.bundle.content.ACTIVITY`: recent actions up to the cut.
        popular_days: popularity counts the baskets of this many last days.
    """
    return BundleContent(
        users=pl.DataFrame({c.USER: pl.Series(dataset.users, dtype=pl.String)}).select(*USERS),
        items=dataset.items.select(*ITEMS),
        activity=activity.select(*ACTIVITY),
        candidates={source: _by_user(lists, dataset) for source, lists in candidates.items()},
        neighbours=_by_item(similar, dataset),
        together=np.isin(dataset.item_ids, similar.filter(pl.col(TOGETHER))[c.ITEM].to_numpy()),
        factors=unit_rows(factors),
        popularity=popularity(dataset, popular_days),
        history=history(dataset),
    )


def popularity(dataset: Dataset, days: float = RECENT_DAYS) -> NDArray[np.float32]:
    """Recent baskets with each item; items without recent sales follow by their total. What comes back counts less."""
    total = dataset.popularity()
    popular: NDArray[np.float32] = (dataset.popularity(days) + total / (total.sum() + 1)) * dataset.returns.kept_share
    return popular


def unit_rows(factors: Float32) -> Float32:
    """The factors with rows of length 1, so that products of rows are cosines; rows of zeros stay."""
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    unit: Float32 = np.divide(factors, lengths, out=np.zeros_like(factors, dtype=np.float32), where=lengths > 0)
    return unit


def history(dataset: Dataset) -> History:
    """Each user's purchases: count, last time and median interval."""
    lines = pl.DataFrame({"user": dataset.user, "item": dataset.item, "age": dataset.age})
    bought = (
        lines.group_by("user", "item", maintain_order=True)  # lines come by user, item and rising age
        .agg(count=pl.len(), age=pl.col("age").first(), interval=pl.col("age").diff().median())
        .fill_null(0)
    )
    per_user = np.bincount(bought["user"].to_numpy(), minlength=len(dataset.users))
    return History(
        indptr=np.concatenate([[0], np.cumsum(per_user)]).astype(np.int64),
        items=bought["item"].to_numpy().astype(np.int32),
        counts=bought["count"].to_numpy().astype(np.int32),
        last_bought=(dataset.cut.timestamp() - bought["age"].to_numpy() * DAY_SECONDS).round().astype(np.int64),
        interval_days=bought["interval"].to_numpy().astype(np.float32),
    )


def _by_user(lists: pl.DataFrame, dataset: Dataset) -> Ranked:
    rows = positions(lists[c.USER].to_numpy().astype(np.str_), dataset.users)
    return _ranked(rows, lists, c.ITEM, dataset, len(dataset.users))


def _by_item(lists: pl.DataFrame, dataset: Dataset) -> Ranked:
    rows = positions(lists[c.ITEM].to_numpy(), dataset.item_ids)
    return _ranked(rows, lists, c.NEIGHBOUR, dataset, len(dataset.items))


def _ranked(rows: NDArray[np.int64], lists: pl.DataFrame, column: str, dataset: Dataset, n_rows: int) -> Ranked:
    places = lists[c.RANK].to_numpy() - 1
    shape = (n_rows, int(places.max(initial=-1)) + 1)
    items = np.full(shape, -1, dtype=np.int32)
    scores = np.zeros(shape, dtype=np.float32)
    items[rows, places] = positions(lists[column].to_numpy(), dataset.item_ids)
    scores[rows, places] = lists[c.SCORE].to_numpy()
    return Ranked(items, scores)
