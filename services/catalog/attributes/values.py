"""Which values an attribute takes, and in which categories: pure rules, no I/O."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.catalog.domain import PATH_SEPARATOR, Refused

SHOWN = 20
"""How many choices a refusal lists."""


class AttributeType(StrEnum):
    """What the values of an attribute are."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


HAS_LISTS = frozenset({AttributeType.TEXT, AttributeType.CHOICE})
"""The types of which a product may have several values."""


@dataclass(frozen=True)
class Definition:
    """An attribute; without a category it holds for all products, else for those in the category and below it."""

    code: str
    type: AttributeType
    choices: frozenset[str]
    is_multiple: bool
    category_code: str | None

    def check(self, value: Any) -> None:  # noqa: ANN401 - whatever the contract allows
        """Compare a value with the type.

        Raises:
            Refused: it is of another type, or none of the choices.
        """
        values = value if self.is_multiple else (value,)
        if isinstance(value, tuple) != self.is_multiple:
            raise self._refusal("must be a list" if self.is_multiple else "must be one value, not a list")
        for each in values:
            if not self._has_its_type(each):
                raise self._refusal(_TYPES[self.type])
            if self.type is AttributeType.CHOICE and each not in self.choices:
                raise self._refusal(f"must be one of {_listed(self.choices)}")

    def holds_in(self, category_codes: Iterable[str]) -> bool:
        """Whether products of these categories have the attribute."""
        return self.category_code is None or any(is_within(code, self.category_code) for code in category_codes)

    def _has_its_type(self, value: Any) -> bool:  # noqa: ANN401
        if self.type is AttributeType.BOOLEAN:
            return isinstance(value, bool)
        if self.type is AttributeType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, str)

    def _refusal(self, message: str) -> Refused:
        return Refused(f"attributes.{self.code}", message)


_TYPES = {
    AttributeType.TEXT: "must be a text",
    AttributeType.NUMBER: "must be a number",
    AttributeType.BOOLEAN: "must be true or false",
    AttributeType.CHOICE: "must be a text",
}


def check_attributes(
    attributes: Mapping[str, Any], definitions: Mapping[str, Definition], category_codes: Collection[str]
) -> None:
    """Compare the attributes of a product in these categories with their definitions.

    Raises:
        Refused: the first that is not defined, does not hold for the product, or has another value.
    """
    for code, value in attributes.items():
        definition = definitions.get(code)
        if definition is None:
            raise Refused(f"attributes.{code}", "is not defined: see GET /v1/attributes, or define it by POST")
        if not definition.holds_in(category_codes):
            raise Refused(f"attributes.{code}", f"is only for products in {definition.category_code}")
        definition.check(value)


def is_within(code: str, category_code: str) -> bool:
    """Whether a category is another one, or below it."""
    return code == category_code or code.startswith(category_code + PATH_SEPARATOR)


def _listed(choices: Collection[str]) -> str:
    shown = ", ".join(sorted(choices)[:SHOWN])
    return f"{shown} …" if len(choices) > SHOWN else shown
