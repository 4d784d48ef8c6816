"""Compares a challenger with one opponent in one task: difference, interval and power."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from ml.evaluation import metrics
from ml.evaluation.compare import Interval, paired
from ml.evaluation.evaluate import TASK, Evaluation

MARGIN: Final = 0.05
"""A challenger must be shown to lose less than this share of its opponent's NDCG@10; another seed changes 1%."""
LEAST_USERS: Final = 30
"""With fewer users there is no interval: a bootstrap of very few users is falsely precise."""
_LIMIT: Final = 1.96
"""Half width of the interval in standard errors of the mean."""
_POWER: Final = _LIMIT + 0.84
"""A difference of this many standard errors is detected with 80% probability."""


class Opponent(StrEnum):
    """The opponents of a challenger."""

    POPULARITY = "popularity"
    CHAMPION = "champion"


class Verdict(StrEnum):
    """The verdict of one comparison on the challenger."""

    NOT_WORSE = "not_worse"
    """Its maximum loss is within the margin."""
    WORSE = "worse"
    """It is certainly worse, and may lose more than the margin."""
    INCONCLUSIVE = "inconclusive"
    """It may lose more than the margin, or win: the window cannot decide."""
    TOO_FEW_USERS = "too_few_users"


@dataclass(frozen=True)
class Comparison:
    """The outcome against one opponent in one task.

    Attributes:
        opponent: The opponent.
        task: The task.
        users: Number of evaluated users.
        ndcg: The opponent's mean NDCG@10.
        difference: Challenger minus opponent in NDCG@10 on the same users, with its interval.
    """

    opponent: Opponent
    task: str
    users: int
    ndcg: float
    difference: Interval

    @classmethod
    def of(cls, opponent: Opponent, task: str, challenger: Evaluation, theirs: Evaluation) -> "Comparison":
        """Compare two evaluations of one task, each by one model, on the same users."""
        ours, others = (side.scores.filter(pl.col(TASK) == task) for side in (challenger, theirs))
        mean = float(others[metrics.NDCG].mean() or 0)  # type: ignore[arg-type] # a mean of floats is one
        return cls(opponent, task, ours.height, mean, paired(ours, others, metrics.NDCG))

    @property
    def verdict(self) -> Verdict:
        """Non-inferiority: the whole interval must be above the margin."""
        if self.users < LEAST_USERS:
            return Verdict.TOO_FEW_USERS
        if self.difference.low >= -MARGIN * self.ndcg:
            return Verdict.NOT_WORSE
        return Verdict.WORSE if self.difference.high < 0 else Verdict.INCONCLUSIVE

    @property
    def detectable(self) -> float:
        """The power: the true difference, as a share of the opponent's NDCG, that is detected with 80% probability."""
        standard_error = (self.difference.high - self.difference.low) / (2 * _LIMIT)
        return _POWER * standard_error / self.ndcg if self.ndcg else math.inf

    @property
    def users_needed(self) -> int:
        """The approximate number of users with which an equally good challenger would pass with 80% probability."""
        if math.isinf(self.detectable):
            return LEAST_USERS
        return max(LEAST_USERS, math.ceil(self.users * (self.detectable / MARGIN) ** 2))

    def __str__(self) -> str:
        where = f"in {self.task} against {self.opponent}"
        if self.users < LEAST_USERS:
            return f"{where} {self.users} of at least {LEAST_USERS} shoppers"
        mean, low, high = (f"{value / self.ndcg:+.1%}" if self.ndcg else f"{value:+.4f}" for value in self.difference)
        return f"{where} {mean} [{low}, {high}] of its NDCG@10 among {self.users:,} shoppers"
