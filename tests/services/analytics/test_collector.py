import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import pytest_asyncio

from services.analytics import refusals
from services.analytics.app import create_app
from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events import catalog
from services.contracts.registry import parse
from tests.waiting import eventually, read_topic

pytestmark = pytest.mark.asyncio(loop_scope="module")


def viewed(user_id, product_id=1, **more):
    return {"actionType": "PRODUCT_VIEWED", "userId": user_id, "productId": product_id, **more}


def nested(depth):
    return {} if depth == 0 else {"in": nested(depth - 1)}


def outcomes(response):
    return [
        (result["index"], result["status"], [error["field"] for error in result.get("errors", [])])
        for result in response.json()["results"]
    ]


async def post(client, *actions, headers=None, **more):
    return await client.post("/v1/actions", json={"actions": actions, "consent": True, **more}, headers=headers)


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


@pytest.mark.parametrize(
    ("agent", "is_bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0", True),
        ("Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0", False),
        ("okhttp/4.12.0", False),
        ("axios/1.7.2", False),
        ("python-httpx/0.28.1", False),
    ],
)
@pytest.mark.parametrize("more", [{}, {"metadata": {"a": 1}}])
async def test_a_known_bot_is_flagged_and_no_app_and_what_it_calls_itself_is_kept(
    client, event_of, visitor, agent, is_bot, more
):
    search = {"actionType": "SEARCH_BY_KEYWORD", "userId": visitor, "searchKeyword": "tea", **more}
    response = await post(client, search, headers={"User-Agent": agent})
    _, payload = await event_of(response.json()["results"][0]["eventId"])
    assert (payload.is_bot, payload.user_agent) == (is_bot, agent)


async def test_who_names_no_program_is_a_person(client, event_of, visitor):
    response = await post(client, viewed(visitor), headers={"User-Agent": ""})
    _, payload = await event_of(response.json()["results"][0]["eventId"])
    assert (payload.is_bot, payload.user_agent) == (False, None)


@pytest.fixture
def sent_by(broker):
    """The events of a user on the topic: their ids, and whether a bot did them."""

    async def find(user_id):
        records = await read_topic(broker.url, "user-actions.v1", 1)
        own = [parse(record.topic, record.value) for record in records if record.key == user_id.encode()]
        return [(str(event.event_id), payload.is_bot) for event, payload in own]

    return find


@pytest.mark.parametrize("more", [{}, {"metadata": None}])
async def test_who_is_faster_than_a_person_is_flagged_and_what_is_sent_again_stays_as_it_was(
    client, sent_by, visitor, more
):
    now = datetime.now(UTC).isoformat()
    views = [viewed(visitor, number, timestamp=now, eventId=str(uuid.uuid4()), **more) for number in range(1, 13)]
    for _ in range(2):
        assert (await post(client, *views)).json()["accepted"] == 12
    found = await sent_by(visitor)
    flags = dict(found)
    assert [flags[view["eventId"]] for view in views] == [False] * 10 + [True] * 2
    assert set(found) == set(flags.items())


async def test_a_service_is_not_judged_by_its_speed(client, sent_by, as_service, visitor):
    now = datetime.now(UTC).isoformat()
    await post(client, *[viewed(visitor, number, timestamp=now) for number in range(1, 101)], headers=as_service)
    assert [is_bot for _, is_bot in await sent_by(visitor)] == [False] * 100


async def test_a_service_tells_the_shoppers_program_and_its_own_is_not_kept(client, event_of, as_service):
    named = viewed("2375", userAgent="Googlebot/2.1")
    results = (await post(client, viewed("2375"), named, headers=as_service)).json()["results"]
    kept = [(await event_of(result["eventId"]))[1] for result in results]
    assert [(payload.user_agent, payload.is_bot) for payload in kept] == [(None, False), ("Googlebot/2.1", True)]


async def test_each_action_has_its_own_outcome(client, visitor):
    cart = {"actionType": "CART_ADD", "userId": visitor, "productId": 1}
    foreign = viewed("someone-else")
    nameless = {"actionType": "SEARCH_BY_KEYWORD", "userId": visitor}
    response = await post(client, viewed(visitor), cart, foreign, nameless)
    assert response.status_code == 202
    body = response.json()
    assert body["accepted"] == 1
    assert outcomes(response) == [
        (0, "ACCEPTED", []),
        (1, "REFUSED", ["actionType"]),
        (2, "REFUSED", ["userId"]),
        (3, "REFUSED", ["searchKeyword"]),
    ]


@pytest.mark.parametrize(
    ("broken", "fields"),
    [
        ({"actionType": "PRODUCT_VIEWED", "userId": "u", "productId": "7"}, ["productId"]),
        ({"actionType": "PRODUCT_STOLEN", "userId": 5}, ["userId", "actionType"]),
        ({}, ["userId", "actionType"]),
        (None, [""]),
        ([[]], [""]),
        ({"actionType": "PRODUCT_VIEWED", "userId": "u", "productId": 7, "a\0b": 1}, ["a\0b"]),
    ],
)
@pytest.mark.usefixtures("_new_minute")
async def test_a_malformed_action_costs_itself_and_not_its_batch(client, visitor, broken, fields):
    response = await post(client, viewed(visitor), broken, viewed(visitor))
    assert response.status_code == 202
    assert outcomes(response) == [(0, "ACCEPTED", []), (1, "REFUSED", fields), (2, "ACCEPTED", [])]


@pytest.mark.parametrize("more", [{"metadata": {"page": "/7"}}, {"resultCount": 1}, {"quantity": 2}])
async def test_what_a_view_has_no_field_for_is_refused_by_name_and_does_not_vanish(client, visitor, more):
    response = await post(client, viewed(visitor), viewed(visitor, **more))
    assert outcomes(response) == [(0, "ACCEPTED", []), (1, "REFUSED", [*more])]


async def test_an_event_id_belongs_to_one_action_of_a_batch(client, visitor):
    given = str(uuid.uuid4())
    same, other = viewed(visitor, 1, eventId=given), viewed(visitor, 2, eventId=given)
    response = await post(client, same, same, other)
    assert outcomes(response) == [(0, "ACCEPTED", []), (1, "ACCEPTED", []), (2, "REFUSED", ["eventId"])]


async def kept(broker):
    """The dead letters and the actions in them."""
    records = await read_topic(broker.url, "dead-letters.v1", 1)
    dead_letters = [parse(record.topic, record.value)[1] for record in records]
    return [(letter, json.loads(base64.b64decode(letter.value))) for letter in dead_letters]


@pytest.fixture
def _new_minute():
    """As if none had been kept in the last minute."""
    refusals.KEPT.clear()


@pytest.mark.usefixtures("_new_minute")
async def test_refused_actions_are_counted_by_reason_and_kept_as_dead_letters(client, broker, visitor):
    async def counted():
        lines = (await client.get("/metrics")).text.splitlines()
        name = 'tanawari_actions_refused_total{reason="FOREIGN_TYPE"}'
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0)

    before = await counted()
    cart = {"actionType": "CART_ADD", "userId": visitor, "productId": 1}
    assert (await post(client, viewed(visitor), cart)).status_code == 202
    assert await counted() == before + 1
    (letter,) = [letter for letter, action in await kept(broker) if action == cart]
    assert (letter.consumer, letter.reason) == ("analytics.collector", "FOREIGN_TYPE")
    assert letter.detail == "actionType: CART_ADD is emitted by cart alone"


@pytest.mark.usefixtures("_new_minute")
@pytest.mark.parametrize("more", [{}, {"metadata": None}, {"colour": "red"}])
async def test_a_refused_action_is_kept_without_the_secrets_of_its_addresses(client, broker, visitor, more):
    page = f"https://shop.example/{uuid.uuid4()}"
    foreign = {"actionType": "CART_ADD", "userId": visitor, "productId": 7, "quantity": 1, **more}
    secrets = {"pageUrl": f"{page}?token=s3cret", "referrer": "/#s3cret", "utmContent": "anna@example.com"}
    await post(client, viewed(visitor), {**foreign, **secrets})
    [action] = [action for _, action in await kept(broker) if page in json.dumps(action)]
    assert (action["pageUrl"], action["referrer"], action["utmContent"]) == (page, "/", "[email]")


@pytest.mark.usefixtures("_new_minute")
async def test_of_many_refused_actions_only_so_many_are_kept(client, broker, visitor, as_user):
    for _ in range(2):
        await post(client, *[{"many": True}] * refusals.KEPT_A_MINUTE, headers=as_user(visitor))
    assert len([action for _, action in await kept(broker) if action == {"many": True}]) == refusals.KEPT_A_MINUTE


async def test_a_batch_of_which_nothing_is_accepted_names_each_field(client, visitor, as_user):
    late = viewed(visitor, timestamp="2001-01-01T00:00:00Z")
    response = await post(client, viewed("someone-else"), late, headers=as_user(visitor))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [
        "body.actions.0.userId",
        "body.actions.1.timestamp",
    ]


async def test_a_service_token_may_send_any_action_of_any_user_and_time(client, as_service):
    order = {"actionType": "ORDER_COMPLETE", "userId": "2375", "orderId": 9, "timestamp": "2016-12-28T10:15:00Z"}
    response = await post(client, order, headers=as_service)
    assert response.json()["accepted"] == 1


async def test_while_nobody_can_verify_tokens_actions_are_to_be_sent_again(settings, visitor, as_user):
    app = create_app(settings.model_copy(update={"auth_jwks_url": "file:///nowhere"}))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://analytics") as unknowing:
        responses = [await post(unknowing, viewed(who), headers=as_user(who)) for who in ("2375", visitor)]
    await app.state.producer.close()
    assert [response.status_code for response in responses] == [503, 503]


async def test_whoever_shows_no_token_sends_nothing(nobody, visitor):
    assert (await post(nobody, viewed(visitor))).status_code == 401


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
    assert (results[1]["status"], results[1]["errors"][0]["field"]) == ("REFUSED", "timestamp")


async def test_a_clock_that_is_wrong_is_corrected_by_what_it_says_when_it_sends(client, event_of, visitor):
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    view = viewed(visitor, timestamp=(ahead - timedelta(seconds=30)).isoformat())
    (result,) = (await post(client, view, sentAt=ahead.isoformat())).json()["results"]
    event, payload = await event_of(result["eventId"])
    assert timedelta(seconds=25) < datetime.now(UTC) - event.timestamp < timedelta(seconds=60)
    assert payload.clock_offset_seconds == -360


async def test_without_consent_nothing_is_kept(client, visitor):
    response = await post(client, viewed(visitor), consent=False)
    assert response.status_code == 202
    assert response.json() == {
        "accepted": 0,
        "results": [{"index": 0, "status": "WITHHELD"}],
    }


@pytest.mark.parametrize("more", [{}, {"metadata": None}])
async def test_a_browser_must_say_what_the_user_answered_and_a_service_need_not(client, visitor, as_service, more):
    async def unasked(headers=None):
        return await client.post("/v1/actions", json={"actions": [viewed(visitor, **more)]}, headers=headers)

    answer = await unasked()
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["body.consent"])
    assert (await unasked(as_service)).json()["accepted"] == 1


@pytest.mark.parametrize("more", [{}, {"metadata": None}])
async def test_addresses_leave_their_secrets_behind_and_may_be_long(client, event_of, visitor, more):
    page = {"pageUrl": "https://shop.example/tea?token=s3cret&utm_source=mail", "referrer": "https://a:b@c.example/#d"}
    page |= {"utmSource": "mail", "utmTerm": "anna@example.com"}
    first, second = viewed(visitor, **page, **more), viewed(visitor, referrer="/?" + "a" * 5_000, **more)
    results = (await post(client, first, second)).json()["results"]
    payloads = [(await event_of(result["eventId"]))[1] for result in results]
    assert (payloads[0].page_url, payloads[0].referrer) == (
        "https://shop.example/tea?utm_source=mail",
        "https://c.example/",
    )
    assert payloads[1].referrer == "/"
    assert (payloads[0].utm_source, payloads[0].utm_term) == ("mail", "[email]")


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


@pytest_asyncio.fixture(loop_scope="module")
async def told(settings, client):
    """The catalog has told of a product, of one that was deleted, and of a category."""
    names = {"name": "Tea", "price": "2.00"}
    events = [
        ("PRODUCT_CREATED", catalog.ProductSnapshot(product_id=7, sku="42", **names)),
        ("PRODUCT_DELETED", catalog.ProductDeleted(product_id=8, sku="gone")),
        ("PRODUCT_CREATED", catalog.ProductSnapshot(product_id=8, sku="gone", **names)),  # late
        ("CATEGORY_CREATED", catalog.CategorySnapshot(category_id=5, code="FOOD > TEA", name="Teas")),
    ]
    producer = Producer(settings)
    for event_type, data in events:
        await producer.send("catalog.v1", "1", Event.of(event_type, data, producer="catalog").to_bytes())
    await producer.close()
    search = {"actionType": "SEARCH_BY_CATEGORY", "userId": f"anon:{uuid.uuid4()}", "searchCategoryCode": "FOOD > TEA"}
    await eventually(lambda: post(client, search), lambda answer: answer.status_code == 202)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("more", [{}, {"metadata": {"a": 1}}])
async def test_actions_name_products_by_the_shops_own_ids(client, event_of, visitor, more):
    review = {"actionType": "REVIEW_START", "userId": visitor, **more}
    response = await post(
        client,
        {**review, "sku": "42", "categoryCode": "FOOD > TEA"},
        {**review, "sku": "42", "productId": 7},
        {**review, "sku": "42", "productId": 42},
        {**review, "sku": "gone"},
        {**review, "sku": "7"},
        review,
    )
    assert outcomes(response) == [
        (0, "ACCEPTED", []),
        (1, "ACCEPTED", []),
        *((index, "REFUSED", ["sku"]) for index in (2, 3, 4)),
        (5, "REFUSED", ["productId"]),
    ]
    assert response.json()["results"][4]["errors"][0]["message"] == "the catalog has told of none: 7"
    _, payload = await event_of(response.json()["results"][0]["eventId"])
    assert (payload.product_id, payload.category_id) == (7, 5)


@pytest.mark.usefixtures("told")
async def test_histories_and_what_is_popular_carry_the_shops_own_ids(client, as_service, as_staff):
    reader = f"sku-reader-{uuid.uuid4()}"
    view = {"actionType": "PRODUCT_VIEWED", "userId": reader, "sku": "42", "categoryCode": "FOOD > TEA"}
    search = {"actionType": "SEARCH_BY_CATEGORY", "userId": reader, "searchCategoryCode": "FOOD > TEA"}
    await post(client, view, search, headers=as_service)

    async def recorded(what):
        return (await client.get(f"/v1/users/{reader}/{what}", headers=as_staff)).json()["items"]

    (seen,) = await eventually(lambda: recorded("views"), bool)
    assert (seen["productId"], seen["sku"], seen["categoryCode"]) == (7, "42", "FOOD > TEA")
    (searched,) = await eventually(lambda: recorded("actions"), bool)
    assert (searched["searchCategoryId"], searched["searchCategoryCode"]) == (5, "FOOD > TEA")
    popular = (await client.get("/v1/products/popular?days=90&limit=100")).json()["items"]
    assert {item["productId"]: item["sku"] for item in popular}[7] == "42"
