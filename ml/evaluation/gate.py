"""Whether a challenger may replace the champion: configurations are compared, all fitted before the same cut.

Published models cannot be compared on a window that they were fitted on: the champion has seen it and would always win.
A change must be shown to be no worse than what is in use. What is in use stays unless it is shown to be worse than
popularity, which every challenger meets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

import polars as pl

from ml import columns as c
from ml.evaluation import metrics
from ml.evaluation.evaluate import ITEMS, MODEL, TASK, USERS, Evaluation, K, evaluate
from ml.evaluation.opponents import LEAST_USERS, MARGIN, Comparison, Opponent, Verdict
from ml.evaluation.split import WINDOW_DAYS, Protocol, Task, window
from ml.recommenders import NonFiniteScoreError
from ml.training.configuration import TrainingConfig, fit_all

ROLES: Final[Mapping[str, str]] = {Protocol.DISCOVER: c.DISCOVER, Protocol.ALL: c.REPURCHASE}
"""The model that answers each task in the shop."""
RARE: Final = 10
"""A task that fewer than one in so many shoppers takes part in decides nothing."""
_POPULAR: Final = str(Opponent.POPULARITY)


class Reason(StrEnum):
    """Why a challenger was accepted or refused."""

    NOT_WORSE = "not_worse"
    TOO_LITTLE_DATA = "too_little_data"
    INCONCLUSIVE = "inconclusive"
    EMPTY = "empty"
    NOT_FINITE = "not_finite"
    LOW_COVERAGE = "low_coverage"
    WORSE = "worse"


@dataclass(frozen=True)
class Decision:
    """The outcome, its reason in a word and in a sentence, and what it rests on.

    `popularity_because` says why popularity takes the challenger's place; None where the challenger itself was judged.
    """

    accepted: bool
    reason: Reason
    detail: str
    comparisons: Sequence[Comparison] = ()
    popularity_because: str | None = None

    def or_popularity(self) -> Self:
        """For a shop without a champion: popularity serves where the models were not accepted."""
        if self.accepted:
            return self
        match self.reason:
            case Reason.TOO_LITTLE_DATA:
                because = f"there is nothing to compare: {self.detail}"
            case Reason.INCONCLUSIVE:
                because = f"nothing shows yet that the models are as good: {self.detail}"
            case _:
                because = f"the models were refused as {self.reason.replace('_', ' ')}: {self.detail}"
        return replace(self, accepted=True, popularity_because=because)


def gate(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    challenger: TrainingConfig,
    champion: TrainingConfig | None,
    cut: datetime,
    days: int = WINDOW_DAYS,
) -> Decision:
    """Fit the configurations before the cut, let them predict the days after it, and decide.

    Args:
        interactions: Purchase lines; the window of a published test must not share a day with this one.
        items: The catalogue.
        challenger: The configuration that asks to be used.
        champion: The one in use; without it, or if it gives no finite scores, popularity is the only opponent.
        cut: Where the window begins.
        days: Length of the window.
    """
    tasks = window(interactions, items, cut, days)
    try:
        ours = _answers(tasks, challenger, ROLES)
    except NonFiniteScoreError as error:
        return Decision(accepted=False, reason=Reason.NOT_FINITE, detail=str(error))
    opponents = {Opponent.POPULARITY: _answers(tasks, TrainingConfig(), dict.fromkeys(ROLES, _POPULAR))}
    is_change, broken = champion != challenger, ""
    if champion is not None and is_change:
        try:
            opponents[Opponent.CHAMPION] = _answers(tasks, champion, ROLES)
        except NonFiniteScoreError as error:
            broken = f"the champion is broken ({error}), so it met popularity alone: "
    decision = decide(ours, opponents, is_change=is_change)
    if decision.reason is Reason.TOO_LITTLE_DATA and not tasks[Protocol.ALL].history.users.size:
        return replace(decision, detail=f"the history is too short: no order from before {cut:%Y-%m-%d} to learn from")
    return replace(decision, detail=f"{broken}{decision.detail}")


def decide(challenger: Evaluation, opponents: Mapping[Opponent, Evaluation], *, is_change: bool) -> Decision:
    """Refuse what is broken or worse than any opponent, and a change that is not shown to be as good as what is in use.

    Args:
        challenger: One model for each task of `ROLES`.
        opponents: The same tasks and users; the champion is what is in use, without one popularity is.
        is_change: Whether the challenger is another configuration than the champion's.
    """
    if broken := _broken(challenger):
        return broken
    tasks = challenger.whole[TASK]
    comparisons = [
        Comparison.of(opponent, task, challenger, theirs) for opponent, theirs in opponents.items() for task in tasks
    ]
    in_use = Opponent.CHAMPION if Opponent.CHAMPION in opponents else Opponent.POPULARITY
    most = max(it.users for it in comparisons)
    counted = [it for it in comparisons if it.users * RARE >= most]
    is_told = any(it.verdict is not Verdict.TOO_FEW_USERS for it in counted)
    worse = [it for it in counted if it.verdict is Verdict.WORSE]
    unsure = [it for it in counted if it.opponent is in_use and it.verdict is not Verdict.NOT_WORSE]
    alone = set(challenger.whole[MODEL]) == {_POPULAR}
    if worse:
        accepted, reason, said = False, Reason.WORSE, "it loses more than chance explains"
    elif alone or not is_told:
        accepted, reason, said = not is_change, Reason.TOO_LITTLE_DATA, _too_little(challenger, alone=alone)
    elif unsure:
        needed = max(it.users_needed for it in unsure)
        said = f"a loss of {MARGIN:.0%} cannot be ruled out, which takes some {needed:,} shoppers"
        accepted, reason = not is_change, Reason.INCONCLUSIVE
    else:
        accepted, reason, said = True, Reason.NOT_WORSE, f"it loses less than {MARGIN:.0%} at most"
    if accepted and reason is not Reason.NOT_WORSE:
        said = f"the configuration stays as it is, for nothing shows that it is worse than popularity: {said}"
    if reason is not Reason.TOO_LITTLE_DATA:
        said = f"{said}: {'; '.join(map(str, worse or unsure or comparisons))}"
    return Decision(accepted, reason, said, comparisons)


def _broken(challenger: Evaluation) -> Decision | None:
    """The refusal of what shows nothing, or everybody the same."""
    for row in challenger.whole.filter(pl.col(USERS) > 0).iter_rows(named=True):
        reached, least = row[metrics.COVERAGE], metrics.least_coverage(row[USERS], row[ITEMS], K)
        detail = f"{row[MODEL]} reaches {reached:.3%} of the catalogue in {row[TASK]}, not {least:.3%}"
        if reached == 0:
            return Decision(accepted=False, reason=Reason.EMPTY, detail=detail)
        if row[MODEL] != _POPULAR and reached < least:
            return Decision(accepted=False, reason=Reason.LOW_COVERAGE, detail=detail)
    return None


def _too_little(challenger: Evaluation, *, alone: bool) -> str:
    users = max(challenger.whole[USERS])
    if not users:
        return "no shopper whose earlier purchases are known bought anything in the window"
    if alone:
        return "too few shoppers had bought anything before the window to fit any model but popularity"
    return (
        f"fewer than {LEAST_USERS} shoppers, {users}, whose earlier purchases are known bought anything in the window"
    )


def _answers(tasks: Mapping[str, Task], config: TrainingConfig, roles: Mapping[str, str]) -> Evaluation:
    """Each task answered by the model whose role it is, or by popularity where that cannot be fitted."""
    models = fit_all(tasks[Protocol.ALL].history, config, {*roles.values(), _POPULAR}).models
    return Evaluation.of(
        evaluate({model: models[model]}, tasks[task])
        for task, model in ((task, model if model in models else _POPULAR) for task, model in roles.items())
    )
