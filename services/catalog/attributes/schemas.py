"""Requests and responses about attributes."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from services.catalog.attributes.values import HAS_LISTS, AttributeType
from services.catalog.schemas import Code
from services.common.web.fields import Boolean, Id, Schema, ShortText, left_out
from services.common.web.paging import Page
from services.contracts.events.catalog import AttributeCode

MOST_CHOICES = 500


def _each_once(choices: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(choices)) < len(choices):
        raise ValueError("must name each choice once")
    return choices


Choices = Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=MOST_CHOICES), AfterValidator(_each_once)]


class AttributeChange(Schema):
    """Changes of an attribute; omitted fields stay unchanged. Type, and whether it is multiple, cannot change.

    A choice that products have cannot be taken away, and the attribute cannot be moved away from products that have it.
    """

    name: ShortText = left_out()
    unit: ShortText | None = left_out()
    choices: Choices = left_out()
    category_id: Id | None = left_out()
    category_code: Code | None = left_out()
    is_facet: Boolean = left_out()

    @model_validator(mode="after")
    def _category_named_in_one_way(self) -> Self:
        if {"category_id", "category_code"} <= self.model_fields_set:
            raise ValueError("give categoryId or categoryCode, not both")
        return self

    def changes(self) -> dict[str, Any]:
        """The given fields by column name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NewAttribute(AttributeChange):
    """An attribute to define; without a category it is for all products.

    `choices` are those of the type `choice`; `isMultiple`, for `text` and `choice`: a product has a list of values.
    """

    code: AttributeCode
    name: ShortText
    type: AttributeType
    is_multiple: Boolean = False
    is_facet: Boolean = True

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if ("choices" in self.model_fields_set) != (self.type is AttributeType.CHOICE):
            raise ValueError("choices are needed for the type choice, and for no other")
        if self.is_multiple and self.type not in HAS_LISTS:
            raise ValueError("isMultiple is for the types text and choice")
        return self

    def changes(self) -> dict[str, Any]:
        """All fields by column name."""
        return super().changes() | {
            "type": self.type.value, "is_multiple": self.is_multiple, "is_facet": self.is_facet,
        }  # fmt: skip


class AttributeOut(Schema):
    """An attribute; `isFacet` says whether shoppers filter by it."""

    code: str
    name: str
    type: AttributeType
    unit: str | None
    choices: list[str]
    is_multiple: bool
    category_id: int | None
    category_code: str | None
    is_facet: bool
    created_at: datetime
    updated_at: datetime


class AttributePage(Page[AttributeOut]):
    """One page of attributes, by code."""
