import asyncio
import json
import uuid
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from aiokafka import TopicPartition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.events.feedback import Placement, RecommendationClicked
from tests.odd_messages import ENVELOPE
from tests.waiting import eventually
from warehouse.offsets import Counts, FencedError
from warehouse.store import APPLICATION, Store, TooSlowError, UnavailableError

ACTIONS = "user-actions.v1"
PARTITION = TopicPartition(ACTIONS, 0)
KNOWN = uuid.UUID(int=7)
OWNER = uuid.UUID(int=1)


def test_events_land_with_their_position_and_the_offset_moves_with_them(lander, viewed, rows):
    assert lander.land(viewed(7), viewed(8)) == Counts(consumed=2, landed=2)
    query = "select data ->> 'productId', key, kafka_offset from raw.user_actions_v1 order by 1"
    assert rows(query) == [("7", "1", 0), ("8", "1", 1)]
    assert rows("select next_offset, consumed, landed from landing.partitions") == [(2, 2, 2)]


def test_an_event_lands_with_its_user_and_all_of_its_envelope(lander, rows):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    lander.land(
        json.dumps(
            ENVELOPE | {"traceparent": trace, "data": {"userId": "anon:\N{TEACUP WITHOUT HANDLE}", "productId": 7}}
        ).encode()
    )
    lander.land(json.dumps(ENVELOPE | {"eventId": str(OWNER), "tenant": {"name": "b\\t\n"}}).encode())
    query = "select user_id, traceparent, unknown_fields from raw.user_actions_v1 order by kafka_offset"
    assert rows(query) == [("anon:\N{TEACUP WITHOUT HANDLE}", trace, None), ("1", None, {"tenant": {"name": "b\\t\n"}})]


def test_a_known_id_with_the_same_content_is_a_duplicate(lander, viewed, rows):
    lander.land(viewed(event_id=KNOWN))
    assert lander.land(viewed(event_id=KNOWN)) == Counts(consumed=1, duplicates=1)
    assert rows("select count(*) from raw.user_actions_v1") == [(1,)]


def test_a_known_id_with_other_content_is_a_dead_letter(lander, viewed, rows):
    lander.land(viewed(7, event_id=KNOWN))
    assert lander.land(viewed(8, event_id=KNOWN)) == Counts(consumed=1, dead_letters=1)
    assert rows("select reason, value, kafka_offset from raw.dead_letters") == [
        ("CONFLICT", viewed(8, event_id=KNOWN), 1)
    ]


@pytest.mark.parametrize("is_same_batch", [True, False])
def test_feedback_that_is_reported_again_later_is_a_duplicate(lander, message, is_same_batch):
    partition = TopicPartition("recommendation-feedback.v1", 0)
    lander.claim(partition)
    clicked = RecommendationClicked(
        recommendation_id="r", user_id="1", display_type=Placement.SALE, product_id=7, rank=1
    )

    def reported(day, offset):
        at = datetime(2026, 1, day, tzinfo=UTC)
        event = Event.of("RECOMMENDATION_CLICKED", clicked, producer="serving", event_id=KNOWN, timestamp=at)
        return message(event.to_bytes(), offset, topic=partition.topic)

    batches = [[reported(1, 0), reported(2, 1)]] if is_same_batch else [[reported(1, 0)], [reported(2, 1)]]
    counts = Counts()
    for batch in batches:
        counts += lander.store.write(lander.batch(*batch))[partition]
        lander.claim(partition)

    assert counts == Counts(consumed=2, landed=1, duplicates=1)


def test_the_same_holds_within_one_batch_where_the_first_wins(lander, viewed, rows):
    counts = lander.land(viewed(7, event_id=KNOWN), viewed(8, event_id=KNOWN), viewed(7, event_id=KNOWN))
    assert counts == Counts(consumed=3, landed=1, duplicates=1, dead_letters=1)
    assert rows("select data ->> 'productId' from raw.user_actions_v1") == [("7",)]


def test_the_order_of_fields_makes_no_other_content(lander, viewed):
    value = viewed(7, event_id=KNOWN)
    turned = value.replace(b'"userId":"1","isBot":false', b'"isBot":false,"userId":"1"')
    assert turned != value
    assert lander.land(value, turned) == Counts(consumed=2, landed=1, duplicates=1)


def test_what_cannot_be_read_is_kept_with_its_bytes_reason_and_position(lander, viewed, rows):
    assert lander.land(viewed(), b"\xff\x00", None) == Counts(consumed=3, landed=1, dead_letters=2)
    query = "select topic, kafka_partition, kafka_offset, key, value, reason, consumer from raw.dead_letters"
    assert rows(query) == [
        (ACTIONS, 0, 1, b"1", b"\xff\x00", "NOT_JSON", "landing"),
        (ACTIONS, 0, 2, b"1", None, "NOT_JSON", "landing"),
    ]


def test_a_row_that_only_postgres_refuses_is_found_among_the_others(lander, viewed, rows):
    huge = viewed(8).replace(b'"productId":8', b'"productId":8,"note":1e200000')
    assert lander.land(*(viewed() for _ in range(9)), huge) == Counts(consumed=10, landed=9, dead_letters=1)
    assert rows("select reason, detail, kafka_offset from raw.dead_letters") == [
        ("UNSTORABLE", "value overflows numeric format", 9)
    ]


@pytest.mark.parametrize("place", [b'"productId":8', b'"producer":"test"'])
def test_a_batch_full_of_what_only_postgres_refuses_is_written_in_time(warehouse, lander, viewed, place):
    lander.store = Store(warehouse.loader, session_seconds=2)
    huge = [viewed(8).replace(place, place + b',"note":1e200000') for _ in range(3_000)]
    assert lander.land(*huge, viewed()) == Counts(consumed=3_001, landed=1, dead_letters=3_000)


@pytest.mark.parametrize("topic", ["", "a b", "x" * 250])
def test_a_services_dead_letter_of_no_topic_is_a_dead_letter_of_ours(lander, message, topic):
    data = {"consumer": "c", "reason": "r", "topic": topic, "partition": 0, "offset": 0}
    letter = DeadLetter(**data, failed_at="2026-01-02T00:00:00Z")
    letters = TopicPartition("dead-letters.v1", 0)
    lander.claim(letters)
    value = Event.of("DEAD_LETTER", letter, producer="c").to_bytes()
    counts = lander.store.write(lander.batch(message(value, topic=letters.topic)))
    assert counts[letters] == Counts(consumed=1, dead_letters=1)


def test_the_services_dead_letters_land_in_the_same_table_once(lander, message, rows):
    value = (
        b'{"eventId": "00000000-0000-0000-0000-000000000007", "eventType": "DEAD_LETTER", "producer": "content",'
        b'"timestamp": "2026-01-02T00:00:00Z", "data": {"consumer": "content", "reason": "BAD", "topic": "order.v1",'
        b'"partition": 2, "offset": 9, "key": "MQ==", "value": "AAE=", "failedAt": "2026-01-02T00:00:00Z"}}'
    )
    letters = TopicPartition("dead-letters.v1", 0)
    lander.claim(letters)
    batch = lander.batch(*(message(value, offset, topic=letters.topic) for offset in (0, 1)))
    assert lander.store.write(batch)[letters] == Counts(consumed=2, landed=1, duplicates=1)
    query = "select topic, kafka_partition, kafka_offset, key, value, reason, consumer from raw.dead_letters"
    assert rows(query) == [("order.v1", 2, 9, b"1", b"\x00\x01", "BAD", "content")]


def test_a_batch_fetched_before_another_claimed_is_refused_whole(lander, other_lander, viewed, message, rows):
    lander.claim()
    batch = lander.batch(message(viewed()), message(b"unreadable", 1))
    other_lander.claim()
    with pytest.raises(FencedError):
        lander.store.write(batch)
    assert rows("select count(*) from raw.user_actions_v1") == [(0,)]
    assert rows("select count(*) from raw.dead_letters") == [(0,)]


def test_a_batch_whose_commit_went_through_unseen_is_not_counted_again(lander, viewed, message, rows):
    lander.claim()
    batch = lander.batch(message(viewed()))
    lander.store.write(batch)
    assert lander.store.write(batch) == {}
    assert rows("select consumed, duplicates from landing.partitions") == [(1, 0)]


def test_a_transaction_that_takes_too_long_is_ended_and_may_be_tried_again(warehouse, lander, viewed, message):
    lander.claim()
    batch = lander.batch(message(viewed()))
    hasty = Store(warehouse.loader, session_seconds=0.1)
    with psycopg.connect(warehouse.loader) as other:
        other.execute("select from landing.partitions for update")
        with pytest.raises(TooSlowError):
            hasty.write(batch)
    assert hasty.write(batch)[PARTITION].landed == 1
    hasty.close()


def test_a_claim_ends_a_process_that_is_frozen_within_a_copy(warehouse, lander):
    lander.claim()
    store = Store(warehouse.loader, session_seconds=0.2)
    with psycopg.connect(warehouse.loader, application_name=APPLICATION) as frozen:
        frozen.execute("create temporary table rows (number int)")
        frozen.execute("select pg_sleep(0.1) from landing.partitions for update")
        with pytest.raises(errors.AdminShutdown), frozen.cursor().copy("copy rows from stdin"):
            assert store.claim([PARTITION], {ACTIONS: "log"}, OWNER)[PARTITION].epoch == 2
    store.close()


def test_a_claim_ends_nobody_who_holds_other_partitions(warehouse, lander):
    lander.claim(PARTITION, TopicPartition(ACTIONS, 1))
    store = Store(warehouse.loader, session_seconds=0.2)
    with psycopg.connect(warehouse.loader, application_name=APPLICATION) as other:
        other.execute("select pg_sleep(0.2) from landing.partitions where kafka_partition = 1 for update")
        assert store.claim([PARTITION], {ACTIONS: "log"}, OWNER)[PARTITION].epoch == 2
        assert other.execute("select 1").fetchone() == (1,)
    store.close()


async def test_a_claim_waits_for_a_write_that_is_slow_but_goes_on(warehouse, lander):
    lander.claim()
    store = Store(warehouse.loader, session_seconds=2)
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

    def rows(query):  # of its own role's
        with psycopg.connect(warehouse.loader) as connection:
            return connection.execute(query).fetchall()

    def write_slowly():
        with psycopg.connect(warehouse.loader, application_name=APPLICATION) as slow:
            slow.execute("select from landing.partitions for update")
            slow.execute("select pg_advisory_xact_lock(7)")

    with psycopg.connect(warehouse.owner) as disk:
        disk.execute("select pg_advisory_xact_lock(7)")
        writing = asyncio.create_task(asyncio.to_thread(write_slowly))
        await eventually(lambda: rows(f"{waiting} and clock_timestamp() - xact_start > interval '1 s'") == [(1,)])
        claiming = asyncio.create_task(asyncio.to_thread(store.claim, [PARTITION], {ACTIONS: "log"}, OWNER))
        await eventually(lambda: rows(waiting) == [(2,)])
    assert (await claiming)[PARTITION].epoch == 2
    await writing
    store.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrived=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=9))
def test_two_halves_of_a_batch_are_what_it_is(lander, viewed, message, arrived):
    offsets, messages = Counter(), []
    lander.claim(*(TopicPartition(ACTIONS, number) for number in range(3)))
    for partition, is_readable in sorted(arrived):
        start = lander.claims[ACTIONS, partition].next_offset + offsets[partition]
        messages.append(message(viewed() if is_readable else b"", start, partition=partition))
        offsets[partition] += 1
    batch = lander.batch(*messages)
    counts = [lander.store.write(half) for half in batch.halves()]
    total = {part: sum((each.get(part, Counts()) for each in counts), Counts()) for part in batch.spans}
    assert sum(each.landed for each in total.values()) == sum(is_readable for _, is_readable in arrived)
    assert {part: each.consumed for part, each in total.items()} == {
        part: span.consumed for part, span in batch.spans.items()
    }
    assert lander.store.write(batch) == {}  # as if all had been written at once


def test_a_warehouse_that_may_only_be_read_is_waited_for_on_a_new_connection(warehouse, lander, viewed, message):
    lander.claim()
    batch = lander.batch(message(viewed()))
    with psycopg.connect(warehouse.owner, autocommit=True) as owner:
        owner.execute(f"alter database {owner.info.dbname} set default_transaction_read_only = on")
        lander.store.close()
        with pytest.raises(UnavailableError):
            lander.store.write(batch)
        owner.execute("set transaction_read_only = off")
        owner.execute(f"alter database {owner.info.dbname} reset default_transaction_read_only")
    assert lander.store.write(batch)[PARTITION].landed == 1


def test_what_is_refused_again_when_a_log_is_read_again_is_one_letter(lander, viewed, rows):
    sent = [b"unreadable", viewed(7, event_id=KNOWN), viewed(8, event_id=KNOWN)]
    assert lander.land(*sent) == Counts(consumed=3, landed=1, dead_letters=2)
    rows("update landing.partitions set next_offset = 0 returning 1")
    assert lander.land(*sent) == Counts(consumed=3, duplicates=3)
    assert rows("select count(*) from raw.dead_letters") == [(2,)]


def test_a_claim_goes_on_where_the_last_one_stopped(lander, other_lander, viewed):
    lander.land(viewed(), viewed())
    other_lander.claim()
    assert other_lander.claims[PARTITION].next_offset == 2


def test_another_log_is_landed_from_its_start(lander, other_lander, viewed):
    lander.land(viewed(), viewed())
    other_lander.claim(log_id="another")
    assert (other_lander.claims[PARTITION].next_offset, other_lander.claims[PARTITION].restarts) == (0, 1)


@pytest.mark.parametrize("log_ids", [("c", "c/t"), ("c/t", "c")])
def test_a_broker_that_only_now_says_the_ids_of_topics_or_no_more_has_the_same_log(
    lander, other_lander, viewed, rows, log_ids
):
    lander.land(viewed(), viewed(), log_id=log_ids[0])
    other_lander.claim(log_id=log_ids[1])
    assert (other_lander.claims[PARTITION].next_offset, other_lander.claims[PARTITION].restarts) == (2, 0)
    assert rows("select log_id from landing.partitions") == [("c/t",)]


VALUES = st.lists(st.binary(max_size=20) | st.sampled_from([(7, 1), (7, 2), (8, 1)]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(values=VALUES)
def test_nothing_is_lost_whatever_arrives(lander, viewed, rows, values):
    known = {number for (number,) in rows("select event_id from raw.user_actions_v1")}
    (letters,) = rows("select count(*) from raw.dead_letters")
    sent = [
        value if isinstance(value, bytes) else viewed(value[0], event_id=uuid.UUID(int=value[1])) for value in values
    ]
    counts = lander.land(*sent) if sent else Counts()
    ids = {uuid.UUID(int=value[1]) for value in values if not isinstance(value, bytes)}
    assert counts.landed == len(ids - known)
    assert counts.consumed == counts.landed + counts.duplicates + counts.dead_letters == len(values)
    assert rows("select count(*) from raw.dead_letters") == [(letters[0] + counts.dead_letters,)]
