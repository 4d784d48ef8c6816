import json
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.catalog.app import create_app
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.opensearch import OpenSearchIndex
from services.catalog.search.opensearch_rebuild import rebuild
from services.catalog.settings import CatalogSettings
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from tests.conftest import in_thread
from tests.waiting import eventually

OVER_BOTH = pytest.mark.parametrize("engine", ["postgres", "opensearch"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine(request):
    """What the search's index is made of; `OVER_BOTH` marks tests that run over either."""
    return getattr(request, "param", "postgres")


@pytest.fixture(scope="module")
def database_url(engine, database):
    """A database for each."""
    url = database(f"catalog_{engine}")
    migrate("catalog", url)
    return url


@pytest.fixture(scope="module")
def settings(engine, broker, tokens, database_url, tmp_path_factory, request):
    index = request.getfixturevalue("opensearch_index")(database_url) if engine == "opensearch" else {}
    broker.create_topics("catalog.v1", "order.v1", "user-actions.v1", "auth.v1", "erasures.v1", "dead-letters.v1")
    return CatalogSettings(
        database_url=database_url,
        kafka_url=broker.url,
        images_folder=tmp_path_factory.mktemp("catalog") / "images",
        **tokens.settings,
        **index,
    )


@pytest.fixture(scope="module")
def opensearch_index(opensearch):
    """To make an empty index in OpenSearch for a database's products; gives the settings that choose it."""

    def make(database_url):
        chosen = {"search_url": opensearch.url, "search_index": f"products-{uuid4().hex}"}
        in_thread(_rebuild(database_url, *chosen.values()))
        return chosen | {"search_seconds": 30}  # Java begins slowly

    return make


async def _rebuild(database_url, url, alias):
    database = Database(database_url)
    index = OpenSearchIndex(database, Reader(Analyzer()), url, alias, seconds=30)
    await rebuild(index, lambda _: None)
    await index.close()
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings, tokens):
    """The running service, called by another service."""
    app = create_app(settings)
    transport, importer = httpx2.ASGITransport(app), tokens.as_service("importer", "catalog")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://catalog", auth=importer) as client,
    ):
        yield client


@pytest.fixture
def events(database_url):
    """The events of an aggregate, in order: `events("12")` gives [(event type, data), ...]."""

    def of(key):
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT value FROM outbox WHERE key = %s ORDER BY id", [str(key)]).fetchall()
        found = [json.loads(value) for (value,) in rows]
        return [(event["eventType"], event["data"]) for event in found]

    return of


@pytest.fixture
def upsert(client):
    """To send lines to `/v1/products/bulk` or `/v1/categories/bulk`; gives the results."""

    async def send(what, *lines):
        body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        answer = await client.post(f"/v1/{what}/bulk", content=body, headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    return send


@pytest_asyncio.fixture(loop_scope="module")
async def service_database(database_url):
    """The service's database, for a transaction of the test's own."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def somebody_waits(database_url):
    """To wait until a transaction waits for what another holds."""

    async def count():
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            cursor = await connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return (await cursor.fetchone())[0]

    return lambda: eventually(count, bool)
