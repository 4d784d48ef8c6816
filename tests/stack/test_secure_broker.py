"""Every client of ours on an Apache Kafka that takes no connection without TLS, and none without a login."""

import uuid

import httpx2
import psycopg
import pytest
from aiokafka.errors import KafkaConnectionError

from services.analytics.app import create_app
from services.analytics.settings import AnalyticsSettings
from services.common.messaging.follower import Follower
from services.common.messaging.outbox import append_events
from services.common.messaging.producer import BrokerUnavailableError, Producer
from services.common.messaging.relay import Relay
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.worker import running
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.events.catalog import ProductDeleted
from shop_import.sender import Sender
from stack.parts.kafka import JARS
from stack.topics import create_topics
from tests.certificates import Authority
from tests.conftest import in_thread
from tests.machine import require
from tests.secure_kafka import SecureKafka
from tests.waiting import eventually
from warehouse import retries
from warehouse.catch_up import land_until_caught_up
from warehouse.retries import Retried
from warehouse.settings import LandingSettings

ACTIONS = "user-actions.v1"
SCRAM = {"kafka_sasl_mechanism": "SCRAM-SHA-512"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    if reason := JARS.missing():
        require(reason)
    with SecureKafka(tmp_path_factory.mktemp("secure") / "kafka") as running:
        in_thread(create_topics(running.settings))
        yield running


@pytest.fixture
def told(broker):
    """The broker's settings as those of another class: `told(LandingSettings, landing_group="g")`."""

    def tell(kind, connection=broker.settings, **more):
        return kind(**connection.model_dump(), **more)

    return tell


def viewed(number):
    event = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="u1", product_id=number), producer="test")
    return event.to_bytes().decode()


async def test_what_is_collected_reaches_the_history(told, database, tokens):
    url = database("analytics")
    migrate("analytics", url)
    keys = tokens.settings
    app = create_app(told(AnalyticsSettings, database_url=url, kafka_idempotence=True, **keys))
    visitor = f"anon:{uuid.uuid4()}"
    action = {"actionType": "PRODUCT_VIEWED", "userId": visitor, "productId": 7}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://analytics", auth=tokens.as_named
        ) as client,
    ):
        assert (await client.post("/v1/actions", json={"actions": [action], "consent": True})).status_code == 202

        async def views():
            return (await client.get(f"/v1/users/{visitor}/views")).json()["items"]

        assert [item["productId"] for item in await eventually(views, bool)] == [7]


async def test_what_the_outbox_holds_is_relayed_and_followed(broker, told, database):
    url = database("content")
    migrate("content", url)
    settings = told(ServiceSettings, broker.settings_with(**SCRAM), service="test")
    producer, storage, seen = Producer(settings), Database(url), []
    follower = Follower(settings, topics=["catalog.v1"], handle=seen.extend)
    deleted = Event.of("PRODUCT_DELETED", ProductDeleted(product_id=7, sku="T1"), producer="test")
    async with running([Relay(url, producer), follower]):
        async with storage.sessions.begin() as session:
            await append_events(session, [deleted])

        async def followed():
            return [record.value for record in seen]

        assert await eventually(followed, bool) == [deleted.to_bytes()]
    await producer.close()
    await storage.close()


async def test_what_is_imported_lands_and_a_dead_letter_is_sent_again(broker, told, warehouse):
    settings = told(LandingSettings, warehouse_loader_url=warehouse.loader, landing_group=uuid.uuid4().hex)
    await land_until_caught_up(settings)
    async with Sender.connected(broker.settings, idempotent=True) as sender:
        await sender.send(ACTIONS, [("u1", viewed(1)), ("u2", "unreadable")])
    landed = (await land_until_caught_up(settings))[ACTIONS]
    assert (landed.landed, landed.dead_letters) == (1, 1)
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute("update raw.dead_letters set consumer = 'test', value = %s", (viewed(2).encode(),))
    assert await retries.retry(warehouse.loader, broker.settings) == Retried(resent=1)
    assert (await land_until_caught_up(settings))[ACTIONS].landed == 1


async def test_a_client_may_show_a_certificate_instead_of_a_login(broker):
    mutual = {"kafka_url": broker.ssl_url, "kafka_security_protocol": "SSL"}
    files = {"kafka_ssl_cert_file": broker.client.certificate, "kafka_ssl_key_file": broker.client.key}
    nobody = {"kafka_sasl_username": None, "kafka_sasl_password": None}
    assert await create_topics(broker.settings_with(**mutual, **files, **nobody)) == []
    with pytest.raises(KafkaConnectionError, match="see KAFKA_SECURITY_PROTOCOL"):
        await create_topics(broker.settings_with(**mutual, **nobody))


def refused(tmp_path):
    """What can be wrong, and what is said about it."""
    stranger = Authority(tmp_path, "stranger").file
    plain = {"kafka_sasl_username": None, "kafka_sasl_password": None, "kafka_ssl_ca_file": None}
    return [
        (
            {"kafka_sasl_password": "wrong"},
            "refuses the login of tanawari: see KAFKA_SASL_USERNAME and KAFKA_SASL_PASS",
        ),
        ({"kafka_sasl_password": "wrong", **SCRAM}, "refuses the login of tanawari: see KAFKA_SASL_USERNAME"),
        ({"kafka_sasl_mechanism": "SCRAM-SHA-256"}, "does not know SCRAM-SHA-256: see KAFKA_SASL_MECHANISM"),
        ({"kafka_ssl_ca_file": stranger}, "not trusted .*: see KAFKA_SSL_CA_FILE"),
        ({"kafka_ssl_ca_file": None}, "not trusted .*: see KAFKA_SSL_CA_FILE"),
        (
            {"kafka_security_protocol": "PLAINTEXT", **plain},
            "ends connections of PLAINTEXT: see KAFKA_SECURITY_PROTOCOL",
        ),
        ({"kafka_url": "127.0.0.1:1"}, "127.0.0.1:1 cannot be reached: "),
    ]


async def test_a_broker_that_refuses_is_no_riddle_and_nobody_hangs(broker, told, tmp_path, warehouse, caplog):
    for changes, reason in refused(tmp_path):
        settings = broker.settings_with(**changes)
        with pytest.raises(KafkaConnectionError, match=reason):
            await create_topics(settings)
        with pytest.raises(KafkaConnectionError, match=reason):
            await land_until_caught_up(told(LandingSettings, settings, warehouse_loader_url=warehouse.loader))
        caplog.clear()
        with pytest.raises(BrokerUnavailableError):
            await Producer(told(ServiceSettings, settings, service="test")).send(ACTIONS, "u1", b"")
        assert reason.split(":")[0].split(" .*")[0] in caplog.text
