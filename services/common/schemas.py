"""Base and field types of requests and responses: camelCase, unknown fields refused, nothing that Postgres cannot hold.

class NewProduct(Schema):
    name: ShortText
    price: Money                 # "12.30" in JSON
    stock: Integer
"""

import re
from datetime import UTC
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from services.contracts.envelope import MAX_ID

_MONEY = r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?$"
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")


class Schema(BaseModel):
    """Base of every request and response."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        extra="forbid",
        allow_inf_nan=False,
    )


def _money(value: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(value, Decimal) or (isinstance(value, str) and re.match(_MONEY, value)):
        return value
    raise ValueError("must be a decimal string such as 12.30")


def _time(value: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(value, str) and not _TIME.match(value):
        raise ValueError("must be an RFC 3339 time such as 2026-11-25T09:00:00Z")
    if isinstance(value, int | float):
        raise ValueError("must be an RFC 3339 time such as 2026-11-25T09:00:00Z")  # noqa: TRY004 - a 422, as the rest
    return value


def _within_century(value: AwareDatetime) -> AwareDatetime:
    is_convertible = 1 < value.year < 9999  # noqa: PLR2004 - at the ends of the calendar another offset has no year
    if not is_convertible or not 2000 <= value.astimezone(UTC).year < 2100:  # noqa: PLR2004 - what events may carry
        raise ValueError("must be a time between 2000 and 2100")
    return value


def left_out() -> Any:  # noqa: ANN401 - the default of a field of any type
    """A field that may be left out but may not be null; read it only if it is in `model_fields_set`."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


Integer = Annotated[int, Field(strict=True, ge=-MAX_ID, le=MAX_ID)]
Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
PathId = Annotated[int, Field(ge=1, le=MAX_ID)]
Boolean = Annotated[bool, Field(strict=True)]
ShortText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
LongText = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
UserId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00\s/]+$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    Field(ge=0, max_digits=12, decimal_places=2, strict=False),
    WithJsonSchema({"type": "string", "pattern": _MONEY, "examples": ["12.30"]}),
]
Timestamp = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_time), AfterValidator(_within_century)]
