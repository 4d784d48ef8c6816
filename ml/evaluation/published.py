"""The published figures: which model is evaluated on which task, at which cuts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ml import columns as c
from ml.evaluation.evaluate import Evaluation, evaluate
from ml.evaluation.gate import ROLES
from ml.evaluation.shelves import measure_shelves
from ml.evaluation.split import WINDOW_DAYS, Protocol, Task, next_basket, next_baskets, window
from ml.shelves.composing import Rules
from ml.training.assembly import Lists, lists_of
from ml.training.configuration import BLENDS, SINGLE, Fitted, TrainingConfig, fit_all

DISCOVERING = ("popularity", "item_knn", "ease", "als", "content", c.DISCOVER)
REPEATING = ("popularity", "personal", "tifu_knn", c.REPURCHASE)
COLD_USERS = ("popularity",)
COLD_ITEMS = ("popularity", "content")
MODELS: dict[str, tuple[str, ...]] = {
    Protocol.NEXT_BASKET: REPEATING,
    Protocol.ALL: REPEATING,
    Protocol.DISCOVER: DISCOVERING,
    Protocol.FIRST_BASKET: ("tifu_knn",),
    f"{Protocol.ALL}/cold_users": COLD_USERS,
    f"{Protocol.DISCOVER}/cold_items": COLD_ITEMS,
}
"""The models of each task: cold users always get the fallback; only content knows items without purchases."""

HEADLINES = {
    "last_basket": (Protocol.NEXT_BASKET, "tifu_knn"),
    "discover": (Protocol.DISCOVER, "ease"),
    "discover_als": (Protocol.DISCOVER, "als"),
    "all": (Protocol.ALL, "tifu_knn"),
}
"""Each headline is one single model named in advance: the best of several would be chosen on the test."""


@dataclass(frozen=True)
class Measured:
    """The published results: of the models' lists, and of the shelves (columns `shelves.SHARES`).

    Attributes:
        models: The results of each fitted model.
        shelves: The results of the shelves.
        left_out: Models that could not be fitted, fully or in part, and why.
    """

    models: Evaluation
    shelves: pl.DataFrame
    left_out: Mapping[str, str] = field(default_factory=dict)


def measure(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    config: TrainingConfig,
    cut: datetime,
    rules: Rules,
    days: int = WINDOW_DAYS,
) -> Measured:
    """Fit and evaluate for all protocols, each model on the data before its cut, and the shelves at that of the window.

    Args:
        interactions: Purchase lines, see `Dataset.build`; simulated ones must not be among them.
        items: The catalogue.
        config: The hyper-parameters.
        cut: Start of the test window.
        rules: `shelves.yaml`.
        days: Length of the window.
    """
    last = next_basket(interactions, items)
    of_last = fit_all(last.history, config, REPEATING)
    evaluations = [*_of_tasks({last.name: last}, of_last, {})]
    tasks = window(interactions, items, cut, days)
    everything = tasks[Protocol.ALL]
    fitted = fit_all(everything.history, config, (*SINGLE, *BLENDS))
    lists = lists_of(fitted, rules.candidate_sources())
    evaluations += _of_tasks(tasks, fitted, lists)
    shelves = measure_shelves(everything, next_baskets(interactions, cut), lists, config.popularity.days, rules)
    return Measured(Evaluation.of(evaluations), shelves, of_last.skipped | fitted.skipped)


def _of_tasks(tasks: Mapping[str, Task], fitted: Fitted, lists: Mapping[str, Lists]) -> Iterator[Evaluation]:
    """Evaluate; a blend in its own role has made its lists already, longer ones of the same ranking for all users."""
    for name, task in tasks.items():
        models = {model: fitted.models[model] for model in MODELS[name] if model in fitted.models}
        made = {model: lists[model] for model in lists.keys() & models if model == ROLES.get(name)}
        yield evaluate(models, task, made=made)


def headlines(evaluation: Evaluation) -> dict[str, float]:
    """NDCG@10 by the names of `HEADLINES`, without models that were left out or had no users."""
    means = {name: evaluation.mean(task, model) for name, (task, model) in HEADLINES.items()}
    return {name: mean for name, mean in means.items() if mean is not None}
