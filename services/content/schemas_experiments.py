"""Requests and responses about experiments."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from services.common.web.fields import Schema, left_out
from services.common.web.paging import Page
from services.content.schemas_campaigns import Scheduled
from services.contracts.card_numbers import no_card_number

ExperimentName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$", examples=["ranking-2026-12"]), AfterValidator(no_card_number)
]
ArmName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,19}$", examples=["control"]), AfterValidator(no_card_number)
]


class ExperimentArm(Schema):
    """An arm, which gets its weight's share of the users."""

    name: ArmName
    weight: Annotated[int, Field(strict=True, ge=1, le=1_000)]


Arms = Annotated[list[ExperimentArm], Field(min_length=2, max_length=10)]


class ExperimentChange(Scheduled):
    """Changes of an experiment; omitted fields stay unchanged. Once it has begun, its arms and its start stay."""

    arms: Arms = left_out()

    @model_validator(mode="after")
    def _names_each_arm_once(self) -> Self:
        if self.arms and len({arm.name for arm in self.arms}) < len(self.arms):
            raise ValueError("two arms have one name")
        return self


class NewExperiment(ExperimentChange):
    """An experiment. Its name decides with the id of a user who is in which arm, and stays."""

    name: ExperimentName
    arms: Arms


class ExperimentOut(Schema):
    """An experiment; its ETag is its `version` in quotes."""

    id: int
    name: str
    arms: list[ExperimentArm]
    start_date: datetime
    end_date: datetime | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class ExperimentPage(Page[ExperimentOut]):
    """One page of experiments, the newest first."""
