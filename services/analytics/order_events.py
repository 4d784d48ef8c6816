"""Orders of a shop that has its own order system: each becomes an event on `order.v1`, and the action of its user.

Ids are made from the shop's own, as an import makes them: what is sent again, or imported as well, lands once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.analytics.clocks import CLOCK_SKEW
from services.analytics.external_ids import ExternalId, ExternalIds
from services.analytics.refusals import CollectorUnavailable
from services.common.messaging.producer import KeyedMessage, Producer
from services.common.runtime.errors import Fault, Unprocessable
from services.common.runtime.telemetry import traceparent
from services.common.web.fields import Currency, Id, Money, Schema, ShortText, Timestamp, UserId
from services.common.web.references import Sku
from services.contracts.envelope import message_of
from services.contracts.events.actions import ActionType
from services.contracts.money import exact
from services.contracts.prices import line_amount
from services.contracts.registry import EVENTS
from services.contracts.shop_ids import event_id, order_id

PRODUCER: Final = "importer"
"""As in the events of an import: landing takes one id with two contents for a conflict."""
ORDERS, ACTIONS = "order.v1", "user-actions.v1"
ACTION_OF: Final = {
    "ORDER_COMPLETED": ActionType.ORDER_COMPLETE,
    "ORDER_CANCELLED": ActionType.ORDER_CANCEL,
    "RETURN_REQUESTED": ActionType.ORDER_RETURN_REQUEST,
    "RETURN_COMPLETED": ActionType.ORDER_RETURN_COMPLETE,
}
MOST_EVENTS = 200
ExternalOrderId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["A-1017"])]


class ShopLine(Schema):
    """One product of an order, by the shop's own id or ours; `amount` is what was paid for all its pieces."""

    sku: Sku | None = None
    product_id: Id | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    price: Money | None = None
    amount: Money | None = None

    @model_validator(mode="after")
    def _names_one_product(self) -> Self:
        if (self.sku is None) == (self.product_id is None):
            raise ValueError("give sku or productId")
        return self


class ShopOrderEvent(Schema):
    """What happened to an order; a return needs `returnId`, and a cancellation no items."""

    event_type: Literal["ORDER_COMPLETED", "ORDER_CANCELLED", "RETURN_REQUESTED", "RETURN_COMPLETED"]
    timestamp: Timestamp
    external_id: ExternalOrderId
    user_id: UserId
    currency: Currency = "JPY"
    items: Annotated[list[ShopLine], Field(max_length=500)] = Field(default=[])
    return_id: ExternalOrderId | None = None
    reason: ShortText | None = None

    @model_validator(mode="after")
    def _has_what_it_is_about(self) -> Self:
        if self.event_type != "ORDER_CANCELLED" and not self.items:
            raise ValueError("needs items")
        if self.event_type.startswith("RETURN_") != (self.return_id is not None):
            raise ValueError("returnId belongs to a return, and only to one")
        if self.event_type == "ORDER_COMPLETED" and any(line.price is None for line in self.items):
            raise ValueError("each item of a completed order needs its price")
        if self.event_type == "ORDER_COMPLETED" and "currency" not in self.model_fields_set:
            raise ValueError("a completed order needs its currency")
        for line in self.items:
            line.price, line.amount = (each and exact(each, self.currency) for each in (line.price, line.amount))
        return self


class ShopOrderEvents(Schema):
    """Events of a shop's orders: all are recorded, or none."""

    events: Annotated[list[ShopOrderEvent], Field(min_length=1, max_length=MOST_EVENTS)]


class Recorded(Schema):
    """How many events are on the log."""

    accepted: int


async def record(producer: Producer, external_ids: ExternalIds, events: Sequence[ShopOrderEvent]) -> Recorded:
    """Send the events and wait for the broker.

    Raises:
        Unprocessable: an event names an unknown product, or lies in the future.
        CollectorUnavailable: some were not acknowledged; sent again, nothing is recorded twice.
    """
    latest = datetime.now(UTC) + CLOCK_SKEW
    late = [place for place, each in enumerate(events) if each.timestamp > latest]
    if late:
        faults = [Fault(field=f"body.events.{place}.timestamp", message="lies in the future") for place in late]
        raise Unprocessable("Nothing is recorded: an event lies in the future.", errors=faults)
    wanted: set[ExternalId] = {("sku", line.sku) for each in events for line in each.items if line.sku is not None}
    ids = await external_ids.ids(wanted) if wanted else {}
    made = [_messages(place, each, ids) for place, each in enumerate(events)]
    sent = await asyncio.gather(
        producer.send_many(ORDERS, [order for order, _ in made]),
        producer.send_many(ACTIONS, [action for _, action in made]),
    )
    if any(failure for failures in sent for failure in failures):
        raise CollectorUnavailable("The events cannot be recorded now. Send them again, as they were.")
    return Recorded(accepted=len(events))


def _messages(place: int, event: ShopOrderEvent, ids: Mapping[ExternalId, int]) -> tuple[KeyedMessage, KeyedMessage]:
    number = order_id(event.external_id)
    data: dict[str, Any] = {"order_id": number, "user_id": event.user_id}
    action = {**data, "action_reason": event.reason}
    source = event.external_id
    if event.event_type == "ORDER_COMPLETED":
        lines = [_line(place, index, line, event.currency, ids) for index, line in enumerate(event.items)]
        total = sum((line["amount"] for line in lines), Decimal(0))
        data |= {"external_id": event.external_id, "currency": event.currency, "items": lines, "total_amount": total}
    else:
        data["reason"] = event.reason
    if event.return_id is not None:
        source = f"{event.return_id}/{event.external_id}"
        data["return_id"] = action["return_id"] = order_id(source)
        data["items"] = [
            {"product_id": _product(place, index, line, ids), "quantity": line.quantity}
            for index, line in enumerate(event.items)
        ]
    order = _message(event.event_type, data, source, event.timestamp)
    told = _message(ACTION_OF[event.event_type], action, source, event.timestamp)
    return (str(number), order), (event.user_id, told)


def _line(place: int, index: int, line: ShopLine, currency: str, ids: Mapping[ExternalId, int]) -> dict[str, Any]:
    price = line.price or Decimal(0)
    amount = line_amount(price, line.quantity, currency) if line.amount is None else line.amount
    product_id = _product(place, index, line, ids)
    return {"product_id": product_id, "quantity": line.quantity, "price": price, "amount": amount}


def _product(place: int, index: int, line: ShopLine, ids: Mapping[ExternalId, int]) -> int:
    if line.product_id is not None:
        return line.product_id
    if (found := ids.get(("sku", line.sku or ""))) is not None:
        return found
    where = f"body.events.{place}.items.{index}.sku"
    fault = Fault(field=where, message=f"the catalog has told of none: {line.sku}")
    raise Unprocessable("Nothing is recorded: an event names an unknown product.", errors=[fault])


def _message(kind: str, data: Mapping[str, Any], source: str, at: datetime) -> bytes:
    payload = EVENTS[kind].payload.model_validate(data)
    identifier = UUID(event_id(f"{kind}/{source}", int(at.timestamp() * 1000)))
    return message_of(
        kind,
        payload,
        producer=PRODUCER,
        event_id=identifier,
        timestamp=at,
        traceparent=traceparent(),
        with_defaults=kind not in {"ORDER_COMPLETED", ActionType.ORDER_COMPLETE},  # as an import writes each kind
    )
