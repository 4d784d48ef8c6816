import uuid

import pytest

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from warehouse import dead_letters
from warehouse.offsets import Counts
from warehouse.reconciliation import Account, accounts

ACTIONS = TOPICS["user-actions.v1"]
KNOWN = uuid.UUID(int=7)
NOWHERE = KafkaSettings(kafka_url="127.0.0.1:1")


@pytest.fixture
def reconcile(warehouse):
    return lambda: accounts(warehouse.loader, ACTIONS)


def test_what_landed_and_what_was_refused_is_there(lander, viewed, reconcile):
    lander.land(viewed(event_id=KNOWN), viewed(event_id=KNOWN), viewed(), b"unreadable")
    (account,) = reconcile()
    assert account == Account(0, Counts(consumed=4, landed=2, duplicates=1, dead_letters=1), rows=2, letters=1)
    assert account.is_balanced


@pytest.mark.parametrize("table", ["user_actions_v1", "dead_letters"])
def test_a_row_or_letter_that_is_gone_is_missed_in_its_partition(lander, viewed, rows, reconcile, table):
    lander.land(viewed(), b"unreadable")
    rows(f"delete from raw.{table} returning 1")
    (account,) = reconcile()
    assert not account.is_balanced
    assert str(account).startswith("partition 0: 2 consumed, 1 landed + 0 duplicates + 1 dead letters; there are")


async def test_what_lands_by_a_retry_unbalances_nothing(warehouse, lander, viewed, rows, reconcile):
    lander.land(b"unreadable")
    rows(f"update raw.dead_letters set value = '{viewed().decode()}' returning 1")
    await dead_letters.retry(warehouse.loader, NOWHERE)
    (account,) = reconcile()
    assert (account.rows, account.letters, account.is_balanced) == (1, 1, True)


def test_a_topic_that_never_landed_has_no_accounts(reconcile):
    assert reconcile() == []
