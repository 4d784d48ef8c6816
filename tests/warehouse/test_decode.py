import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings

from services.contracts.registry import EVENTS, ContractError, parse
from tests.odd_messages import ENVELOPE, VALUES
from warehouse.decode import decode, decode_fast


def encoded(**changes) -> bytes:
    return json.dumps(ENVELOPE | changes).encode()


def test_an_event_becomes_the_row_of_its_table(message):
    row = decode(message(encoded(), 5, partition=2))
    assert (row.event_id, row.event_type) == (ENVELOPE["eventId"], "PRODUCT_VIEWED")
    assert row.occurred_at == "2026-01-02T03:04:05+09:00"
    assert (row.key, row.topic, row.kafka_partition, row.kafka_offset) == ("1", "user-actions.v1", 2, 5)


def test_the_payload_is_kept_as_it_was_sent_unknown_fields_included(message):
    data = '{"userId": "1",  "productId": 7, "productPrice": "1.10", "new": [1.0]}'
    value = encoded().replace(json.dumps(ENVELOPE["data"]).encode(), data.encode())
    assert decode(message(value)).data == data


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "NOT_JSON"),
        (b"", "NOT_JSON"),
        (b"\xff\xfe", "NOT_JSON"),
        (b'{"eventId": "', "NOT_JSON"),
        (b"[" * 100_000, "NOT_JSON"),
        (encoded(data={}).replace(b"{}", b"[" * 100_000 + b"]" * 100_000), "NOT_JSON"),
        (b"[]", "BAD_ENVELOPE"),
        (encoded(eventId="7"), "BAD_ENVELOPE"),
        (encoded(timestamp="0001-01-01T00:00:00Z"), "BAD_ENVELOPE"),
        (encoded(timestamp="9999-12-31T23:59:59-14:00"), "BAD_ENVELOPE"),
        (encoded(timestamp="2026-01-02T03:04:05"), "BAD_ENVELOPE"),
        (encoded(eventType="ORDER_COMPLETED"), "UNKNOWN_TYPE"),
        (encoded(eventType="NOBODY_KNOWS"), "UNKNOWN_TYPE"),
        (encoded(schemaVersion=2), "UNKNOWN_VERSION"),
        (encoded(data={"userId": "1"}), "BAD_PAYLOAD"),
        (encoded(data={"userId": "1", "productId": 2**63}), "BAD_PAYLOAD"),
        (encoded(data={"userId": "1", "productId": "7"}), "BAD_PAYLOAD"),
        (encoded(data={"userId": "1", "productId": 7, "productPrice": 1.1}), "BAD_PAYLOAD"),
        (encoded(data={"userId": "\ud800", "productId": 7}), "NOT_JSON"),
        (encoded(data={"userId": "1", "productId": 7, "note": float("nan")}), "NOT_JSON"),
        (encoded(data={"user_id": "1", "productId": 7}), "BAD_PAYLOAD"),
        (encoded(data={"userId": "1", "productId": 7, "note": "a\0b"}), "NUL_CHARACTER"),
        (encoded(tenant="a\0b"), "NUL_CHARACTER"),
    ],
)
def test_what_the_contract_cannot_read_is_refused_with_its_reason(message, value, reason):
    with pytest.raises(ContractError) as refused:
        decode(message(value))
    assert refused.value.reason == reason


ORDER = {
    "orderId": 1,
    "userId": "1",
    "items": [{"productId": 7, "quantity": 1, "price": "1.10", "amount": "1.10"}],
    "totalAmount": "1.10",
    "currency": "USD",
}


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("user-actions.v1", {}),
        ("user-actions.v1", {"eventType": "CART_ADD", "data": {"userId": "1", "productId": 7, "quantity": 2}}),
        ("order.v1", {"eventType": "ORDER_COMPLETED", "data": ORDER}),
    ],
)
def test_the_messages_that_most_are_need_no_model(message, topic, changes):
    assert decode_fast(message(encoded(**changes), topic=topic)) is not None


def test_free_metadata_and_fields_of_a_later_version_are_left_to_the_model(message):
    cart = {"userId": "1", "productId": 7}
    for extra in ({"metadata": {"a": 1}}, {"new": 1}):
        record = message(encoded(eventType="CART_ADD", data=cart | extra))

        assert decode_fast(record) is None
        assert json.loads(decode(record).data) == cart | extra


def test_an_escaped_backslash_before_u0000_is_no_nul(message):
    assert "u0000" in decode(message(encoded(data={"userId": "1", "productId": 7, "note": "\\u0000"}))).data


def test_a_key_that_is_not_utf8_is_refused(message):
    with pytest.raises(ContractError) as refused:
        decode(message(encoded(), key=b"\xff"))
    assert refused.value.reason == "BAD_KEY"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(value=VALUES)
def test_whatever_the_bytes_they_are_read_as_the_registry_reads_them_or_refused(value):
    message = type("Message", (), {"topic": "user-actions.v1", "partition": 0, "offset": 0, "key": b"1"})
    message.value = value
    try:
        row = decode(message)
    except ContractError:
        return
    event, payload = parse("user-actions.v1", value)
    assert (row.event_id, row.event_type) == (str(event.event_id), event.event_type)
    assert datetime.fromisoformat(row.occurred_at) == event.timestamp
    assert EVENTS[row.event_type].payload.model_validate_json(row.data, by_name=False) == payload
    assert json.loads(row.data) == json.loads(value)["data"]


@pytest.mark.parametrize("value", ["\u00e9", "no base64", "YQ"])
def test_a_dead_letter_whose_bytes_are_no_base64_is_refused(message, value):
    data = {"consumer": "c", "reason": "R", "topic": "cart.v1", "partition": 0, "offset": 0, "value": value}
    letter = encoded(eventType="DEAD_LETTER", data={**data, "failedAt": ENVELOPE["timestamp"]})
    with pytest.raises(ContractError, match="not base64"):
        decode(message(letter, topic="dead-letters.v1"))
