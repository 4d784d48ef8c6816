import uuid
from datetime import UTC, datetime, timedelta

import pytest

from services.contracts.registry import parse
from tests.services.waiting import read_topic

pytestmark = pytest.mark.asyncio(loop_scope="module")


def viewed(user_id, product_id=1, **more):
    return {"actionType": "PRODUCT_VIEWED", "userId": user_id, "productId": product_id, **more}


def nested(depth):
    return {} if depth == 0 else {"in": nested(depth - 1)}


async def post(client, *actions, headers=None, **more):
    return await client.post("/v1/actions", json={"actions": actions, **more}, headers=headers)


@pytest.fixture(scope="module")
def broker(any_broker):
    return any_broker


@pytest.fixture
def event_of(broker):
    """Gives the event with an id, and its payload, as they are on the topic."""

    async def find(event_id):
        events = [parse(record.topic, record.value) for record in await read_topic(broker.url, "user-actions.v1", 1)]
        (found,) = [(event, payload) for event, payload in events if str(event.event_id) == event_id]
        return found

    return find


async def test_an_acknowledged_action_is_on_the_topic_stamped_and_keyed(client, event_of, visitor):
    response = await post(client, viewed(visitor, 7))
    assert response.status_code == 202
    (result,) = response.json()["results"]
    event, payload = await event_of(result["eventId"])
    assert (event.producer, payload.user_id, payload.product_id, payload.is_bot) == ("analytics", visitor, 7, False)
    assert event.event_id.version == 7
    assert event.traceparent is not None


async def test_a_given_event_id_is_kept_so_that_a_retry_is_safe(client, visitor):
    given = str(uuid.uuid4())
    answers = [await post(client, viewed(visitor, eventId=given)) for _ in range(2)]
    assert [answer.json()["results"][0]["eventId"] for answer in answers] == [given, given]


async def test_under_one_idempotency_key_an_action_keeps_its_event_id(client, visitor):
    async def ids(key, *actions):
        answer = await post(client, *actions, headers={"Idempotency-Key": key})
        return [result["eventId"] for result in answer.json()["results"]]

    first = await ids("k1", viewed(visitor), viewed(visitor))
    assert len(set(first)) == 2
    assert await ids("k1", viewed(visitor), viewed(visitor)) == first
    assert set(await ids("k2", viewed(visitor))).isdisjoint(first)
    assert set(await ids("k1", viewed(visitor, product_id=2))).isdisjoint(first)


async def test_a_crawler_is_flagged_and_not_dropped(client, event_of, visitor):
    response = await post(client, viewed(visitor), headers={"User-Agent": "Examplebot/1.0"})
    _, payload = await event_of(response.json()["results"][0]["eventId"])
    assert payload.is_bot


async def test_each_action_has_its_own_outcome(client, visitor):
    cart = {"actionType": "CART_ADD", "userId": visitor, "productId": 1}
    foreign = viewed("someone-else")
    nameless = {"actionType": "SEARCH_BY_KEYWORD", "userId": visitor}
    response = await post(client, viewed(visitor), cart, foreign, nameless)
    assert response.status_code == 202
    body = response.json()
    assert body["accepted"] == 1
    assert [(result["status"], result["field"]) for result in body["results"]] == [
        ("ACCEPTED", None),
        ("REFUSED", "actionType"),
        ("REFUSED", "userId"),
        ("REFUSED", "searchKeyword"),
    ]


async def test_a_batch_of_which_nothing_is_accepted_names_each_field(client, visitor):
    response = await post(client, viewed("someone-else"), viewed(visitor, timestamp="2001-01-01T00:00:00Z"))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [
        "body.actions.0.userId",
        "body.actions.1.timestamp",
    ]


async def test_a_service_token_may_send_any_action_of_any_user_and_time(client, as_service):
    order = {"actionType": "ORDER_COMPLETE", "userId": "2375", "orderId": 9, "timestamp": "2016-12-28T10:15:00Z"}
    response = await post(client, order, headers=as_service)
    assert response.json()["accepted"] == 1


async def test_a_user_sends_for_itself_alone(client, as_user):
    own, foreign = viewed("2375"), viewed("2376")
    response = await post(client, own, foreign, headers=as_user("2375"))
    assert [result["status"] for result in response.json()["results"]] == ["ACCEPTED", "REFUSED"]


async def test_a_clock_a_little_ahead_is_set_back_and_one_far_ahead_is_refused(client, event_of, visitor):
    now = datetime.now(UTC)
    near = viewed(visitor, timestamp=(now + timedelta(minutes=1)).isoformat())
    far = viewed(visitor, timestamp=(now + timedelta(hours=1)).isoformat())
    results = (await post(client, near, far)).json()["results"]
    event, _ = await event_of(results[0]["eventId"])
    assert event.timestamp <= datetime.now(UTC)
    assert (results[1]["status"], results[1]["field"]) == ("REFUSED", "timestamp")


async def test_without_consent_nothing_is_kept(client, visitor):
    response = await post(client, viewed(visitor), consent=False)
    assert response.status_code == 202
    assert response.json() == {
        "accepted": 0,
        "results": [{"status": "WITHHELD", "eventId": None, "field": None, "reason": None}],
    }


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"productId": "7"}, "body.actions.0.productId"),
        ({"colour": "red"}, "body.actions.0.colour"),
        ({"actionType": "PRODUCT_STOLEN"}, "body.actions.0.actionType"),
        ({"productPrice": 1.5}, "body.actions.0.productPrice"),
        ({"timestamp": "yesterday"}, "body.actions.0.timestamp"),
        ({"reviewText": "a\x00b"}, "body.actions.0.reviewText"),
        ({"metadata": {"a": "\x00"}}, "body.actions.0.metadata"),
        ({"metadata": {"a": [2**63]}}, "body.actions.0.metadata"),
        ({"metadata": {"a": "b" * 5_000}}, "body.actions.0.metadata"),
        ({"metadata": nested(40)}, "body.actions.0.metadata"),
        ({"productId": 2**70}, "body.actions.0.productId"),
    ],
)
async def test_a_bad_value_is_refused_by_name(client, visitor, broken, field):
    response = await post(client, viewed(visitor) | broken)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field


async def test_more_than_500_actions_are_refused(client, visitor):
    response = await post(client, *[viewed(visitor)] * 501)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "body.actions"
