import uuid
from dataclasses import replace

import pytest
from aiokafka import TopicPartition

from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from warehouse import retries
from warehouse.batch import Batch
from warehouse.offsets import Counts, Span
from warehouse.reconciliation import Account, reconciled

ACTIONS = TOPICS["user-actions.v1"]
PARTITION = TopicPartition(ACTIONS.name, 0)
KNOWN = uuid.UUID(int=7)
NOWHERE = KafkaSettings(kafka_url="127.0.0.1:1")


def accounts_of(warehouse, topic=ACTIONS):
    with reconciled(warehouse.loader, topic) as accounts:
        return accounts


@pytest.fixture
def reconcile(warehouse):
    return lambda: accounts_of(warehouse)


async def retry_as(value: bytes, warehouse, rows) -> None:
    """Mend every dead letter, and try them again."""
    rows(f"update raw.dead_letters set value = '{value.decode()}' returning 1")
    await retries.retry(warehouse.loader, NOWHERE)


def test_what_landed_and_what_was_refused_is_there(lander, viewed, reconcile):
    lander.land(viewed(event_id=KNOWN), viewed(event_id=KNOWN), viewed(), b"unreadable")
    (account,) = reconcile()
    counts = Counts(consumed=4, landed=2, duplicates=1, dead_letters=1)
    assert account == Account(0, counts, stored=3, lost=0, found=3)
    assert account.is_whole


@pytest.mark.parametrize("table", ["user_actions_v1", "dead_letters"])
def test_a_row_or_dead_letter_that_is_gone_is_missed_every_time(lander, viewed, rows, reconcile, table):
    lander.land(viewed(), b"unreadable")
    rows(f"delete from raw.{table} returning 1")
    assert [account.is_whole for account in (*reconcile(), *reconcile())] == [False, False]
    assert str(reconcile()[0]).startswith("partition 0: 2 consumed, 1 landed + 0 duplicates + 1 dead letters; since")


def test_what_was_verified_is_not_counted_again_and_may_be_deleted(lander, viewed, rows, reconcile):
    lander.land(viewed(), b"unreadable")
    reconcile()
    rows("delete from raw.user_actions_v1 returning 1")
    rows("delete from raw.dead_letters returning 1")
    lander.land(viewed())
    (account,) = reconcile()
    assert (account.stored, account.found, account.is_whole) == (1, 1, True)


async def test_what_lands_by_a_retry_has_an_account_of_its_own(warehouse, lander, viewed, rows, reconcile):
    lander.land(b"unreadable")
    await retry_as(viewed(), warehouse, rows)
    partition, retried = reconcile()
    assert (partition.stored, partition.found, partition.is_whole) == (1, 1, True)
    assert (retried.partition, retried.stored, retried.found, retried.is_whole) == (None, 1, 1, True)


async def test_a_retried_dead_letter_hides_no_lost_row(warehouse, lander, viewed, rows, reconcile):
    lander.land(viewed(), b"unreadable")
    rows("delete from raw.user_actions_v1 returning 1")
    await retry_as(viewed(), warehouse, rows)
    assert [account.is_whole for account in reconcile()] == [False, True]


async def test_a_dead_letter_retried_after_its_log_began_anew_is_in_the_books(
    warehouse, lander, viewed, rows, reconcile
):
    lander.land(viewed(), b"unreadable")
    lander.land(viewed(), viewed(), log_id="another")
    await retry_as(viewed(), warehouse, rows)
    partition, retried = reconcile()
    assert partition.counts == Counts(consumed=4, landed=3, dead_letters=1)
    assert (partition.found, retried.found) == (4, 1)
    assert partition.is_whole
    assert retried.is_whole


def test_books_that_do_not_add_up_are_found(lander, viewed, rows, reconcile):
    lander.land(viewed())
    rows("update landing.partitions set consumed = 2 returning 1")
    (account,) = reconcile()
    assert not account.is_whole


def test_what_retention_deleted_unread_is_lost_once(lander, viewed, message, reconcile):
    lander.claim()
    claim = lander.claims[PARTITION]
    lander.store.write(Batch.of([message(viewed(), 5)], {PARTITION: Span(claim, 6, 1, lost=5)}))
    assert [(account.counts.lost, account.lost, account.is_whole) for account in (*reconcile(), *reconcile())] == [
        (5, 5, True),
        (5, 0, True),
    ]
    lander.claims[PARTITION] = replace(claim, next_offset=6)


def test_what_was_lost_is_told_again_if_nobody_heard_of_it(warehouse, lander, viewed, message, reconcile):
    lander.claim()
    lander.store.write(Batch.of([message(viewed(), 5)], {PARTITION: Span(lander.claims[PARTITION], 6, 1, lost=5)}))
    with pytest.raises(ConnectionError), reconciled(warehouse.loader, ACTIONS) as accounts:
        raise ConnectionError
    assert [account.lost for account in (*accounts, *reconcile(), *reconcile())] == [5, 5, 0]


def test_what_services_gave_up_has_books_as_well(warehouse, lander, message, rows):
    topic = TOPICS["dead-letters.v1"]
    letter = DeadLetter(
        consumer="c", reason="r", topic="order.v1", partition=0, offset=0, failed_at="2026-01-02T00:00:00Z"
    )
    lander.claim(TopicPartition(topic.name, 0))
    value = Event.of("DEAD_LETTER", letter, producer="c").to_bytes()
    lander.store.write(lander.batch(message(value, topic=topic.name)))
    assert [account.is_whole for account in accounts_of(warehouse, topic)] == [True]
    rows("update landing.verified set number = 0, stored = 0 returning 1")
    rows("delete from raw.dead_letters returning 1")
    assert [account.is_whole for account in accounts_of(warehouse, topic)] == [False]


def test_a_topic_that_never_landed_has_no_accounts(reconcile):
    assert reconcile() == []
