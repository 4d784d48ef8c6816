"""The gateway's own responses, and what it reads of the services'."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from services.common.web import shelves
from services.common.web.fields import Schema
from services.contracts.envelope import DisplayType


class Open(Schema):
    """A response of another service: additional fields are passed on."""

    model_config = ConfigDict(extra="allow")


class ShelfItem(shelves.ShelfItem, Open):
    """One place on a shelf: a product or a category, and the reason for it."""


class Shelf(Open):
    """One ranked list."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class ExperimentArm(Open):
    """The experiment that runs, and the arm in which the shopper is."""

    name: str
    arm: str


class TopPage(Open):
    """The shelves in the order of the page; without a model there is no `recommendationId` to report on."""

    recommendation_id: str | None
    model_version: str | None
    rules_version: str | None
    generation: str | None
    degraded: bool
    fallback_used: bool
    warnings: list[str]
    user_id: str | None
    shelves: list[Shelf]
    experiment: ExperimentArm | None = None


class Displays(Open):
    """Content's shelves, which fill the page while serving is unavailable."""

    generation: str | None
    shelves: list[Shelf]


class NamedCategory(Open):
    """A category of catalog's."""

    code: str
    name: str


class ServiceDocument(BaseModel):
    """A service's OpenAPI document, as far as it is merged."""

    paths: dict[str, dict[str, Any]]
    components: dict[str, dict[str, Any]] = {}
