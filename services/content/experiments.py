"""Experiments: users are divided between arms, and what they are shown says which. One runs at a time."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict, NotFound
from services.content import editing
from services.content.editing import SCHEDULE, Edit, Kind
from services.content.models import Experiment
from services.contracts.events.content import ExperimentChanged


class ExperimentNotFound(NotFound):
    """No experiment has this id."""

    title = "Experiment not found"


class ExperimentsOverlap(Conflict):
    """Another experiment runs at some time of this one, or has had its name."""

    title = "Experiments overlap"


class ExperimentHasBegun(Conflict):
    """Users have their arms: other ones, or its name for another experiment, would put them from one into another."""

    title = "Experiment has begun"


async def _complete(session: AsyncSession, row: Experiment) -> None:
    differs = any(_before(row, name) != getattr(row, name) for name in ("arms", "start_date"))
    if row.id is not None and differs and _has_begun(_before(row, "start_date")):
        raise ExperimentHasBegun("Its arms and its start stay: end it, and begin another one.")
    with session.no_autoflush:
        others = [each for each in await session.scalars(select(Experiment)) if each is not row]
    for other in others:
        if other.name == row.name:
            raise ExperimentsOverlap("There is an experiment of this name: its users have their arms by it.")
        if row.is_active is not False and other.is_active and _overlap(row, other):
            raise ExperimentsOverlap(f"{other.name} runs at some time of it.")


EXPERIMENT = Kind(
    name="experiment",
    table=Experiment,
    fields=("name", "arms", *SCHEDULE),
    event=ExperimentChanged,
    missing=ExperimentNotFound,
    complete=_complete,
)


async def remove(edit: Edit, experiment_id: int) -> None:
    """Remove an experiment that has not begun: the name of one that has is never free again.

    Raises:
        ExperimentNotFound, PreconditionFailed, ExperimentHasBegun: see the classes.
    """
    await edit.begin()
    row = await edit.lock(EXPERIMENT, experiment_id)
    if _has_begun(row.start_date):
        raise ExperimentHasBegun("Its name and its arms stay known: end it instead.")
    await editing.remove(edit, EXPERIMENT, experiment_id)


async def running_at(session: AsyncSession, moment: datetime) -> tuple[Experiment | None, list[datetime]]:
    """The experiment that runs at a time, and when it ends and later ones begin and end."""
    to_come = Experiment.end_date.is_(None) | (moment < Experiment.end_date)
    found = (await session.scalars(select(Experiment).where(Experiment.is_active, to_come))).all()
    dates = [date for each in found for date in (each.start_date, each.end_date) if date is not None and moment < date]
    return next((each for each in found if each.start_date <= moment), None), dates


def _has_begun(start: datetime) -> bool:
    return start <= datetime.now(UTC)


def _overlap(one: Experiment, other: Experiment) -> bool:
    starts_in_time = other.end_date is None or one.start_date < other.end_date
    return starts_in_time and (one.end_date is None or other.start_date < one.end_date)


def _before(row: Experiment, name: str) -> Any:  # noqa: ANN401 - the type of the column
    """The value of a column before this change."""
    replaced = inspect(row).attrs[name].history.deleted
    return replaced[0] if replaced else getattr(row, name)
