"""What the consumer writes: a message's fields in their columns, whichever way the message was read."""

import json
import uuid
from types import SimpleNamespace

import pytest

from services.analytics import service
from services.analytics.external_ids import follow_catalog
from services.analytics.models import UserActionLog, ViewHistory
from services.common.messaging.messages import read
from services.common.storage.database import Database
from services.contracts.envelope import Event
from services.contracts.events.catalog import ProductSnapshot

VIEW = {
    "userId": "u1",
    "productId": 7,
    "productName": "茶",
    "currency": "KWD",
    "productPrice": "12.300",
    "categoryId": 2**63 - 1,
    "categoryName": 'a"b\\',
    "requestID": "r-1",
    "pageUrl": "https://shop.example/products/7?utm_source=mail",
    "referrer": "/search",
    **{f"utm{what}": what for what in ("Source", "Medium", "Campaign", "Term", "Content")},
}
ACTION = {
    **VIEW,
    "cartItemId": 1,
    "orderId": 2,
    "returnId": 3,
    "quantity": 4,
    "searchKeyword": "tea",
    "searchCategoryId": 5,
    "searchCategoryName": "drinks",
    "resultCount": 0,
    "reviewText": "good\n\u2028",
    "rating": 4.5,
    "actionReason": "why",
    "errorDetails": "none",
    "sessionId": "s",
    "isBot": True,
    "simulated": True,
}


@pytest.fixture
async def recorded(database_url):
    """Records a message and gives its row of a table, by column."""
    database = Database(database_url)

    async def record(table, event_type, data):
        event = {"eventId": str(uuid.uuid4()), "eventType": event_type, "producer": "test"}
        value = json.dumps({**event, "timestamp": "2026-01-02T03:04:05+09:00", "data": {}}).replace("{}", data).encode()
        message, _ = read(SimpleNamespace(topic="user-actions.v1", key=b"u1", value=value))
        async with database.sessions.begin() as session:
            await service.record(session, [message])
            query = table.__table__.select().where(table.event_id == event["eventId"])
            return dict((await session.execute(query)).mappings().one())

    yield record
    await database.close()


def by_column(row):
    """The row as an event has it; what it does not have is left out."""
    names = {"request_id": "requestID"}
    camel = {name: names.get(name) or "".join(map(str.capitalize, name.split("_"))) for name in row}
    return {camel[name][0].lower() + camel[name][1:]: value for name, value in row.items() if value is not None}


@pytest.mark.parametrize("more", [{}, {"metadata": {"a": [1, None], "b": {"c": "d"}}}, {"new": "\0"}])
async def test_an_action_is_a_row_with_all_it_says(recorded, more):
    row = by_column(await recorded(UserActionLog, "SEARCH_BY_KEYWORD", json.dumps({**ACTION, **more})))
    assert row["createdAt"].isoformat() == "2026-01-01T18:04:05+00:00"
    assert row["actionType"] == "SEARCH_BY_KEYWORD"
    known = {**ACTION, **{name: value for name, value in more.items() if name == "metadata"}}
    assert {name: str(row[name]) for name in known} == {name: str(value) for name, value in known.items()}


@pytest.mark.parametrize("more", [{}, {"new": "\0"}])
async def test_a_view_is_a_row_and_a_person_did_it_where_nothing_else_is_said(recorded, more):
    row = by_column(await recorded(ViewHistory, "PRODUCT_VIEWED", json.dumps({**VIEW, **more})))
    assert row["viewedAt"].isoformat() == "2026-01-01T18:04:05+00:00"
    assert (row["isBot"], row["simulated"]) == (False, False)
    assert {name: str(row[name]) for name in VIEW} == {name: str(value) for name, value in VIEW.items()}


async def test_a_number_too_small_for_a_double_is_recorded_as_the_zero_that_it_is_read_as(recorded):
    row = await recorded(UserActionLog, "REVIEW_SUBMIT", '{"userId":"u1","productId":1,"rating":1e-400}')
    assert row["rating"] == 0


@pytest.mark.parametrize(("table", "event_type"), [(ViewHistory, "PRODUCT_VIEWED"), (UserActionLog, "CART_ADD")])
async def test_what_was_recorded_stays_as_it_was_when_the_product_changes(recorded, database_url, table, event_type):
    subject = {"productId": 7, "productName": "Tea", "productPrice": "500", "currency": "JPY", "categoryName": "Teas"}
    row = await recorded(table, event_type, json.dumps({"userId": "u1", **subject}))
    changed = ProductSnapshot(product_id=7, sku="tea", name="New name", price="600", currency="JPY", product_version=2)
    told = Event.of("PRODUCT_UPDATED", changed, producer="catalog").to_bytes()
    message, _ = read(SimpleNamespace(topic="catalog.v1", key=b"7", value=told))
    database = Database(database_url)
    async with database.sessions.begin() as session:
        await follow_catalog(session, [message])
        query = table.__table__.select().where(table.id == row["id"])
        assert dict((await session.execute(query)).mappings().one()) == row
    await database.close()
