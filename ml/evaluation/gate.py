"""Whether a candidate may replace the champion: configurations are compared, both fitted before the same cut.

Published models cannot be compared on a window that they were fitted on: the champion has seen it and would always win.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

import polars as pl

from ml.evaluation import metrics
from ml.evaluation.compare import Interval, paired
from ml.evaluation.evaluate import MODEL, TASK, USERS, Evaluation, evaluate
from ml.evaluation.split import WINDOW_DAYS, Protocol, Task, window
from ml.recommenders import NonFiniteScoreError
from ml.training.configuration import TrainingConfig, fit_all

ROLES: Mapping[str, str] = {Protocol.DISCOVER: "discover", Protocol.ALL: "repurchase"}
"""The model that answers each task in the shop."""
OPPONENT = "popularity"
"""Whom a candidate meets in every task if there is no champion yet."""
MINIMUM_COVERAGE = 0.001
"""Share of the catalogue that all lists together must reach; 90 of 90,000: a broken model gives everybody the same."""


class Reason(StrEnum):
    """Why a candidate was accepted or refused."""

    NOT_WORSE = "not_worse"
    TOO_LITTLE_DATA = "too_little_data"
    EMPTY = "empty"
    NOT_FINITE = "not_finite"
    LOW_COVERAGE = "low_coverage"
    WORSE = "worse"


@dataclass(frozen=True)
class Decision:
    """The outcome, its reason in a word and a sentence, and by task the interval of candidate - opponent in NDCG@10.

    `popularity_because` says why popularity takes the candidate's place; None where the candidate itself was judged.
    """

    accepted: bool
    reason: Reason
    detail: str
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    popularity_because: str | None = None

    def or_popularity(self) -> Self:
        """For a shop without a champion: popularity serves where the models were refused, or nothing was compared."""
        if not self.accepted:
            because = f"the models were refused as {self.reason.replace('_', ' ')}: {self.detail}"
        elif self.reason is Reason.TOO_LITTLE_DATA:
            because = f"there is nothing to compare: {self.detail}"
        else:
            return self
        return replace(self, accepted=True, popularity_because=because)


def gate(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    candidate: TrainingConfig,
    champion: TrainingConfig | None,
    cut: datetime,
    days: int = WINDOW_DAYS,
) -> Decision:
    """Fit both configurations before the cut, let them predict the days after it, and judge.

    Args:
        interactions: Purchase lines; the window of a published test should end before it begins, or lie outside.
        items: The catalogue.
        candidate: The configuration that asks to be used.
        champion: The one in use; without it, or if it gives no finite scores, popularity is the opponent.
        cut: Where the window begins, such as 28 days before the newest line.
        days: Length of the window.
    """
    tasks = window(interactions, items, cut, days)
    try:
        ours = _answers(tasks, candidate, ROLES)
    except NonFiniteScoreError as error:
        return Decision(accepted=False, reason=Reason.NOT_FINITE, detail=str(error))
    if champion == candidate:
        return judge(ours, ours)
    if champion is not None:
        try:
            return judge(ours, _answers(tasks, champion, ROLES))
        except NonFiniteScoreError as error:
            judged = judge(ours, _popular(tasks, candidate))
            return replace(judged, detail=f"the champion is broken ({error}), so against popularity: {judged.detail}")
    return judge(ours, _popular(tasks, candidate))


def judge(candidate: Evaluation, opponent: Evaluation) -> Decision:
    """Accept a candidate unless it is broken, or worse in a task: the interval of the difference lies below 0.

    Args:
        candidate: One model for each task of `ROLES`.
        opponent: The same tasks and users.
    """
    if not candidate.scores.height:
        nobody = "no shopper whose earlier purchases are known bought anything in the window"
        return Decision(accepted=True, reason=Reason.TOO_LITTLE_DATA, detail=nobody)
    for row in candidate.whole.filter(pl.col(USERS) > 0).iter_rows(named=True):
        reached = f"{row[MODEL]} reaches {row[metrics.COVERAGE]:.3%} of the catalogue in {row[TASK]}"
        if row[metrics.COVERAGE] == 0:
            return Decision(accepted=False, reason=Reason.EMPTY, detail=reached)
        if row[MODEL] != OPPONENT and row[metrics.COVERAGE] < MINIMUM_COVERAGE:
            return Decision(accepted=False, reason=Reason.LOW_COVERAGE, detail=reached)
    differences = {task: _difference(task, candidate, opponent) for task in candidate.whole[TASK]}
    worse = [task for task, difference in differences.items() if difference.high < 0]
    said = "; ".join(f"{task} {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]" for task, d in differences.items())
    if set(candidate.whole[MODEL]) == {OPPONENT}:
        alone = "too few shoppers had bought anything before the window to fit any model but popularity"
        return Decision(accepted=True, reason=Reason.TOO_LITTLE_DATA, detail=alone, intervals=differences)
    return Decision(not worse, Reason.WORSE if worse else Reason.NOT_WORSE, said, differences)


def _answers(tasks: Mapping[str, Task], config: TrainingConfig, roles: Mapping[str, str]) -> Evaluation:
    """Each task answered by the model whose role it is, or by popularity where that cannot be fitted."""
    models = fit_all(tasks[Protocol.ALL].history, config, {*roles.values(), OPPONENT}).models
    return Evaluation.of(
        evaluate({model: models[model]}, tasks[task])
        for task, model in ((task, model if model in models else OPPONENT) for task, model in roles.items())
    )


def _popular(tasks: Mapping[str, Task], config: TrainingConfig) -> Evaluation:
    """Popularity's answers, for want of a champion's."""
    return _answers(tasks, config, dict.fromkeys(ROLES, OPPONENT))


def _difference(task: str, candidate: Evaluation, opponent: Evaluation) -> Interval:
    ours, theirs = (side.scores.filter(pl.col(TASK) == task) for side in (candidate, opponent))
    return paired(ours, theirs, metrics.NDCG)
