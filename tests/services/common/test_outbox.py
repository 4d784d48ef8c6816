import psycopg
import pytest

from services.common.outbox import EventTooLargeError, append, append_all
from services.common.relay import Relay
from services.common.worker import running
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductAction
from services.contracts.events.catalog import ProductDeleted
from tests.services.waiting import eventually, read_topic


def deleted(number: int, sku: str = "sku") -> Event:
    return Event.of("PRODUCT_DELETED", ProductDeleted(product_id=number, sku=sku), producer="common-test")


@pytest.fixture
def unpublished(database_url):
    """Counts the committed rows that are not published."""

    async def count():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            cursor = await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            return (await cursor.fetchone())[0]

    return count


def is_none(count):
    return count == 0


async def test_what_is_committed_is_published_and_stays_in_the_outbox(
    broker, database_url, service_database, producer, unpublished
):
    event = deleted(7)
    async with running([Relay(database_url, producer)]):
        async with service_database.sessions.begin() as session:
            await append(session, event, "7")
        await eventually(unpublished, is_none)
    (record,) = await read_topic(broker.url, "catalog.v1", 1)
    assert (record.key, record.value) == (b"7", event.to_bytes())


async def test_what_is_rolled_back_is_never_published(service_database, unpublished):
    async with service_database.sessions() as session:
        await append(session, deleted(8), "8")
        await session.rollback()
    assert await unpublished() == 0


async def test_a_row_committed_late_under_a_smaller_id_is_published_too(
    broker, database_url, service_database, producer, unpublished
):
    late, early = deleted(1), deleted(2)
    async with running([Relay(database_url, producer)]):
        async with service_database.sessions.begin() as slow:
            await append(slow, late, "k")
            async with service_database.sessions.begin() as fast:
                await append(fast, early, "k")
            await eventually(unpublished, is_none)
        await eventually(unpublished, is_none)
    records = await read_topic(broker.url, "catalog.v1", 2)
    assert [record.value for record in records] == [early.to_bytes(), late.to_bytes()]


async def test_two_relays_on_one_database_publish_each_row_once_in_order_per_key(
    broker, database_url, service_database, producer, unpublished
):
    async with running([Relay(database_url, producer, batch=500), Relay(database_url, producer, batch=500)]):
        async with service_database.sessions.begin() as session:
            await append_all(session, [(deleted(number), str(number % 5)) for number in range(1, 3001)])
        await eventually(unpublished, is_none)
    records = await read_topic(broker.url, "catalog.v1", 3000)
    by_key = {}
    for record in records:
        by_key.setdefault(int(record.key), []).append(Event.model_validate_json(record.value).data["productId"])
    assert by_key == {key: [number for number in range(1, 3001) if number % 5 == key] for key in range(5)}


async def test_the_relay_waits_for_the_broker_and_then_publishes(
    broker, database_url, service_database, producer, unpublished
):
    broker.stop()
    relay = Relay(database_url, producer)

    async def failure():
        return relay.failure

    async with running([relay]):
        async with service_database.sessions.begin() as session:
            await append(session, deleted(7), "7")
        await eventually(failure, bool)
        assert await unpublished() == 1
        broker.start()
        broker.create_topics()
        await eventually(unpublished, is_none)


async def test_an_event_that_no_topic_can_carry_is_refused_before_commit(service_database):
    huge = ProductAction(user_id="u1", product_id=1, metadata={"text": "x" * 600_000})
    async with service_database.sessions() as session:
        with pytest.raises(EventTooLargeError):
            await append(session, Event.of("CART_ADD", huge, producer="common-test"), "u1")
