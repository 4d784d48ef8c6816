"""Whatever landing takes, dbt can model: one message that a cast refuses would stop every later run."""

import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.contracts.registry import EVENTS, ContractError
from tests.dbt.shop import Shop, event
from warehouse import tables
from warehouse.copying import Rows
from warehouse.decode import decode
from warehouse.lanes import take

MODELLED = [
    *("auth.v1", "profile.v1", "catalog.v1", "cart.v1", "order.v1", "payment.v1", "user-actions.v1", "content.v1"),
    "recommendation-feedback.v1",
]
ODD = st.sampled_from([
    None, True, 7, 7.0, -0.0, 1e300, 2**31, 2**63 - 1, 2**63, "7", "007", "1e3", "1.005", "1_000", "٣", "NaN", "Inf",
    "", " 7", "true", "2026-01-01", "1764061200", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-06-30T23:59:60Z",
    "2024-02-29T24:00:00Z", "2026-01-01T00:00:00+14:59", "2026-01-01T00:00:00-15:00", "2099-12-31T23:59:59.999999999Z",
    "JPY", "\U0001f375", [], [7], {}, {"7": 7}, "0" * 32, f"urn:uuid:{uuid.UUID(int=7)}", f"{{{uuid.UUID(int=7)}}}",
])  # fmt: skip

TINY_SCORE = b"""
{"eventId": "00000000-0000-0000-0000-000000000001", "eventType": "RECOMMENDATION_SHOWN", "producer": "test",
 "timestamp": "2026-01-10T17:00:00Z", "data": {"recommendationId": "r", "userId": "u",
 "items": [{"displayType": "SALE", "productId": 1, "rank": 1, "score": 1e-400}]}}
"""


def values(schema: dict, parts: dict) -> st.SearchStrategy:
    """What a JSON Schema allows, as far as the contracts make use of it."""
    ways = {
        "$ref": lambda name: values(parts[name.rpartition("/")[2]], parts),
        "anyOf": lambda options: st.one_of(*(values(option, parts) for option in options)),
        "enum": st.sampled_from,
        "examples": st.sampled_from,
        "format": lambda _: st.uuids().map(str),  # of dates there are examples
        "pattern": lambda pattern: st.from_regex(pattern, fullmatch=True),
        "type": lambda name: of_type(name, schema, parts),
    }
    return next((make(schema[word]) for word, make in ways.items() if word in schema), st.integers())


def of_type(name: str, schema: dict, parts: dict) -> st.SearchStrategy:
    limits = {"min_value": schema.get("minimum", 0), "max_value": schema.get("maximum", 5)}
    ways = {
        "integer": lambda: st.integers(**limits) | st.just(limits["max_value"]),
        "number": lambda: st.floats(**limits),
        "boolean": st.booleans,
        "array": lambda: st.lists(values(schema["items"], parts), max_size=2),
        "object": lambda: fields(schema, parts),
        "null": st.none,
        "string": lambda: st.text(max_size=5),
    }
    return ways[name]()


def fields(schema: dict, parts: dict) -> st.SearchStrategy:
    known = {name: values(each, parts) for name, each in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: each for name, each in known.items() if name in required},
        optional={name: each for name, each in known.items() if name not in required},
    )


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """An event of any kind that is modelled, with a payload that its schema allows, or with one odd value in it."""
    kind = draw(st.sampled_from([kind for kind in EVENTS.values() if kind.topic in MODELLED]))
    schema = kind.payload.model_json_schema(by_alias=True)
    data = draw(fields(schema, schema.get("$defs", {})))
    if "currency" in schema["properties"]:  # by itself it seldom has the decimals that the amounts have
        data["currency"] = draw(st.sampled_from(["KWD", "JPY"]))
    if draw(st.integers(0, 3)):
        lines = [line for each in data.values() if isinstance(each, list) for line in each if isinstance(line, dict)]
        place = draw(st.sampled_from([data, *lines]))
        place[draw(st.sampled_from(sorted(place)))] = draw(ODD)
    envelope = {"eventId": str(uuid.UUID(int=draw(st.integers(0, 2**128 - 1)))), "eventType": kind.name}
    envelope |= {"producer": "test", "timestamp": "2026-01-10T17:00:00Z"}
    return kind.topic, json.dumps(envelope | {"data": data}).encode()


def test_an_order_of_many_of_the_largest_lines_can_be_modelled(shop: Shop):
    dear = {"productId": 1, "quantity": 1_000_000, "price": "1", "amount": "999999999999"}
    shop.land(event("ORDER_COMPLETED", orderId=1, userId="ann", items=[dear] * 2_200, totalAmount="999999999999"))
    shop.build()
    sums = "select unit_count, revenue from merchandising.product_revenue"
    assert shop.rows(sums) == [(2_200_000_000, 2_200 * 999_999_999_999)]


@pytest.mark.repeated
def test_whatever_landing_takes_can_be_modelled(shop: Shop, rounds: Callable[..., int]):
    taken = set()
    with psycopg.connect(shop.warehouse.loader, autocommit=True) as connection:
        tables.prepare(connection)

        @settings(max_examples=rounds(5_000, 1_500), suppress_health_check=list(HealthCheck), derandomize=True)
        @given(message=messages())
        @example(message=("recommendation-feedback.v1", TINY_SCORE))
        def land(message: tuple[str, bytes]) -> None:
            topic, value = message
            try:
                row = decode(SimpleNamespace(topic=topic, value=value, key=b"1", partition=0, offset=0))
            except ContractError:
                return
            with connection.transaction():
                numbers = take(connection, [(topic, 0)], 1)[topic, 0]
                tables.insert(connection, Rows.of({0: row}, lambda _: numbers))
            taken.add(row.event_type)

        land()
    expected = {"ORDER_COMPLETED", "PRODUCT_UPDATED", "SPECIAL_PRICE_SET", "PRODUCT_VIEWED", "USER_PROFILE_UPDATED"}
    expected |= {"PAYMENT_COMPLETED", "REFUND_COMPLETED", "CART_ITEM_REMOVED"}
    assert expected <= taken
    shop.build()
