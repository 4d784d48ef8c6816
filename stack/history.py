"""The record of an imported history; it is stored before the events are sent, so that a second run continues."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from stack.files import read_json, write_json

WEEK = timedelta(weeks=1)
FILE = "history.json"


class HistoryRecord(BaseModel):
    """`history.json` of a state, or of the directory of a deployment's imports.

    Attributes:
        source: the demo's data set, or a shop's own.
        currency, timezone: of the shop; a state has one of each.
        sent_imports: how many of the shop's import folders have landed.
        shift_weeks: by how many weeks dates are moved; decided at the first run and never changed.
        users, days: how much of the data set is in the folder; None is all.
        evaluation_starts_at: the start of the published test window, moved with the dates.
        shoppers: users that the preview offers.
        has_users: whether auth knows the users of all that was sent.
        is_sent: whether all of it has landed.
        is_served: whether shelves were made from it.
        has_bought: whether the demo's shopper has bought and returned.
        deployment: the deployment that it is sent to; None for the state's own stack.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["demo", "shop"] = "demo"
    currency: str | None = None
    timezone: str | None = None
    sent_imports: NonNegativeInt = 0
    shift_weeks: NonNegativeInt
    users: PositiveInt | None = None
    days: PositiveInt | None = None
    evaluation_starts_at: AwareDatetime | None = None
    shoppers: tuple[str, ...] = Field((), validation_alias=AliasChoices("shoppers", "households"))  # its earlier name
    has_users: bool = False
    is_sent: bool = False
    is_served: bool = False
    has_bought: bool = False
    deployment: str | None = None

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """The record in a directory; None before its first history."""
        found = read_json(directory / FILE)
        return cls.model_validate(found) if found else None

    def write(self, directory: Path) -> None:
        """Store it."""
        write_json(directory / FILE, self.model_dump(mode="json"), mode=0o600)


def whole_weeks_until(now: datetime, last_event_at: datetime) -> int:
    """The largest whole number of weeks by which the last event stays before `now`; at least 0."""
    return max(0, (now - last_event_at) // WEEK)
