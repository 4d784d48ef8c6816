import psycopg
import pytest

from services.common.messaging.producer import Producer
from services.common.runtime.settings import ServiceSettings
from services.common.storage.database import Database
from services.common.storage.migrate import migrate


class Settings(ServiceSettings, env_prefix="COMMON_TEST_"):
    service: str = "common-test"


@pytest.fixture
def database_url(database):
    """A fresh database with the shared tables, as content has them, and one of our own: `effects(event_id)`."""
    url = database("common")
    migrate("content", url)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, event_id text NOT NULL)")
    return url


@pytest.fixture
async def service_database(database_url):
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def broker(fresh_broker):
    """Either broker, for one test, which may stop it."""
    return fresh_broker


@pytest.fixture
def settings(broker, tokens):
    return Settings(
        kafka_url=broker.url,
        kafka_idempotence=broker.is_idempotent,
        **tokens.settings,
        auth_signing_key_file=tokens.key_file("serving"),
    )


@pytest.fixture
async def producer(settings):
    producer = Producer(settings)
    yield producer
    await producer.close()
