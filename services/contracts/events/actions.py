"""What shoppers do: `user-actions.v1`, the one complete action log (the plan's UserActionLog and ViewHistory)."""

from enum import StrEnum
from itertools import chain
from math import isfinite
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from services.contracts.envelope import (
    MAX_ID,
    MAX_INTEGER,
    PII,
    Contract,
    Currency,
    Id,
    Money,
    Quantity,
    Rating,
    Text,
    Timestamp,
    UserId,
)


class ActionType(StrEnum):
    """The plan's eighteen action types."""

    CART_ADD = "CART_ADD"
    CART_REMOVE = "CART_REMOVE"
    CART_UPDATE = "CART_UPDATE"
    CART_READD = "CART_READD"
    ORDER_COMPLETE = "ORDER_COMPLETE"
    ORDER_CANCEL = "ORDER_CANCEL"
    ORDER_RETURN_REQUEST = "ORDER_RETURN_REQUEST"
    ORDER_RETURN_COMPLETE = "ORDER_RETURN_COMPLETE"
    SEARCH_BY_KEYWORD = "SEARCH_BY_KEYWORD"
    SEARCH_BY_CATEGORY = "SEARCH_BY_CATEGORY"
    REVIEW_START = "REVIEW_START"
    REVIEW_SUBMIT = "REVIEW_SUBMIT"
    USER_REGISTER_START = "USER_REGISTER_START"
    USER_REGISTER_COMPLETE = "USER_REGISTER_COMPLETE"
    USER_UPDATE = "USER_UPDATE"
    USER_LOGIN = "USER_LOGIN"
    USER_LOGOUT = "USER_LOGOUT"
    USER_DELETE = "USER_DELETE"


MAX_DEPTH = 32


def _plain(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse values that JSON allows but some readers, such as Postgres, cannot store."""
    _check(metadata, depth=1)
    return metadata


def _check(value: JsonValue, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"must not be nested more than {MAX_DEPTH} deep")
    if isinstance(value, int) and not -MAX_ID <= value <= MAX_ID:
        raise ValueError("must not contain an integer of more than 64 bits")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("must not contain a number that is not finite")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not contain NUL")
    if isinstance(value, dict | list):
        for inner in chain(value, value.values()) if isinstance(value, dict) else value:
            _check(inner, depth + 1)


MAX_CLOCK_OFFSET = 86_400
"""The maximum correction of a sender's clock, in seconds; a larger difference means that the batch was sent late."""

MAX_AGENT = 512
Agent = Annotated[str, Field(max_length=MAX_AGENT, pattern=r"^[^\x00]*$")]
Campaign = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
"""A value of an address's `utm_…` parameter: where a visit came from, by the shop's own marks."""
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_plain)]
"""Other data of an action."""


class Behaviour(Contract):
    """The common fields of actions: user, visit, page, campaign, program, and whether a person did it.

    `clockOffsetSeconds` is the correction that was added to the time of the sender's clock. `pageUrl` and `referrer`
    have no other parameters than `utm_…`.
    """

    user_id: UserId
    session_id: Text | None = None
    user_agent: Annotated[Agent | None, Field(json_schema_extra=PII)] = None
    clock_offset_seconds: Annotated[int, Field(strict=True, ge=-MAX_CLOCK_OFFSET, le=MAX_CLOCK_OFFSET)] | None = None
    is_bot: bool = False
    simulated: bool = False
    page_url: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    referrer: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    utm_source: Campaign | None = None
    utm_medium: Campaign | None = None
    utm_campaign: Campaign | None = None
    utm_term: Campaign | None = None
    utm_content: Campaign | None = None


class ProductViewed(Behaviour):
    """PRODUCT_VIEWED: a product page was opened (ViewHistory); `requestID` is the search that it was opened from."""

    request_id: Annotated[Text | None, Field(alias="requestID")] = None
    product_id: Id
    timestamp: Timestamp | None = None
    product_name: Text | None = None
    currency: Currency | None = None
    product_price: Money | None = None
    category_id: Id | None = None
    category_name: Text | None = None


class UserAction(Behaviour):
    """Any of the eighteen: the fields of UserActionLog, as far as the action has them."""

    request_id: Annotated[Text | None, Field(alias="requestID")] = None
    product_id: Id | None = None
    product_name: Text | None = None
    currency: Currency | None = None
    product_price: Money | None = None
    category_id: Id | None = None
    category_name: Text | None = None
    cart_item_id: Id | None = None
    order_id: Id | None = None
    return_id: Id | None = None
    quantity: Quantity | None = None
    search_keyword: Text | None = None
    search_category_id: Id | None = None
    search_category_name: Text | None = None
    review_text: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    rating: Rating | None = None
    action_reason: Text | None = None
    error_details: Text | None = None
    metadata: Metadata | None = None


class ProductAction(UserAction):
    """CART_*, REVIEW_*: about one product."""

    product_id: Id


class OrderAction(UserAction):
    """ORDER_COMPLETE, ORDER_CANCEL, ORDER_RETURN_*: about one order."""

    order_id: Id


class Search(UserAction):
    """A search; `requestID` is the answer's `searchId`."""

    result_count: Annotated[int | None, Field(strict=True, ge=0, le=MAX_INTEGER)] = None


class KeywordSearch(Search):
    """SEARCH_BY_KEYWORD; `requestID` is the answer's `searchId`."""

    search_keyword: Text


class CategorySearch(Search):
    """SEARCH_BY_CATEGORY; `requestID` is the answer's `searchId`."""

    search_category_id: Id
