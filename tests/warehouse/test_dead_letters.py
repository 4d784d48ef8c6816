import uuid

import pytest
from aiokafka import AIOKafkaConsumer

from warehouse import dead_letters
from warehouse.dead_letters import Message, Retried

NOWHERE = "127.0.0.1:1"
KEEP = """
insert into raw.dead_letters (topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at)
values ('user-actions.v1', 0, {offset}, '1', '{value}', 'BAD_PAYLOAD', 'productId: missing', '{consumer}', now())
returning id
"""


@pytest.fixture
def letter(rows):
    """Keeps a dead letter as an older contract would have: `letter(value, offset, consumer=…)` gives its id."""

    def keep(value, offset=0, consumer="landing"):
        return rows(KEEP.format(value=value.decode(), offset=offset, consumer=consumer))[0][0]

    return keep


def test_open_letters_are_listed_without_their_bytes(warehouse, letter):
    kept = letter(b"first")
    (listed,) = dead_letters.list_open(warehouse.loader, topic="user-actions.v1")
    assert (listed.id, listed.reason, listed.kafka_offset) == (kept, "BAD_PAYLOAD", 0)


def test_all_open_letters_are_listed_however_many_pages_they_fill(warehouse, letter, monkeypatch):
    monkeypatch.setattr(dead_letters, "PAGE", 2)
    kept = [letter(b"bytes", offset) for offset in range(5)]
    assert [listed.id for listed in dead_letters.list_open(warehouse.loader)] == kept


def test_the_bytes_of_one_are_shown_when_asked_for(warehouse, letter):
    assert dead_letters.show(warehouse.loader, letter(b"first")) == Message(b"1", b"first")


def test_a_letter_that_is_not_there_cannot_be_shown(warehouse):
    with pytest.raises(KeyError):
        dead_letters.show(warehouse.loader, 7)


async def test_what_the_contract_now_reads_lands_with_its_first_position(warehouse, letter, viewed, rows):
    letter(viewed(), offset=5)
    assert await dead_letters.retry(warehouse.loader, NOWHERE) == Retried(landed=1)
    assert rows("select key, kafka_offset from raw.user_actions_v1") == [("1", 5)]
    assert list(dead_letters.list_open(warehouse.loader)) == []


async def test_what_it_still_cannot_read_stays_with_its_reason(warehouse, letter):
    letter(b"unreadable")
    assert await dead_letters.retry(warehouse.loader, NOWHERE) == Retried(remaining=1)
    (kept,) = dead_letters.list_open(warehouse.loader)
    assert kept.reason == "NOT_JSON"
    assert kept.retried_at is not None


async def test_pages_that_are_bounded_by_bytes_are_tried_to_the_last(warehouse, letter, viewed, monkeypatch):
    monkeypatch.setattr(dead_letters, "PAGE_BYTES", 2 * len(viewed()) - 1)
    for offset in range(5):
        letter(viewed(), offset)
    assert await dead_letters.retry(warehouse.loader, NOWHERE) == Retried(landed=5)


async def test_a_conflict_stays_one(warehouse, lander, letter, viewed):
    event_id = uuid.UUID(int=7)
    lander.land(viewed(7, event_id=event_id))
    letter(viewed(8, event_id=event_id))
    assert await dead_letters.retry(warehouse.loader, NOWHERE) == Retried(remaining=1)
    assert next(dead_letters.list_open(warehouse.loader)).reason == "CONFLICT"


async def test_only_those_named_are_tried(warehouse, letter, viewed):
    first, second = letter(viewed()), letter(viewed())
    assert await dead_letters.retry(warehouse.loader, NOWHERE, [second]) == Retried(landed=1)
    assert [kept.id for kept in dead_letters.list_open(warehouse.loader)] == [first]


async def test_what_a_service_gave_up_is_sent_to_its_topic_again(warehouse, broker, letter):
    broker.create_topics("user-actions.v1")
    letter(b"handled in vain", consumer="content")
    assert await dead_letters.retry(warehouse.loader, broker.url) == Retried(resent=1)
    async with AIOKafkaConsumer(
        "user-actions.v1", bootstrap_servers=broker.url, auto_offset_reset="earliest"
    ) as consumer:
        message = await consumer.getone()
    assert (message.key, message.value) == (b"1", b"handled in vain")
    assert list(dead_letters.list_open(warehouse.loader)) == []
