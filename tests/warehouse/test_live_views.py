"""What serving reads of the warehouse: what shoppers did, without personal data, and nothing else."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from aiokafka import TopicPartition
from psycopg.errors import InsufficientPrivilege

from services.contracts.envelope import DisplayType, Event
from services.contracts.events.actions import KeywordSearch, ProductAction, UserAction
from services.contracts.events.identity import UserAuthenticated, UserDeleted, UserProfileUpdated
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
    land("auth.v1", ("USER_DELETED", UserDeleted(user_id="8")))

    assert shown("select * from live.deleted_users") == [("7",), ("8",)]


def test_logins_of_visitors_are_shown_without_addresses(land, shown):
    login = UserAuthenticated(user_id="7", email=SECRET, visitor_id="anon:1")
    land(
        "auth.v1", ("USER_AUTHENTICATED", login), ("USER_AUTHENTICATED", login.model_copy(update={"visitor_id": None}))
    )

    assert shown("select * from live.identities") == [
        ("USER_AUTHENTICATED", AT, {"userId": "7", "visitorId": "anon:1"})
    ]


def test_of_profiles_the_newest_is_shown_where_it_wishes_something(land, shown):
    def profile(user_id, version, **wishes):
        return "USER_PROFILE_UPDATED", UserProfileUpdated(user_id=user_id, profile_version=version, **wishes)

    land(
        "profile.v1",
        profile("7", 2, personalisation_consent=False, display_name=SECRET),
        profile("7", 1, opted_out_shelves=[DisplayType.SALE]),
        profile("8", 1, personalisation_consent=False),
        profile("8", 2),
        profile("9", 1, opted_out_shelves=[DisplayType.SALE]),
    )

    wishes = {data["userId"]: data for (data,) in shown("select data from live.identities")}
    assert {user: (data["personalisationConsent"], data["optedOutShelves"]) for user, data in wishes.items()} == {
        "7": (False, []),
        "9": (True, ["SALE"]),
    }
    assert SECRET not in str(wishes)


@pytest.mark.parametrize("table", ["raw.user_actions_v1", "raw.order_v1", "raw.dead_letters", "landing.partitions"])
def test_serving_reads_nothing_else(warehouse, table):
    with psycopg.connect(warehouse.serving) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"select * from {table}")
