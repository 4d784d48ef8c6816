"""Requests and responses of the collector and the queries."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import SkipJsonSchema

from services.common.runtime.errors import Fault, faults_of
from services.common.web.fields import Boolean, Schema, ShownMoney, Timestamp, left_out
from services.common.web.references import Code, Sku
from services.contracts.events.actions import ActionType, Metadata, Search
from services.contracts.registry import EMITTERS

MAX_ACTIONS = 500
MAX_METADATA_BYTES = 4_096
MAX_FAULTS = 5

EXAMPLE: dict[str, Any] = {
    "actions": [
        {"actionType": "PRODUCT_VIEWED", "userId": "anon:0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21", "sku": "85001A"},
        {
            "actionType": "SEARCH_BY_KEYWORD",
            "userId": "anon:0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21",
            "searchKeyword": "green tea",
        },
    ],
    "consent": True,
}

CollectedType = StrEnum("CollectedType", {name: name for name in EMITTERS})  # type: ignore[misc]  # from the contract
"""The eighteen action types, and PRODUCT_VIEWED."""


def _short(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"must not have more than {MAX_METADATA_BYTES} bytes")
    return metadata


Address = Annotated[
    str, Field(max_length=8_192, pattern=r"^[^\x00]*$", examples=["https://shop.example/tea?utm_source=mail"])
]
"""Of a page; longer than in the event, which has none of its parameters but `utm_…`."""


class Action(Search):
    """One action: the fields of UserActionLog that apply to it.

    `eventId`, or an `Idempotency-Key` of the request, makes a repeat safe, if `timestamp` (the time of the action) is
    given too: without it the collector's clock is used, which differs at the next attempt.

    The shop's own ids may be given instead of ours, or beside them: `sku` of `productId`, `categoryCode` of
    `categoryId`, `searchCategoryCode` of `searchCategoryId`.
    """

    model_config = ConfigDict(extra="forbid")

    action_type: Annotated[CollectedType, Field(strict=False)]
    event_id: Annotated[UUID | None, Field(strict=False)] = None
    clock_offset_seconds: SkipJsonSchema[int | None] = None  # inherited, and refused: no type may have it
    timestamp: Timestamp | None = None
    metadata: Annotated[Metadata, AfterValidator(_short)] | None = None
    page_url: Address | None = None
    referrer: Address | None = None
    sku: Sku | None = None
    category_code: Code | None = None
    search_category_code: Code | None = None


@dataclass(frozen=True)
class Malformed:
    """A malformed action of a batch."""

    value: Any
    faults: list[Fault]


def _read_or_keep(value: Any, read: ValidatorFunctionWrapHandler) -> Action | Malformed:  # noqa: ANN401 - whatever was sent
    """A malformed action is refused alone, not with its batch."""
    try:
        return read(value)  # type: ignore[no-any-return]  # the model's
    except ValidationError as error:
        return Malformed(value, faults_of(error, most=MAX_FAULTS))


class Actions(Schema):
    """A batch. A browser must say whether the user consents, who has been asked; without consent nothing is stored.

    With `sentAt`, the time of sending by the same clock as the actions' times, a clock error of up to a day is
    corrected, in whole minutes. Set `sentAt` again at every attempt.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    actions: Annotated[
        list[Annotated[Action, WrapValidator(_read_or_keep)]], Field(min_length=1, max_length=MAX_ACTIONS)
    ]
    consent: Boolean = left_out()
    sent_at: Timestamp | None = None


class ActionStatus(StrEnum):
    """The outcome of one action."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    WITHHELD = "WITHHELD"


class ActionResult(Schema):
    """The outcome of the batch's action at `index`; `errors` say why it was refused."""

    index: int
    status: ActionStatus
    event_id: UUID | None = None
    errors: tuple[Fault, ...] = ()


class ActionResults(Schema):
    """The outcomes, in the order of the batch."""

    accepted: int
    results: list[ActionResult]


class Origin(Schema):
    """Where an action came from: the page, and what led to it."""

    session_id: str | None
    page_url: str | None
    referrer: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None


class RecordedAction(Origin):
    """One row of UserActionLog."""

    id: int
    event_id: UUID
    request_id: Annotated[str | None, Field(alias="requestID")] = None
    user_id: str
    action_type: ActionType
    product_id: int | None
    sku: str | None
    product_name: str | None
    currency: str | None
    product_price: ShownMoney | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    cart_item_id: int | None
    order_id: int | None
    return_id: int | None
    quantity: int | None
    search_keyword: str | None
    search_category_id: int | None
    search_category_code: str | None
    search_category_name: str | None
    result_count: int | None
    review_text: str | None
    rating: float | None
    action_reason: str | None
    error_details: str | None
    details: Annotated[dict[str, Any] | None, Field(validation_alias="details", serialization_alias="metadata")]
    created_at: datetime


class RecordedView(Origin):
    """One row of ViewHistory."""

    id: int
    event_id: UUID
    request_id: Annotated[str | None, Field(alias="requestID")] = None
    user_id: str
    product_id: int
    sku: str | None
    product_name: str | None
    currency: str | None
    product_price: ShownMoney | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    viewed_at: datetime
