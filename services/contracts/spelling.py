"""Values that JSON has no type for: they travel as strings, spelled in one way that every reader of the events takes.

Landing keeps a payload as it was sent, so the spelling itself must suit Postgres: what only pydantic could read (a time
as `1764061200`, an amount as `1e3`) would make every later run of a model that casts it fail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

WORD = r"^[A-Z][A-Z_]{0,63}$"
MONEY = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,3})?$"
RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"  # no place on earth is further from UTC, and Postgres takes no more than 15
)
_NUMBERS = (int, float)  # bool is one of them


@dataclass(frozen=True)
class Spelled:
    """The last annotation of a type that travels as a string; in Python the type itself may be given as well.

    Args:
        pattern: what the string must match.
        example: one that does.
        format: its name among JSON Schema's formats.
        read: reads a string that matches, in place of the type's own checks: those of decimals cost most of the time.
    """

    pattern: str
    example: str
    format: str | None = None
    read: Callable[[str, ValidationInfo], Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """From JSON the string, checked without Python's help; from Python the string or the value."""
        value = handler(source)
        text = core_schema.str_schema(pattern=self.pattern)
        read = core_schema.with_info_plain_validator_function(self.read) if self.read else value
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([text, read]),
            python_schema=core_schema.no_info_before_validator_function(self._checked, value),
        )

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        """The string."""
        named = {"format": self.format} if self.format else {}
        return {"type": "string", **named, "pattern": self.pattern, "examples": [self.example]}

    def _checked(self, value: Any) -> Any:  # noqa: ANN401 - whatever a caller gives
        if isinstance(value, _NUMBERS) or (isinstance(value, str) and not re.fullmatch(self.pattern, value)):
            raise PydanticCustomError("spelling", "must be a string such as {example}", {"example": self.example})
        return value


class Open:
    """The annotation of an enumeration that may grow: readers take a word that they do not know, writers none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """From JSON also another word, as text; from Python a member."""
        known = handler(source)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.union_schema([known, core_schema.str_schema(pattern=WORD)], mode="left_to_right"),
            python_schema=known,
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What writers may write, and that it may grow."""
        return {**handler(schema["python_schema"]), "x-open": True}
