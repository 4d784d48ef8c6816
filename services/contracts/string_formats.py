"""String formats of values that JSON has no type for, such as amounts and times.

Landing stores a payload as it was sent, so Postgres must be able to cast the string: a time as `1764061200` or an
amount as `1e3`, which only pydantic can read, would make every later run of a dbt model fail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

WORD = r"^[A-Z][A-Z_]{0,63}$"
MONEY = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,3})?$"
RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"  # the largest offset in use; Postgres accepts up to 15
)
IMAGE_ADDRESS = r"https?://[^\x00-\x1f]+|[^\x00-\x1f:/?#]*([/?#][^\x00-\x1f]*)?"
"""Of the web, or a path; no other scheme, because pages embed it unchanged (`javascript:…`)."""
ADDRESS_BYTES = 2_600
"""Of an address that an index of Postgres holds, which takes no more than 2,700."""
_EXPECTED: Final[LiteralString] = "must be a string such as {example}"
_NUMBERS = (int, float)  # includes bool


@dataclass(frozen=True)
class StringFormat:
    """The last annotation of a type that is a string in JSON; in Python the value itself is accepted too.

    Args:
        pattern: the pattern of the string.
        example: a valid string.
        format: the format in JSON Schema, if it has a name there.
        read: converts a valid string instead of the type's own validation, which is slow for decimals.
    """

    pattern: str
    example: str
    format: str | None = None
    read: Callable[[str, ValidationInfo], Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Accept the string from JSON, validated without Python code; accept the string or the value from Python."""
        value = handler(source)
        string = core_schema.custom_error_schema(
            core_schema.str_schema(),
            custom_error_type="string_format",
            custom_error_message=_EXPECTED,
            custom_error_context={"example": self.example},
        )
        text = core_schema.str_schema(pattern=self.pattern)
        read = core_schema.with_info_plain_validator_function(self.read) if self.read else value
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([string, text, read]),
            python_schema=core_schema.no_info_before_validator_function(self._checked, value),
        )

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the string."""
        named = {"format": self.format} if self.format else {}
        return {"type": "string", **named, "pattern": self.pattern, "examples": [self.example]}

    def _checked(self, value: Any) -> Any:  # noqa: ANN401 - any value of a caller
        if isinstance(value, _NUMBERS) or (isinstance(value, str) and not re.fullmatch(self.pattern, value)):
            raise PydanticCustomError("string_format", _EXPECTED, {"example": self.example})
        return value


class Open:
    """The annotation of an enumeration that may grow: readers accept unknown values, writers do not."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Accept any word from JSON, and only a member from Python."""
        known = handler(source)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.union_schema([known, core_schema.str_schema(pattern=WORD)], mode="left_to_right"),
            python_schema=known,
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the members, marked with `x-open`."""
        return {**handler(schema["python_schema"]), "x-open": True}
