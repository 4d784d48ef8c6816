"""Deleted users leave `raw`: their rows have random ids, and nothing that tells of a person."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from aiokafka import TopicPartition
from psycopg.errors import InsufficientPrivilege

from services.contracts.envelope import Event
from services.contracts.events.actions import KeywordSearch, ProductAction, ProductViewed
from services.contracts.events.identity import UserAuthenticated, UserDeleted, UserProfileCreated, UserRegistered
from services.contracts.events.order import OrderLine, OrderSnapshot
from services.contracts.registry import EVENTS
from warehouse.offsets import Counts

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SECRET = "secret@example.com"
LINE = OrderLine(product_id=3, quantity=2, price=Decimal(1), amount=Decimal(2))
RUN = """
    insert into transformation.runs (lanes, rules, versions, is_beside, started_by, ended_at, is_complete)
    select jsonb_object_agg(lane, number), '{}', '{}', false, 'test', now(), true from landing.lanes returning number
"""
NAMING = """
    select format('select %L from %I.%I as it where it::text ~ %L', table_name, table_schema, table_name, 'ben|secret')
    from information_schema.tables where table_schema in ('raw', 'landing', 'transformation')
"""


@pytest.fixture
def land(lander, message):
    """Lands events some hours after noon, `(kind, payload, hours)`, and again all before them; the counts by topic."""
    sent, logs = {}, itertools.count()

    def events(*given):
        for kind, payload, hours in given:
            at = NOON + timedelta(hours=hours)
            value = Event.of(kind, payload, producer="test", timestamp=at).to_bytes()
            sent.setdefault(EVENTS[kind].topic, []).append((value, payload.user_id.encode()))
        return again()

    def again():
        counts, log = {}, f"log {next(logs)}"
        for topic, values in sent.items():
            lander.claim(TopicPartition(topic, 0), log_id=log)
            records = [message(value, place, topic=topic, key=key) for place, (value, key) in enumerate(values)]
            counts |= lander.store.write(lander.batch(*records))
        return {partition.topic: each for partition, each in counts.items()}

    events.again = again
    return events


@pytest.fixture
def erase(warehouse, rows):
    """Erases what a complete run of now has read; gives the erased users."""

    def call():
        [(run,)] = rows(RUN)
        with psycopg.connect(warehouse.dbt) as connection:
            query = "select user_id from landing.erase_deleted_users(%s) order by 1"
            return [user for (user,) in connection.execute(query, (run,))]

    return call


@pytest.fixture
def naming(rows):
    """The tables in which something names the user."""
    return lambda: sorted({table for (query,) in rows(NAMING) for (table,) in rows(query)})


HISTORY = (
    ("USER_REGISTERED", UserRegistered(user_id="ben", email=SECRET), -9),
    ("USER_PROFILE_CREATED", UserProfileCreated(user_id="ben", email=SECRET, display_name="secret"), -9),
    ("PRODUCT_VIEWED", ProductViewed(user_id="anon:v", product_id=1, user_agent="secret"), -1),
    ("USER_AUTHENTICATED", UserAuthenticated(user_id="ben", email=SECRET, visitor_id="anon:v"), 0),
    ("PRODUCT_VIEWED", ProductViewed(user_id="anon:v", product_id=2), 1),
    ("SEARCH_BY_KEYWORD", KeywordSearch(user_id="ben", search_keyword="secret"), 1),
    ("REVIEW_SUBMIT", ProductAction(user_id="ben", product_id=1, review_text="secret", metadata={"to": "ben"}), 1),
    ("ORDER_COMPLETED", OrderSnapshot(order_id=1, user_id="ben", items=[LINE], total_amount=Decimal(2)), 1),
    ("PRODUCT_VIEWED", ProductViewed(user_id="ann", product_id=1), 1),
)
DELETED = ("USER_DELETED", UserDeleted(user_id="ben"), 2)


def test_whoever_was_deleted_is_named_nowhere_but_in_the_list_of_those(land, erase, naming, rows, warehouse):
    land(*HISTORY)
    assert erase() == []
    assert naming() == ["auth_v1", "order_v1", "profile_v1", "user_actions_v1"]
    land(DELETED)
    assert erase() == ["ben"]
    assert naming() == ["erased_users"]
    with psycopg.connect(warehouse.serving) as serving:
        assert serving.execute("select * from live.erased_users").fetchall() == [("ben",)]
    [(pseudonym,)] = rows("select user_id from raw.order_v1")
    assert pseudonym.startswith("erased:")
    assert {user for (user,) in rows("select user_id from raw.auth_v1 union select user_id from raw.profile_v1")} == {
        pseudonym
    }
    own = [user for (user,) in rows("select user_id from raw.user_actions_v1 order by occurred_at, user_id")]
    assert own == [pseudonym, "ann", "anon:v", pseudonym, pseudonym]
    assert erase() == []


def test_what_lands_again_is_a_duplicate_and_what_lands_late_is_erased_by_the_next_run(land, erase, naming):
    land(*HISTORY, DELETED)
    erase()
    assert land.again()["auth.v1"] == Counts(consumed=3, duplicates=3)
    assert naming() == ["erased_users"]
    land(("PRODUCT_VIEWED", ProductViewed(user_id="ben", product_id=9), -3))
    assert naming() == ["erased_users", "user_actions_v1"]
    assert erase() == ["ben"]
    assert naming() == ["erased_users"]


def test_the_bytes_of_a_message_that_nobody_could_read_go_too(lander, message, land, erase, rows):
    land(*HISTORY, DELETED)
    lander.claim(TopicPartition("profile.v1", 1), log_id="letters")
    unreadable = b'{"data": {"userId": "ben", "email": "secret@exa', b'{"data": {"userId": "ann"'
    records = [message(value, place, topic="profile.v1", partition=1) for place, value in enumerate(unreadable)]
    lander.store.write(lander.batch(*records))
    erase()
    letters = rows("select value, closed_reason from raw.dead_letters order by id")
    assert letters == [(b"erased 1", "the user was deleted"), (unreadable[1], None)]


def test_only_dbt_may_erase_and_only_after_a_complete_run(warehouse, land, rows, naming):
    land(*HISTORY, DELETED)
    before = naming()
    with psycopg.connect(warehouse.loader) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("select landing.erase_deleted_users(1)")
    [(run,)] = rows(RUN.replace("now(), true", "null, false"))
    with psycopg.connect(warehouse.dbt) as connection:
        assert connection.execute("select * from landing.erase_deleted_users(%s)", (run,)).fetchall() == []
    assert naming() == before
