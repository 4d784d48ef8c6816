"""What a producer may send, and under which key."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import pytest

from services.contracts.envelope import DisplayType, Event, message_of
from services.contracts.events.actions import ProductAction
from services.contracts.events.catalog import CategoryDeleted, ProductDeleted, ProductSnapshot, StockChanged
from services.contracts.events.content import DisplayChanged, GenerationSwitched
from services.contracts.events.order import OrderCancelled
from services.contracts.fast_reader import struct_for
from services.contracts.registry import EVENTS, ContractError
from services.contracts.structs import struct_of
from services.contracts.topics import TOPICS
from services.contracts.writing import outgoing, outgoing_payload

DELETED = ProductDeleted(product_id=7, sku="s")


def event(kind, data):
    return Event.of(kind, data, producer="test")


@pytest.mark.parametrize(
    ("kind", "data", "key"),
    [
        ("PRODUCT_DELETED", ProductDeleted(product_id=7, sku="s"), "7"),
        ("CATEGORY_DELETED", CategoryDeleted(category_id=7, code="c"), "category:7"),
        ("ORDER_CANCELLED", OrderCancelled(order_id=7, user_id="u"), "7"),
        ("CART_ADD", ProductAction(user_id="u", product_id=7), "u"),
        ("DISPLAY_CHANGED", DisplayChanged(display_id=7, change="DELETED", display_type=DisplayType.SALE), "display:7"),
    ],
)
def test_an_event_goes_to_its_topic_under_its_aggregates_key(kind, data, key):
    topic, found, value = outgoing(sent := event(kind, data))
    assert (topic, found, value) == (TOPICS[EVENTS[kind].topic], key, sent.to_bytes())


def test_all_generations_have_one_key_so_that_their_activations_are_in_order():
    keys = {outgoing(event("GENERATION_ACTIVATED", GenerationSwitched(generation=g, rows=1)))[1] for g in "ab"}
    assert keys == {"generations"}


@pytest.mark.parametrize("kind", EVENTS)
def test_the_fields_of_a_key_are_among_those_that_each_event_must_have(kind):
    required = {field.alias: 7 for field in EVENTS[kind].payload.model_fields.values() if field.is_required()}
    assert "7" in TOPICS[EVENTS[kind].topic].key.of(required) or kind.startswith("GENERATION")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("PRODUCT_DREAMT_OF", ProductDeleted(product_id=7, sku="s")),
        ("PRODUCT_CREATED", StockChanged(product_id=7, stock=1)),
        ("SPECIAL_PRICE_ENDED", StockChanged(product_id=7, stock=1)),  # which has more than that
        ("STOCK_CHANGED", StockChanged.model_construct(product_id=7, stock=-1)),
    ],
)
def test_what_its_type_does_not_say_is_not_sent(kind, data):
    with pytest.raises(ContractError):
        outgoing(event(kind, data))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("PRODUCT_CREATED", ProductSnapshot(product_id=7, sku="s", name="茶", price="1.50", currency="USD")),
        ("PRODUCT_CREATED", ProductSnapshot(product_id=7, sku="s", name="a\\u0000", price="1.5", currency="USD")),
        ("STOCK_CHANGED", StockChanged(product_id=7, stock=1)),
    ],
)
def test_a_payload_is_written_as_its_event_is(kind, data):
    at, parent = datetime(2026, 1, 1, tzinfo=UTC), "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    event_id, *sent = outgoing_payload(kind, data, producer="test", timestamp=at, traceparent=parent)
    same = Event.of(kind, data, producer="test", event_id=UUID(event_id), timestamp=at, traceparent=parent)
    topic, key, value = outgoing(same)
    assert (*sent[:2], json.loads(sent[2])) == (topic, key, json.loads(value))


def test_a_payload_that_its_type_does_not_allow_is_not_written():
    for kind, data in (("STOCK_CHANGED", StockChanged.model_construct(product_id=7, stock=-1)), ("DREAMT", DELETED)):
        with pytest.raises(ContractError):
            outgoing_payload(kind, data, producer="test", timestamp=datetime(2026, 1, 1, tzinfo=UTC))


class Second(StockChanged):
    version: ClassVar[int] = 2


def test_a_message_names_the_version_of_its_payload(monkeypatch, request):
    struct_for.cache_clear()
    request.addfinalizer(struct_for.cache_clear)  # what it makes here is of another version
    monkeypatch.setitem(EVENTS, "STOCK_CHANGED", replace(EVENTS["STOCK_CHANGED"], payload=Second))
    data = Second(product_id=7, stock=1)
    identity = {"producer": "test", "event_id": "0" * 8, "timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
    struct = struct_of(Second)(productId=7, stock=1)
    messages = [outgoing(event("STOCK_CHANGED", data))[2]]
    messages += [message_of("STOCK_CHANGED", each, **identity) for each in (data, struct)]
    assert [json.loads(message)["schemaVersion"] for message in messages] == [2, 2, 2]
