"""Evaluates fitted models on tasks, with results per user."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl

from ml import columns as c
from ml.evaluation import metrics
from ml.evaluation.compare import interval
from ml.evaluation.split import Task
from ml.recommenders import Recommender
from ml.training.assembly import Lists

TASK, MODEL, BASKETS, SECONDS, USERS, ITEMS = "task", "model", "baskets", "seconds", "users", "items"
K = 10
_FLOAT: type[pl.DataType] = pl.Float64
SCORES: dict[str, type[pl.DataType]] = {
    TASK: pl.String,
    MODEL: pl.String,
    c.USER: pl.String,
    BASKETS: pl.Int64,
    **dict.fromkeys(metrics.ACCURACY, _FLOAT),
}
WHOLE: dict[str, type[pl.DataType]] = {
    TASK: pl.String,
    MODEL: pl.String,
    USERS: pl.Int64,
    ITEMS: pl.Int64,
    **dict.fromkeys((metrics.COVERAGE, metrics.NOVELTY, SECONDS), _FLOAT),
}
SUMMARY = WHOLE | dict.fromkeys((*metrics.ACCURACY, "ndcg_low", "ndcg_high"), _FLOAT)


@dataclass(frozen=True)
class Evaluation:
    """The results of models in tasks.

    Attributes:
        scores: `task, model, user_id, baskets` and `metrics.ACCURACY`, a row for each evaluated user;
            `baskets` is the number before the cut.
        whole: `task, model, users, items, coverage, novelty, seconds`, a row for each task and model; `items` is the
            number of ranked items, `seconds` the time of ranking, of lists `made` before for all known users.
    """

    scores: pl.DataFrame
    whole: pl.DataFrame

    @classmethod
    def of(cls, evaluations: Iterable["Evaluation"]) -> Self:
        """Concatenate several."""
        parts = list(evaluations)
        return cls(pl.concat([part.scores for part in parts]), pl.concat([part.whole for part in parts]))

    def per_user(self, task: str, model: str) -> pl.DataFrame:
        """The scores of one model in one task."""
        return self.scores.filter(pl.col(TASK) == task, pl.col(MODEL) == model)

    def mean(self, task: str, model: str, metric: str = metrics.NDCG) -> float | None:
        """A mean over users; None if there are none, or the model was left out."""
        values = self.per_user(task, model)[metric]
        return float(values.mean()) if len(values) else None  # type: ignore[arg-type] # a mean of floats is one

    @cached_property
    def summary(self) -> pl.DataFrame:
        """A row for each evaluated task and model: means, the interval of NDCG, coverage and novelty.

        The interval is `ndcg_low, ndcg_high`; a task without users has no row.
        """
        rows = []
        for row in self.whole.filter(pl.col(USERS) > 0).iter_rows(named=True):
            scores = self.per_user(row[TASK], row[MODEL])
            ndcg = interval(scores[metrics.NDCG].to_numpy())
            means = {name: self.mean(row[TASK], row[MODEL], name) for name in metrics.ACCURACY}
            rows.append({**row, **means, "ndcg_low": ndcg.low, "ndcg_high": ndcg.high})
        return pl.DataFrame(rows, schema=SUMMARY)


def evaluate(
    models: Mapping[str, Recommender[Any]], task: Task, k: int = K, made: Mapping[str, Lists] | None = None
) -> Evaluation:
    """Rank for the task's users with models fitted on its history.

    Args:
        models: By name.
        task: What they predict.
        k: Length of the lists.
        made: By name, the lists of models that have ranked like this for all known users before, at least `k` long.

    Raises:
        NonFiniteScoreError: A model returned NaN.
    """
    baskets = _baskets(task)
    scores, whole = [], []
    for name, model in models.items():
        lists, seconds = _first(made[name], task, k) if made and name in made else _ranked(model, task, k)
        of_model = [pl.lit(task.name).alias(TASK), pl.lit(name).alias(MODEL)]
        per_user = metrics.per_user(lists, task.relevant, k).join(baskets, on=c.USER, how="left", maintain_order="left")
        scores.append(per_user.select(*of_model, c.USER, pl.col(BASKETS).fill_null(0), *metrics.ACCURACY))
        n_items = int(task.history.is_available.sum()) if task.candidates is None else len(task.candidates)
        whole.append(
            {
                TASK: task.name,
                MODEL: name,
                USERS: len(per_user),
                ITEMS: n_items,
                metrics.COVERAGE: metrics.coverage(lists, n_items),
                metrics.NOVELTY: metrics.novelty(lists, task.history),
                SECONDS: seconds,
            }
        )
    return Evaluation(pl.concat([pl.DataFrame(schema=SCORES), *scores]), pl.DataFrame(whole, schema=WHOLE))


def _ranked(model: Recommender[Any], task: Task, k: int) -> tuple[pl.DataFrame, float]:
    started = time.perf_counter()
    lists = model.recommend(task.users, k, exclude_seen=task.exclude_seen, candidates=task.candidates)
    return lists, time.perf_counter() - started


def _first(made: Lists, task: Task, k: int) -> tuple[pl.DataFrame, float]:
    return made.ranked.filter(pl.col(c.RANK) <= k, pl.col(c.USER).is_in(task.users)), made.seconds


def _baskets(task: Task) -> pl.DataFrame:
    history = task.history
    pairs = pl.DataFrame({"user": history.user, "order": history.order}).unique()
    counts = np.bincount(pairs["user"], minlength=len(history.users))
    return pl.DataFrame({c.USER: pl.Series(history.users, dtype=pl.String), BASKETS: counts})
