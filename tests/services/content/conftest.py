import json

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.storage.migrate import migrate
from services.content.app import create_app
from services.content.settings import ContentSettings


@pytest.fixture(scope="module")
def database_url(database):
    """A database that knows of some products no more than that catalog has them."""
    url = database("content")
    migrate("content", url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO products (id) SELECT generate_series(1, 1000)")
    return url


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url):
    broker.create_topics("auth.v1", "catalog.v1", "content.v1", "erasures.v1", "profile.v1", "dead-letters.v1")
    return ContentSettings(
        database_url=database_url,
        kafka_url=broker.url,
        **tokens.settings,
        kept_generations=3,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings, tokens):
    """The running service, called by somebody with every role."""
    app = create_app(settings)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://content", auth=tokens.as_staff) as client,
    ):
        yield client


@pytest.fixture
def events(database_url):
    """The events of a key or a generation, in order: `events("g1")` gives [(event type, data), ...]."""

    def of(key):
        query = "SELECT value FROM outbox WHERE key = %s OR value::json #>> '{data,generation}' = %s ORDER BY id"
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(query, [key, key]).fetchall()
        found = [json.loads(value) for (value,) in rows]
        return [(event["eventType"], event["data"]) for event in found]

    return of


@pytest.fixture
def load(client):
    """To announce a generation and load rows; gives the answer."""

    async def send(name, *rows):
        await client.post("/v1/generations", json={"generation": name, "bundle": "bundle-1"})
        body = "\n".join(json.dumps(row) for row in rows)
        return await client.put(f"/v1/generations/{name}/rows", content=body)

    return send


@pytest.fixture
def activate(client):
    """Activates a generation that has so many rows."""

    async def send(name, rows):
        return await client.post(f"/v1/generations/{name}/activate", json={"rows": rows})

    return send


@pytest.fixture
def shelves(client):
    """To read which products stand on which shelf of a user: {display type: [product ids]}."""

    async def read(user_id=None):
        answer = await client.get("/v1/displays", params={"userId": user_id} if user_id else None)
        assert answer.status_code == 200, answer.text
        return {
            shelf["displayType"]: [item["productId"] for item in shelf["items"]] for shelf in answer.json()["shelves"]
        }

    return read
