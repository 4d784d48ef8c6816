import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer

from services.contracts.kafka import KafkaSettings
from warehouse import dead_letters, retries
from warehouse.dead_letters import Choice
from warehouse.retries import Retried

NOWHERE = KafkaSettings(kafka_url="127.0.0.1:1")
KEEP = """
insert into raw.dead_letters (topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at)
values ('{topic}', 0, {offset}, '1', '{value}', '{reason}', 'productId: missing', '{consumer}', '{failed_at}')
returning id
"""


@pytest.fixture
def letter(rows):
    """Keeps a dead letter as an older contract would have: `letter(value, offset, consumer=…)` gives its id."""

    def keep(value, offset=0, **changes):
        said = {"topic": "user-actions.v1", "reason": "BAD_PAYLOAD", "consumer": "landing", "failed_at": "2026-01-02Z"}
        return rows(KEEP.format(value=value.decode(), offset=offset, **said | changes))[0][0]

    return keep


def test_open_letters_are_listed_without_their_bytes(warehouse, letter):
    kept = letter(b"first")
    (listed,) = dead_letters.list_chosen(warehouse.loader)
    assert (listed.id, listed.reason, listed.kafka_offset) == (kept, "BAD_PAYLOAD", 0)


def test_all_open_letters_are_listed_however_many_pages_they_fill(warehouse, letter, monkeypatch):
    monkeypatch.setattr(dead_letters, "PAGE", 2)
    kept = [letter(b"bytes", offset) for offset in range(5)]
    assert [listed.id for listed in dead_letters.list_chosen(warehouse.loader)] == kept


@pytest.mark.parametrize(
    "choice",
    [
        Choice(topic="order.v1"),
        Choice(reason="CONFLICT"),
        Choice(consumer="content.catalog"),
        Choice(since=datetime(2026, 1, 3, tzinfo=UTC)),
        Choice(topic="order.v1", reason="CONFLICT"),
    ],
)
async def test_letters_are_chosen_by_what_they_have_in_common(warehouse, letter, choice):
    letter(b"bytes")
    other = {"topic": "order.v1", "reason": "CONFLICT", "consumer": "content.catalog", "failed_at": "2026-01-03Z"}
    kept = letter(b"bytes", 1, **other)
    assert [listed.id for listed in dead_letters.list_chosen(warehouse.loader, choice)] == [kept]
    assert [group.count for group in dead_letters.groups(warehouse.loader, choice)] == [1]
    assert await retries.retry(warehouse.loader, NOWHERE, choice) == Retried(remaining=1)


def test_letters_are_counted_by_topic_consumer_and_reason(warehouse, letter):
    for offset, day in enumerate(("2026-01-04Z", "2026-01-03Z")):
        letter(b"bytes", offset, failed_at=day)
    letter(b"bytes", 2, reason="CONFLICT")
    first, second = dead_letters.groups(warehouse.loader)
    assert (first.reason, first.count, second.reason, second.count) == ("BAD_PAYLOAD", 2, "CONFLICT", 1)
    assert (first.first.day, first.last.day) == (3, 4)


def test_of_messages_that_were_sent_those_are_counted_that_landing_refused_since(warehouse, letter):
    before = letter(b"of the log before", 5)
    assert dead_letters.newest(warehouse.loader) == before
    for offset in (4, 6, 7, 8):
        letter(b"bytes", offset)
    letter(b"bytes", 6, topic="order.v1")
    letter(b"bytes", 7, consumer="content.catalog")
    sent = [("user-actions.v1", 0, 5, 3), ("user-actions.v1", 1, 4, 1)]
    assert dead_letters.refused(warehouse.loader, sent, after=before) == 2
    assert dead_letters.refused(warehouse.loader, [], after=0) == 0


def test_one_is_shown_with_its_position_and_bytes(warehouse, letter):
    shown = dead_letters.show(warehouse.loader, letter(b"first", 5))
    assert (shown.kafka_offset, shown.reason, shown.key, shown.value) == (5, "BAD_PAYLOAD", b"1", b"first")


def test_a_letter_that_is_not_there_cannot_be_shown(warehouse):
    with pytest.raises(KeyError):
        dead_letters.show(warehouse.loader, 7)


async def test_what_the_contract_now_reads_lands_with_its_first_position(warehouse, letter, viewed, rows):
    letter(viewed(), offset=5)
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(landed=1)
    assert rows("select key, kafka_offset from raw.user_actions_v1") == [("1", 5)]
    assert list(dead_letters.list_chosen(warehouse.loader)) == []


async def test_what_it_still_cannot_read_stays_with_its_reason(warehouse, letter):
    letter(b"unreadable")
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(remaining=1)
    (kept,) = dead_letters.list_chosen(warehouse.loader)
    assert kept.reason == "NOT_JSON"
    assert kept.retried_at is not None


async def test_pages_that_are_bounded_by_bytes_are_tried_to_the_last(warehouse, letter, viewed, monkeypatch):
    monkeypatch.setattr(retries, "PAGE_BYTES", 2 * len(viewed()) - 1)
    for offset in range(5):
        letter(viewed(), offset)
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(landed=5)


async def test_a_page_that_is_bounded_by_bytes_leaves_none_behind_for_one_without_bytes(
    warehouse, letter, viewed, rows, monkeypatch
):
    monkeypatch.setattr(retries, "PAGE_BYTES", len(viewed()))
    *_, last = (letter(viewed(), offset) for offset in range(3))
    rows(f"update raw.dead_letters set value = null where id = {last} returning id")
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(landed=2, remaining=1)


async def test_letters_that_another_command_holds_are_skipped_and_the_others_retried(
    warehouse, letter, viewed, monkeypatch
):
    monkeypatch.setattr(retries, "PAGE", 2)
    held = [letter(viewed(), offset) for offset in range(5)][:2]
    with psycopg.connect(warehouse.loader) as other:
        other.execute("select from raw.dead_letters where id = any(%s) for update", (held,))
        assert await retries.retry(warehouse.loader, NOWHERE) == Retried(landed=3, skipped=2)
    assert [kept.id for kept in dead_letters.list_chosen(warehouse.loader)] == held


async def test_a_conflict_stays_one(warehouse, lander, letter, viewed):
    event_id = uuid.UUID(int=7)
    lander.land(viewed(7, event_id=event_id))
    letter(viewed(8, event_id=event_id))
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(remaining=1)
    assert next(dead_letters.list_chosen(warehouse.loader)).reason == "CONFLICT"


async def test_only_those_named_are_tried(warehouse, letter, viewed):
    first, second = letter(viewed()), letter(viewed())
    assert await retries.retry(warehouse.loader, NOWHERE, Choice(ids=(second,))) == Retried(landed=1)
    assert [kept.id for kept in dead_letters.list_chosen(warehouse.loader)] == [first]


async def test_what_has_landed_in_the_meantime_is_known(warehouse, lander, letter, viewed):
    value = viewed(event_id=uuid.UUID(int=7))
    letter(value)
    lander.land(value)
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(duplicates=1)
    assert list(dead_letters.list_chosen(warehouse.loader)) == []


async def test_a_trial_tells_what_would_become_of_letters_and_does_nothing(warehouse, letter, viewed, rows):
    letter(viewed())
    letter(b"unreadable", 1)
    letter(viewed(), 2, consumer="content.catalog")
    before = rows("select * from raw.dead_letters order by id")
    would_be = await retries.retry(warehouse.loader, NOWHERE, is_trial=True)
    assert would_be == Retried(landed=1, resent=1, remaining=1)
    assert rows("select * from raw.dead_letters order by id") == before
    assert rows("select count(*) from raw.user_actions_v1") == [(0,)]


async def test_what_a_service_gave_up_is_sent_to_its_topic_again(warehouse, broker, letter, viewed):
    broker.create_topics("user-actions.v1")
    letter(viewed(), consumer="content.catalog")
    assert await retries.retry(warehouse.loader, broker.settings) == Retried(resent=1)
    async with AIOKafkaConsumer(
        "user-actions.v1", bootstrap_servers=broker.url, auto_offset_reset="earliest"
    ) as consumer:
        message = await consumer.getone()
    assert (message.key, message.value[:10]) == (b"1", b'{"eventId"')
    assert list(dead_letters.list_chosen(warehouse.loader)) == []


@pytest.mark.parametrize("topic", ["user-actions.v1", "nobody-has-it.v1"])
async def test_what_no_service_could_read_is_not_sent_again(warehouse, letter, topic):
    letter(b"unreadable", consumer="content.catalog", topic=topic)
    assert await retries.retry(warehouse.loader, NOWHERE) == Retried(remaining=1)
    assert next(dead_letters.list_chosen(warehouse.loader)).reason == "NOT_JSON"
