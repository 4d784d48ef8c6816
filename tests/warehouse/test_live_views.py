"""What serving reads of the warehouse: what shoppers did, without personal data, and nothing else."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from aiokafka import TopicPartition
from psycopg.errors import InsufficientPrivilege

from services.contracts.envelope import Event
from services.contracts.events.actions import KeywordSearch, ProductAction, UserAction
from services.contracts.events.order import OrderCancelled, OrderLine, OrderSnapshot, ReturnLine, ReturnSnapshot

ACTIONS, ORDERS = "user-actions.v1", "order.v1"
AT = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = "a word of the shopper's own"
BOUGHT = OrderLine(product_id=3, quantity=2, price=Decimal(1), amount=Decimal(2))


@pytest.fixture
def land(lander, message):
    """Lands events on a topic: `land(ACTIONS, ("CART_ADD", payload), ...)`."""

    def events(topic, *given):
        lander.claim(TopicPartition(topic, 0))
        values = [Event.of(kind, payload, producer="test", timestamp=AT).to_bytes() for kind, payload in given]
        lander.store.write(lander.batch(*(message(value, place, topic=topic) for place, value in enumerate(values))))

    return events


@pytest.fixture
def shown(warehouse):
    """What serving gets by a statement."""

    def rows(statement):
        with psycopg.connect(warehouse.serving) as connection:
            return connection.execute(statement).fetchall()

    return rows


def test_actions_are_shown_by_their_products_and_nothing_personal(land, shown):
    added = ProductAction(user_id="7", product_id=3, quantity=1, review_text=SECRET, metadata={"address": SECRET})
    searched = KeywordSearch(user_id="7", search_keyword=SECRET)
    land(ACTIONS, ("CART_ADD", added), ("SEARCH_BY_KEYWORD", searched))

    assert shown("select * from live.actions") == [("CART_ADD", AT, {"userId": "7", "productId": 3, "quantity": 1})]


def test_orders_are_shown_with_what_became_of_them(land, shown):
    order = OrderSnapshot(order_id=1, user_id="7", items=[BOUGHT], total_amount=Decimal(2))
    back = ReturnSnapshot(
        return_id=5, order_id=1, user_id="7", items=[ReturnLine(product_id=3, quantity=1)], reason=SECRET
    )
    cancelled = OrderCancelled(order_id=2, user_id="7", reason=SECRET)
    land(ORDERS, ("ORDER_COMPLETED", order), ("RETURN_COMPLETED", back), ("ORDER_CANCELLED", cancelled))

    assert dict(shown("select event_type, data from live.actions")) == {
        "ORDER_COMPLETED": {"userId": "7", "orderId": 1, "items": [{"productId": 3, "quantity": 2}]},
        "RETURN_COMPLETED": {
            "userId": "7",
            "orderId": 1,
            "returnId": 5,
            "items": [{"productId": 3, "quantity": 1}],
        },
        "ORDER_CANCELLED": {"userId": "7", "orderId": 2},
    }


def test_whoever_was_deleted_is_named(land, shown):
    land(ACTIONS, ("USER_DELETE", UserAction(user_id="7")))

    assert shown("select * from live.deleted_users") == [("7",)]


@pytest.mark.parametrize("table", ["raw.user_actions_v1", "raw.order_v1", "raw.dead_letters", "landing.partitions"])
def test_serving_reads_nothing_else(warehouse, table):
    with psycopg.connect(warehouse.serving) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"select * from {table}")
