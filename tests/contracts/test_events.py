"""The event contracts: what may travel, how it is read, and who may emit it."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from services.contracts.envelope import Event, message_of
from services.contracts.events.actions import ActionType, ProductViewed, UserAction
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.events.feedback import RecommendationClicked
from services.contracts.events.order import OrderLine, OrderSnapshot
from services.contracts.fast_reader import struct_for
from services.contracts.generate import event_schema
from services.contracts.registry import EMITTERS, EVENTS, ContractError, parse
from services.contracts.topics import TOPICS

PLANNED_EVENTS = {
    "USER_AUTHENTICATED",
    "USER_PROFILE_CREATED",
    "PAYMENT_COMPLETED",
    "ORDER_COMPLETED",
    "PRODUCT_VIEWED",
}


def viewed(**changes: object) -> bytes:
    """A PRODUCT_VIEWED message with some envelope fields replaced."""
    event = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="900", product_id=3), producer="analytics")
    return json.dumps(json.loads(event.to_bytes()) | changes).encode()


def test_an_event_reads_back_as_it_was_written():
    line = OrderLine(product_id=3, quantity=2, price="1.50", amount="2.99")
    order = OrderSnapshot(order_id=1, user_id="900", items=[line], total_amount="2.99", currency="USD")
    event = Event.of("ORDER_COMPLETED", order, producer="order", timestamp=datetime(2026, 1, 2, tzinfo=UTC))

    envelope, payload = parse("order.v1", event.to_bytes())
    assert envelope.model_dump(exclude={"data"}) == event.model_dump(exclude={"data"})
    assert payload == order


@pytest.mark.parametrize("traceparent", [None, f"00-{'a' * 32}-{'b' * 16}-01"])
def test_a_message_without_a_checked_envelope_reads_as_one_with(traceparent):
    payload = ProductViewed(user_id="900", product_id=3, product_price="2.50")
    at = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC)
    event = Event.of("PRODUCT_VIEWED", payload, producer="analytics", timestamp=at, traceparent=traceparent)

    message = message_of(
        "PRODUCT_VIEWED",
        payload,
        producer="analytics",
        event_id=event.event_id,
        timestamp=at,
        traceparent=traceparent,
    )

    assert json.loads(message) == json.loads(event.to_bytes())


@pytest.mark.parametrize("kind", [kind for kind in EVENTS.values() if kind.payload is not DeadLetter])
def test_every_payload_has_a_struct_for_the_fast_way(kind):
    assert issubclass(struct_for(kind.topic, kind.name), msgspec.Struct)


def test_money_travels_as_a_decimal_string():
    line = OrderLine(product_id=3, quantity=2, price="1.50", amount="2.99")

    assert json.loads(line.model_dump_json(by_alias=True))["amount"] == "2.99"


def test_the_plans_names_are_kept_letter_by_letter():
    assert "requestID" in UserAction(user_id="900", request_id="r").model_dump(by_alias=True)
    assert EVENTS.keys() >= PLANNED_EVENTS | set(ActionType)


def test_a_reader_takes_a_word_that_an_open_enumeration_has_since_got_and_a_writer_does_not():
    data = {"recommendationId": "r", "userId": "900", "displayType": "FOR_YOUR_CAT", "productId": 3, "rank": 1}
    message = viewed(eventType="RECOMMENDATION_CLICKED", data=data)

    _, clicked = parse("recommendation-feedback.v1", message)
    assert (clicked.display_type, json.loads(clicked.model_dump_json(by_alias=True))["displayType"]) == (
        "FOR_YOUR_CAT",
        "FOR_YOUR_CAT",
    )
    with pytest.raises(ValidationError):
        RecommendationClicked(recommendation_id="r", user_id="900", display_type="FOR_YOUR_CAT", product_id=3, rank=1)


@pytest.mark.parametrize("name", [kind.name for kind in EVENTS.values() if kind.topic in {"auth.v1", "profile.v1"}])
def test_the_addresses_and_names_of_persons_are_marked_as_personal(name):
    fields = event_schema(EVENTS[name])["properties"]["data"]["properties"]
    personal = {field for field in fields if re.search("email|name|phone|address", field, re.IGNORECASE)}

    assert {field for field, what in fields.items() if what.get("x-pii")} == personal


def test_a_profile_names_the_shelves_that_its_user_does_not_want():
    data = {"userId": "900", "optedOutShelves": ["SALE", "FOR_YOUR_CAT"]}

    _, profile = parse("profile.v1", viewed(eventType="USER_PROFILE_UPDATED", data=data))
    assert (profile.opted_out_shelves, profile.personalisation_consent) == (["SALE", "FOR_YOUR_CAT"], True)


@pytest.mark.parametrize("visitor", ["900", "anon:", "anon:a/b"])
def test_only_a_visitor_can_become_the_user_who_logged_in(visitor):
    data = {"userId": "900", "email": "", "visitorId": visitor}

    with pytest.raises(ContractError, match="visitorId"):
        parse("auth.v1", viewed(eventType="USER_AUTHENTICATED", data=data))


def test_a_field_that_a_later_version_added_is_ignored():
    data = {"userId": "900", "productId": 3, "addedLater": True}

    assert parse("user-actions.v1", viewed(data=data))[1] == ProductViewed(user_id="900", product_id=3)


@pytest.mark.parametrize(
    ("message", "reason", "field"),
    [
        (b"{", "NOT_JSON", "message"),
        (b'{"eventType": "\xff", "data": {}}', "NOT_JSON", "message"),
        (viewed(eventId="7"), "BAD_ENVELOPE", "eventId"),
        (viewed(timestamp="0000-01-01T00:00:00Z"), "BAD_ENVELOPE", "timestamp"),
        (viewed(timestamp="9999-12-31T00:00:00Z"), "BAD_ENVELOPE", "timestamp"),
        (viewed(timestamp="2026-11-25T02:00:00"), "BAD_ENVELOPE", "timestamp"),
        (viewed(timestamp=1_764_061_200), "BAD_ENVELOPE", "timestamp"),
        (viewed(schemaVersion="1"), "BAD_ENVELOPE", "schemaVersion"),
        (viewed(eventType="PRODUCT_SEEN"), "UNKNOWN_TYPE", "PRODUCT_SEEN"),
        (viewed(eventType="ORDER_COMPLETED"), "UNKNOWN_TYPE", "ORDER_COMPLETED"),
        (viewed(schemaVersion=2), "UNKNOWN_VERSION", "version"),
        (viewed(data={"userId": "900"}), "BAD_PAYLOAD", "productId"),
        (viewed(data={"userId": "9\x000", "productId": 3}), "BAD_PAYLOAD", "userId"),
    ],
)
def test_a_message_that_breaks_the_contract_is_refused_by_reason_and_field(message, reason, field):
    with pytest.raises(ContractError, match=field) as refused:
        parse("user-actions.v1", message)

    assert refused.value.reason == reason


WRONGLY_TYPED = [
    ("productId", "7"),
    ("productId", 7.5),
    ("productId", True),
    ("isBot", "yes"),
    ("isBot", 1),
    ("userId", 900),
    ("productPrice", 1.5),
    ("productPrice", "1e3"),
    ("productPrice", "1.5055"),
    ("timestamp", 1_764_061_200),
    ("timestamp", "1764061200"),
    ("timestamp", "2026-11-25"),
    ("timestamp", "2026-11-25T09:00:00+18:00"),
]


def wrongly_typed(field: str, value: object) -> bytes:
    return viewed(data={"userId": "900", "productId": 3, field: value})


@pytest.mark.parametrize(("field", "value"), WRONGLY_TYPED)
def test_a_value_that_a_cast_in_sql_would_not_take_is_refused(field, value):
    with pytest.raises(ContractError, match=field):
        parse("user-actions.v1", wrongly_typed(field, value))


@pytest.mark.parametrize(("field", "value"), WRONGLY_TYPED)
def test_the_schema_refuses_what_the_code_refuses(field, value):
    schema = Draft202012Validator(event_schema(EVENTS["PRODUCT_VIEWED"]))

    assert not schema.is_valid(json.loads(wrongly_typed(field, value)))


@pytest.mark.parametrize(
    "metadata", [{"a": 2**63}, {"a": float("inf")}, {"a": ["\0"]}, {"\0": 1}, json.loads('{"a":' * 33 + "1" + "}" * 33)]
)
def test_metadata_that_some_reader_could_not_hold_is_refused(metadata):
    with pytest.raises(ValidationError, match="metadata"):
        UserAction(user_id="900", metadata=metadata)


@given(st.binary(max_size=200))
def test_no_bytes_are_read_as_an_event_by_accident(message):
    with pytest.raises(ContractError):
        parse("user-actions.v1", message)


def test_a_refusal_never_repeats_the_value_which_may_be_personal():
    with pytest.raises(ContractError) as refused:
        parse("user-actions.v1", viewed(data={"userId": "secret person", "productId": 3}))

    assert "secret" not in str(refused.value)


def test_every_event_travels_on_a_declared_topic():
    assert {kind.topic for kind in EVENTS.values()} == TOPICS.keys()


@pytest.mark.parametrize("action", [name for name, kind in EVENTS.items() if kind.topic == "user-actions.v1"])
def test_every_action_has_the_emitter_of_the_plan(action):
    planned = {
        r"PRODUCT_VIEWED|SEARCH_BY_\w+|REVIEW_START|USER_REGISTER_START": "browser",
        r"REVIEW_SUBMIT": "catalog",
        r"CART_\w+": "cart",
        r"ORDER_\w+": "order",
        r"USER_(REGISTER_COMPLETE|LOGIN|LOGOUT|DELETE)": "auth",
        r"USER_UPDATE": "profile",
    }

    assert [emitter for actions, emitter in planned.items() if re.fullmatch(actions, action)] == [EMITTERS[action]]
