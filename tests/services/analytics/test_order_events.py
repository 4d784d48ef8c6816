"""Orders of a shop's own system, told by HTTP."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from services.contracts.shop_ids import event_id, order_id
from shop_import import events
from tests.waiting import read_topic

pytestmark = pytest.mark.asyncio(loop_scope="module")
AT = "2026-11-26T00:30:00Z"
MILLISECONDS = 1_795_653_000_000


@pytest.fixture
def tell(client, as_service, broker):
    broker.create_topics("order.v1")

    async def post(*events, headers=as_service):
        return await client.post("/v1/order-events", json={"events": list(events)}, headers=headers)

    return post


def completed(number="A-1", **more):
    line = {"productId": 7, "quantity": 2, "price": "4.00"}
    event = {"eventType": "ORDER_COMPLETED", "timestamp": AT, "externalId": number, "userId": "u1", "currency": "USD"}
    return {name: value for name, value in {**event, "items": [line], **more}.items() if value is not None}


async def told(settings, topic, number):
    records = await read_topic(settings.kafka_url, topic, 1)
    messages = [json.loads(record.value) for record in records]
    return [message for message in messages if message["data"].get("orderId") == order_id(number)]


def imported(number):
    """What an import sends of the order of `completed`."""
    line = {"external_id": number, "user_id": "u1", "ordered_at": datetime(2026, 11, 26, 0, 30), "sku": "tea"}  # noqa: DTZ001
    money = pl.Decimal(15, 3)
    lines = pl.DataFrame([line | {"quantity": 2, "price": Decimal("4.000"), "amount": Decimal("8.000")}]).with_columns(
        pl.col("price", "amount").cast(money)
    )
    catalogue = events.Catalogue(pl.DataFrame({"sku": ["tea"], "product_id": [7]}), pl.DataFrame())
    orders = events.orders(lines, catalogue, "USD", timedelta())
    return [json.loads(made(orders)["value"][0]) for made in (events.order_events, events.order_actions)]


async def test_an_order_that_is_imported_as_well_is_the_same(tell, settings):
    assert (await tell(completed("A-7"))).status_code == 202
    sent = [await told(settings, topic, "A-7") for topic in ("order.v1", "user-actions.v1")]
    for (message,), same in zip(sent, imported("A-7"), strict=True):
        message.pop("traceparent", None)  # landing compares it as little as the form of the time
        assert [datetime.fromisoformat(each.pop("timestamp")) for each in (message, same)] == [
            datetime.fromisoformat(AT)
        ] * 2
        assert message == same


async def test_an_order_is_an_event_and_an_action_with_the_ids_of_an_import(tell, settings):
    assert (await tell(completed())).status_code == 202
    (event,), (action,) = [await told(settings, topic, "A-1") for topic in ("order.v1", "user-actions.v1")]
    assert event["eventId"] == event_id("ORDER_COMPLETED/A-1", MILLISECONDS)
    assert action["eventId"] == event_id("ORDER_COMPLETE/A-1", MILLISECONDS)
    assert (action["eventType"], action["data"]["userId"]) == ("ORDER_COMPLETE", "u1")
    line = {"productId": 7, "quantity": 2, "price": "4.00", "amount": "8.00"}
    assert (event["data"]["items"], event["data"]["totalAmount"]) == ([line], "8.00")
    assert (event["data"]["externalId"], event["timestamp"]) == ("A-1", AT)


async def test_a_return_and_a_cancellation_say_why(tell, settings):
    back = {"items": [{"productId": 7, "quantity": 1}], "returnId": "R-1", "reason": "broken"}
    whole = {"items": [], "reason": "too late"}
    answer = await tell(
        completed("A-2", eventType="RETURN_COMPLETED", **back), completed("A-3", eventType="ORDER_CANCELLED", **whole)
    )
    assert answer.json() == {"accepted": 2}
    (returned,), (cancelled,) = [await told(settings, "order.v1", number) for number in ("A-2", "A-3")]
    assert returned["data"]["returnId"] == order_id("R-1/A-2")
    assert (returned["data"]["items"], returned["data"]["reason"]) == ([{"productId": 7, "quantity": 1}], "broken")
    assert (cancelled["eventType"], cancelled["data"]["reason"]) == ("ORDER_CANCELLED", "too late")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"items": []}, "needs items"),
        ({"currency": None}, "needs its currency"),
        ({"timestamp": "2099-01-01T00:00:00Z"}, "lies in the future"),
        ({"returnId": "R-1"}, "returnId belongs to a return"),
        ({"items": [{"productId": 7, "quantity": 1}]}, "needs its price"),
        ({"items": [{"quantity": 1, "price": "4.00"}]}, "give sku or productId"),
        ({"items": [{"productId": 7, "quantity": 1, "price": "4.001"}]}, "no more decimals than USD"),
        ({"items": [{"sku": "nowhere", "quantity": 1, "price": "4.00"}]}, "the catalog has told of none: nowhere"),
    ],
)
async def test_of_a_batch_with_a_mistake_nothing_is_recorded_and_the_place_is_named(tell, settings, change, where):
    answer = await tell(completed("A-4"), completed("A-5", **change))
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, where in fault["message"]) == (422, True), answer.text
    assert fault["field"].startswith("body.events.1")
    await tell(completed("A-6"))
    assert await told(settings, "order.v1", "A-4") == []


async def test_shoppers_may_not_tell_of_orders(tell, as_user, as_staff):
    for headers in (as_user("u1"), as_staff):
        assert (await tell(completed(), headers=headers)).status_code == 403
