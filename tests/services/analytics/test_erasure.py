"""Deleted users leave nothing behind, whatever order their events arrive in."""

import json
from datetime import UTC, datetime

import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.events.identity import UserAuthenticated, UserDeleted
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def happens(settings):
    producer = Producer(settings)

    async def publish(topic, event_type, data, at=None):
        event = Event.of(event_type, data, producer="test", timestamp=at)
        await producer.send(topic, data.user_id, event.to_bytes())
        return event.event_id

    yield publish
    await producer.close()


@pytest.fixture
def rows(database_url):
    def count(user_id):
        tables = ("view_history", "user_action_log")
        with psycopg.connect(database_url) as connection:
            return sum(
                connection.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", (user_id,)).fetchone()[0]
                for table in tables
            )

    return count


@pytest.fixture
def visitors_of(database_url):
    def count(user_id):
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT count(*) FROM logins WHERE user_id = %s", (user_id,)).fetchone()[0]

    return count


@pytest.fixture
def reports(database_url):
    def of(user_id):
        query = "SELECT value FROM outbox WHERE topic = 'erasures.v1' AND key = %s"
        with psycopg.connect(database_url) as connection:
            return [json.loads(value)["data"]["service"] for (value,) in connection.execute(query, (user_id,))]

    return of


@pytest.fixture
def is_handled(database_url):
    def handled(event_id):
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event_id,)).fetchone() is not None

    return handled


@pytest.mark.usefixtures("client")
async def test_what_was_recorded_of_a_deleted_user_is_removed_and_reported(happens, rows, reports):
    for user in ("gone", "stays"):
        await happens("user-actions.v1", "PRODUCT_VIEWED", ProductViewed(user_id=user, product_id=1))
    await eventually(lambda: (rows("gone"), rows("stays")), lambda found: found == (1, 1))
    await happens("auth.v1", "USER_DELETED", UserDeleted(user_id="gone"))
    await eventually(
        lambda: (rows("gone"), rows("stays"), reports("gone")), lambda found: found == (0, 1, ["analytics"])
    )


@pytest.mark.usefixtures("client")
async def test_an_action_that_arrives_after_the_deletion_is_not_recorded(happens, rows, reports, is_handled):
    await happens("auth.v1", "USER_DELETED", UserDeleted(user_id="late"))
    await eventually(lambda: reports("late"), bool)
    action = await happens("user-actions.v1", "PRODUCT_VIEWED", ProductViewed(user_id="late", product_id=1))
    await eventually(lambda: is_handled(action), bool)
    assert rows("late") == 0


def at(minute):
    return datetime(2026, 11, 27, 9, minute, tzinfo=UTC)


@pytest.mark.usefixtures("client")
async def test_what_a_deleted_user_did_as_a_visitor_is_removed_and_no_more(
    happens, rows, visitors_of, reports, is_handled, visitor
):
    logins = [("neighbour", at(10)), ("leaver", at(20))]
    for user, when in reversed(logins):
        told = UserAuthenticated(user_id=user, email="", visitor_id=visitor)
        login = await happens("auth.v1", "USER_AUTHENTICATED", told, when)
        await eventually(lambda login=login: is_handled(login))
    for minute in (5, 15, 20, 25):
        await happens("user-actions.v1", "PRODUCT_VIEWED", ProductViewed(user_id=visitor, product_id=1), at(minute))
    await eventually(lambda: rows(visitor) == 4)
    await happens("auth.v1", "USER_DELETED", UserDeleted(user_id="leaver"))
    await eventually(lambda: reports("leaver"))
    assert rows(visitor) == 2
    late = await happens("auth.v1", "USER_AUTHENTICATED", told.model_copy(update={"user_id": "leaver"}), at(25))
    await eventually(lambda: is_handled(late))
    assert visitors_of("leaver") == 0
    assert visitors_of("neighbour") == 1
