"""The published figures: which model answers which task, at which cuts."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import polars as pl

from ml.evaluation.evaluate import Evaluation, evaluate
from ml.evaluation.split import WINDOW_DAYS, Protocol, Task, next_basket, window
from ml.training import BLENDS, SINGLE, TrainingConfig, fit_all

DISCOVERING = ("popularity", "item_knn", "ease", "als", "content", "discover")
REPEATING = ("popularity", "personal", "tifu_knn", "repurchase")
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
"""Who is asked what: a cold user gets the fall-back whatever the model; only content knows an item without buyers."""

HEADLINES = {
    "last_basket": (Protocol.NEXT_BASKET, "tifu_knn"),
    "discover": (Protocol.DISCOVER, "ease"),
    "discover_als": (Protocol.DISCOVER, "als"),
    "all": (Protocol.ALL, "tifu_knn"),
}
"""Each headline is of one single model named beforehand: the best of several on the test would be chosen by it."""


def measure(
    interactions: pl.DataFrame, items: pl.DataFrame, config: TrainingConfig, cut: datetime, days: int = WINDOW_DAYS
) -> Evaluation:
    """Fit and evaluate for all protocols, each model on what was known at its cut.

    Args:
        interactions: Purchase lines, see `Dataset.build`; simulated ones must not be among them.
        items: The catalogue.
        config: The hyper-parameters.
        cut: Where the window of the test begins.
        days: Its length.
    """
    last = next_basket(interactions, items)
    in_window = window(interactions, items, cut, days)
    return Evaluation.of(
        [*_at_one_cut({last.name: last}, config, REPEATING), *_at_one_cut(in_window, config, (*SINGLE, *BLENDS))]
    )


def _at_one_cut(tasks: Mapping[str, Task], config: TrainingConfig, wanted: tuple[str, ...]) -> Iterator[Evaluation]:
    history = next(iter(tasks.values())).history
    models = fit_all(history, config, wanted).models
    for name, task in tasks.items():
        yield evaluate({model: models[model] for model in MODELS[name] if model in models}, task)


def headlines(evaluation: Evaluation) -> dict[str, float]:
    """NDCG@10 by the names of `HEADLINES`."""
    return {name: evaluation.mean(task, model) for name, (task, model) in HEADLINES.items()}
