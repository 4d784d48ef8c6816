"""Windows of resampled shoppers: how often the gate decides what, where the truth is known."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import columns as c
from ml.evaluation import metrics
from ml.evaluation.evaluate import SCORES, WHOLE, Evaluation, K
from ml.evaluation.gate import ROLES, Decision, decide
from ml.evaluation.opponents import Opponent
from ml.evaluation.split import Task
from ml.recommenders import Recommender

Scores = Mapping[str, NDArray[np.float64]]
"""By task, the NDCG@10 of each of its users, in the order of their ids."""


def lists_of(models: Mapping[str, Recommender], tasks: Mapping[str, Task]) -> dict[str, pl.DataFrame]:
    """Twenty places of each user of the tasks for which models are named."""
    made: dict[tuple[int, bool], pl.DataFrame] = {}  # a model ranks once for those of its tasks that mask alike
    for task, model in models.items():
        way = (id(model), tasks[task].exclude_seen)
        if way not in made:
            alike = [name for name, other in models.items() if (id(other), tasks[name].exclude_seen) == way]
            users = sorted({user for name in alike for user in tasks[name].users})
            made[way] = model.recommend(users, 2 * K, exclude_seen=tasks[task].exclude_seen)
    return {
        task: made[id(model), tasks[task].exclude_seen].filter(pl.col(c.USER).is_in(tasks[task].users))
        for task, model in models.items()
    }


def scores_of(lists: Mapping[str, pl.DataFrame], tasks: Mapping[str, Task]) -> dict[str, NDArray[np.float64]]:
    """What the first ten places of lists achieve in their tasks."""
    return {task: metrics.per_user(of, tasks[task].relevant, K)["ndcg"].to_numpy() for task, of in lists.items()}


def worsened(lists: pl.DataFrame, task: Task, share: float) -> NDArray[np.float64]:
    """The NDCG@10 of lists whose first ten places are exchanged with the next ten, one after the other at random.

    It stops when the mean has lost that share.
    """
    lists = lists.join(task.relevant.with_columns(hit=1.0), on=["user_id", "product_id"], how="left")
    hits = lists.sort("user_id", "rank")["hit"].fill_null(0).to_numpy().reshape(-1, 2 * K)
    gain = 1 / np.log2(np.arange(2, K + 2))
    wanted = task.relevant.group_by("user_id").len().sort("user_id")["len"].to_numpy()
    ideal = np.cumsum(gain)[np.minimum(wanted, K) - 1]
    before = (hits[:, :K] * gain).sum(axis=1) / ideal
    lost = (hits[:, K:] - hits[:, :K]) * gain / ideal[:, None]
    order = np.random.default_rng(1).permutation(lost.size)
    enough = np.argmax(np.cumsum(lost.ravel()[order]) <= -share * before.sum())
    exchanged = np.zeros(lost.size)
    exchanged[order[: enough + 1]] = 1
    return before + (lost * exchanged.reshape(lost.shape)).sum(axis=1)


def decisions(
    challengers: list[Scores],
    opponents: Mapping[Opponent, Scores],
    tasks: Mapping[str, Task],
    windows: int,
    users: int | None = None,
) -> Iterator[Decision]:
    """What the gate decides in so many windows, each of as many shoppers as there are, or of so many, drawn anew.

    Several challengers take turns.
    """
    everybody = sorted({user for task in ROLES for user in tasks[task].users})
    place = {user: number for number, user in enumerate(everybody)}
    rows = {task: np.full(len(everybody), -1) for task in ROLES}
    for task, row in rows.items():
        row[[place[user] for user in tasks[task].users]] = np.arange(len(tasks[task].users))
    random = np.random.default_rng(2)
    for window in range(windows):
        drawn = random.integers(len(everybody), size=users or len(everybody))
        taking_part = {task: row[drawn][row[drawn] >= 0] for task, row in rows.items()}
        yield decide(
            _evaluation(challengers[window % len(challengers)], taking_part),
            {opponent: _evaluation(scores, taking_part) for opponent, scores in opponents.items()},
            is_change=True,
        )


def _evaluation(scores: Scores, drawn: Mapping[str, NDArray[np.int64]]) -> Evaluation:
    rest = {"recall": 0.0, "average_precision": 0.0, "reciprocal_rank": 0.0}
    of_tasks = [
        {"task": task, "model": ROLES[task], "user_id": [f"{number:06}" for number in range(len(rows))],
         "baskets": 1, "ndcg": scores[task][rows], **rest}
        for task, rows in drawn.items()
    ]  # fmt: skip
    whole = [
        {"task": task, "model": ROLES[task], "users": len(rows), "items": 1, "coverage": 1.0, "novelty": 1.0,
         "seconds": 1.0}
        for task, rows in drawn.items()
    ]  # fmt: skip
    frames = [pl.DataFrame(frame, schema=SCORES) for frame in of_tasks]
    return Evaluation(pl.concat(frames), pl.DataFrame(whole, schema=WHOLE))
