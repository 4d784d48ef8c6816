"""Base and field types of requests and responses: camelCase, no unknown fields, only values that Postgres can store.

class NewProduct(Schema):
    name: ShortText
    currency: Currency
    price: Money                 # "12.30" in JSON, as in the events, and no finer than the currency above it

class ProductOut(Schema):
    currency: str
    price: ShownMoney            # the same, and never a reason to fail
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from pydantic.alias_generators import to_camel

from services.contracts import money, string_formats
from services.contracts.card_numbers import no_card_number, no_card_number_in_address
from services.contracts.envelope import MAX_ID, Currency, Id, LongText, Money, Text, Timestamp, UserId
from services.contracts.string_formats import StringFormat

__all__ = [
    "AddressId",
    "Boolean",
    "Currency",
    "FreeText",
    "Id",
    "ImageAddress",
    "LongFreeText",
    "Money",
    "OfferPrice",
    "PathId",
    "Schema",
    "ShopAddress",
    "ShortText",
    "ShownMoney",
    "Timestamp",
    "UserId",
    "left_out",
]
_WEB_OR_PATH = re.compile(string_formats.IMAGE_ADDRESS)
_PATH_OR_HTTPS = re.compile(
    r"/(?![/\\])[^\s\x00-\x1f\x7f\\]*|https://[^\s\x00-\x1f\x7f\\/?#@]+([/?#][^\s\x00-\x1f\x7f\\]*)?"
)


class Schema(BaseModel):
    """Base of every request and response."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        extra="forbid",
        allow_inf_nan=False,
    )


def left_out() -> Any:  # noqa: ANN401 - the default of a field of any type
    """A field that may be left out but may not be null; read it only if it is in `model_fields_set`."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


PathId = Annotated[int, Field(ge=1, le=MAX_ID)]
Boolean = Annotated[bool, Field(strict=True)]
FreeText = Annotated[Text, AfterValidator(no_card_number)]
LongFreeText = Annotated[LongText, AfterValidator(no_card_number)]
ShortText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$"), AfterValidator(no_card_number)]
AddressId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$"), AfterValidator(no_card_number)]
"""The name of an address in a user's book, which its owner may choose."""


def _shown_by_browsers(address: str) -> str:
    if not address or not _WEB_OR_PATH.fullmatch(address):
        raise ValueError("must be an http or https address, or a path")
    if len(address.encode()) > string_formats.ADDRESS_BYTES:
        raise ValueError(f"must have at most {string_formats.ADDRESS_BYTES:,} bytes in UTF-8")
    return address


def _leads_nowhere_else(address: str) -> str:
    if not _PATH_OR_HTTPS.fullmatch(address):
        raise ValueError("must be a path of the shop or an https address")
    return address


def _above_zero(price: Decimal) -> Decimal:
    if not price:
        raise ValueError("must be above 0")
    return price


ImageAddress = Annotated[Text, AfterValidator(_shown_by_browsers), Field(examples=["/images/tea.jpg"])]
"""The address of a picture. Other schemes are refused, because pages embed it unchanged (`javascript:…`)."""
ShopAddress = Annotated[
    Text,
    AfterValidator(no_card_number_in_address),
    AfterValidator(_leads_nowhere_else),
    Field(examples=["/products/7"]),
]
"""A path of the shop (`//elsewhere` and `/\\elsewhere` are none), or an https address without a user in it."""


def _as_shown(amount: Decimal, info: ValidationInfo) -> Decimal:
    return money.shown(amount, info.data.get("currency"))


ShownMoney = Annotated[Decimal, AfterValidator(_as_shown), StringFormat(string_formats.MONEY, "12.30")]
"""An amount in a response, in the preceding `currency`."""
OfferPrice = Annotated[Money, AfterValidator(_above_zero)]
