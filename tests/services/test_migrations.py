"""Every service's migrations: up, down and up again, and what they have in common."""

import threading

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import OperationalError

from services.common.storage import migrate as module
from services.common.storage.migrate import SERVICES, migrate
from tests.waiting import wait_until

MIGRATED = sorted(each.parent.parent.name for each in SERVICES.glob("*/migrations/versions"))
SCHEMA = """
SELECT table_name, column_name, concat_ws(' ', data_type, numeric_precision, numeric_scale),
    is_nullable, column_default, is_identity FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL SELECT tablename, indexname, indexdef, '', '', '' FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
UNION ALL SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', '' FROM pg_trigger
WHERE NOT tgisinternal
UNION ALL SELECT proname, prosrc, '', '', '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


def schema(url):
    with psycopg.connect(url) as connection:
        return connection.execute(SCHEMA).fetchall()


@pytest.mark.parametrize("service", MIGRATED)
def test_each_revision_has_a_way_down_that_leaves_what_was_there_before(database, service):
    url = database()
    before = [schema(url)]
    revisions = migrate(service, url, "heads")
    migrate(service, url, "base")
    for revision in revisions:
        migrate(service, url, revision)
        before.append(schema(url))
    for revision, expected in zip(["base", *revisions[:-1]][::-1], before[-2::-1], strict=True):
        assert migrate(service, url, revision)
        assert schema(url) == expected


def test_the_shared_tables_are_alike_in_every_service(database):
    found = {}
    for service in MIGRATED:
        url = database()
        migrate(service, url)
        for table in ("outbox", "inbox", "idempotency"):
            if rows := [row[1:] for row in schema(url) if row[0] == table]:
                found.setdefault(table, []).append(rows)
    assert {table: len(made) > 1 for table, made in found.items()} == dict.fromkeys(
        ("outbox", "inbox", "idempotency"), True
    )
    assert all(rows == made[0] for made in found.values() for rows in made)


@pytest.mark.parametrize(("service", "before", "claims"), [("catalog", "0005", "0006"), ("content", "0008", "0009")])
def test_kept_answers_pass_the_revision_that_brought_claims_both_ways(database, service, before, claims):
    url = database()
    migrate(service, url, before)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO idempotency VALUES ('user:u1', 'kept', 'f', 201, '{}', 'answer')")
    migrate(service, url, claims)
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT key, attempt, status, body, claimed_at <= now() FROM idempotency").fetchall()
        connection.execute("""
            INSERT INTO idempotency (scope, key, fingerprint, attempt, claimed_at, deadline)
            VALUES ('user:u1', 'running', 'f', 1, now(), now())
        """)
    assert rows == [("kept", 1, 201, b"answer", True)]
    migrate(service, url, before)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT key, status FROM idempotency").fetchall() == [("kept", 201)]


def test_a_migration_that_waits_for_a_table_lets_others_by_and_goes_on_when_it_is_free(database, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.1)
    url = database()
    migrate("catalog", url, "0001")
    with psycopg.connect(url) as reading:
        reading.execute("SELECT FROM products")
        waiting = threading.Thread(target=migrate, args=("catalog", url))
        waiting.start()
        with psycopg.connect(url, autocommit=True) as other:
            for _ in range(20):  # behind a lock that is waited for without an end this would hang
                other.execute("SELECT FROM products")
        assert waiting.is_alive()
    waiting.join()
    assert migrate("catalog", url) == []


def test_a_migration_does_not_wait_for_ever(database, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "10ms")
    monkeypatch.setattr(module, "TRIES", 1)
    url = database()
    migrate("catalog", url, "0001")
    with psycopg.connect(url) as reading:
        reading.execute("SELECT FROM products")
        with pytest.raises(OperationalError) as refused:
            migrate("catalog", url)
    assert isinstance(refused.value.orig, errors.LockNotAvailable)


LOCKS = """
SELECT relation::regclass::text, granted, mode FROM pg_locks
WHERE relation IN ('view_history'::regclass, 'user_action_log'::regclass)
"""


def test_the_indexes_of_reports_are_built_before_anything_keeps_readers_waiting(database, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "30s")
    url = database()
    migrate("analytics", url, "0008")
    with psycopg.connect(url) as reading, psycopg.connect(url, autocommit=True) as other:
        reading.execute("SELECT FROM user_action_log")
        migrating = threading.Thread(target=migrate, args=("analytics", url, "0009"))
        migrating.start()
        locks = wait_until(lambda: other.execute(LOCKS).fetchall(), lambda rows: any(not row[1] for row in rows))
    migrating.join()
    assert {table for table, granted, mode in locks if granted and mode == "ShareLock"} == {
        "view_history",
        "user_action_log",
    }
    assert migrate("analytics", url, "0009") == []


def test_an_index_that_was_made_by_hand_is_not_made_again(database):
    url = database()
    migrate("analytics", url, "0008")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE INDEX CONCURRENTLY ix_view_history_viewed_at_people ON view_history (viewed_at)"
            " INCLUDE (product_id, user_id) WHERE NOT is_bot AND NOT simulated"
        )
        made = "SELECT 'ix_view_history_viewed_at_people'::regclass::oid"
        before = connection.execute(made).fetchone()
        assert migrate("analytics", url, "0009") == ["0009"]
        assert connection.execute(made).fetchone() == before
