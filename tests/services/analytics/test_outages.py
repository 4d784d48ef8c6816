"""What the collector and the consumer do while a part is away."""

import httpx2
import psycopg
import pytest

from services.analytics.app import create_app
from services.analytics.settings import AnalyticsSettings
from services.common.storage.migrate import migrate
from tests.waiting import eventually, read_topic


@pytest.fixture
def broker(fresh_broker):
    """Either broker, for one test, which may stop it."""
    return fresh_broker


@pytest.fixture
def own_database(database):
    url = database("analytics")
    migrate("analytics", url)
    return url


@pytest.fixture
async def client(broker, own_database, tokens):
    settings = AnalyticsSettings(
        database_url=own_database,
        kafka_url=broker.url,
        kafka_idempotence=broker.is_idempotent,
        **tokens.settings,
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://analytics", auth=tokens.as_named, timeout=30
        ) as client,
    ):
        yield client


@pytest.fixture
def post(client, visitor):
    """Posts one view of a product."""

    async def post(product_id):
        action = {"actionType": "PRODUCT_VIEWED", "userId": visitor, "productId": product_id}
        return await client.post("/v1/actions", json={"actions": [action], "consent": True})

    return post


async def test_without_the_broker_the_collector_says_try_again_and_recovers_by_itself(broker, post):
    assert (await post(1)).status_code == 202
    broker.stop()
    refused = await post(2)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["title"] == "Service unavailable"
    broker.start()
    broker.create_topics()
    await eventually(lambda: post(3), lambda response: response.status_code == 202)


async def test_without_the_database_the_collector_goes_on_and_the_history_catches_up(
    client, broker, own_database, postgres_server, post, visitor
):
    name = own_database.rsplit("/", 1)[1]

    async def views():
        response = await client.get(f"/v1/users/{visitor}/views")
        return [item["productId"] for item in response.json()["items"]] if response.status_code == 200 else None

    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert (await post(1)).status_code == 202
        assert len(await read_topic(broker.url, "user-actions.v1", 1)) == 1
        assert await views() is None
        assert (await client.get("/health/ready")).json()["status"] == "degraded"
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await eventually(views, lambda found: found == [1])


async def test_where_the_shops_own_ids_are_not_found_in_time_the_batch_is_to_be_sent_again(
    client, own_database, visitor
):
    action = {"actionType": "PRODUCT_VIEWED", "userId": visitor, "sku": "42"}
    with psycopg.connect(own_database) as other:
        other.execute("LOCK TABLE products")
        refused = await client.post("/v1/actions", json={"actions": [action], "consent": True})

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
