"""The quick way into the collector and the careful one: whatever the quick one reads, both send and answer the same."""

import asyncio
import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from unittest import mock
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.analytics import collector, events, structs
from services.analytics.bots import Speeds
from services.analytics.schemas import Action, Actions
from services.analytics.sender import Sender
from services.common.identity.principal import Principal
from services.contracts.registry import EMITTERS, EVENTS

VISITOR = "anon:0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SHOPPER = Principal("user", "2375")
IMPORTER = Principal("service", "importer")
NOW = datetime(2026, 6, 15, 12, 0, 0, 123456, UTC)
ID = UUID("01926d2e-0000-7000-8000-000000000001")


class StillClock(datetime):
    fromisoformat = staticmethod(datetime.fromisoformat)

    @classmethod
    def now(cls, tz=None):
        return NOW.astimezone(tz)


@pytest.fixture(scope="module", autouse=True)
def _no_chance():
    """Neither the clock nor new ids differ between the two ways."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(collector, "datetime", StillClock))
        stack.enter_context(mock.patch.object(events, "new_event_id", return_value=ID))
        stack.enter_context(mock.patch.object(events, "new_event_id_text", return_value=str(ID)))
        yield


class Broker:
    """Acknowledges everything."""

    async def send_many(self, topic, messages):
        if topic == collector.TOPIC:
            self.sent = [(key, json.loads(value)) for key, value in messages]
        return [None] * len(messages)


class Catalog:
    """Knows one product and one category."""

    async def ids(self, wanted):
        return {name: each for name, each in {("sku", "A 7"): 7, ("code", "TEA"): 5}.items() if name in wanted}


def collected(sender, actions, sent_at=None):
    """The messages sent and the results answered, as JSON."""
    broker = Broker()
    broker.sent = []
    results = asyncio.run(collector.collect(broker, Catalog(), Speeds(), sender, actions, sent_at))
    return broker.sent, json.loads(msgspec.json.encode(results))


def carefully(sender, body):
    batch = Actions.model_validate(json.loads(body))
    return collected(sender, batch.actions, batch.sent_at)


def quickly(sender, batch):
    return collected(sender, batch.actions, structs.sent_at(batch))


def body_of(*actions):
    return json.dumps({"actions": actions}).encode()


FIELDS = {
    "PRODUCT_VIEWED": {
        "productId": 7,
        "productPrice": "2.90",
        "currency": "USD",
        "productName": "茶",
        "sessionId": "s",
        "requestID": "r-1",
        "pageUrl": "https://shop.example/products/7",
        "utmSource": "mail",
    },
    "SEARCH_BY_KEYWORD": {"searchKeyword": "green tea", "requestID": "r-1", "resultCount": 0, "isBot": True},
    "REVIEW_SUBMIT": {"productId": 7, "rating": 4, "reviewText": "good"},
    "REVIEW_START": {"sku": "A 7"},
    "SEARCH_BY_CATEGORY": {"searchCategoryCode": "TEA", "searchCategoryId": 5},
    "ORDER_COMPLETE": {"orderId": 9, "simulated": True, "timestamp": "2026-06-15T21:00:00+09:00"},
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_action_as_most_are_is_read_quickly_and_sent_as_the_careful_way_sends_it(name):
    body = body_of({"actionType": name, "userId": VISITOR, **FIELDS[name]})
    batch = structs.read(body)
    for principal in (Principal("visitor", VISITOR), IMPORTER):
        sender = Sender(principal, BROWSER)
        assert quickly(sender, batch) == carefully(sender, body)


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": {"a": 1}},
        {"quantity": 1},
        {"productId": None},
        {"userId": "a b"},
        {"sessionId": "a\0b"},
        *({"timestamp": f"2026-06-15{rest}"} for rest in ("T12:00:00", "t12:00:00Z", "T12:00:00Z\n", "T12:00:60Z")),
        *({"productPrice": price, "currency": "USD"} for price in ("1", "1.1", "1.105")),
        *({"productPrice": price} for price in ("1.10\n", "1.1055", "01", "1e3", 1.5)),
        *({"productId": number} for number in (0, 1.0, True, "1", 2**63)),
        {"eventId": str(ID).upper()},
        {"isBot": None},
    ],
)
def test_what_is_not_plainly_in_order_is_left_to_the_careful_way(odd):
    assert structs.read(body_of({"actionType": "PRODUCT_VIEWED", "userId": VISITOR, "productId": 1, **odd})) is None


TIMES = [
    *("2026-06-15T12:00:00Z", "2026-06-15T12:03:00.5Z", "2026-06-15T12:06:00Z", "2026-06-15t12:00:00Z"),
    *("2026-06-15T00:00:00-12:00", "2026-06-10T00:00:00+14:00", "2026-06-15T12:00:00.1234567Z"),
    *("2026-06-15T12:00:00Z\n", "2026-06-15T12:00:60Z", "2026-06-31T00:00:00Z", "2000-01-01T00:00:00+14:00"),
]
MONEY = ["1.10\n", "1.105", "1.1055", "12.30", "0.0", "00.1", ".1", "1.", "-1", "1e3", "1000000000000.00", 1.5, 1]
TEXTS = ["", "a" * 129, "a" * 2001, "a\0b", "\\u0000", "\u2028", "\ud800", "/", "1", "2375", VISITOR, VISITOR + "\n"]
NUMBERS = [0, 1, 7, -1, 1.0, 4.5, 6, -0.0, 1e-7, 1_000_001, 2**31, 2**63 - 1, 2**63, 2**70, True]
IDS = [str(ID), str(ID).upper(), ID.hex, f"{{{ID}}}", f"urn:uuid:{ID}", "7"]
ODD = st.sampled_from([*TIMES, *MONEY, *TEXTS, *NUMBERS, *IDS, {"a": [1]}])
ODD_OF = {"timestamp": st.sampled_from(TIMES), "productPrice": st.sampled_from(MONEY), "eventId": st.sampled_from(IDS)}
SOUND = {
    "actionType": st.sampled_from([*map(str, EMITTERS), "PRODUCT_STOLEN"]),
    "userId": st.sampled_from([VISITOR, "2375", "someone-else"]),
    "eventId": st.uuids().map(str),
    "timestamp": st.datetimes(NOW.replace(tzinfo=None) - timedelta(days=9), NOW.replace(tzinfo=None)).map(
        lambda time: f"{time.isoformat()}Z"
    ),
    "productPrice": st.decimals(0, 10**9, places=2).map(str),
    "currency": st.sampled_from(["JPY", "USD", "KWD"]),
    "sku": st.sampled_from(["A 7", "unknown"]),
    **dict.fromkeys(("categoryCode", "searchCategoryCode"), st.sampled_from(["TEA", "unknown"])),
    "rating": st.floats(0, 5) | st.integers(0, 5),
    **dict.fromkeys(("isBot", "simulated"), st.booleans()),
    **dict.fromkeys(("productId", "orderId", "searchCategoryId", "categoryId", "quantity"), st.integers(1, 9)),
}
NAMES = [field.alias for field in Action.model_fields.values()]


def pairs(names):
    """A field with a value that is sound, missing or odd."""

    def pair(name):
        odd = ODD_OF.get(name, ODD)
        return st.tuples(st.just(name), odd | odd | SOUND.get(name, st.text(max_size=9)) | st.none())

    return st.sampled_from(names).flatmap(pair)


def spelled(pairs):
    """An object as JSON; a name may come twice."""
    return "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"


def actions_of(name):
    """Actions of a type with what it must have and some of what it may have, and now and then something odd."""
    kind = EVENTS[name].payload.model_fields.values()
    must = {"userId": SOUND["userId"]} | {
        field.alias: SOUND.get(field.alias, st.text(max_size=9))
        for field in kind
        if field.is_required() and field.alias != "userId"
    }
    own = {"sku": "productId", "categoryCode": "categoryId", "searchCategoryCode": "searchCategoryId"}
    may = {field.alias: SOUND.get(field.alias, st.text(max_size=9)) for field in kind} | {
        each: SOUND[each] for each in ("eventId", "timestamp", *own)
    }
    may = {each: may[each] for each in may if each not in own or own[each] in may}
    must = {each: must[each] for each in must if each not in own.values()}
    sound = st.fixed_dictionaries(must, optional={each: may[each] for each in may if each not in {*must, "metadata"}})
    odd = st.lists(pairs([*may]), max_size=1) | st.lists(pairs([*may, "actionType", *NAMES]), max_size=2)
    return st.builds(lambda fields, more: spelled([("actionType", name), *fields.items(), *more]), sound, odd)


ACTIONS = st.sampled_from([*map(str, EMITTERS)]).flatmap(actions_of)
SENT = st.sampled_from(["", *(f',"sentAt":"2026-06-15T{time}Z"' for time in ("12:00:20", "12:06:10", "03:00:00"))])
BODIES = st.builds(
    lambda each, sent: f'{{"actions":[{",".join(each)}]{sent}}}'.encode(),
    st.lists(ACTIONS, min_size=1, max_size=2),
    SENT,
)
SENDERS = st.builds(
    Sender,
    st.sampled_from([Principal("visitor", VISITOR), SHOPPER, IMPORTER]),
    st.sampled_from([BROWSER, "Googlebot/2.1", ""]),
    st.sampled_from([None, "k1"]),
)


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(sender=SENDERS, body=BODIES)
def test_whatever_the_quick_way_reads_the_careful_way_sends_and_answers_alike(sender, body):
    batch = structs.read(body)
    if batch is not None:
        assert quickly(sender, batch) == carefully(sender, body)
