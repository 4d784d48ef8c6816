import asyncio
import json
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.common.messaging.producer import Producer
from serving.feedback import FeedbackSender
from serving.recommender import recommendation_id, versions_of
from tests.ml.tiny_bundle import BUYER, MILK, TEA

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOPIC = "recommendation-feedback.v1"
SHOWN = [{"displayType": "SALE", "productId": TEA, "rank": 1, "score": 0.5, "source": "discover"}]
CLICKED = {"displayType": "SALE", "productId": TEA, "rank": 1}


@pytest.fixture
def recorded(settings):
    """Reads the feedback of one answer from the broker, once there are as many events as expected."""

    async def read(recommendation, count):
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_url, auto_offset_reset="earliest")
        await consumer.start()
        try:
            await consumer.topics()
            consumer.assign([TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)])
            events = []
            while len(events) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found = [json.loads(record.value) for record in records if record.value.startswith(b"{")]
                    events += [event for event in found if event["data"]["recommendationId"] == recommendation]
            return events
        finally:
            await consumer.stop()

    return read


async def test_what_was_shown_is_recorded_with_the_versions_behind_it(client, as_user, recorded):
    answer = await client.get(f"/v1/users/{BUYER}/recommendations", headers=as_user(BUYER))
    identifier = answer.json()["recommendationId"]

    report = {"recommendationId": identifier, "userId": BUYER, "shown": SHOWN}
    taken = await client.post("/v1/feedback", json=report, headers=as_user(BUYER))

    assert (taken.status_code, taken.json()) == (202, {"accepted": 1, "degraded": False})
    [event] = await recorded(identifier, 1)
    assert event["eventType"] == "RECOMMENDATION_SHOWN"
    assert event["data"] == {
        "recommendationId": identifier,
        "userId": BUYER,
        "items": [{**SHOWN[0], "sku": "T/3"}],
        "modelVersion": "b1",
        "rulesVersion": answer.json()["rulesVersion"],
        "generation": "g-b1",
        "degraded": False,
        "simulated": False,
    }


async def test_a_click_is_recorded(client, recorded):
    await client.post("/v1/feedback", json={"recommendationId": "r-1", "userId": "newcomer", "clicked": CLICKED})

    [event] = await recorded("r-1", 1)
    assert event["eventType"] == "RECOMMENDATION_CLICKED"
    assert event["data"]["productId"] == TEA


async def test_a_click_on_a_similar_product_is_recorded(client, recorded):
    answer = (await client.get(f"/v1/products/{MILK}/similar")).json()
    [first, *_] = answer["items"]
    clicked = {"displayType": "SIMILAR", "productId": first["productId"], "rank": first["rank"]}
    identifier = answer["recommendationId"]

    await client.post("/v1/feedback", json={"recommendationId": identifier, "userId": "newcomer", "clicked": clicked})

    [event] = await recorded(identifier, 1)
    assert event["data"].items() >= clicked.items()


async def test_a_report_sent_again_makes_the_same_event(client, recorded):
    report = {"recommendationId": "r-3", "userId": "newcomer", "clicked": CLICKED}
    for _ in range(2):
        await client.post("/v1/feedback", json=report)

    first, second = await recorded("r-3", 2)
    assert first["eventId"] == second["eventId"]


async def test_reports_that_say_the_same_are_told_apart_by_their_ids(client, recorded):
    report = {"recommendationId": "r-4", "userId": "newcomer", "clicked": CLICKED}
    for number in (1, 2, 2):
        await client.post("/v1/feedback", json=report | {"reportId": str(uuid.UUID(int=number))})

    events = await recorded("r-4", 3)
    assert [event["eventId"] for event in events].count(events[2]["eventId"]) == 2
    assert len({event["eventId"] for event in events}) == 2


async def test_without_an_id_the_feedback_is_the_callers_own(client, as_user, recorded):
    await client.post("/v1/feedback", json={"recommendationId": "r-2", "clicked": CLICKED}, headers=as_user(BUYER))

    [event] = await recorded("r-2", 1)
    assert event["data"]["userId"] == BUYER


async def test_feedback_of_nobody_is_refused(client, tokens):
    for headers in ({}, tokens.header(tokens.service("operator", "serving"))):
        answer = await client.post("/v1/feedback", json={"recommendationId": "r", "clicked": CLICKED}, headers=headers)
        assert answer.status_code == 401


async def test_feedback_of_another_user_is_refused(client, as_user):
    report = {"recommendationId": "r", "userId": BUYER, "clicked": CLICKED}

    assert (await client.post("/v1/feedback", json=report, headers=as_user("8"))).status_code == 403


@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"clicked": CLICKED}, "body.recommendationId"),
        ({"recommendationId": "r"}, "body"),
        ({"recommendationId": "r", "clicked": CLICKED | {"rank": 0}}, "body.clicked.rank"),
        ({"recommendationId": "r", "shown": [{"productId": MILK}]}, "body.shown.0.displayType"),
        ({"recommendationId": "r", "clicked": CLICKED, "colour": "red"}, "body.colour"),
    ],
)
async def test_a_bad_report_is_refused_by_the_fields_name(client, report, field):
    answer = await client.post("/v1/feedback", json={"userId": "newcomer"} | report)

    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["errors"]]


async def test_an_answers_id_carries_its_versions():
    versions = {"modelVersion": "b1", "rulesVersion": "r1", "generation": None, "degraded": True}
    known = {"model_version": "b1", "rules_version": "r1", "generation": None, "degraded": True}

    assert versions_of(recommendation_id({**versions, "experiment": None})) == known
    arm = {"experiment": "ranking", "arm": "control"}
    assert (
        versions_of(recommendation_id({**versions, "experiment": {"name": "ranking", "arm": "control"}})) == known | arm
    )
    assert versions_of("not ours") == {}


@pytest.mark.parametrize(("limit", "size"), [("MAX_WAITING", 3), ("MAX_WAITING_BYTES", 3 * 100)])
async def test_of_what_waits_for_the_broker_only_so_much_is_kept(settings, monkeypatch, limit, size):
    monkeypatch.setattr(f"serving.feedback.{limit}", size)
    sender = FeedbackSender(Producer(settings))

    assert [sender.take("newcomer", [bytes(100)] * 2) for _ in range(3)] == [2, 1, 0]


async def test_what_was_sent_makes_room(settings, monkeypatch):
    monkeypatch.setattr("serving.feedback.MAX_WAITING_BYTES", 100)
    producer = Producer(settings)
    sender = FeedbackSender(producer)
    assert [sender.take("newcomer", [bytes(100)]) for _ in range(2)] == [1, 0]
    stop = asyncio.Event()
    stop.set()

    await sender.run(stop)

    assert sender.take("newcomer", [bytes(100)]) == 1
    await producer.close()


async def test_feedback_names_products_by_the_shops_own_ids(client, as_user, recorded):
    report = {
        "recommendationId": f"by-sku-{uuid.uuid4()}",
        "shown": [
            {"displayType": "SALE", "sku": "T/3", "rank": 1},
            {"displayType": "SALE", "productId": MILK, "rank": 2},
        ],
        "clicked": {"displayType": "SALE", "sku": "T/3", "productId": TEA, "rank": 1},
    }
    taken = await client.post("/v1/feedback", json=report, headers=as_user(BUYER))
    assert taken.json()["accepted"] == 2
    events = {event["eventType"]: event["data"] for event in await recorded(report["recommendationId"], 2)}
    shown = [(item["productId"], item["sku"]) for item in events["RECOMMENDATION_SHOWN"]["items"]]
    assert shown == [(TEA, "T/3"), (MILK, "M/1")]
    assert events["RECOMMENDATION_CLICKED"]["sku"] == "T/3"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"sku": "103"}, "names no product: 103"),
        ({"sku": "T/3", "productId": MILK}, f"is the sku of {TEA}, not of productId: T/3"),
    ],
)
async def test_feedback_on_an_unknown_or_another_sku_is_refused_by_name(client, as_user, named, message):
    report = {"recommendationId": "r", "clicked": {"displayType": "SALE", "rank": 1, **named}}
    refused = await client.post("/v1/feedback", json=report, headers=as_user(BUYER))
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"field": "body.clicked.sku", "message": message}])
